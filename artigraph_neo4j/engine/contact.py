"""The contact of an engine with its database: where its I/O happens, opened on the first use."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from neo4j import AsyncDriver, AsyncGraphDatabase
from neo4j.api import AsyncBookmarkManager
from neo4j.exceptions import DriverError

from artigraph_neo4j._version import __version__
from artigraph_neo4j.common import iothread
from artigraph_neo4j.common.hiding import chained, told
from artigraph_neo4j.engine.heartbeat import GOODBYE_SECONDS
from artigraph_neo4j.engine.scope import enter_batch
from artigraph_neo4j.engine.target import Target
from artigraph_neo4j.errors import ConnectionFailed, EngineError, SchemaError
from artigraph_neo4j.graph.attempts import Statement
from artigraph_neo4j.graph.connection import Connection
from artigraph_neo4j.graph.failures import LoginError
from artigraph_neo4j.graph.schema import SCHEMA_VERSION, Graph, create_schema, read_graph
from artigraph_neo4j.graph.settings import Settings
from artigraph_neo4j.storage.base import Storage

__all__ = ["Contact", "NotYet"]

T = TypeVar("T")
logger = logging.getLogger("artigraph_neo4j.engine")


class NotYet(Exception):  # noqa: N818 - no error: the work waits for something else
    """Work that waits for the database cannot be done before something else has happened."""


class Contact:
    """The connection of an engine, and the event loop on which all of its I/O is done.

    Args:
        target: Where the graph is, or a ready-made driver.
        database: The database's name, or None for the target's.
        create_schema: Whether a database without a schema gets one.
        connect_seconds: Seconds that the first statement may take.
        deadline: Seconds that any other statement may take.
        observers: Called with every ``Statement``.
        found: Called with the storage that the target names, or None, on each connection.
        leave: Called with the connection before it is closed.
    """

    def __init__(
        self,
        target: Target | AsyncDriver,
        database: str | None,
        *,
        create_schema: bool,
        connect_seconds: float,
        deadline: float,
        observers: list[Callable[[Statement], None]],
        found: Callable[[Storage | None], None],
        leave: Callable[[Connection], Coroutine[Any, Any, None]],
    ) -> None:
        self.connect_seconds = connect_seconds
        self.deadline = deadline
        self._target = target
        self._database = database
        self._create_schema = create_schema
        self._observers = observers
        self._found = found
        self._leave = leave
        self._home: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[tuple[Connection, Graph]] | None = None
        self._settings: Settings | None = None  # the settings it was opened with
        self._former: list[Connection] = []  # connections of logins that are refused now
        self._tasks: set[asyncio.Task[Any]] = set()
        self._later: deque[tuple[int, Callable[[], Coroutine[Any, Any, object]]]] = deque()
        self._catching_up: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return str(self._target) if isinstance(self._target, Target) else "given driver"

    # -- the loop --------------------------------------------------------------------------------

    async def call(self, work: Callable[[], Coroutine[Any, Any, T]], *, settle: bool = False) -> T:
        """Run a coroutine on the loop, with the caller's context variables."""

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
        """Start a coroutine on the loop, and don't wait for it."""
        if isinstance(self._target, Target):
            io_loop = iothread.io_thread().loop
            io_loop.call_soon_threadsafe(lambda: self._keep(io_loop.create_task(work())))
        else:
            self._keep(self._own_loop().create_task(work()))

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def call_blocking(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine on this engine's I/O loop, from a worker thread that waits for it."""
        home = self._home  # the loop of a ready-made driver; its user awaits the worker thread
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

    # -- what waits for the database ---------------------------------------------------------------

    def later(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Schedule work for when the database is in reach again, on the I/O loop.

        Args:
            work: The work. If it raises ``ConnectionFailed``, it is tried again after the next
                contact; if it raises ``NotYet``, too, and other work goes on.
        """
        self._later.append((os.getpid(), work))

    def _reached(self) -> None:
        if self._later and (self._catching_up is None or self._catching_up.done()):
            self._catching_up = asyncio.get_running_loop().create_task(self.catch_up())

    async def catch_up(self) -> None:
        """Do what waits for the database, until it is out of reach again."""
        enter_batch(None)
        postponed: list[tuple[int, Callable[[], Coroutine[Any, Any, object]]]] = []
        try:
            while self._later:
                pid, work = self._later.popleft()
                if pid != os.getpid():  # in a forked child: the parent does it
                    continue
                try:
                    await work()
                except NotYet:
                    postponed.append((pid, work))
                except ConnectionFailed as error:
                    self._later.appendleft((pid, work))
                    logger.info("the database is not in reach again: %s", error)
                    return
                except Exception as error:
                    logger.warning("what was left to do could not be done: %s", error)
        finally:
            self._later.extend(postponed)

    # -- opening and closing ---------------------------------------------------------------------

    @property
    def connection(self) -> Connection | None:
        """The connection, if it is open."""
        task = self._opening
        if task is None or not task.done() or task.cancelled() or task.exception() is not None:
            return None
        return task.result()[0]

    async def opened(self) -> tuple[Connection, Graph]:
        """The connection and its graph, opened by the first of all concurrent callers."""
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
        """Resolve the target again; if the login changed, the next use connects with the new one.

        Returns whether it changed. Calls under way keep their open connections: Neo4j checks the
        login of new ones only.
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
        """Run work on a graph of any layout, on a separate connection."""

        async def run() -> T:
            connection = await self._connect()
            try:
                return await work(connection)
            finally:
                await self._disconnect(connection)

        return await self.call(run)

    async def settings(self) -> Settings:
        """Return the settings that reach this graph by another driver, with the database's name.

        Raises:
            EngineError: The engine has a ready-made driver, whose settings are not known.
        """
        if not isinstance(self._target, Target):
            raise EngineError("an engine with a ready-made driver does not know its settings")
        target = self._target

        async def work() -> Settings:
            loop = asyncio.get_running_loop()
            return (await loop.run_in_executor(None, target.resolve))[0]

        resolved = await self.call(work)
        return replace(resolved, database=self._database or resolved.database)

    async def _connect(self) -> Connection:
        if isinstance(self._target, Target):
            # For "local" it starts servers, which takes seconds and must not block the loop.
            settings, storage = await asyncio.get_running_loop().run_in_executor(
                None, self._target.resolve
            )
            self._found(storage)
            database = self._database or settings.database
            self._settings = settings
            where = f"Neo4j at {settings.shown}"
            driver = _driver(settings)
        else:
            driver, database, where = self._target, self._database, "Neo4j"
        bookmarks: AsyncBookmarkManager = AsyncGraphDatabase.bookmark_manager()
        return Connection(
            driver, database, bookmarks, self.deadline, self._observers, self._reached, where
        )

    async def _disconnect(self, connection: Connection) -> None:
        if isinstance(self._target, Target):
            await connection.driver.close()

    async def _prepare(self, connection: Connection) -> Graph:
        graph = await read_graph(connection, deadline=self.connect_seconds)
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
        """Close the connection; a ready-made driver stays open, for its maker to close."""
        if self._opening is not None or self._former:
            await self.call(self._close)

    def close(self) -> None:
        """``aclose`` for code that is not async.

        Raises:
            EngineError: The engine has a ready-made driver, which can only be used on its own loop.
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
                        await self.catch_up()
        except BaseException:  # it never opened; its first user got the error
            return
        finally:
            self._opening = None
        await self._leave(connection)
        await self._disconnect(connection)


def _driver(settings: Settings) -> AsyncDriver:
    try:
        return AsyncGraphDatabase.driver(  # pyright: ignore[reportUnknownMemberType] # neo4j leaves the settings untyped
            settings.uri,
            auth=settings.auth,
            max_connection_pool_size=50,
            connection_acquisition_timeout=30,
            liveness_check_timeout=60,
            notifications_min_severity="OFF",
            user_agent=f"artigraph-neo4j/{__version__}",
        )
    except (DriverError, ValueError) as error:
        query = settings.uri.partition("?")[2]
        secrets = (query, *(text for pair in parse_qsl(query, True) for text in pair))
        raise EngineError(
            f"the driver of Neo4j does not take the address {settings.shown}: "
            f"{told(error, secrets)}; check what is after its question mark"
        ) from chained(error, secrets)
