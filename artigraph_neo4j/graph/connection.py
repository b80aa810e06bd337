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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from neo4j import AsyncDriver
from neo4j.api import READ_ACCESS, WRITE_ACCESS, AsyncBookmarkManager
from neo4j.exceptions import AuthError, ConstraintError, DriverError, Neo4jError

from artigraph_neo4j.errors import ArtigraphError, ConnectionFailed, EngineError

__all__ = ["Access", "ConflictError", "Connection", "Statement"]

logger = logging.getLogger("artigraph_neo4j.cypher")

Access = Literal["read", "write"]
Row = list[Any]

MAX_WRITES = 16
"""Writes in flight at once; more of them under one parent only wait for each other's locks."""


class ConflictError(ArtigraphError):
    """A unique constraint refused a write. The layer that knows what was written names it."""


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
        deadline: float | None = None,
    ) -> list[Row]:
        """Run one statement and return its rows, each a list of values.

        Raises:
            ConnectionFailed: The database stayed out of reach until the deadline, or refused the
                login.
            ConflictError: A unique constraint refused the write.
            EngineError: The database refused the statement.
        """
        if access == "read":
            return await self._retry(text, parameters, access, deadline or self._deadline)
        async with self._writes:
            return await self._retry(text, parameters, access, deadline or self._deadline)

    async def _retry(
        self, text: str, parameters: Mapping[str, Any], access: Access, deadline: float
    ) -> list[Row]:
        end = time.monotonic() + deadline
        attempt = 0
        while True:
            try:
                return await self._once(text, parameters, access, attempt)
            except (DriverError, Neo4jError) as error:
                pause = min(2.0, 0.05 * 2**attempt) * random.uniform(0.7, 1.3)  # noqa: S311
                if not _worth_a_retry(error) or time.monotonic() + pause > end:
                    raise _ours(error, attempt) from error
                logger.info("retrying a %s after %s", access, type(error).__name__)
            attempt += 1
            await asyncio.sleep(pause)

    async def _once(
        self, text: str, parameters: Mapping[str, Any], access: Access, attempt: int
    ) -> list[Row]:
        begin = time.perf_counter()
        rows: list[Row] | None = None
        mode = READ_ACCESS if access == "read" else WRITE_ACCESS
        try:
            async with self.driver.session(
                database=self.database,
                default_access_mode=mode,
                bookmark_manager=self._bookmarks,
            ) as session:
                result = await session.run(
                    text,  # pyright: ignore[reportArgumentType] - not literal, but never a user's
                    dict(parameters),
                )
                rows = await result.values()
                return rows
        finally:
            seen = Statement(
                text, access, attempt, None if rows is None else len(rows),
                time.perf_counter() - begin,
            )  # fmt: skip
            for observer in list(self._observers):
                observer(seen)


def _worth_a_retry(error: DriverError | Neo4jError) -> bool:
    if isinstance(error, Neo4jError) and "OutOfMemory" in (error.code or ""):
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
        return EngineError(f"Neo4j refused a statement: {error.code}: {error.message}")
    return ConnectionFailed(
        f"Neo4j could not be reached ({attempt + 1} attempts): {error}; "
        "check that it runs and that the address is right"
    )
