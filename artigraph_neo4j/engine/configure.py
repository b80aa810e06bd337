"""The current engine: that of the surrounding block, or the default of the process."""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TypeAlias, TypeGuard, Unpack

from neo4j import AsyncDriver, Driver

from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.options import (
    EngineOptions,
    check_options,
    engine_settings,
    given_storage,
)
from artigraph_neo4j.engine.target import Target, choose_target, stack_target
from artigraph_neo4j.errors import ArgumentError, EngineError
from artigraph_neo4j.local import LocalStack, StackInfo
from artigraph_neo4j.serializer import trust_modules
from artigraph_neo4j.storage.known import open_default

__all__ = [
    "EngineOptions",
    "engine_context",
    "get_engine",
    "make_engine",
    "replace_default",
    "set_engine",
]


_default: Engine | None = None
_scoped: ContextVar[Engine | None] = ContextVar("artigraph_neo4j.engine", default=None)


AnyGraph: TypeAlias = str | AsyncDriver | LocalStack | StackInfo | None
"""The place of a graph: see ``set_engine``."""


def make_engine(engine: AnyGraph, options: EngineOptions) -> Engine:
    """Return an engine that is not the current one anywhere; see ``set_engine``."""
    check_options(options)
    login = [name for name in ("username", "password") if options.get(name) is not None]
    database = options.get("database")
    storage = given_storage(options)
    create = options.get("create_schema")
    if create is None:
        create = options.get("create_tables")
    target: Target | AsyncDriver
    if engine == "local" or isinstance(engine, (LocalStack, StackInfo)):
        _refuse_login(login, "a local stack has")
        target = stack_target(engine if isinstance(engine, (LocalStack, StackInfo)) else None)
    elif engine is None or isinstance(engine, str):
        target = choose_target(
            engine,
            username=options.get("username"),
            password=options.get("password"),
            database=database,
        )
    elif _is_driver(engine):
        _refuse_login(login, "a ready-made driver has")
        target = engine
    else:
        raise ArgumentError(_not_a_graph(engine))
    if storage is None and not (isinstance(target, Target) and target.is_named_stack):
        storage = open_default()
    if create is None:
        create = isinstance(target, Target) and target.is_local
    trust_modules(*options.get("trusted_modules", ()))
    return Engine(
        target,
        database=database,
        create_schema=create,
        storage=storage,
        **engine_settings(options),
    )


def _is_driver(given: object) -> TypeGuard[AsyncDriver]:
    """True for an ``AsyncDriver``, or for what stands in for one."""
    return hasattr(given, "session") and not isinstance(given, (Driver, type))


def _refuse_login(names: list[str], owner: str) -> None:
    if names:
        raise ArgumentError(f"{names[0]} is for a URL; {owner} a login of its own")


def _not_a_graph(given: object) -> str:
    kind = f"{type(given).__module__}.{type(given).__name__}"
    said = f"engine takes a URL, a LocalStack or an AsyncDriver, not a {kind}"
    if isinstance(given, Driver):
        return f"{said}; write: neo4j.AsyncGraphDatabase.driver(...), or pass the URL"
    if isinstance(given, Engine):
        return f"{said}; for an engine that exists: with engine_context(engine)"
    return said


def set_engine(engine: AnyGraph = None, **options: Unpack[EngineOptions]) -> Engine:
    """Set the graph that this process records into. No round trip: the first use opens it.

    Args:
        engine: ``"neo4j://user:password@host:7687/database"`` (also ``bolt://`` and the schemes
            with TLS, ``+s`` and ``+ssc``); ``"local"`` for the local stack, or a ``LocalStack``,
            started when needed; a ready-made ``AsyncDriver``; or nothing: then ``NEO4J_URI``,
            ``NEO4J_USERNAME``, ``NEO4J_PASSWORD`` and ``NEO4J_DATABASE`` decide, else the stack
            that ``artigraph up`` started.
        **options: ``username``, ``password``, ``database``: for a URL that does not contain them.
            ``create_schema``: create missing constraints and indexes, which many processes may do
            at once; by default only for a local stack. ``create_tables``: the same under its older
            name. ``storage``: the storage of values larger than ``offload_bytes`` (64 KiB), or its
            URL or path, as ``open_storage`` takes it; by default the S3 of ``"local"`` or of the
            given stack, else the storage that ``ARTIGRAPH_STORAGE`` names. ``on_transfer``: called
            with a ``Transfer`` for each step of a value to or from a storage.
            ``verify_blobs=False``: read stored values without checking their SHA-256; their size is
            still checked. ``record_used``: record the artifacts that each span reads; True by
            default. ``record_provenance``: record commit, program, machine and versions on root
            spans; True by default. ``retry_seconds``: maximum seconds that a call waits for the
            database, or for a storage without any progress; 60 by default. ``trusted_modules``:
            names of modules that this process may import for the classes of stored values when it
            reads; see ``trust_modules``.

    Returns:
        The engine. It is closed by ``await engine.aclose()`` or at the end of the process.

    Raises:
        ArgumentError: There is no such argument, or it does not take such a value.
        EngineError: The URL is not a Neo4j URL, or no setting names the graph.
        StorageError: The storage cannot be made.
    """
    made = make_engine(engine, options)
    replace_default(made)
    return made


def replace_default(engine: Engine | None) -> Engine | None:
    """Replace the default engine, and return the previous one; neither is closed.

    For code that restores the previous one afterwards, such as tests and pages of examples.
    """
    global _default
    before, _default = _default, engine
    return before


class engine_context(AbstractContextManager[Engine]):  # noqa: N801 - used like a function
    """Use another engine inside a ``with`` or ``async with`` block, in this context only.

    Takes an ``Engine``, or the arguments of ``set_engine``. An engine that it made is closed at the
    end of the block.
    """

    def __init__(
        self,
        engine: Engine | AnyGraph = None,
        **options: Unpack[EngineOptions],
    ) -> None:
        self._owned = not isinstance(engine, Engine)
        self._engine = engine if isinstance(engine, Engine) else make_engine(engine, options)
        self._token: Token[Engine | None] | None = None

    def __enter__(self) -> Engine:
        self._token = _scoped.set(self._engine)
        return self._engine

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()
        if self._owned:
            self._engine.close()

    async def __aenter__(self) -> Engine:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()
        if self._owned:
            await self._engine.aclose()

    def _leave(self) -> None:
        if self._token is not None:
            _scoped.reset(self._token)
            self._token = None


def get_engine() -> Engine:
    """The engine of this context: the innermost ``engine_context``, else that of ``set_engine``.

    Raises:
        EngineError: No engine was set.
    """
    engine = _scoped.get() or _default
    if engine is None:
        raise EngineError(
            'no engine is set; call set_engine("neo4j://user:password@host:7687") once, '
            'set_engine("local"), or set_engine() with NEO4J_URI in the environment'
        )
    return engine
