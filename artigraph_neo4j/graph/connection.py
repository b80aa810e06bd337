"""Running statements on one database: reads, writes, and writes that are applied once.

A commit whose answer was lost is sent again: a statement either is safe to run twice, or is applied
once however often it is sent (``once``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from neo4j import AsyncDriver
from neo4j.api import AsyncBookmarkManager
from neo4j.exceptions import Neo4jError

from artigraph_neo4j.errors import ConnectionFailed, PolicyError
from artigraph_neo4j.graph.attempts import Access, Ask, Attempts, Row, Statement, Verify
from artigraph_neo4j.graph.cursor import Cursor
from artigraph_neo4j.graph.cypher import once
from artigraph_neo4j.graph.failures import Meaning, is_certain, meaning_of
from artigraph_neo4j.graph.lanes import Lanes, Ticket

__all__ = ["Connection", "Once"]


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
        where: The server's name in warnings.
    """

    def __init__(
        self,
        driver: AsyncDriver,
        database: str | None,
        bookmarks: AsyncBookmarkManager,
        deadline: float,
        observers: list[Callable[[Statement], None]],
        reached: Callable[[], None] = lambda: None,
        where: str = "Neo4j",
    ) -> None:
        self.driver = driver
        self.lanes = Lanes()
        self._attempts = Attempts(driver, database, bookmarks, deadline, observers, reached, where)

    async def run(
        self,
        text: str,
        parameters: Mapping[str, Any],
        access: Access,
        *,
        deadline: float | None = None,
        fresh: Callable[[], float] | None = None,
        ours: bool = True,
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
            ours: Whether it is the library's, not a user's; see ``graph.parameters``.

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
            return await self._attempts.send(text, parameters, access, attempt, left, ours=ours)

        async def work(end: float) -> list[Row]:
            return await self._attempts.retry(once, access, end)

        if access == "read":
            return await self._attempts.within(deadline, access, work)
        return await self._attempts.in_turn(deadline, work)

    async def once(
        self,
        text: str,
        parameters: Mapping[str, Any],
        ticket: Ticket,
        *,
        deadline: float | None = None,
        fresh: Callable[[], float] | None = None,
        verify: Verify | None = None,
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
            verify: Called before the commit with the statement's row and a function that reads in
                the same transaction; refuses the write by a ``PolicyError``.

        Raises:
            As ``run``. After ``ConnectionFailed``, ``ticket.unconfirmed`` says whether the write
            may have been applied.
        """

        async def once(attempt: int, left: float) -> Once | None:
            left = left if fresh is None else min(left, fresh())
            if left <= 0:
                return Once([], before=False, stale=True)
            return await self._send_once(text, parameters, ticket, attempt, left, verify)

        async def work(end: float) -> Once:
            while time.monotonic() <= end:
                result = await self._attempts.retry(once, "write", end)
                if result is not None:
                    ticket.unconfirmed = ticket.unconfirmed and result.stale
                    return result
            raise ConnectionFailed(
                "each attempt of this write began after its deadline, by the server's clock: the "
                "server is overloaded, or its clock is not steady; write again later, or give it "
                "more time: set_engine(..., retry_seconds=...)"
            )

        try:
            return await self._attempts.in_turn(deadline, work)
        except ConnectionFailed as error:
            if ticket.unconfirmed:
                error.unconfirmed = True
                error.args = (f"{error}; it may have been done all the same",)
            raise
        finally:
            self.lanes.give_back(ticket)

    async def _send_once(
        self,
        text: str,
        parameters: Mapping[str, Any],
        ticket: Ticket,
        attempt: int,
        left: float,
        verify: Verify | None,
    ) -> Once | None:
        """Make one attempt; None if it arrived too late by the server's clock, now known better."""
        lane, number = self.lanes.take(ticket)
        until = self.lanes.clock() + int(left * 1000)
        noted = _Noted({**parameters, "once": [lane, number, until]})
        certain = False

        async def of_now(rows: list[Row], ask: Ask) -> None:
            ((turn, _, *row),) = rows
            if verify is not None and turn == "now":
                await verify([row], ask)

        check = None if verify is None else of_now
        try:
            ((turn, clock, *row),) = await self._attempts.send(
                text, noted, "write", attempt, left, verify=check
            )
            certain = True
        except Neo4jError as error:
            certain = is_certain(error)
            refused = certain and meaning_of(error) is not Meaning.WAIT
            if refused and ticket.unconfirmed and await self._settled(ticket, attempt, left):
                return Once([], before=True)
            raise
        except (ValueError, TypeError, OverflowError, PolicyError):
            certain = True  # a parameter that cannot be sent, or a write that was rolled back
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
            return await self._attempts.retry(once, "write", end)

        applied = await self._attempts.within(deadline, "write", work)
        self.lanes.give_back(ticket)
        return applied

    async def _settled(self, ticket: Ticket, attempt: int, left: float) -> bool:
        lane, number = self.lanes.take(ticket)
        parameters = {"lane": lane, "number": number}
        rows = await self._attempts.send(once.SETTLE, parameters, "write", attempt, left)
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
            cursor = Cursor(self._attempts, text, attempt)
            try:
                await cursor.start(parameters)
            except BaseException:
                await cursor.close()
                raise
            return cursor

        async def work(end: float) -> Cursor:
            return await self._attempts.retry(start, "read", end)

        return await self._attempts.within(None, "read", work)
