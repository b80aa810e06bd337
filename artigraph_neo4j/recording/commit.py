"""The statement that writes spans and artifacts.

Each call that records something makes a ``Work``. Outside of a batch each is written by itself;
in a batch many works are written in one statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import inf
from typing import Any

from artigraph_neo4j.common.pausing import collector_paused
from artigraph_neo4j.common.times import epoch, instant
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.errors import (
    DuplicateLabelError,
    EngineError,
    NotFoundError,
    RevisionError,
    SpanError,
)
from artigraph_neo4j.graph.attempts import Ask, Row
from artigraph_neo4j.graph.connection import Once
from artigraph_neo4j.graph.cypher import write as writing
from artigraph_neo4j.graph.failures import ConflictError, RefusedError
from artigraph_neo4j.graph.lanes import Ticket
from artigraph_neo4j.graph.names import (
    FAILED_LABEL,
    LABEL_CHARACTERS,
    OPEN_LABEL,
    UNINDEXED_LABEL,
)
from artigraph_neo4j.graph.search import search_text
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.base import ArtifactInfo
from artigraph_neo4j.model.pending import Node
from artigraph_neo4j.recording.guards import Check
from artigraph_neo4j.recording.work import Closing, Opening, Recording, Work
from artigraph_neo4j.values.upload import stored_parameters

__all__ = [
    "UNWRITABLE",
    "existing_span",
    "properties_of",
    "write",
    "write_later",
]


UNWRITABLE = (RefusedError, ConflictError, ValueError, TypeError, OverflowError)
"""Errors which mean that one of the works cannot be stored."""

TURNS = 100
"""Maximum number of results that only say what others wrote in between. Of many programs that
revise one artifact at the same time, one succeeds each turn."""


def properties_of(node: Node, label: str | None) -> dict[str, Any]:
    """The properties of a node to write, except the time."""
    properties = _own_properties(node, label) | _model_properties(node)
    if label is not None:
        properties["artifact_label"] = label
        properties.setdefault("label_", label)
    return properties


def _model_properties(node: Node) -> dict[str, Any]:
    info = node.plan.info
    return {"model": info.name, "model_version": info.version, "codec": node.codec()}


def _own_properties(node: Node, label: str | None) -> dict[str, Any]:
    """Properties that belong to the node itself: id, search text, shortened label."""
    properties = node.properties
    properties["node_id"] = node.node_id
    if (found := search_text(label, node.words)) is not None:
        properties["search_"] = found
    if label is not None and len(label) > LABEL_CHARACTERS:
        properties["label_"] = label[:LABEL_CHARACTERS]
    return properties


async def write(
    engine: Engine,
    works: Sequence[Work],
    *,
    ticket: Ticket | None = None,
    merge: bool = False,
    settle: bool = False,
    deadline: float | None = None,
    checks: Sequence[Check] = (),
) -> tuple[bool, dict[Work, Exception]]:
    """Write works in one statement, all or none.

    One round trip; two more, and one for each check, if there are checks. More when stored values
    that were reused have been deleted since, or when so much time passes between attempts that
    garbage collection may have deleted the uploads.

    Args:
        engine: The engine that writes.
        works: The works, parents before children.
        ticket: The identity of the write, for a caller that may send the same works again.
        merge: Whether some of the works may already be in the graph, under the same ids.
        deadline: Maximum seconds for a statement; by default the engine's.
        settle: Whether the write is completed even when the caller is cancelled.
        checks: Looks at what was written, before it is committed.

    Returns:
        Whether the works were written; if not, the refused works with their reasons. The others can
        then be written without them.

    Raises:
        ConnectionFailed: The database stayed out of reach.
        EngineError: The database refused the statement.
        PolicyError: A check refused; nothing was written.
    """
    with collector_paused():
        statement = _Statement(engine, works, merge=merge, checks=checks)
    mine = ticket or Ticket()
    try:
        return await _write(statement, mine, settle, deadline)
    except BaseException:
        if ticket is None and mine.unconfirmed:  # if it was not applied yet, it never will be
            engine.later(partial(engine.settle, mine))
        raise


async def _write(
    statement: _Statement, ticket: Ticket, settle: bool, deadline: float | None
) -> tuple[bool, dict[Work, Exception]]:
    gone: list[str] = []
    turns = TURNS
    while not statement.is_empty:
        for part in statement.uploads:
            await part.renew(gone)
        try:
            result = await statement.send(ticket, settle, deadline)
        except ConflictError as error:
            refused, why = _conflicting(statement.works, error)
            if not statement.could_ask(refused):
                why.__cause__ = error
                return False, {refused: why}
            statement = statement.again(ask_all=True)
            continue
        if result.stale:
            continue
        if result.before:
            await statement.find_opened()
            return True, {}
        turns -= 1
        if refusals := await _refused(statement, result.row, last=not turns):
            return False, refusals
        _, problems, gone, _, taken, _ = result.row
        if problems or taken:
            statement = statement.again(ask_all=statement.asks_all)
        elif not gone:
            break
    return True, {}


async def _refused(statement: _Statement, row: Row, *, last: bool) -> dict[Work, Exception]:
    """Return the works that a result refuses; note on the others which labels are taken.

    Args:
        statement: The statement that was sent.
        row: Its result.
        last: Whether an artifact that others revised in between is not asked for again.
    """
    engine, recordings = statement.engine, statement.recordings
    missing, problems, _, other, taken, _ = row
    if other is not None:
        moved = EngineError(
            f"the graph took another id, {other}, since this program connected to it; nothing "
            "was recorded; close the engine, or start the program again"
        )
        stored = [w for w in recordings if w.uploads and w.uploads.graph_id is not None]
        return dict.fromkeys(stored, moved)
    if missing:
        return await _orphans(engine, statement.works, set(missing))
    for node_id, problem in problems:
        revising = next(work for work in recordings if work.revises == node_id)
        if last or revising.if_exists == "error":
            return {revising: await _unrevisable(engine, node_id, problem)}
        revising.revises = None  # somebody else revised it in between
    return _taken(recordings, taken)


class _Statement:
    """The parameters that write some works, and the notes to make on their spans afterwards."""

    def __init__(
        self,
        engine: Engine,
        works: Sequence[Work],
        *,
        merge: bool,
        ask_all: bool = False,
        checks: Sequence[Check] = (),
    ) -> None:
        self.engine = engine
        self._checks = checks
        self.asks_all = ask_all
        self._merge = merge
        works = [w for w in works if not (isinstance(w, Recording) and w.kept)]
        self.works = works
        self._spans: dict[tuple[str, ...], list[list[Any]]] = {}
        self._children: dict[str, list[str]] = {}
        self._owned: dict[tuple[int, str, bool], dict[str, Any]] = {}
        self._others: dict[tuple[int, str, bool], dict[str, Any]] = {}
        self._rows: dict[tuple[int, str, bool, str | None], list[Any]] = {}
        self._used: list[list[Any]] = []
        openings = [work for work in works if isinstance(work, Opening)]
        closings = [work for work in works if isinstance(work, Closing)]
        self.recordings = [work for work in works if isinstance(work, Recording)]
        for opening in openings:
            self._open(opening)
        for closing in closings:
            self._use(closing)
        for recording in self.recordings:
            self._record(recording)
        self._staying = [work.span.node_id for work in openings if work.closing is None]
        self.uploads = [w.uploads for w in self.recordings if w.uploads is not None]
        opened = {work.span.node_id for work in openings}
        needed = {_owner(work) for work in works if not isinstance(work, Opening)}
        owners = needed - opened - {None}
        below = [[parent, ids] for parent, ids in self._children.items()]
        self._parameters: dict[str, Any] = {
            "owners": sorted(str(owner) for owner in owners),
            "opened": [{"labels": key, "rows": rows} for key, rows in self._spans.items()],
            "parents": sorted(group for group in below if group[0] not in opened),
            "children": [group for group in below if group[0] in opened],
            "owned": list(self._owned.values()),
            "others": list(self._others.values()),
            "fields": [link for work in self.recordings for link in work.links],
            "revises": [
                {"old": work.revises, "new": work.encoded.roots[0].node_id}
                for work in self.recordings
                if work.revises is not None
            ],
            "keys": [
                key
                for work in self.recordings
                if work.asks or (ask_all and work.revises is None)
                for key in work.keys
                if key is not None
            ],
            "closed": [
                [w.span.node_id, w.properties | w.changed, epoch(w.at)]
                for w in closings
                if w.at is not None
            ],
            "changed": [[w.span.node_id, w.changed] for w in closings if w.at is None],
            "used": self._used,
        }

    @property
    def is_empty(self) -> bool:
        """True if nothing is left to write, since all artifacts are there and are kept."""
        return not self.works

    def could_ask(self, refused: Work) -> bool:
        """True if it helps to ask which labels are taken, after a conflict about a work."""
        return isinstance(refused, Recording) and (refused.asks or not self.asks_all)

    def again(self, *, ask_all: bool) -> _Statement:
        """The statement for the same works, as far as they are still to be written."""
        return _Statement(
            self.engine, self.works, merge=self._merge, ask_all=ask_all, checks=self._checks
        )

    def _open(self, work: Opening) -> None:
        properties, closed_at = work.properties, None
        mark = [OPEN_LABEL]
        if work.closing is not None:
            closing = work.closing
            merged = {**properties, **closing.properties, **closing.changed, "writer_id": None}
            properties = {key: value for key, value in merged.items() if value is not None}
            closed_at = None if closing.at is None else epoch(closing.at)
            mark = [FAILED_LABEL] if properties["status"] == "ERROR" else []
            self._use(work.closing)
        mark += [UNINDEXED_LABEL] if "label" in properties else []
        labels = (*type(work.span).inherited_labels(), *mark)
        self._spans.setdefault(labels, []).append([properties, epoch(work.at), closed_at])
        if work.parent is not None:
            self._children.setdefault(work.parent, []).append(work.span.node_id)

    def _use(self, work: Closing) -> None:
        if work.used:
            self._used.append([work.span.node_id, work.used])

    def _record(self, work: Recording) -> None:
        """Add the nodes of a call; values shared with other nodes are sent once."""
        encoded = work.encoded
        # It takes over span, label and key of the other, or its link has a type of its own.
        alone = work.revises is not None or work.part_of is not None
        for node, label, key in zip(encoded.roots, work.labels, work.keys, strict=True):
            row = [_own_properties(node, label), epoch(node.recorded_at), label, key]
            if alone:
                row[2:] = None, None
            has_words = label is not None or "search_" in node.properties
            self._rows_like(node, None if alone else work.span_id, has_words).append(row)
        for node in encoded.nodes[len(encoded.roots) :]:
            row = [_own_properties(node, None), epoch(node.recorded_at), None, None]
            self._rows_like(node, None, "search_" in node.properties).append(row)

    def _rows_like(self, node: Node, span_id: str | None, has_words: bool) -> list[Any]:
        codec = node.codec()
        model = id(node.plan), codec, has_words
        rows = self._rows.get((*model, span_id))
        if rows is None:
            rows = self._rows[*model, span_id] = []
            groups = self._others if span_id is None else self._owned
            if model not in groups:
                groups[model] = {
                    "labels": [*node.labels, *([UNINDEXED_LABEL] if has_words else [])],
                    **_model_properties(node),
                    "spans": [],
                }
            groups[model]["spans"].append([span_id, rows])
        return rows

    async def send(self, ticket: Ticket, settle: bool, deadline: float | None) -> Once:
        """Send the statement; the row returned is the one of ``statement``, without ``TURN``."""
        writer = self.engine.writer
        writers = writer.opening() if self._staying else []

        def done(result: Once) -> None:
            if result.stale or not (result.before or _is_written(result.row)):
                return
            self._note(dict(result.row[5]) if result.row else {})
            for span_id in self._staying:
                self.engine.span_opened(span_id, bool(writers))

        parameters = self._parameters | stored_parameters(self.uploads) | {"writers": writers}
        text = writing.statement(parameters, merge=self._merge)

        def fresh() -> float:
            return min((part.fresh_seconds() for part in self.uploads), default=inf)

        return await self.engine.once(
            text,
            parameters,
            ticket=ticket,
            settle=settle,
            deadline=deadline,
            fresh=fresh,
            done=done,
            verify=self._verify if self._checks else None,
        )

    async def _verify(self, rows: list[Row], ask: Ask) -> None:
        if _is_written(rows[0]):
            for check in self._checks:
                await check.verify(ask)

    def _note(self, element_ids: Mapping[str, str]) -> None:
        """Note on spans that they were opened or closed, even if the caller was cancelled."""
        for work in self.works:
            if isinstance(work, Opening):
                work.opened(element_ids.get(work.span.node_id))
            elif isinstance(work, Closing) and work.at is not None:
                self.engine.writer.closed(work.span.node_id)

    async def find_opened(self) -> None:
        """Ask for the element ids of spans whose answer was lost; one round trip for all."""
        ids = [work.span.node_id for work in self.works if isinstance(work, Opening)]
        if ids:
            ((found,),) = await self.engine.ask(
                writing.ELEMENT_IDS, {"ids": ids}, after_batch=False
            )
            self._note(dict(found))


def _is_written(row: Row) -> bool:
    missing, problems, gone, other, taken, _ = row
    return not (missing or problems or gone or taken) and other is None


def _owner(work: Work) -> str | None:
    """The id of the span that must exist before a work can be written."""
    match work:
        case Opening():
            return work.parent
        case Recording():
            return work.span_id
        case Closing():
            return work.span.node_id


# -- refused works -------------------------------------------------------------------------------


def _conflicting(works: Sequence[Work], error: ConflictError) -> tuple[Work, Exception]:
    for work in works:
        if isinstance(work, Recording):
            for label, key in zip(work.labels, work.keys, strict=True):
                if key is not None and error.names(key):
                    return work, _duplicate(work, label)
        elif isinstance(work, Opening) and error.names(work.span.node_id):
            return work, existing_span(work.span)
    if len(works) > 1:  # a user's constraint; the caller finds the work by writing each alone
        raise error
    return works[0], RefusedError(f"a constraint of this database refused the write: {error}")


def _taken(recordings: Sequence[Recording], taken: list[list[Any]]) -> dict[Work, Exception]:
    """Note on works which artifacts have their labels; return those that are refused for it."""
    found = {key: more for key, *more in taken}
    refused: dict[Work, Exception] = {}
    for work in recordings:
        for label, key in zip(work.labels, work.keys, strict=True):
            if key not in found or work.revises is not None:
                continue
            node_id, at, model, version, doomed = found[key]
            if doomed:
                refused[work] = _doomed(work, label)
                break
            if work.if_exists == "error":
                refused[work] = _duplicate(work, label)
                break
            info = ArtifactInfo(node_id, label, work.span_id, instant(at), model, version)
            work.is_taken_by(info)
    return refused


def _duplicate(work: Recording, label: str | None) -> DuplicateLabelError:
    return DuplicateLabelError(
        f"span {work.span_id} has an artifact labeled {label!r} already; use another label, None "
        'for one without, or if_exists="keep" or "revise"'
    )


def _doomed(work: Recording, label: str | None) -> DuplicateLabelError:
    return DuplicateLabelError(
        f"the artifact labeled {label!r} of span {work.span_id} is being deleted; record this one "
        "when that has ended (resume_deletes() finishes a delete that was cut short), or use "
        "another label"
    )


def existing_span(span: Span) -> SpanError:
    """The error for a new span whose id is taken."""
    return SpanError(
        f"there is a span {span.node_id} already, so it cannot be opened as a new one; enter it "
        "with span_context(await read_span(node_id)), or name the run with span_context(key=...)"
    )


def write_later(engine: Engine, closing: Closing, ticket: Ticket) -> None:
    """Arrange that the end of a span is written once the database is in reach again."""

    async def again() -> None:
        _, refused = await write(engine, [closing], ticket=ticket, deadline=engine.short_deadline)
        for why in refused.values():
            raise why

    engine.later(again)


async def _orphans(
    engine: Engine, works: Sequence[Work], missing: set[str]
) -> dict[Work, Exception]:
    """Works whose span is missing, including those below spans that therefore cannot be opened."""
    parents = {work.parent for work in works if isinstance(work, Opening)}
    why: dict[str | None, Exception] = {}
    for span_id in sorted(missing):
        parent = span_id in parents
        more = ", the parent of the one to open" if parent else "; nothing was recorded"
        why[span_id] = await absent(engine, "span", span_id, more)
    found: dict[Work, Exception] = {}
    for work in works:
        owner = _owner(work)
        if owner not in why:
            continue
        found[work] = why[owner]
        if isinstance(work, Opening):
            why[work.span.node_id] = why[owner]
        elif isinstance(work, Closing):
            found[work] = NotFoundError(f"span {owner} was deleted before it was closed")
    return found


async def _unrevisable(engine: Engine, node_id: str, problem: str) -> Exception:
    if problem == "missing":
        return await absent(engine, "artifact", node_id, "; nothing was recorded")
    if problem == "nested":
        return RevisionError(
            f"artifact {node_id} is part of another artifact; revise that one as a whole"
        )
    return RevisionError(
        f"artifact {node_id} was revised already, perhaps in this moment; read the newest version "
        "(read_revisions lists them, newest first) and revise that"
    )
