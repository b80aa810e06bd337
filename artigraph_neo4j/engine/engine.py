"""An engine: one graph, its connection, its default storage, and where its I/O happens."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from neo4j import AsyncDriver, AsyncGraphDatabase
from neo4j.api import AsyncBookmarkManager

from artigraph_neo4j._version import __version__
from artigraph_neo4j.common import iothread
from artigraph_neo4j.common.progress import OnTransfer
from artigraph_neo4j.engine.heartbeat import GOODBYE_SECONDS, Writer
from artigraph_neo4j.engine.scope import current_batch, enter_batch
from artigraph_neo4j.engine.target import Target
from artigraph_neo4j.errors import ConnectionFailed, EngineError, SchemaError
from artigraph_neo4j.graph.attempts import Row, Statement
from artigraph_neo4j.graph.connection import Connection, Once
from artigraph_neo4j.graph.cursor import Cursor, unchunked
from artigraph_neo4j.graph.failures import LoginError
from artigraph_neo4j.graph.lanes import Ticket
from artigraph_neo4j.graph.schema import SCHEMA_VERSION, Graph, create_schema, read_graph
from artigraph_neo4j.graph.settings import Settings
from artigraph_neo4j.storage.base import Storage

__all__ = ["OFFLOAD_BYTES", "Engine"]

T = TypeVar("T")
logger = logging.getLogger("artigraph_neo4j.engine")

OFFLOAD_BYTES = 64 * 1024
"""Maximum bytes of a value that stays in the graph when the engine has a storage."""

SHORT_SECONDS = 5.0
"""Maximum seconds that work in the background tries at once."""


_YOURS = (
    "storage", "offload_bytes", "verify_blobs", "record_used", "record_provenance", "observers",
    "on_transfer", "read", "graph", "settings", "aclose", "close",
)  # fmt: skip
"""What ``dir`` and the reference show of an engine."""


class Engine:
    """One graph, its connection and its default storage; made by ``set_engine``.

    Nothing is opened until the first use; closing is no end, the next use opens anew. All I/O
    happens on the process's I/O thread, so an engine works from any event loop and any thread. Only
    a ready-made driver stays on its own loop.

    Yours are the attributes below, ``read``, ``graph``, ``settings``, ``aclose`` and ``close``;
    everything else is there for the library, and may change.

    Attributes:
        storage: Where large values go by default, or None.
        offload_bytes: From how many bytes on a value is large.
        verify_blobs: Whether the SHA-256 of stored values is checked on every read.
        record_used: Whether reading an artifact inside a span records that the span used it.
        record_provenance: Whether root spans record by which code they were run.
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
        self._target = target
        self._database = database
        self._create_schema = create_schema
        self._connect_seconds = connect_seconds
        self._retry_seconds = retry_seconds
        self._home: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[tuple[Connection, Graph]] | None = None
        self._settings: Settings | None = None  # by which it was opened
        self._former: list[Connection] = []  # of logins that are refused now
        self._tasks: set[asyncio.Task[Any]] = set()
        self._later: deque[tuple[int, Callable[[], Coroutine[Any, Any, object]]]] = deque()
        self._catching_up: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        where = self._target if isinstance(self._target, Target) else "given driver"
        return f"<Engine {where}>"

    def __dir__(self) -> list[str]:
        return [*_YOURS]

    # -- reading and writing -------------------------------------------------------------------

    async def read(
        self, text: str, parameters: Mapping[str, Any], *, after_batch: bool = True
    ) -> list[Row]:
        """Run a reading statement; one round trip, tried again while the server is away.

        Args:
            text: The Cypher text.
            parameters: Its parameters.
            after_batch: Whether what waits in the current batch is written first.

        Returns:
            Its rows, each a list of values.

        Raises:
            ConnectionFailed: The database could not do it within ``retry_seconds``.
            EngineError: It refused the statement.
        """
        if after_batch:
            await self._write_waiting()

        async def work() -> list[Row]:
            connection, _ = await self._opened()
            return await connection.run(text, parameters, "read")

        return await self.call(work)

    async def write(
        self,
        text: str,
        parameters: Mapping[str, Any],
        *,
        settle: bool = False,
        fresh: Callable[[], float] | None = None,
    ) -> list[Row]:
        """Run a writing statement, which must be one that may run twice; one round trip.

        What waits in the current batch is written before.

        Args:
            text: The Cypher text.
            parameters: Its parameters.
            settle: Whether it comes to its end even when the caller is cancelled.
            fresh: Seconds for which what it refers to is there for certain; see ``Connection``.
        """
        await self._write_waiting()

        async def work() -> list[Row]:
            connection, _ = await self._opened()
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
    ) -> Once:
        """Run a write that is applied once, however often it is sent; one round trip.

        What waits in the current batch is written before.

        Args:
            text: The Cypher text; see ``graph.cypher.once``.
            parameters: Its parameters, but for ``$once``.
            ticket: The write's identity, for a caller that may send it again.
            settle: Whether it comes to its end even when the caller is cancelled.
            deadline: Seconds that it may take; by default the engine's.
            fresh: Seconds for which what it refers to is there for certain; see ``Connection``.
            done: Called with the result once it is there, also for a caller that was cancelled.
        """
        await self._write_waiting()
        mine = ticket or Ticket()

        async def work() -> Once:
            connection, _ = await self._opened()
            try:
                result = await connection.once(
                    text, parameters, mine, deadline=deadline, fresh=fresh
                )
            except BaseException:
                if ticket is None and mine.unconfirmed:
                    self.later(partial(self.settle, mine))  # if it was not applied, it never will
                raise
            if done is not None:
                done(result)
            return result

        return await self.call(work, settle=settle)

    async def settle(self, ticket: Ticket) -> bool:
        """Learn whether a write was applied; one that was not never will be. One round trip."""

        async def work() -> bool:
            connection, _ = await self._opened()
            return await connection.settle(ticket, deadline=self.short_deadline)

        return await self.call(work)

    def later(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Do something once the database is in reach again, on the I/O loop.

        Args:
            work: What to do. Where it raises ``ConnectionFailed``, it is tried again after the
                next contact.
        """
        self._later.append((os.getpid(), work))

    def _reached(self) -> None:
        if self._later and (self._catching_up is None or self._catching_up.done()):
            self._catching_up = asyncio.get_running_loop().create_task(self._catch_up())

    async def _catch_up(self) -> None:
        enter_batch(None)
        while self._later:
            pid, work = self._later.popleft()
            if pid != os.getpid():  # what a forked child's parent has to do
                continue
            try:
                await work()
            except ConnectionFailed as error:
                self._later.appendleft((pid, work))
                logger.info("the database is not in reach again: %s", error)
                return
            except Exception as error:
                logger.warning("what was left to do could not be done: %s", error)

    async def read_chunks(
        self, text: str, parameters: Mapping[str, Any], *, after_batch: bool = True
    ) -> list[Any] | None:
        """Run a reading statement that returns its items in chunks; one round trip.

        Returns:
            The items of all chunks; None where the statement says, by one row ``[null]``, that what
            it is about does not exist.
        """
        rows = await self.read(text, parameters, after_batch=after_batch)
        if rows == [[None]]:
            return None
        return unchunked(rows)

    @property
    def inline_bytes(self) -> int | None:
        """Maximum bytes of a value that stays on its node; None without a default storage."""
        return self.offload_bytes if self.storage is not None else None

    @property
    def short_deadline(self) -> float:
        """Seconds that work in the background tries at once, before it waits for another time."""
        return min(SHORT_SECONDS, self.deadline)

    @property
    def deadline(self) -> float:
        """Seconds that a statement, or a value on its way without any progress, may take."""
        return self._retry_seconds

    async def stream(
        self, text: str, parameters: Mapping[str, Any], *, items: int
    ) -> AsyncGenerator[list[Row], None]:
        """Run a reading statement and fetch its rows a few at a time, as they are wanted.

        Args:
            text: The Cypher text; its rows begin with lists.
            parameters: Its parameters.
            items: How many items of such lists are fetched at once, about.
        """
        await self._write_waiting()

        async def work() -> Cursor:
            connection, _ = await self._opened()
            return await connection.stream(text, parameters)

        cursor = await self.call(work)
        try:
            while rows := await self.call(lambda: cursor.fetch(items)):
                yield rows
        finally:
            await self.call(cursor.close, settle=True)

    async def _write_waiting(self) -> None:
        batch = current_batch(self)
        if batch is not None:
            await batch.flush()

    def span_opened(self, span_id: str, announced: bool) -> None:
        """Keep the heartbeat going while this span is open; for a ``done`` of ``write``."""
        if self._opening is not None and self._opening.done():
            self.writer.opened(span_id, announced, self._opening.result()[0])

    def span_left(self, span_id: str) -> None:
        """Have ``find_lost_spans`` find a span whose end was refused, and will not be written."""

        async def work() -> None:
            connection, _ = await self._opened()
            await self.writer.leave(span_id, connection)

        self.later(work)
        self.start(self._catch_up)

    async def ready(self) -> None:
        """Open the connection if it is not; after that ``storage`` is known, ``"local"`` included.

        No round trip, and no hop to the I/O thread, once it is open.
        """
        if self._opening is None or not self._opening.done():
            await self.graph()

    async def graph(self) -> Graph:
        """Which graph this is; a round trip only the first time."""

        async def work() -> Graph:
            return (await self._opened())[1]

        return await self.call(work)

    async def settings(self) -> Settings:
        """How to reach this graph with another driver, the database's name included.

        Raises:
            EngineError: The engine has a ready-made driver, whose settings nobody knows.
        """
        if not isinstance(self._target, Target):
            raise EngineError("an engine with a ready-made driver does not know its settings")
        target = self._target

        async def work() -> Settings:
            loop = asyncio.get_running_loop()
            return (await loop.run_in_executor(None, target.resolve))[0]

        found = await self.call(work)
        return replace(found, database=self._database or found.database)

    async def call(self, work: Callable[[], Coroutine[Any, Any, T]], *, settle: bool = False) -> T:
        """Run a coroutine where this engine does its I/O, with the caller's context variables."""

        def start() -> asyncio.Future[T]:
            if not isinstance(self._target, Target):
                return self._own_loop().create_task(work())
            thread = iothread.io_thread()
            if asyncio.get_running_loop() is thread.loop:
                return thread.loop.create_task(work())
            return asyncio.wrap_future(thread.submit(work()))

        try:
            return await (iothread.settle(start) if settle else start())
        except LoginError:
            if not await self.call(self._look_for_new_login):
                raise
        return await (iothread.settle(start) if settle else start())

    def start(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Start a coroutine where this engine does its I/O, and don't wait for it."""
        if isinstance(self._target, Target):
            io_loop = iothread.io_thread().loop
            io_loop.call_soon_threadsafe(lambda: self._keep(io_loop.create_task(work())))
        else:
            self._keep(self._own_loop().create_task(work()))

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def call_blocking(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """``call`` for a worker thread of a call of this engine's, which waits."""
        home = self._home  # of a ready-made driver, whose user awaits the worker thread
        if home is not None:
            return asyncio.run_coroutine_threadsafe(work(), home).result()
        return iothread.io_thread().submit(work()).result()

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if self._home is None:
            self._home = loop
        if self._home is not loop:
            raise EngineError(
                "a ready-made AsyncDriver belongs to the event loop it was first used on, and this "
                "is another one; give set_engine a URL to use the graph from several loops"
            )
        return loop

    # -- opening and closing -------------------------------------------------------------------

    async def _opened(self) -> tuple[Connection, Graph]:
        """The connection, opened by the first of all concurrent callers."""
        loop = asyncio.get_running_loop()
        task = self._opening
        if task is not None and task.get_loop() is not loop:  # this process was forked
            iothread.keep_forever(task)
            task = None
        if task is None:
            task = self._opening = loop.create_task(self._open())
            task.add_done_callback(lambda t: t.cancelled() or t.exception())
            iothread.at_shutdown(self._close)
        try:
            return await asyncio.shield(task)
        except BaseException:
            if task.done() and self._opening is task:
                self._opening = None  # the next caller tries again
            raise

    async def _open(self) -> tuple[Connection, Graph]:
        connection = await self._connect()
        try:
            return connection, await self._prepare(connection)
        except BaseException:
            await self._disconnect(connection)
            raise

    async def _look_for_new_login(self) -> bool:
        """Whether the target names another login by now, with which to connect at the next use.

        Connections that are open stay in use by calls under way: Neo4j asks only new ones.
        """
        if isinstance(self._target, Target) and self._opening is not None:
            loop, opening = asyncio.get_running_loop(), self._opening
            settings, _ = await loop.run_in_executor(None, self._target.resolve)
            if settings != self._settings and opening is self._opening:
                self._former.append((await opening)[0])
                self._opening = None
                return True
        return False

    async def maintain(self, work: Callable[[Connection], Coroutine[Any, Any, T]]) -> T:
        """Do some work on the graph whatever its layout, on a connection of its own."""

        async def run() -> T:
            connection = await self._connect()
            try:
                return await work(connection)
            finally:
                await self._disconnect(connection)

        return await self.call(run)

    async def _connect(self) -> Connection:
        if isinstance(self._target, Target):
            # Starting servers, for "local", takes seconds: never on the loop.
            settings, storage = await asyncio.get_running_loop().run_in_executor(
                None, self._target.resolve
            )
            if self.storage is None:
                self.storage = storage
            database = self._database or settings.database
            self._settings = settings
            driver = AsyncGraphDatabase.driver(  # pyright: ignore[reportUnknownMemberType] # neo4j leaves the settings untyped
                settings.uri,
                auth=settings.auth,
                max_connection_pool_size=50,
                connection_acquisition_timeout=30,
                liveness_check_timeout=60,
                notifications_min_severity="OFF",
                user_agent=f"artigraph-neo4j/{__version__}",
            )
        else:
            driver, database = self._target, self._database
        bookmarks: AsyncBookmarkManager = AsyncGraphDatabase.bookmark_manager()
        return Connection(driver, database, bookmarks, self.deadline, self.observers, self._reached)

    async def _disconnect(self, connection: Connection) -> None:
        if isinstance(self._target, Target):
            await connection.driver.close()

    async def _prepare(self, connection: Connection) -> Graph:
        graph = await read_graph(connection, deadline=self._connect_seconds)
        if graph is None and self._create_schema:
            graph = await create_schema(connection)
        if graph is None:
            raise SchemaError(
                "this database has no schema of this library yet; "
                "create it once with set_engine(..., create_schema=True)"
            )
        if graph.schema_version < SCHEMA_VERSION:
            raise SchemaError(
                f"this graph has schema version {graph.schema_version}, made by artigraph-neo4j "
                f"{graph.library_version}, and version {__version__} needs {SCHEMA_VERSION}: end "
                'all programs that use the graph, then run "artigraph schema upgrade" or '
                "await upgrade_schema()"
            )
        return graph

    async def aclose(self) -> None:
        """Close the connection; a ready-made driver is left to whoever made it."""
        if self._opening is not None or self._former:
            await self.call(self._close)

    def close(self) -> None:
        """``aclose`` for code that is not async.

        Raises:
            EngineError: The engine has a ready-made driver, which only its own loop can leave.
        """
        if not isinstance(self._target, Target):
            raise EngineError("an engine with a ready-made driver is left by 'await aclose()'")
        if self._opening is not None or self._former:
            iothread.io_thread().submit(self._close()).result()

    async def _close(self) -> None:
        former, self._former = self._former, []
        for connection in former:
            await self._disconnect(connection)
        task = self._opening
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            self._opening = None
            return
        try:
            connection, _ = await task
            if self._later:
                with suppress(TimeoutError):
                    async with asyncio.timeout(GOODBYE_SECONDS):
                        await self._catch_up()
        except BaseException:  # it never opened, and its first user was told so
            return
        finally:
            self._opening = None
        await self.writer.end(connection)
        await self._disconnect(connection)
