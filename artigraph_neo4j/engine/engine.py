"""An engine: one graph, its default storage, and how statements are run on it."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar

from neo4j import AsyncDriver

from artigraph_neo4j.common.progress import OnTransfer
from artigraph_neo4j.engine.contact import Contact
from artigraph_neo4j.engine.heartbeat import Writer
from artigraph_neo4j.engine.scope import current_batch
from artigraph_neo4j.engine.target import Target
from artigraph_neo4j.errors import ArtigraphError
from artigraph_neo4j.graph.attempts import Row, Statement, Verify
from artigraph_neo4j.graph.connection import Connection, Once
from artigraph_neo4j.graph.cursor import Cursor, unchunked
from artigraph_neo4j.graph.indexing import count_unindexed, index_words
from artigraph_neo4j.graph.lanes import Ticket
from artigraph_neo4j.graph.schema import Graph
from artigraph_neo4j.graph.settings import Settings
from artigraph_neo4j.storage.base import Storage

__all__ = ["OFFLOAD_BYTES", "Engine"]

T = TypeVar("T")

OFFLOAD_BYTES = 64 * 1024
"""Maximum bytes of a value that stays in the graph when the engine has a storage."""

SHORT_SECONDS = 5.0
"""Maximum seconds of one attempt of work in the background."""

INDEXING_PAUSE_SECONDS = 60.0
"""Seconds from a refusal to index words to the next attempt: an attempt at a database that is
read-only takes ``SHORT_SECONDS``."""

logger = logging.getLogger("artigraph_neo4j.engine")


_YOURS = (
    "storage", "offload_bytes", "verify_blobs", "record_used", "record_provenance", "observers",
    "on_transfer", "read", "graph", "settings", "aclose", "close",
)  # fmt: skip
"""Public attributes of an engine, shown by ``dir`` and in the reference."""


class Engine:
    """One graph, its connection and its default storage; made by ``set_engine``.

    Nothing is opened until the first use; after closing, the next use opens it again. All I/O
    happens on the process's I/O thread, so an engine works from any event loop and any thread. Only
    a ready-made driver stays on its own loop.

    Public are the attributes below, ``read``, ``graph``, ``settings``, ``aclose`` and ``close``;
    everything else is internal and may change.

    Attributes:
        storage: The default storage of large values, or None.
        offload_bytes: Maximum bytes of a value that is not large.
        verify_blobs: Whether the SHA-256 of stored values is checked on every read.
        record_used: Whether reading an artifact inside a span records that the span used it.
        record_provenance: Whether root spans record the code that ran them.
        observers: Called with a ``Statement`` for every attempt, on the I/O thread.
        on_transfer: Called with a ``Transfer`` for each step of a value to or from a storage.
    """

    def __init__(
        self,
        target: Target | AsyncDriver,
        *,
        database: str | None = None,
        create_schema: bool = False,
        storage: Storage | None = None,
        offload_bytes: int = OFFLOAD_BYTES,
        on_transfer: OnTransfer | None = None,
        verify_blobs: bool = True,
        record_used: bool = True,
        record_provenance: bool = True,
        connect_seconds: float = 15.0,
        retry_seconds: float = 60.0,
    ) -> None:
        self.storage = storage
        self.offload_bytes = offload_bytes
        self.on_transfer = on_transfer
        self.verify_blobs = verify_blobs
        self.record_used = record_used
        self.record_provenance = record_provenance
        self.writer = Writer()
        self.observers: list[Callable[[Statement], None]] = []
        self.field_indexes: set[tuple[str, str]] = set()
        self.ready_field_indexes: set[tuple[str, str]] = set()
        self._indexes_from = 0.0
        self._contact = Contact(
            target,
            database,
            create_schema=create_schema,
            connect_seconds=connect_seconds,
            deadline=retry_seconds,
            observers=self.observers,
            found=self._found_storage,
            leave=self.writer.end,
        )

    def __repr__(self) -> str:
        return f"<Engine {self._contact!r}>"

    def __dir__(self) -> list[str]:
        return [*_YOURS]

    # -- reading and writing -------------------------------------------------------------------

    async def read(self, text: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run a reading statement; one round trip, retried while the server is away.

        The current batch is flushed first.

        Args:
            text: The Cypher text.
            parameters: Its parameters.

        Returns:
            The rows, each a list of values.

        Raises:
            ConnectionFailed: The database did not answer within ``retry_seconds``.
            EngineError: The database refused the statement.
        """
        return await self.ask(text, parameters, ours=False)

    async def ask(
        self,
        text: str,
        parameters: Mapping[str, Any],
        *,
        after_batch: bool = True,
        ours: bool = True,
    ) -> list[Row]:
        """Run a reading statement of the library, as ``read`` does.

        Args:
            text: The Cypher text, with parameters where any expression can stand.
            parameters: Its parameters.
            after_batch: Whether the current batch is flushed first.
            ours: Whether it is the library's, not a user's; see ``graph.parameters``.
        """
        if after_batch:
            await self._write_waiting()

        async def work() -> list[Row]:
            connection, _ = await self._contact.opened()
            return await connection.run(text, parameters, "read", ours=ours)

        return await self.call(work)

    async def write(
        self,
        text: str,
        parameters: Mapping[str, Any],
        *,
        settle: bool = False,
        fresh: Callable[[], float] | None = None,
    ) -> list[Row]:
        """Run a writing statement that must be safe to run twice; one round trip.

        The current batch is flushed first.

        Args:
            text: The Cypher text.
            parameters: Its parameters.
            settle: Whether the write is completed even when the caller is cancelled.
            fresh: Returns the seconds for which the uploads that it refers to surely still exist;
                see ``Connection``.
        """
        await self._write_waiting()

        async def work() -> list[Row]:
            connection, _ = await self._contact.opened()
            return await connection.run(text, parameters, "write", fresh=fresh)

        return await self.call(work, settle=settle)

    async def once(
        self,
        text: str,
        parameters: Mapping[str, Any],
        *,
        ticket: Ticket | None = None,
        settle: bool = False,
        deadline: float | None = None,
        fresh: Callable[[], float] | None = None,
        done: Callable[[Once], object] | None = None,
        verify: Verify | None = None,
    ) -> Once:
        """Run a write that is applied once, however often it is sent; one round trip.

        The current batch is flushed first.

        Args:
            text: The Cypher text; see ``graph.cypher.once``.
            parameters: Its parameters, without ``$once``.
            ticket: The write's identity, for a caller that may send it again.
            settle: Whether the write is completed even when the caller is cancelled.
            deadline: Maximum seconds it may take; by default the engine's.
            fresh: Returns the seconds for which the uploads that it refers to surely still exist;
                see ``Connection``.
            done: Called with the result as soon as it arrives, even if the caller was cancelled.
            verify: Called before the commit; see ``Connection``. Two round trips more.
        """
        await self._write_waiting()
        mine = ticket or Ticket()

        async def work() -> Once:
            connection, _ = await self._contact.opened()
            try:
                result = await connection.once(
                    text, parameters, mine, deadline=deadline, fresh=fresh, verify=verify
                )
            except BaseException:
                if ticket is None and mine.unconfirmed:
                    self.later(partial(self.settle, mine))  # if it was not applied yet, never
                raise
            if done is not None:
                done(result)
            return result

        return await self.call(work, settle=settle)

    async def settle(self, ticket: Ticket) -> bool:
        """Return whether a write was applied; if it was not, it never will be. One round trip."""

        async def work() -> bool:
            connection, _ = await self._contact.opened()
            return await connection.settle(ticket, deadline=self.short_deadline)

        return await self.call(work)

    async def read_chunks(
        self, text: str, parameters: Mapping[str, Any], *, after_batch: bool = True
    ) -> list[Any] | None:
        """Run a reading statement that returns its items in chunks; one round trip.

        Returns:
            The items of all chunks; None if the statement returned one row ``[null]``, which means
            that its subject does not exist.
        """
        rows = await self.ask(text, parameters, after_batch=after_batch)
        if rows == [[None]]:
            return None
        return unchunked(rows)

    @property
    def inline_bytes(self) -> int | None:
        """Maximum bytes of a value that stays on its node; None without a default storage."""
        return self.offload_bytes if self.storage is not None else None

    @property
    def short_deadline(self) -> float:
        """Maximum seconds of one attempt of work in the background, before it is postponed."""
        return min(SHORT_SECONDS, self.deadline)

    @property
    def deadline(self) -> float:
        """Maximum seconds of a statement, or of a transfer without any progress."""
        return self._contact.deadline

    async def stream(
        self, text: str, parameters: Mapping[str, Any], *, items: int
    ) -> AsyncGenerator[list[Row], None]:
        """Run a reading statement and fetch its rows a few at a time, on demand.

        Args:
            text: The Cypher text; its rows begin with lists.
            parameters: Its parameters.
            items: Approximate number of items of these lists that are fetched at once.
        """
        await self._write_waiting()

        async def work() -> Cursor:
            connection, _ = await self._contact.opened()
            return await connection.stream(text, parameters)

        cursor = await self.call(work)
        try:
            while rows := await self.call(lambda: cursor.fetch(items)):
                yield rows
        finally:
            await self.call(cursor.close, settle=True)

    async def index_words(self) -> int:
        """Let full-text search find everything that was recorded before.

        One round trip; where there is something new, one for every 2,000 nodes and one more. The
        current batch is flushed first.

        Returns:
            The number of nodes that search does not find, since the database takes no write from
            this user: usually 0.

        Raises:
            ConnectionFailed: The database stayed out of reach.
        """
        await self._write_waiting()

        async def work() -> int:
            connection, _ = await self._contact.opened()
            waiting = await count_unindexed(connection)
            if not waiting:
                return 0
            if time.monotonic() > self._indexes_from:
                try:
                    await index_words(connection, deadline=self.short_deadline)
                except ArtigraphError as error:
                    self._indexes_from = time.monotonic() + INDEXING_PAUSE_SECONDS
                    logger.info("words for full-text search were not indexed: %s", error)
                else:
                    return 0
            return waiting

        return await self.call(work)

    async def _write_waiting(self) -> None:
        batch = current_batch(self)
        if batch is not None:
            await batch.flush()

    def span_opened(self, span_id: str, announced: bool) -> None:
        """Keep the heartbeat going while this span is open; for the ``done`` of ``once``."""
        connection = self._contact.connection
        if connection is not None:
            self.writer.opened(span_id, announced, connection)

    def span_left(self, span_id: str) -> None:
        """Let ``find_lost_spans`` find a span whose end was refused and will not be written."""

        async def work() -> None:
            connection, _ = await self._contact.opened()
            await self.writer.leave(span_id, connection)

        self.later(work)
        self.start(self._contact.catch_up)

    async def ready(self) -> None:
        """Open the connection unless it is open; afterwards ``storage`` is set, also for "local".

        No round trip, and no hop to the I/O thread, once it is open.
        """
        if self._contact.connection is None:
            await self.graph()

    async def graph(self) -> Graph:
        """Identify the graph: its id and layout. One round trip, the first time only."""

        async def work() -> Graph:
            return (await self._contact.opened())[1]

        return await self.call(work)

    def _found_storage(self, storage: Storage | None) -> None:
        if self.storage is None:
            self.storage = storage

    async def settings(self) -> Settings:
        """Return the settings that reach this graph by another driver, with the database's name.

        Raises:
            EngineError: The engine has a ready-made driver, whose settings are not known.
        """
        return await self._contact.settings()

    async def aclose(self) -> None:
        """Close the connection; a ready-made driver stays open, for its maker to close."""
        await self._contact.aclose()

    def close(self) -> None:
        """``aclose`` for code that is not async.

        Raises:
            EngineError: The engine has a ready-made driver, which can only be used on its own loop.
        """
        self._contact.close()

    # -- where its I/O happens -------------------------------------------------------------------

    async def call(self, work: Callable[[], Coroutine[Any, Any, T]], *, settle: bool = False) -> T:
        """Run a coroutine on this engine's I/O loop, with the caller's context variables.

        Args:
            work: Makes the coroutine; called again after a new login.
            settle: Whether it is completed even when the caller is cancelled.
        """
        return await self._contact.call(work, settle=settle)

    def call_blocking(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """``call`` for a worker thread of a call of this engine's, which waits."""
        return self._contact.call_blocking(work)

    def start(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Start a coroutine on this engine's I/O loop, without waiting for it."""
        self._contact.start(work)

    def later(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Schedule work for when the database is in reach again, on the I/O loop.

        Args:
            work: The work. If it raises ``ConnectionFailed``, it is tried again after the next
                contact.
        """
        self._contact.later(work)

    async def maintain(self, work: Callable[[Connection], Coroutine[Any, Any, T]]) -> T:
        """Run work on a graph of any layout, on a separate connection."""
        return await self._contact.maintain(work)
