"""The current span and batch: context variables, safe in tasks, threads and loops."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from artigraph_neo4j.errors import SpanError

__all__ = [
    "PARENT",
    "Cell",
    "Share",
    "Unit",
    "carried",
    "current_batch",
    "current_cell",
    "current_share",
    "current_span_id",
    "enter",
    "enter_batch",
    "enter_share",
    "get_current_span_id",
    "innermost_batch",
    "resume",
    "resume_share",
    "within",
]

PARENT = "ARTIGRAPH_PARENT"
"""Environment variable with the span of another process that spans of this one are below."""


@dataclass(slots=True, eq=False)
class Cell:
    """One entry of a span into a context.

    A task that was started inside the span keeps the cell after the span has ended, and contexts
    may end out of order. So a cell is marked closed rather than removed from a stack (a token's
    ``reset`` fails in another context), and look-ups skip closed cells.

    Attributes:
        span_id: The span's id.
        outer: The entry around this one.
        graph: The engine of the graph that has the span.
        place: The ``root_id`` and ``depth`` of spans directly below it.
        used: Artifacts that were read in the span and are not yet recorded as such, with the time
            of the first reading. Tasks and threads started inside the span share it.
        closed: Whether the span was left.
        pid: The process that entered it.
        reader: The process that ``used`` belongs to.
        log: What the span logs to, or None.
        span: The object of the span, or None if another process entered it.
    """

    span_id: str
    outer: Cell | None
    graph: object = None
    place: tuple[str, int] = ("", 0)
    used: dict[str, str] = field(default_factory=dict)
    closed: bool = False
    pid: int = field(default_factory=os.getpid)
    reader: int = field(default_factory=os.getpid)
    log: object = None
    span: object = None

    @property
    def is_inherited(self) -> bool:
        """True in a forked child: the copy of an entry whose span the parent process ends."""
        return self.pid != os.getpid()

    def carried(self) -> str:
        """The entry as a text, for another process."""
        root_id, depth = self.place
        return f"{self.span_id}/{root_id}/{depth}"

    def note_used(self, artifact_ids: Iterable[str]) -> None:
        """Note that the span reads artifacts now."""
        if self.reader != os.getpid():  # the parent records what was noted before the fork
            self.used, self.reader = {}, os.getpid()
        now = datetime.now(UTC).isoformat()
        for artifact_id in artifact_ids:
            self.used.setdefault(artifact_id, now)

    def leave(self) -> None:
        """Stop the span being current, in this context and in all that inherited the cell."""
        self.closed = True
        _current.set(_open(_current.get()))


_current: ContextVar[Cell | None] = ContextVar("artigraph_neo4j.current_span", default=None)


def _open(cell: Cell | None) -> Cell | None:
    while cell is not None and cell.closed:
        cell = cell.outer
    return cell


def enter(
    span_id: str, graph: object = None, *, root_id: str | None = None, depth: int | None = None
) -> Cell:
    """Make a span current until the returned cell is left."""
    place = root_id or span_id, (depth or 0) + 1
    cell = Cell(span_id, _open(_current.get()), graph, place)
    _current.set(cell)
    return cell


def current_cell() -> Cell | None:
    """The entry of the innermost span that is open in this context.

    Otherwise that of the span that the parent process passed in the environment, or None.
    """
    cell = _open(_current.get())
    if cell is None and (text := os.environ.get(PARENT)):
        return carried(text)
    return cell


def carried(text: str) -> Cell:
    """Return the entry that another process has as ``Cell.carried``.

    It counts as inherited: that process closes the span, so what is read is recorded at once.

    Raises:
        SpanError: The text is not one that ``Cell.carried`` makes.
    """
    parts = text.split("/")
    if len(parts) != 3 or not all(parts) or not parts[2].isdecimal():
        raise SpanError(
            f"{PARENT} in the environment is {text!r}, which parent_environment() does not make; "
            "unset it"
        )
    return Cell(parts[0], None, None, (parts[1], int(parts[2])), pid=0)


@contextmanager
def within(cell: Cell | None) -> Generator[None]:
    """Make an entry the current one of this context for a ``with`` block."""
    token = _current.set(cell)
    try:
        yield
    finally:
        _current.reset(token)


def resume(cell: Cell) -> None:
    """Make an entry that was made in another context current in this one, too."""
    cell.outer = _open(_current.get())
    _current.set(cell)


def current_span_id() -> str | None:
    """The id of the innermost span that is open in this context, or None."""
    cell = current_cell()
    return cell.span_id if cell else None


def get_current_span_id(span: str = "current", /) -> str:
    """Return ``span`` itself, or the id of the current span for ``"current"``.

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


class Unit(Protocol):
    """A collector of writes: a batch."""

    @property
    def engine(self) -> object:
        """The engine that it writes to."""
        ...

    @property
    def outer(self) -> Unit | None:
        """The batch around it."""
        ...

    @property
    def atomic(self) -> bool:
        """True if it writes nothing before its end."""
        ...

    @property
    def alive(self) -> bool:
        """True while it collects works, in this process: a forked child does not write them."""
        ...

    async def flush(self) -> None:
        """Write the works that wait."""


_batch: ContextVar[Unit | None] = ContextVar("artigraph_neo4j.batch", default=None)


def current_batch(engine: object) -> Unit | None:
    """The innermost batch of this context that writes to an engine, or None."""
    unit = _batch.get()
    while unit is not None and not (unit.alive and unit.engine is engine):
        unit = unit.outer
    return unit


def innermost_batch() -> Unit | None:
    """The innermost batch of this context, for any engine."""
    return _batch.get()


def enter_batch(unit: Unit | None) -> None:
    """Make a batch, or none, the current one of this context."""
    _batch.set(unit)


@dataclass(slots=True, eq=False)
class Share:
    """The part of a batch that one block records, a block inside that joins the batch of an outer.

    A task that was started inside the block keeps the share after the block has ended; from then on
    it stands for the share around it.

    Attributes:
        unit: The batch.
        outer: The share around it; None stands for the block that made the batch.
        ended: Whether the block was left.
    """

    unit: Unit
    outer: Share | None
    ended: bool = False

    def current(self) -> Share | None:
        """The innermost share, from this one outwards, whose block was not left."""
        share: Share | None = self
        while share is not None and (share.ended or share.unit is not self.unit):
            share = share.outer
        return share


_share: ContextVar[Share | None] = ContextVar("artigraph_neo4j.share", default=None)


def current_share(unit: Unit) -> Share | None:
    """The innermost share of a batch in this context; None for the block that made the batch."""
    share = _share.get()
    while share is not None and (share.ended or share.unit is not unit):
        share = share.outer
    return share


def enter_share(unit: Unit) -> Share:
    """Make a new share of a batch the current one of this context, until it is marked as ended."""
    outer = _share.get()
    while outer is not None and outer.ended:
        outer = outer.outer
    share = Share(unit, outer)
    _share.set(share)
    return share


def resume_share(share: Share) -> None:
    """Make a share that was made in another context current in this one, too."""
    _share.set(share)
