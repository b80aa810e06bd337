"""Opening a keyed run: one that a program which is started again finds, and resumes or refuses."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args

from artigraph_neo4j.common.times import epoch
from artigraph_neo4j.common.wording import duration_text, storable, time_text
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.heartbeat import SILENCE
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.errors import ArgumentError, NotFoundError, RunExistsError, SpanError
from artigraph_neo4j.graph.connection import Once
from artigraph_neo4j.graph.cypher import runs
from artigraph_neo4j.graph.failures import ConflictError
from artigraph_neo4j.graph.names import OPEN_LABEL, UNINDEXED_LABEL
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.graph.span_rows import declared_properties, span_from_row
from artigraph_neo4j.recording.block import batch_for
from artigraph_neo4j.recording.refusals import existing_span
from artigraph_neo4j.recording.work import Opening

__all__ = ["IfRunExists", "RunKey", "open_run"]

IfRunExists = Literal["error", "resume", "new"]
"""The handling of a run that exists; see ``span_context``."""

ATTEMPTS = 20
"""Maximum number of times that others may take the key before this program sees it."""


@dataclass(frozen=True, slots=True)
class RunKey:
    """The key of a run.

    Attributes:
        key: The text that its user gave.
        if_exists: The handling of a run that exists.

    Raises:
        ArgumentError: The key is not a text, or ``if_exists`` is unknown.
    """

    key: str
    if_exists: IfRunExists

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or not self.key:
            raise ArgumentError(
                f'key takes a text that is not empty, such as "2026-11-29", not {self.key!r}'
            )
        if self.if_exists not in get_args(IfRunExists):
            known = ", ".join(map(repr, get_args(IfRunExists)))
            raise ArgumentError(f"if_exists takes one of {known}, not {self.if_exists!r}")

    def hashed(self, span: Span, parent: str | None) -> str:
        """The value that is unique among runs: the SHA-256 of parent, label and key, in hex.

        A run without a label is known by its class. Lengths keep the parts apart.
        """
        name = span.label or type(span).inherited_labels()[0]
        parts = (parent or "", name, storable(self.key))
        text = "".join(f"{len(part)}:{part}" for part in parts)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(slots=True)
class _Opened:
    """The span that was opened, as far as it is known."""

    engine: Engine
    opening: Opening
    announced: bool
    fate: str = ""
    span: Span | None = None

    def note(self, fate: str, row: list[Any] | None) -> None:
        """Note a span that this process has open now, even if the caller was cancelled."""
        self.fate = fate
        given = self.opening.span
        if row is None or fate not in ("new", "resumed"):
            return
        if row[2]["node_id"] == given.node_id:
            self.span = given
            self.opening.opened(row[0])
            given.__dict__["run_attempt"] = row[2]["run_attempt"]
            given.__dict__["run_key"] = row[2]["run_key"]
        else:
            self.span = self.opening.span = adopted(given, row)
        self.engine.span_opened(self.span.node_id, self.announced)


async def open_run(
    engine: Engine, opening: Opening, run: RunKey, facts: Mapping[str, Any]
) -> tuple[Span, bool]:
    """Open a keyed run, or find it. One round trip.

    Args:
        engine: The engine that writes.
        opening: The span to open if there is no run to resume.
        run: The key.
        facts: The provenance of this program, for a run that is resumed.

    Returns:
        The span, which is that of ``opening`` if it is new; and whether this process has to close
        it: not if it was done already.

    Raises:
        RunExistsError: The run exists, and is not to be resumed or is running.
        SpanError: It is of another class, or the current batch is atomic.
        NotFoundError: The parent is not in the graph.
    """
    batch = batch_for(engine)
    if batch is not None and batch.atomic:
        raise SpanError(
            "a run with a key is written when it is opened, and an atomic batch writes at its end; "
            "open the run around the batch"
        )
    for _ in range(ATTEMPTS):
        try:
            return await _open(engine, opening, run, facts)
        except ConflictError as error:
            if error.names(opening.span.node_id):
                raise existing_span(opening.span) from error
            if not error.names(_key(opening, run)):
                raise
    raise SpanError(f"the run {run.key!r} is begun by many programs at once; try again")


def _key(opening: Opening, run: RunKey) -> str:
    return run.hashed(opening.span, opening.parent)


async def _open(
    engine: Engine, opening: Opening, run: RunKey, facts: Mapping[str, Any]
) -> tuple[Span, bool]:
    writers = engine.writer.opening()
    opened = _Opened(engine, opening, bool(writers))
    key = _key(opening, run)
    cls = type(opening.span)
    words = [UNINDEXED_LABEL] if "label" in opening.properties else []
    parameters = {
        "parent": opening.parent,
        "key": key,
        "if_exists": run.if_exists,
        "silence": SILENCE.total_seconds(),
        "properties": {**opening.properties, "run_key": storable(run.key)},
        "labels": [*cls.inherited_labels(), OPEN_LABEL, *words],
        "class": None if cls is Span else cls.inherited_labels()[0],
        "facts": dict(facts),
        "epoch": epoch(opening.at),
        "writer": engine.writer.id,
        "writers": writers,
    }

    def done(result: Once) -> None:
        if not (result.before or result.stale):
            opened.note(result.row[0], result.row[1])

    result = await engine.once(runs.OPEN_RUN, parameters, settle=True, done=done)
    if result.before:
        sought = {"writer": engine.writer.id, "id": opening.span.node_id, "key": key}
        rows = await engine.ask(runs.OPENED_RUN, sought, after_batch=False)
        if not rows:
            raise NotFoundError(f"the run {run.key!r} was deleted while it was opened")
        opened.note("resumed", rows[0][0])
    elif result.row[0] == "orphan":
        more = ", the parent of the run to open"
        raise await absent(engine, "span", str(opening.parent), more)
    if opened.span is not None:
        return opened.span, True
    fate, row, writer = result.row
    if fate == "done":
        return adopted(opening.span, row, keep=False), False
    found = span_from_row(row)
    if fate == "refused":
        raise RunExistsError(_refusal(found, run, writer), found)
    raise SpanError(
        f"the run {run.key!r} was recorded as a {type(found).__name__}, not as a {cls.__name__}; "
        "give this one another label or key"
    )


def adopted(given: Span, row: list[Any], *, keep: bool = True) -> Span:
    """Return the span of a row, as the object that was given if that has a class of its own.

    Args:
        given: The span that was given.
        row: The row of the span that was found.
        keep: Whether properties that were given, and are not the defaults of the class, replace
            those of the row; they are written when the span is closed.
    """
    extra = dict(given.extra) if keep else {}
    if type(given) is Span:
        found = span_from_row(row)
        found.extra.update(extra)
        return found
    found = span_from_row(row, type(given))
    kept: dict[str, Any] = {}
    for name, property_ in declared_properties(type(given)).items():
        value = vars(given).get(name) if keep else None
        if value is not None and not (property_.has_default and value == property_.default_value()):
            kept[name] = value
    given.__dict__.update(vars(found) | kept)
    given.extra.update(extra)
    return given


def _refusal(span: Span, run: RunKey, writer: Mapping[str, Any] | None) -> str:
    name = f"run {run.key!r}" if span.label is None else f"run {run.key!r} of {span.label!r}"
    if span.closed_at is None and writer is not None:
        heard = duration_text(timedelta(seconds=max(writer["silent"], 0)))
        state = (
            f"is open in {writer['program']} (process {writer['pid']} of {writer['user']} on "
            f"{writer['host']}), which was heard {heard} ago"
        )
    elif span.closed_at is None:
        state = "was never closed"
    else:
        how = "is done" if span.status == "OK" else f"ended as {span.status}"
        state = f"{how} since {time_text(span.closed_at)}"
    resume = ""
    if run.if_exists == "error":
        resume = 'if_exists="resume" continues it, '
    return f'{name} exists and {state}; {resume}if_exists="new" begins another attempt'
