"""Opening and closing spans: the block that a span lasts for."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from artigraph_neo4j.common.former import renamed
from artigraph_neo4j.engine import provenance
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.scope import Cell, current_cell, enter
from artigraph_neo4j.errors import ArgumentError, ArtigraphError, ConnectionFailed, SpanError
from artigraph_neo4j.graph.lanes import Ticket
from artigraph_neo4j.graph.names import Label
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.graph.span_rows import (
    changed_properties,
    mark_changed,
    mark_closed,
    new_properties,
    seconds_of,
)
from artigraph_neo4j.recording.batch import write_first
from artigraph_neo4j.recording.block import batch_for
from artigraph_neo4j.recording.commit import UNWRITABLE, write, write_later
from artigraph_neo4j.recording.outcome import is_success, outcome_of
from artigraph_neo4j.recording.runs import IfRunExists, RunKey, open_run
from artigraph_neo4j.recording.series import SpanLog, open_log
from artigraph_neo4j.recording.used import MAX_USED, take_used, write_used
from artigraph_neo4j.recording.work import Closing, Opening, Work

__all__ = ["span_context"]

S = TypeVar("S", bound=Span)


class span_context(Generic[S]):  # noqa: N801 - used like a function
    """Open a span for the duration of an ``async with`` block, and make it the current one.

    Leaving the block records its end and its status: ``OK``, or ``ERROR`` with type, message and
    traceback when an exception passes through. The exception, cancellation included, propagates
    unchanged. The span's parent is the span that is current on entering, in this task or in the
    task that started it.

    Artifacts that are read inside are recorded as ``USED`` by the span when the block is left.

    A span that exists is entered again without being opened or closed: it is made current,
    artifacts that are read inside are recorded as used by it, and properties that are set inside
    are recorded too.

    A span with a ``key`` is a run that may be started again: the key is unique among runs with the
    same label and parent, and ``if_exists`` decides about a run that exists. ``"resume"`` continues
    it, unless it is open in a process that is alive: what it recorded stays, and its new end
    replaces the old one. A run that is done (``span.status == "OK"`` on entering) is entered
    unchanged; only a failure is recorded. ``"new"`` begins another attempt, a span of its own;
    earlier ones stay, and ``span.run_attempt`` counts them.

    One round trip to enter, one to leave (with the properties that changed and the artifacts that
    were read); none to enter a span that exists, and none to leave it when nothing was read or set.

    Args:
        span: A new span of any class, or an existing one; by default a new ``Span``.
        label: The label of a new ``Span``: a text or a path.
        properties: Properties that its class does not declare, for ``extra``.
        key: The key of the run, such as ``"2026-11-29"``.
        if_exists: ``"error"``, ``"resume"`` or ``"new"``.

    Raises:
        RunExistsError: On entering: the run exists, and is not to be resumed, or is running.
        SpanError: Both ``span`` and ``label`` are given.
        NotFoundError: On entering: the current span is not in the graph any more.
        ConnectionFailed: The database stayed out of reach.
    """

    @overload
    def __init__(
        self: span_context[Span],
        *,
        label: Label | None = None,
        properties: Mapping[str, Any] | None = None,
        key: str | None = None,
        if_exists: IfRunExists = "error",
    ) -> None: ...
    @overload
    def __init__(
        self,
        span: S,
        *,
        properties: Mapping[str, Any] | None = None,
        key: str | None = None,
        if_exists: IfRunExists = "error",
    ) -> None: ...
    @renamed(span_label="label", resume="if_exists")
    def __init__(
        self,
        span: Any = None,
        *,
        label: Label | None = None,
        properties: Mapping[str, Any] | None = None,
        key: str | None = None,
        if_exists: IfRunExists = "error",
    ) -> None:
        if span is not None and label is not None:
            raise SpanError(
                "span_context takes a span or a label, not both; give the label to the span: "
                f"{type(span).__name__}(label={label!r})"
            )
        if span is not None and not isinstance(span, Span):
            raise SpanError(f"span_context takes a Span, not {span!r}; or label= for a new one")
        self._span: Any = Span(label=label) if span is None else span
        self._span.extra.update(properties or {})
        self._run = _run_key(self._span, key, if_exists)
        self._engine: Engine | None = None
        self._cell: Cell | None = None
        self._log: SpanLog | None = None
        self._opened = self._done = False
        self._began = 0.0

    @property
    def cell(self) -> Cell | None:
        """The span's entry in the context; None before the block is entered."""
        return self._cell

    if not TYPE_CHECKING:  # type checkers say so themselves

        def __enter__(self):
            raise ArgumentError(
                "write: async with span_context(...); or, in code that is not async: "
                "from artigraph_neo4j import sync, and: with sync.span_context(...)"
            )

        def __exit__(self, *_):
            """For ``with``, which looks for it first."""

    async def __aenter__(self) -> S:
        span: Span = self._span
        self._opened = self._done = False  # the same context may be entered again later
        self._began = time.monotonic()
        self._engine = get_engine()
        if not span.is_recorded:
            self._opened = True
            opening, facts = await _opening(self._engine, span, current_cell())
            try:
                if self._run is None:
                    await _open(self._engine, opening)
                else:
                    span, self._opened = await open_run(self._engine, opening, self._run, facts)
                    self._span, self._done = span, not self._opened
            except BaseException as error:
                # Cancelled while the write was under way: it was completed, so the span must end.
                if opening.span.is_recorded:
                    await _close(self._engine, opening.span, None, error, self._seconds())
                raise
            if self._opened:
                span.__dict__["_held"] = os.getpid()
        self._cell = enter(span.node_id, self._engine, root_id=span.root_id, depth=span.depth)
        self._cell.span = span
        self._cell.log = self._log = open_log(self._engine, span)
        return self._span  # type: ignore[no-any-return]

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        cell, engine = self._cell, self._engine
        if cell is None or engine is None:
            return
        cell.leave()
        seconds = self._seconds()
        unlogged = stopped = None
        try:
            unlogged = await self._log.finish() if self._log is not None else None
        except asyncio.CancelledError as cancelled:
            stopped = cancelled  # the span ends all the same
        try:
            if self._opened or (self._done and error is not None and not is_success(error)):
                await _close(engine, self._span, cell, error, seconds, unlogged)
            else:
                await _leave(engine, self._span, cell)
                _raise(unlogged)
        except Exception as failed:
            other = error if error is not None else stopped
            if other is None:
                raise
            other.add_note(str(failed))  # the user's error matters more than ours
        if stopped is not None:
            raise stopped


def _raise(error: Exception | None) -> None:
    if error is not None:
        raise error


def _run_key(span: Span, key: str | None, if_exists: IfRunExists) -> RunKey | None:
    if key is None:
        if if_exists != "error":
            raise ArgumentError("if_exists is for a run with a key; write: span_context(key=...)")
        return None
    if span.is_recorded:
        raise ArgumentError(
            f"key is for a run to open, and span {span.node_id} is in the graph already; it is "
            "entered without a key"
        )
    return RunKey(key, if_exists)


async def _opening(
    engine: Engine, span: Span, outer: Cell | None
) -> tuple[Opening, dict[str, Any]]:
    """Make the work that opens a span below another, and return it with the provenance."""
    parent, place = (outer.span_id, outer.place) if outer else (None, (span.node_id, 0))
    facts = await _provenance(engine) if parent is None else {}
    now = datetime.now(UTC)
    properties = new_properties(span, engine.writer.id, facts)
    properties["root_id"], properties["depth"] = place
    return Opening(span, properties, now, parent), facts


async def _open(engine: Engine, opening: Opening) -> None:
    batch = batch_for(engine)
    if batch is not None:
        await batch.open(opening)
    else:
        await _write_alone(engine, opening)


async def _write_alone(engine: Engine, work: Work, ticket: Ticket | None = None) -> None:
    _, refused = await write(engine, [work], ticket=ticket, settle=True)
    if refused:
        raise refused[work]


async def _provenance(engine: Engine) -> dict[str, Any]:
    if not (engine.record_provenance and provenance.provenance_wanted()):
        return {}
    if not provenance.is_warm():
        # Once per process; it runs while connecting, which takes longer.
        await asyncio.gather(asyncio.to_thread(provenance.warm_up), engine.ready())
    return provenance.recorded_provenance()


async def _close(
    engine: Engine,
    span: Span,
    cell: Cell | None,
    error: BaseException | None,
    seconds: float,
    unlogged: Exception | None = None,
) -> None:
    """Record the end of a span; properties that cannot be stored are left out, then reported."""
    span.__dict__.pop("_held", None)
    problems: list[Exception] = [] if unlogged is None else [unlogged]
    if cell is not None and len(cell.used) > MAX_USED:
        try:
            await write_used(engine, cell, leave=MAX_USED)
        except Exception as failed:
            problems.append(failed)
    outcome = outcome_of(span, error)
    changed, unstorable = changed_properties(span)
    problems += unstorable
    ended = _end_of(span, seconds)
    span.__dict__.update(outcome, closed_at=ended, writer_id=None)
    properties = outcome | {"duration_": seconds_of(span)}
    closing = Closing(span, properties, ended, take_used(cell, MAX_USED), changed)
    mark_closed(span, changed)
    batch = batch_for(engine)
    if batch is not None:
        await batch.close(closing)
    else:
        await _write_end(engine, closing, problems)
    if problems:
        raise SpanError(
            f"span {span.node_id} ended as {span.status}, but parts of it could not be recorded: "
            + "; ".join(map(str, problems))
        ) from problems[0]


async def _leave(engine: Engine, span: Span, cell: Cell) -> None:
    """Record what a span used that was entered again, and the properties that changed in it."""
    changed, problems = changed_properties(span)
    if problems:
        raise problems[0]
    held = vars(span).get("_held") == os.getpid()
    if not changed or held:  # the end of the span writes them
        await write_used(engine, cell)
    else:
        await write_used(engine, cell, leave=MAX_USED)
        await _write_alone(engine, Closing(span, {}, None, take_used(cell, MAX_USED), changed))
        mark_changed(span, changed)


async def _write_end(engine: Engine, closing: Closing, problems: list[Exception]) -> None:
    try:
        await write_first(engine, {artifact_id for artifact_id, _ in closing.used})
    except ArtigraphError as error:  # from the works of others; the end is written all the same
        problems.append(error)
    ticket = Ticket()
    try:
        await _write_alone(engine, closing, ticket)
    except UNWRITABLE as error:
        if not closing.changed:
            engine.span_left(closing.span.node_id)
            raise
        closing.changed = {}
        problems.append(error)
        await _write_end(engine, closing, problems)
    except ConnectionFailed:
        write_later(engine, closing, ticket)
        raise


def _end_of(span: Span, seconds: float) -> datetime:
    """The current time; if the clock was set back, the start time plus the measured duration."""
    now = datetime.now(UTC)
    return now if now >= span.opened_at else span.opened_at + timedelta(seconds=seconds)
