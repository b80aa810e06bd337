"""The current engine: that of the surrounding block, or the default of the process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TypedDict, Unpack

from neo4j import AsyncDriver

from artigraph_neo4j.common.progress import OnTransfer
from artigraph_neo4j.engine.engine import OFFLOAD_BYTES, Engine
from artigraph_neo4j.engine.target import Target, choose_target
from artigraph_neo4j.errors import EngineError
from artigraph_neo4j.serializer import trust_modules
from artigraph_neo4j.storage.base import Storage

__all__ = ["EngineOptions", "engine_context", "get_engine", "replace_default", "set_engine"]


class EngineOptions(TypedDict, total=False):
    """Keyword arguments of ``set_engine`` and ``engine_context``; see ``set_engine``."""

    username: str | None
    password: str | None
    database: str | None
    create_schema: bool | None
    create_tables: bool | None
    storage: Storage | None
    offload_bytes: int
    on_transfer: OnTransfer | None
    verify_blobs: bool
    record_used: bool
    record_provenance: bool
    trusted_modules: Sequence[str]
    retry_seconds: float


_default: Engine | None = None
_scoped: ContextVar[Engine | None] = ContextVar("artigraph_neo4j.engine", default=None)


def _make(engine: str | AsyncDriver | None, options: EngineOptions) -> Engine:
    unknown = sorted(set(options) - set(EngineOptions.__annotations__))
    if unknown:
        known = ", ".join(EngineOptions.__annotations__)
        raise TypeError(f"there is no option {unknown[0]!r} of an engine; there are {known}")
    database = options.get("database")
    create = options.get("create_schema")
    if create is None:
        create = options.get("create_tables")
    target: Target | AsyncDriver
    if engine is None or isinstance(engine, str):
        target = choose_target(
            engine,
            username=options.get("username"),
            password=options.get("password"),
            database=database,
        )
        create = target.is_local if create is None else create
    else:
        target = engine
    trust_modules(*options.get("trusted_modules", ()))
    return Engine(
        target,
        database=database,
        create_schema=bool(create),
        storage=options.get("storage"),
        offload_bytes=options.get("offload_bytes", OFFLOAD_BYTES),
        on_transfer=options.get("on_transfer"),
        verify_blobs=options.get("verify_blobs", True),
        record_used=options.get("record_used", True),
        record_provenance=options.get("record_provenance", True),
        retry_seconds=options.get("retry_seconds", 60.0),
    )


def set_engine(engine: str | AsyncDriver | None = None, **options: Unpack[EngineOptions]) -> Engine:
    """Set the graph that this process records into. No round trip: the first use opens it.

    Args:
        engine: ``"neo4j://user:password@host:7687/database"`` (also ``bolt://`` and the schemes
            with TLS, ``+s`` and ``+ssc``); ``"local"`` for the local stack, started when needed; a
            ready-made ``AsyncDriver``; or nothing: then ``NEO4J_URI``, ``NEO4J_USERNAME``,
            ``NEO4J_PASSWORD`` and ``NEO4J_DATABASE`` decide, else the stack that ``artigraph up``
            started.
        **options: ``username``, ``password``, ``database``: for a URL that does not contain them.
            ``create_schema``: create missing constraints and indexes, which many processes may do
            at once; by default only for a local stack. ``create_tables``: the same under its older
            name. ``storage``: the storage of values larger than ``offload_bytes`` (64 KiB); for
            ``"local"`` the stack's S3. ``on_transfer``: called with a ``Transfer`` for each step of
            a value to or from a storage. ``verify_blobs=False``: read stored values without
            checking their SHA-256; their size is still checked. ``record_used``: record the
            artifacts that each span reads; True by default. ``record_provenance``: record commit,
            program, machine and versions on root spans; True by default. ``retry_seconds``: maximum
            seconds that a call waits for the database, or for a storage without any progress; 60 by
            default. ``trusted_modules``: names of modules that this process may import for the
            classes of stored values when it reads; see ``trust_modules``.

    Returns:
        The engine. It is closed by ``await engine.aclose()`` or at the end of the process.

    Raises:
        EngineError: The URL is not a Neo4j URL, or no setting names the graph.
    """
    made = _make(engine, options)
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
        engine: Engine | str | AsyncDriver | None = None,
        **options: Unpack[EngineOptions],
    ) -> None:
        self._owned = not isinstance(engine, Engine)
        self._engine = engine if isinstance(engine, Engine) else _make(engine, options)
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
