"""Which span is current: one context variable, safe in tasks, threads and several event loops."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime

from artigraph_neo4j.errors import SpanError

__all__ = ["Cell", "current_cell", "current_span_id", "enter", "get_current_span_id", "resume"]


@dataclass(slots=True, eq=False)
class Cell:
    """One entry of a span into a context.

    A task that was started inside the span keeps the cell after the span has ended, and contexts
    may end out of order. So a cell is marked closed rather than taken off a stack (a token's
    ``reset`` fails in another context), and whoever looks skips closed cells.

    Attributes:
        span_id: The span.
        outer: The entry around this one.
        graph: What stands for the graph that has the span: its engine.
        used: Artifacts that were read in the span and are not yet recorded as such, with the time
            of the first reading. Tasks and threads started inside the span share it.
        closed: Whether the span was left.
    """

    span_id: str
    outer: Cell | None
    graph: object = None
    used: dict[str, str] = field(default_factory=dict)
    closed: bool = False

    def note_used(self, artifact_ids: Iterable[str]) -> None:
        """Note that the span reads artifacts now."""
        now = datetime.now(UTC).isoformat()
        for artifact_id in artifact_ids:
            self.used.setdefault(artifact_id, now)

    def leave(self) -> None:
        """Make the span no longer current, here and wherever this cell was inherited."""
        self.closed = True
        _current.set(_open(_current.get()))


_current: ContextVar[Cell | None] = ContextVar("artigraph_neo4j.current_span", default=None)


def _open(cell: Cell | None) -> Cell | None:
    while cell is not None and cell.closed:
        cell = cell.outer
    return cell


def enter(span_id: str, graph: object = None) -> Cell:
    """Make a span current until the returned cell is left."""
    cell = Cell(span_id, _open(_current.get()), graph)
    _current.set(cell)
    return cell


def current_cell() -> Cell | None:
    """The entry of the innermost span that is open in this context, or None."""
    return _open(_current.get())


def resume(cell: Cell) -> None:
    """Make an entry current in this context too; it was made in another one."""
    cell.outer = _open(_current.get())
    _current.set(cell)


def current_span_id() -> str | None:
    """The id of the innermost span that is open in this context, or None."""
    cell = current_cell()
    return cell.span_id if cell else None


def get_current_span_id(span: str = "current", /) -> str:
    """``span`` itself, or the id of the current span when it says ``"current"``.

    Raises:
        SpanError: No span is current.
    """
    if span != "current":
        return span
    found = current_span_id()
    if found is None:
        raise SpanError(
            'no span is current here; open one with "async with span_context(label=...)" '
            "or pass a span's node_id"
        )
    return found
