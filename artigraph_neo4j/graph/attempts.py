"""Attempts at statements through one driver: sessions, turns of writes, deadlines, retries.

A write is one statement in an auto-commit ``session.run``: one network round trip, where
``execute_query`` takes two and ``execute_write`` three. The driver does not retry auto-commit
statements, so the loop here does.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from neo4j import AsyncDriver, AsyncSession, AsyncTransaction, Query
from neo4j.api import READ_ACCESS, WRITE_ACCESS, AsyncBookmarkManager
from neo4j.exceptions import DriverError, Neo4jError

from artigraph_neo4j.errors import ConnectionFailed
from artigraph_neo4j.graph.failures import (
    Meaning,
    RefusedError,
    is_about_login,
    meaning_of,
    our_error,
)
from artigraph_neo4j.graph.parameters import with_one_map

__all__ = [
    "ALLOWANCE",
    "LOGIN_SECONDS",
    "Access",
    "Ask",
    "Attempts",
    "Row",
    "Statement",
    "Verify",
]

logger = logging.getLogger("artigraph_neo4j.cypher")

Access = Literal["read", "write"]
Row = list[Any]
Ask = Callable[[str, Mapping[str, Any]], Awaitable[list[Row]]]
"""A function that runs a reading statement, and returns its rows."""

Verify = Callable[[list[Row], Ask], Awaitable[None]]
"""A function that looks, before a write is committed, at its rows and at what it has written. It
refuses the write by raising; it may be called again, for another attempt."""

T = TypeVar("T")

WARN_SECONDS = 5.0
"""Seconds without an answer until a warning is logged, once per statement."""

MAX_WRITES = 16
"""Maximum number of writes in flight; more under one parent only wait for each other's locks."""

ALLOWANCE = 5.0
"""Maximum seconds from a deadline to the end of the call: for an answer that is under way, and for
the server, which checks only every 2 s for transactions that have timed out."""

LOGIN_SECONDS = 10.0
"""Seconds from a refused login to the next attempt. After three wrong ones Neo4j refuses the right
one, too, for 5 s; constant attempts would keep the user locked out for good."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Report of one attempt at a statement, as observers get it.

    Attributes:
        text: The Cypher text.
        access: Whether it ran as a read or as a write.
        attempt: 0 for the first try.
        rows: Number of rows that were returned; None when the attempt failed.
        seconds: Duration of the attempt.
    """

    text: str
    access: Access
    attempt: int
    rows: int | None
    seconds: float


@dataclass(slots=True)
class _Watch:
    """A statement under way: what seems to be wrong, and the number of its attempt."""

    problem: str
    attempt: int = 0


class Attempts:
    """Attempts to have one database run statements, on the driver's own event loop.

    Args:
        driver: The driver; its maker closes it.
        database: The database's name, or None for the server's default.
        bookmarks: Makes later sessions see the writes of earlier ones, also on a cluster.
        deadline: Maximum seconds of a statement, including all its attempts.
        observers: Called with every ``Statement``.
        reached: Called whenever the database answered.
        where: The server's name in warnings.
    """

    def __init__(
        self,
        driver: AsyncDriver,
        database: str | None,
        bookmarks: AsyncBookmarkManager,
        deadline: float,
        observers: list[Callable[[Statement], None]],
        reached: Callable[[], None],
        where: str,
    ) -> None:
        self._driver = driver
        self._database = database
        self._bookmarks = bookmarks
        self._deadline = deadline
        self._observers = observers
        self._reached = reached
        self._where = where
        self._writes = asyncio.Semaphore(MAX_WRITES)
        self._done = 0.0  # time when the last write finished
        self._locked_out: tuple[float, Neo4jError] | None = None

    def session(self, access: Access, **settings: Any) -> AsyncSession:
        """Open a session of the driver."""
        return self._driver.session(  # pyright: ignore[reportUnknownMemberType] # neo4j leaves the settings untyped
            database=self._database,
            default_access_mode=READ_ACCESS if access == "read" else WRITE_ACCESS,
            bookmark_manager=self._bookmarks,
            **settings,
        )

    def tell(self, statement: Statement) -> None:
        """Report an attempt to the observers."""
        for observer in list(self._observers):
            observer(statement)

    async def in_turn(
        self, deadline: float | None, work: Callable[[float], Coroutine[Any, Any, T]]
    ) -> T:
        """Run a write as soon as fewer than ``MAX_WRITES`` others are running.

        The deadline includes the wait, but starts again with each write that finishes, since the
        database is working then.
        """
        seconds = self._deadline if deadline is None else deadline
        begin = time.monotonic()

        def left() -> float:
            return max(begin, self._done) + seconds - time.monotonic()

        while True:
            try:
                async with asyncio.timeout(max(left(), 0)):
                    await self._writes.acquire()
                break
            except TimeoutError as error:
                if left() <= 0:
                    raise ConnectionFailed(_no_answer("write", seconds)) from error
        try:
            return await self.within(max(left(), 0.1), "write", work)
        finally:
            self._writes.release()

    async def within(
        self,
        deadline: float | None,
        access: Access,
        work: Callable[[float], Coroutine[Any, Any, T]],
    ) -> T:
        """Do some work by a deadline: by default the connection's.

        Args:
            deadline: Seconds that it may take; it ends ``ALLOWANCE`` later at the latest.
            access: Whether it reads or writes.
            work: Called with the time, by ``time.monotonic``, until which it may try.

        Raises:
            ConnectionFailed: It was not done in time.
        """
        seconds = self._deadline if deadline is None else deadline
        try:
            async with asyncio.timeout(seconds + ALLOWANCE):
                return await work(time.monotonic() + seconds)
        except TimeoutError as error:
            raise ConnectionFailed(_no_answer(access, seconds)) from error

    async def retry(
        self,
        once: Callable[[int, float], Coroutine[Any, Any, T]],
        access: Access,
        end: float,
    ) -> T:
        """Try until it is done, or no further attempt can help or would be in time.

        Args:
            once: One attempt, called with its number, from 0, and the seconds that are left.
            access: Whether it reads or writes.
            end: The time, by ``time.monotonic``, at which the last attempt begins at the latest.

        Raises:
            ArtigraphError: As the last attempt's error means; see ``failures.our_error``.
        """
        with self.watched(access, end) as watch:
            while True:
                try:
                    result = await once(watch.attempt, max(end - time.monotonic(), 0.1))
                except (DriverError, Neo4jError) as error:
                    pause = self._pause(watch.attempt)
                    if not _worth_a_retry(error) or time.monotonic() + pause > end:
                        raise our_error(error, watch.attempt + 1) from error
                    logger.info("retrying a %s after %s", access, type(error).__name__)
                    watch.problem = str(error).partition("\n")[0]
                except (UnicodeEncodeError, OverflowError) as error:  # while it was packed
                    raise RefusedError(f"{_unsendable(error)}; nothing was sent") from error
                else:
                    if access == "write":
                        self._done = time.monotonic()
                    self._reached()
                    return result
                watch.attempt += 1
                await asyncio.sleep(pause)

    def _pause(self, attempt: int) -> float:
        pause: float = min(2.0, 0.05 * 2**attempt) * random.uniform(0.7, 1.3)  # noqa: S311
        if self._locked_out is not None:
            pause = max(pause, self._locked_out[0] - time.monotonic())
        return pause

    @contextmanager
    def watched(self, access: Access, end: float) -> Generator[_Watch]:
        """Log a warning if the block takes longer than ``WARN_SECONDS``: else it seems to hang.

        Args:
            access: Whether it reads or writes.
            end: The time, by ``time.monotonic``, at which it is given up.
        """
        watch = _Watch(f"it is silent, or busy with this {access}")

        def warn() -> None:
            left = end - time.monotonic()
            if left > 0:
                logger.warning(
                    "%s does not answer (%s); waiting for %.0f s more",
                    self._where, watch.problem, left,
                )  # fmt: skip

        handle = asyncio.get_running_loop().call_later(WARN_SECONDS, warn)
        try:
            yield watch
        finally:
            handle.cancel()

    async def send(
        self,
        text: str,
        parameters: Mapping[str, Any],
        access: Access,
        attempt: int,
        left: float,
        *,
        ours: bool = True,
        verify: Verify | None = None,
    ) -> list[Row]:
        """Send a statement once, in ``left`` seconds, and return its rows.

        With ``verify`` the transaction takes two round trips more, and what verifying asks.

        Args:
            text: The Cypher text.
            parameters: Its parameters.
            access: Whether it reads or writes.
            attempt: The number of the attempt, for observers.
            left: Seconds after which the server gives it up.
            ours: Whether it is the library's, with parameters where any expression can stand.
            verify: Called with a function that asks within the transaction, and the rows; raises to
                roll it back.

        Raises:
            Neo4jError: The server refused it.
            DriverError: The connection broke.
        """
        if self._locked_out is not None and time.monotonic() < self._locked_out[0]:
            raise self._locked_out[1]
        begin = time.perf_counter()
        rows: list[Row] | None = None
        sent, given = with_one_map(text, parameters) if ours else (text, parameters)
        # If the answer is lost, the server must not run it for longer than the caller waits.
        query = Query(sent, timeout=left)  # pyright: ignore[reportArgumentType] # not literal, but never a user's data
        try:
            async with self.session(access) as session:
                if verify is not None:
                    transaction = await session.begin_transaction(timeout=left)
                    async with transaction:  # leaving it without a commit rolls it back
                        rows = await self._verified(transaction, sent, given, verify)
                        await transaction.commit()
                    self._locked_out = None
                    return rows
                # Any mapping will do.
                result = await session.run(query, cast("dict[str, Any]", given))
                rows = await result.values()
                self._locked_out = None
                if self._database is None:
                    # To look up the default database, the driver asks only the member of the
                    # cluster that the URL names. It may be away later, so the name is remembered.
                    self._database = (await result.consume()).database
                return rows
        except Neo4jError as error:
            if is_about_login(error):
                self._locked_out = (time.monotonic() + LOGIN_SECONDS, error)
            raise
        finally:
            count = None if rows is None else len(rows)
            self.tell(Statement(text, access, attempt, count, time.perf_counter() - begin))

    async def _verified(
        self,
        transaction: AsyncTransaction,
        text: str,
        parameters: Mapping[str, Any],
        verify: Verify,
    ) -> list[Row]:
        async def run(text: str, parameters: Mapping[str, Any]) -> list[Row]:
            result = await transaction.run(text, cast("dict[str, Any]", parameters))  # pyright: ignore[reportArgumentType] # not literal, but never a user's data
            return await result.values()

        async def ask(text: str, parameters: Mapping[str, Any]) -> list[Row]:
            begin = time.perf_counter()
            rows = await run(*with_one_map(text, parameters))
            self.tell(Statement(text, "read", 0, len(rows), time.perf_counter() - begin))
            return rows

        rows = await run(text, parameters)
        await verify(rows, ask)
        return rows


def _unsendable(error: UnicodeEncodeError | OverflowError) -> str:
    if isinstance(error, OverflowError):
        return "an integer does not fit into 64 bits, which is what Neo4j holds"
    around = error.object[max(0, error.start - 20) : error.end + 20]
    return f"a text has a lone surrogate, which UTF-8 cannot hold: {around!r}"


def _no_answer(access: Access, seconds: float) -> str:
    return (
        f"Neo4j did not answer a {access} within {seconds:.3g} s; check that it runs, that "
        "nothing holds a lock for long (SHOW TRANSACTIONS tells), and the network"
    )


def _worth_a_retry(error: DriverError | Neo4jError) -> bool:
    if isinstance(error, Neo4jError):
        return meaning_of(error) is Meaning.WAIT
    return error.is_retryable()
