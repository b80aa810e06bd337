"""One driver and how statements go through it: sessions, retries, error mapping.

A write is one statement in an auto-commit ``session.run``: one turn-around on the network, where
``execute_query`` makes two and ``execute_write`` three. Nothing of the driver retries auto-commit,
so the loop here does. Every write of this library may run twice (it merges by id), so a commit
whose answer was lost is simply sent again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from neo4j import AsyncDriver, AsyncResult, AsyncSession
from neo4j.api import READ_ACCESS, WRITE_ACCESS, AsyncBookmarkManager
from neo4j.exceptions import AuthError, ConstraintError, DriverError, Neo4jError

from artigraph_neo4j.errors import ArtigraphError, ConnectionFailed, EngineError

__all__ = ["Access", "ConflictError", "Connection", "Cursor", "RefusedError", "Statement"]

logger = logging.getLogger("artigraph_neo4j.cypher")

Access = Literal["read", "write"]
Row = list[Any]
T = TypeVar("T")

WARN_SECONDS = 5.0
"""Seconds of retrying after which a warning says so, once for a statement."""

MAX_WRITES = 16
"""Writes in flight at once; more of them under one parent only wait for each other's locks."""


STREAM_FETCH = 20
"""How many rows, of up to 1,000 items each, the driver asks for at once in a stream."""


_LESS = (
    "one transaction needs more memory than the server has for it: record or read less in one call "
    "(batch() writes 2,000 nodes at a time, stream() reads 1,000), or give the server more"
)


class ConflictError(ArtigraphError):
    """A unique constraint refused a write. The layer that knows what was written names it."""


class RefusedError(EngineError):
    """The database refused a statement, and would again."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What an observer is told of each attempt at a statement.

    Attributes:
        text: The Cypher text.
        access: Whether it ran as a read or as a write.
        attempt: 0 for the first try.
        rows: How many rows came back; None when the attempt failed.
        seconds: How long it took.
    """

    text: str
    access: Access
    attempt: int
    rows: int | None
    seconds: float


class Connection:
    """Runs statements on one database through one driver, on the driver's own event loop.

    Args:
        driver: The driver; whoever made it closes it.
        database: The database's name, or None for the server's default.
        bookmarks: Makes later sessions see what earlier ones wrote, also on a cluster.
        deadline: Seconds after which an operation is no longer retried.
        observers: Called with every ``Statement``.
    """

    def __init__(
        self,
        driver: AsyncDriver,
        database: str | None,
        bookmarks: AsyncBookmarkManager,
        deadline: float,
        observers: list[Callable[[Statement], None]],
    ) -> None:
        self.driver = driver
        self.database = database
        self._bookmarks = bookmarks
        self._deadline = deadline
        self._observers = observers
        self._writes = asyncio.Semaphore(MAX_WRITES)

    async def run(
        self,
        text: str,
        parameters: Mapping[str, Any],
        access: Access,
        *,
        again: str | None = None,
        deadline: float | None = None,
    ) -> list[Row]:
        """Run one statement and return its rows, each a list of values.

        Args:
            text: The Cypher text.
            parameters: Its parameters.
            access: Whether it reads or writes.
            again: What is sent instead when an attempt before may have been committed.
            deadline: Seconds after which it is no longer retried.

        Raises:
            ConnectionFailed: The database stayed out of reach until the deadline, or refused the
                login.
            ConflictError: A unique constraint refused the write.
            EngineError: The database refused the statement.
        """
        texts = text, again or text

        def once(attempt: int) -> Coroutine[Any, Any, list[Row]]:
            return self._once(texts[attempt > 0], parameters, access, attempt)

        if access == "read":
            return await self._retry(once, access, deadline or self._deadline)
        async with self._writes:
            return await self._retry(once, access, deadline or self._deadline)

    async def stream(self, text: str, parameters: Mapping[str, Any]) -> Cursor:
        """Start a reading statement whose rows are fetched a few at a time.

        Raises:
            ConnectionFailed, EngineError: As ``run``; only the start is retried.
        """

        async def start(attempt: int) -> Cursor:
            cursor = Cursor(self, text, attempt)
            try:
                await cursor.start(parameters)
            except BaseException:
                await cursor.close()
                raise
            return cursor

        return await self._retry(start, "read", self._deadline)

    def session(self, access: Access, **settings: Any) -> AsyncSession:
        """A session of the driver."""
        return self.driver.session(  # pyright: ignore[reportUnknownMemberType] # neo4j leaves the settings untyped
            database=self.database,
            default_access_mode=READ_ACCESS if access == "read" else WRITE_ACCESS,
            bookmark_manager=self._bookmarks,
            **settings,
        )

    def tell(self, statement: Statement) -> None:
        """Tell the observers."""
        for observer in list(self._observers):
            observer(statement)

    async def _retry(
        self, once: Callable[[int], Coroutine[Any, Any, T]], access: Access, deadline: float
    ) -> T:
        begin = time.monotonic()
        end = begin + deadline
        attempt, told = 0, False
        while True:
            try:
                return await once(attempt)
            except (DriverError, Neo4jError) as error:
                pause = min(2.0, 0.05 * 2**attempt) * random.uniform(0.7, 1.3)  # noqa: S311
                if not _worth_a_retry(error) or time.monotonic() + pause > end:
                    raise _ours(error, attempt) from error
                logger.info("retrying a %s after %s", access, type(error).__name__)
                if not told and time.monotonic() - begin > WARN_SECONDS:
                    told = True
                    logger.warning(
                        "Neo4j does not answer (%s); retrying for %.0f s more",
                        str(error).partition("\n")[0], end - time.monotonic(),
                    )  # fmt: skip
            attempt += 1
            await asyncio.sleep(pause)

    async def _once(
        self, text: str, parameters: Mapping[str, Any], access: Access, attempt: int
    ) -> list[Row]:
        begin = time.perf_counter()
        rows: list[Row] | None = None
        try:
            async with self.session(access) as session:
                result = await session.run(
                    text,  # pyright: ignore[reportArgumentType] - not literal, but never a user's
                    dict(parameters),
                )
                rows = await result.values()
                return rows
        finally:
            count = None if rows is None else len(rows)
            self.tell(Statement(text, access, attempt, count, time.perf_counter() - begin))


class Cursor:
    """The rows of one statement, read as they are wanted; the server works no further ahead.

    Its transaction is open until all rows were read or it is closed.
    """

    def __init__(self, connection: Connection, text: str, attempt: int) -> None:
        self._connection = connection
        self._text = text
        self._attempt = attempt
        self._session = connection.session("read", fetch_size=STREAM_FETCH)
        self._result: AsyncResult | None = None
        self._rows = 0
        self._begin = time.perf_counter()

    async def start(self, parameters: Mapping[str, Any]) -> None:
        """Send the statement."""
        self._result = await self._session.run(
            self._text,  # pyright: ignore[reportArgumentType] - not literal, but never a user's
            dict(parameters),
        )
        await self._result.peek()  # what is wrong with the statement shows here

    async def fetch(self, items: int) -> list[Row]:
        """The next rows, until the lists that they begin with have so many items; [] at the end.

        Raises:
            ConnectionFailed: The connection broke. What was read before is right.
        """
        assert self._result is not None  # noqa: S101 - it was started
        rows: list[Row] = []
        try:
            async for record in self._result:
                rows.append(record.values())
                items -= len(rows[-1][0])
                if items <= 0:
                    break
        except (DriverError, Neo4jError) as error:
            raise _ours(error, 0) from error
        self._rows += len(rows)
        return rows

    async def close(self) -> None:
        """Let go of it; the server stops its work."""
        try:
            await self._session.close()
        except (DriverError, Neo4jError) as error:
            logger.info("a stream did not end well: %s", error)
        self._connection.tell(
            Statement(
                self._text, "read", self._attempt, self._rows, time.perf_counter() - self._begin
            )
        )


def _is_too_much(error: Exception) -> bool:
    return isinstance(error, Neo4jError) and "OutOfMemory" in (error.code or "")


def _worth_a_retry(error: DriverError | Neo4jError) -> bool:
    if _is_too_much(error):
        return False  # classed as transient, but the same statement needs the same memory again
    if isinstance(error, Neo4jError) and "EntityNotFound" in (error.code or ""):
        return True  # deleted between match and lock: the next run does not find it, and says so
    return error.is_retryable()


def _ours(error: DriverError | Neo4jError, attempt: int) -> ArtigraphError:
    if isinstance(error, ConstraintError):
        return ConflictError(error.message or str(error))
    if isinstance(error, AuthError):
        return ConnectionFailed(
            "Neo4j refused the login; check the user name and the password "
            "(NEO4J_USERNAME and NEO4J_PASSWORD, or those given to set_engine)"
        )
    if isinstance(error, Neo4jError):
        hint = f"; {_LESS}" if _is_too_much(error) else ""
        return RefusedError(f"Neo4j refused a statement: {error.code}: {error.message}{hint}")
    return ConnectionFailed(
        f"Neo4j could not be reached ({attempt + 1} attempts): {error}; "
        "check that it runs and that the address is right"
    )
