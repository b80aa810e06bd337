"""Artifacts that spans read: collected in memory, recorded with the end of the span."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from types import TracebackType

from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.scope import Cell, current_cell
from artigraph_neo4j.graph.cypher import links

__all__ = [
    "MAX_USED",
    "note_read",
    "record_used",
    "take_used",
    "used_so_far",
    "write_current_uses",
    "write_used",
]

MAX_USED = 10_000
"""Maximum number of used artifacts that wait for the end of their span; more are sent earlier."""

LATE_SECONDS = 10.0
"""Maximum seconds that a worker waits for its span, which a batch of its parent writes."""

_gone: set[str] = set()
"""Spans that a worker waited for in vain: somebody deleted them."""

_PAUSE = 0.1
"""Seconds between two looks for the span."""

_scoped: ContextVar[bool | None] = ContextVar("artigraph_neo4j.record_used", default=None)


class record_used(AbstractContextManager[None]):  # noqa: N801 - used like a function
    """Set, for a ``with`` block in this context, whether reading records ``USED``.

    ``with record_used(False):`` reads artifacts without using them; ``record_used(True)`` is for
    engines that were set with ``record_used=False``. Tasks started inside the block inherit it.
    """

    def __init__(self, enabled: bool = True) -> None:
        self._enabled = enabled
        self._tokens: list[Token[bool | None]] = []

    def __enter__(self) -> None:
        self._tokens.append(_scoped.set(self._enabled))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _scoped.reset(self._tokens.pop())


async def note_read(artifact_ids: Iterable[str]) -> None:
    """Note that the current span, if any, has read artifacts.

    One round trip for every ``MAX_USED`` artifacts, otherwise none. In a forked child one for each
    call, since the span ends in the parent process, which does not know of the child's reads.
    """
    cell = current_cell()
    if cell is None:
        return
    engine = get_engine()
    enabled = _scoped.get()
    # Artifacts that another engine read are not in the span's graph.
    here = cell.graph is engine or cell.graph is None  # None: of another process, in one graph
    if here and (engine.record_used if enabled is None else enabled):
        cell.note_used(artifact_ids)
        if cell.is_inherited or len(cell.used) >= MAX_USED:
            await write_used(engine, cell)


def used_so_far(span_id: str) -> list[str]:
    """Return ids of artifacts that a current span has used, which its end will record."""
    cell = current_cell()
    while cell is not None and cell.span_id != span_id:
        cell = cell.outer
    return [] if cell is None else list(cell.used)


def take_used(cell: Cell | None, most: int) -> list[list[str]]:
    """Remove used artifacts from a span's entry; return pairs of id and time, sorted by id."""
    if cell is None:
        return []
    taken = [[key, cell.used[key]] for key in sorted(cell.used)[:most]]
    for key, _ in taken:
        cell.used.pop(key, None)
    return taken


async def write_current_uses(engine: Engine) -> None:
    """Record what the current spans have used so far. One round trip for each that used any."""
    cell = current_cell()
    while cell is not None:
        if not cell.closed and cell.graph in (engine, None):
            await write_used(engine, cell)
        cell = cell.outer


async def _send(engine: Engine, cell: Cell, used: list[list[str]]) -> None:
    """Record used artifacts; in a worker, after a batch of its parent has written the span."""
    parameters = {"node_id": cell.span_id, "used": used}
    end = time.monotonic() + LATE_SECONDS
    while not await engine.write(links.USE_ARTIFACTS, parameters, settle=True):
        if not cell.is_inherited or cell.span_id in _gone:
            return
        if time.monotonic() > end:
            _gone.add(cell.span_id)
            return
        await asyncio.sleep(_PAUSE)


async def write_used(engine: Engine, cell: Cell, *, leave: int = 0) -> None:
    """Record used artifacts, ``MAX_USED`` per round trip, until at most ``leave`` are left."""
    while len(cell.used) > leave:
        taken = take_used(cell, MAX_USED)
        try:
            await _send(engine, cell, taken)
        except BaseException:
            cell.used.update(dict(taken) | cell.used)  # so that the end of the span sends them
            raise
