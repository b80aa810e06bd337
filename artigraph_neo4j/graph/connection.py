"""Running statements through one driver: sessions, deadlines, retries, errors.

A write is one statement in an auto-commit ``session.run``: one network round trip, where
``execute_query`` takes two and ``execute_write`` three. The driver does not retry auto-commit
statements, so the loop here does. A commit whose answer was lost is sent again: a statement either
is safe to run twice, or is applied once however often it is sent (``once``).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from neo4j import AsyncDriver, AsyncResult, AsyncSession, Query
from neo4j.api import READ_ACCESS, WRITE_ACCESS, AsyncBookmarkManager
from neo4j.exceptions import DriverError, Neo4jError

from artigraph_neo4j.errors import ConnectionFailed
from artigraph_neo4j.graph.cypher import once
from artigraph_neo4j.graph.failures import (
    Meaning,
    RefusedError,
    is_about_login,
    is_certain,
    meaning_of,
    our_error,
)
from artigraph_neo4j.graph.lanes import Lanes, Ticket

__all__ = [
    "ALLOWANCE",
    "LOGIN_SECONDS",
    "Access",
    "Connection",
    "Cursor",
    "Once",
    "Row",
    "Statement",
    "unchunked",
]

logger = logging.getLogger("artigraph_neo4j.cypher")

Access = Literal["read", "write"]
Row = list[Any]
T = TypeVar("T")

WARN_SECONDS = 5.0
"""Seconds of retrying until a warning is logged, once per statement."""

MAX_WRITES = 16
"""Maximum number of writes in flight; more under one parent only wait for each other's locks."""

ALLOWANCE = 5.0
"""Maximum seconds from a deadline to the end of the call: for an answer that is under way, and for
the server, which checks only every 2 s for transactions that have timed out."""

LOGIN_SECONDS = 10.0
"""Seconds from a refused login to the next attempt. After three wrong ones Neo4j refuses the right
one, too, for 5 s; constant attempts would keep the user locked out for good."""

STREAM_FETCH = 20
"""Number of rows, of up to 1,000 items each, that the driver requests at once in a stream."""


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


@dataclass(frozen=True, slots=True)
class Once:
    """Result of a write that is applied once.

    Attributes:
        row: The statement's row; meaningless if ``before`` is true.
        before: Whether an earlier attempt, whose answer was lost, had been applied.
        stale: Whether it was given up, since uploads that it refers to may be gone; it can be sent
            again with new ones.
    """

    row: Row
    before: bool
    stale: bool = False


class _Noted(Mapping[str, Any]):
    """Parameters that note the time when the driver reads them: once it has a connection."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters
        self.taken = False

    def __getitem__(self, key: str) -> Any:
        return self._parameters[key]

    def __iter__(self) -> Iterator[str]:
        self.taken = True
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)


class Connection:
    """One database, reached through one driver on the driver's own event loop.

    Args:
        driver: The driver; its maker closes it.
        database: The database's name, or None for the server's default.
        bookmarks: Makes later sessions see the writes of earlier ones, also on a cluster.
        deadline: Maximum seconds of a statement, including all its attempts.
        observers: Called with every ``Statement``.
        reached: Called whenever the database answered.
    """

    def __init__(
        self,
        driver: AsyncDriver,
        database: str | None,
        bookmarks: AsyncBookmarkManager,
        deadline: float,
        observers: list[Callable[[Statement], None]],
        reached: Callable[[], None] = lambda: None,
    ) -> None:
        self.driver = driver
        self.database = database
        self.lanes = Lanes()
        self._bookmarks = bookmarks
        self._deadline = deadline
        self._observers = observers
        self._reached = reached
        self._writes = asyncio.Semaphore(MAX_WRITES)
        self._done = 0.0  # time when the last write finished
        self._locked_out: tuple[float, Neo4jError] | None = None

    async def run(
        self,
        text: str,
        parameters: Mapping[str, Any],
        access: Access,
        *,
        deadline: float | None = None,
        fresh: Callable[[], float] | None = None,
    ) -> list[Row]:
        """Run one statement that is safe to run twice; return its rows, each a list of values.

        Args:
            text: The Cypher text.
            parameters: Its parameters.
            access: Whether it reads or writes.
            deadline: Maximum seconds, including all attempts and the wait behind other writes; the
                call ends at most ``ALLOWANCE`` seconds later.
            fresh: Returns the seconds for which the uploads that it refers to surely still exist;
                called before each attempt. The statement is not sent later than that.

        Raises:
            ConnectionFailed: The database did not answer in time.
            LoginError: The database refused the login.
            ConflictError: A unique constraint refused the write.
            RefusedError: The database refused the statement because of its content.
            DeniedError: The database does not accept such statements.
        """

        async def once(attempt: int, left: float) -> list[Row]:
            left = left if fresh is None else min(left, fresh())
            if left <= 0:
                raise ConnectionFailed(
                    "too much time passed between the upload of a value and its commit: garbage "
                    "collection may have deleted it; do it again"
                )
            return await self._once(text, parameters, access, attempt, left)

        async def work(end: float) -> list[Row]:
            return await self._retry(once, access, end)

        if access == "read":
            return await self._within(deadline, access, work)
        return await self._in_turn(deadline, work)

    async def once(
        self,
        text: str,
        parameters: Mapping[str, Any],
        ticket: Ticket,
        *,
        deadline: float | None = None,
        fresh: Callable[[], float] | None = None,
    ) -> Once:
        """Run a write that is applied once, however often it is sent and whenever it arrives.

        Args:
            text: The Cypher text: it begins with ``ONCE`` and returns one row, ``TURN`` first.
            parameters: Its parameters, without ``$once``.
            ticket: The write's identity; with the same ticket it may be sent again later.
            deadline: As for ``run``.
            fresh: Returns the seconds for which the uploads that it refers to surely still exist;
                called before each attempt. Later than that the statement is not sent, nor applied
                if it arrives.

        Raises:
            As ``run``. After ``ConnectionFailed``, ``ticket.unconfirmed`` says whether the write
            may have been applied.
        """

        async def once(attempt: int, left: float) -> Once | None:
            left = left if fresh is None else min(left, fresh())
            if left <= 0:
                return Once([], before=False, stale=True)
            return await self._send_once(text, parameters, ticket, attempt, left)

        async def work(end: float) -> Once:
            while time.monotonic() <= end:
                result = await self._retry(once, "write", end)
                if result is not None:
                    ticket.unconfirmed = ticket.unconfirmed and result.stale
                    return result
            raise ConnectionFailed("the server's clock is not steady: each write came too late")

        try:
            return await self._in_turn(deadline, work)
        except ConnectionFailed as error:
            if ticket.unconfirmed:
                error.unconfirmed = True
                error.args = (f"{error}; it may have been recorded all the same",)
            raise
        finally:
            self.lanes.give_back(ticket)

    async def _send_once(
        self, text: str, parameters: Mapping[str, Any], ticket: Ticket, attempt: int, left: float
    ) -> Once | None:
        """Make one attempt; None if it arrived too late by the server's clock, now known better."""
        lane, number = self.lanes.take(ticket)
        until = self.lanes.clock() + int(left * 1000)
        noted = _Noted({**parameters, "once": [lane, number, until]})
        certain = False
        try:
            ((turn, clock, *row),) = await self._once(text, noted, "write", attempt, left)
            certain = True
        except Neo4jError as error:
            certain = is_certain(error)
            refused = certain and meaning_of(error) is not Meaning.WAIT
            if refused and ticket.unconfirmed and await self._settled(ticket, attempt, left):
                return Once([], before=True)
            raise
        except (ValueError, TypeError, OverflowError):
            certain = True  # a parameter that cannot be sent
            raise
        finally:
            if noted.taken and not certain:
                self.lanes.unsure(ticket)
        self.lanes.heard(clock)
        return None if turn == "late" else Once(row, before=turn == "before")

    async def settle(self, ticket: Ticket, *, deadline: float | None = None) -> bool:
        """Return whether a write was applied; if it was not, it never will be. One round trip.

        Raises:
            As ``run``.
        """

        async def once(attempt: int, left: float) -> bool:
            return await self._settled(ticket, attempt, left)

        async def work(end: float) -> bool:
            return await self._retry(once, "write", end)

        applied = await self._within(deadline, "write", work)
        self.lanes.give_back(ticket)
        return applied

    async def _settled(self, ticket: Ticket, attempt: int, left: float) -> bool:
        lane, number = self.lanes.take(ticket)
        parameters = {"lane": lane, "number": number}
        rows = await self._once(once.SETTLE, parameters, "write", attempt, left)
        ((applied, clock),) = rows
        self.lanes.heard(clock)
        ticket.unconfirmed = False
        return bool(applied)

    async def stream(self, text: str, parameters: Mapping[str, Any]) -> Cursor:
        """Start a reading statement whose rows are fetched a few at a time.

        Raises:
            As ``run``; only the start is retried.
        """

        async def start(attempt: int, left: float) -> Cursor:
            cursor = Cursor(self, text, attempt)
            try:
                await cursor.start(parameters)
            except BaseException:
                await cursor.close()
                raise
            return cursor

        async def work(end: float) -> Cursor:
            return await self._retry(start, "read", end)

        return await self._within(None, "read", work)

    def session(self, access: Access, **settings: Any) -> AsyncSession:
        """Open a session of the driver."""
        return self.driver.session(  # pyright: ignore[reportUnknownMemberType] # neo4j leaves the settings untyped
            database=self.database,
            default_access_mode=READ_ACCESS if access == "read" else WRITE_ACCESS,
            bookmark_manager=self._bookmarks,
            **settings,
        )

    def tell(self, statement: Statement) -> None:
        """Report an attempt to the observers."""
        for observer in list(self._observers):
            observer(statement)

    async def within(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a part of a stream, at most as long as for a statement."""

        async def wait(_: float) -> T:
            return await work

        return await self._within(None, "read", wait)

    async def _in_turn(
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
            return await self._within(max(left(), 0.1), "write", work)
        finally:
            self._writes.release()

    async def _within(
        self,
        deadline: float | None,
        access: Access,
        work: Callable[[float], Coroutine[Any, Any, T]],
    ) -> T:
        seconds = self._deadline if deadline is None else deadline
        try:
            async with asyncio.timeout(seconds + ALLOWANCE):
                return await work(time.monotonic() + seconds)
        except TimeoutError as error:
            raise ConnectionFailed(_no_answer(access, seconds)) from error

    async def _retry(
        self,
        once: Callable[[int, float], Coroutine[Any, Any, T]],
        access: Access,
        end: float,
    ) -> T:
        begin = time.monotonic()
        attempt, told = 0, False
        while True:
            try:
                result = await once(attempt, max(end - time.monotonic(), 0.1))
            except (DriverError, Neo4jError) as error:
                pause = min(2.0, 0.05 * 2**attempt) * random.uniform(0.7, 1.3)  # noqa: S311
                if self._locked_out is not None:
                    pause = max(pause, self._locked_out[0] - time.monotonic())
                if not _worth_a_retry(error) or time.monotonic() + pause > end:
                    raise our_error(error, attempt + 1) from error
                logger.info("retrying a %s after %s", access, type(error).__name__)
                if not told and time.monotonic() - begin > WARN_SECONDS:
                    told = True
                    logger.warning(
                        "Neo4j does not answer (%s); retrying for %.0f s more",
                        str(error).partition("\n")[0], end - time.monotonic(),
                    )  # fmt: skip
            except (UnicodeEncodeError, OverflowError) as error:  # while it was packed
                raise RefusedError(f"{_unsendable(error)}; nothing was sent") from error
            else:
                if access == "write":
                    self._done = time.monotonic()
                self._reached()
                return result
            attempt += 1
            await asyncio.sleep(pause)

    async def _once(
        self,
        text: str,
        parameters: Mapping[str, Any],
        access: Access,
        attempt: int,
        left: float,
    ) -> list[Row]:
        if self._locked_out is not None and time.monotonic() < self._locked_out[0]:
            raise self._locked_out[1]
        begin = time.perf_counter()
        rows: list[Row] | None = None
        # If the answer is lost, the server must not run it for longer than the caller waits.
        query = Query(text, timeout=left)  # pyright: ignore[reportArgumentType] # not literal, but never a user's
        try:
            async with self.session(access) as session:
                result = await session.run(
                    query, cast("dict[str, Any]", parameters)
                )  # any mapping will do
                rows = await result.values()
                self._locked_out = None
                if self.database is None:
                    # To look up the default database, the driver asks only the member of the
                    # cluster that the URL names. It may be away later, so the name is remembered.
                    self.database = (await result.consume()).database
                return rows
        except Neo4jError as error:
            if is_about_login(error):
                self._locked_out = (time.monotonic() + LOGIN_SECONDS, error)
            raise
        finally:
            count = None if rows is None else len(rows)
            self.tell(Statement(text, access, attempt, count, time.perf_counter() - begin))


class Cursor:
    """The rows of one statement, read on demand; the server does not work further ahead.

    The transaction is open until all rows are read or the cursor is closed.
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
        await self._result.peek()  # an error in the statement is raised here

    async def fetch(self, items: int) -> list[Row]:
        """Fetch rows until the lists they begin with have ``items`` items in total; [] at the end.

        Raises:
            ConnectionFailed: The connection broke, or nothing arrived for as long as a statement
                may take. The rows read before are valid.
        """
        rows: list[Row] = []
        try:
            await self._connection.within(self._fetch(rows, items))
        except (DriverError, Neo4jError) as error:
            raise our_error(error, 1) from error
        self._rows += len(rows)
        return rows

    async def _fetch(self, rows: list[Row], items: int) -> None:
        assert self._result is not None  # noqa: S101 - it was started
        async for record in self._result:
            rows.append(record.values())
            items -= len(rows[-1][0])
            if items <= 0:
                break

    async def close(self) -> None:
        """Close the cursor; the server stops its work."""
        try:
            async with asyncio.timeout(ALLOWANCE):
                await self._session.close()
        except (DriverError, Neo4jError, TimeoutError) as error:
            logger.info("a stream did not end well: %s", error)
        self._connection.tell(
            Statement(
                self._text, "read", self._attempt, self._rows, time.perf_counter() - self._begin
            )
        )


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


def unchunked(rows: Iterable[Row]) -> list[Any]:
    """Collect the items of rows that each hold a chunk of items."""
    return [item for (chunk,) in rows for item in chunk]


def _worth_a_retry(error: DriverError | Neo4jError) -> bool:
    if isinstance(error, Neo4jError):
        return meaning_of(error) is Meaning.WAIT
    return error.is_retryable()
