"""The statement that writes some works: its parameters, and what to note when it was applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from artigraph_neo4j.common.times import epoch
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.graph.attempts import Ask, Row
from artigraph_neo4j.graph.connection import Once
from artigraph_neo4j.graph.cypher import write as writing
from artigraph_neo4j.graph.lanes import Ticket
from artigraph_neo4j.graph.names import (
    FAILED_LABEL,
    LABEL_CHARACTERS,
    OPEN_LABEL,
    UNINDEXED_LABEL,
)
from artigraph_neo4j.graph.search import search_text
from artigraph_neo4j.model.pending import Node
from artigraph_neo4j.recording.guards import Check
from artigraph_neo4j.recording.work import Closing, Opening, Recording, Work, owner_of
from artigraph_neo4j.values.upload import stored_parameters

__all__ = ["WriteStatement", "properties_of"]


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


class WriteStatement:
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
        needed = {owner_of(work) for work in works if not isinstance(work, Opening)}
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

    def again(self, *, ask_all: bool) -> WriteStatement:
        """The statement for the same works, as far as they are still to be written."""
        return WriteStatement(
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
