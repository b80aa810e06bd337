"""Writing of batches of spans and artifacts to the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import ModelError
from artigraph_neo4j.exchange.upstream.reading import Reader
from artigraph_neo4j.exchange.upstream.records import Record, RecordEncoder, build
from artigraph_neo4j.exchange.upstream.tree import ImportNote, OldArtifact, OldSpan, Tree, named
from artigraph_neo4j.graph.cypher.upstream import IMPORT_SPANS, KNOWN
from artigraph_neo4j.graph.names import LABEL_CHARACTERS, UNINDEXED_LABEL, check_label
from artigraph_neo4j.graph.search import search_text
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.encode import Encoded
from artigraph_neo4j.model.native import NOT_NATIVE, to_native
from artigraph_neo4j.recording.commit import write
from artigraph_neo4j.recording.work import Recording, artifact_key
from artigraph_neo4j.values.upload import Uploads

__all__ = ["OLD_ID", "Counts", "Writer"]

OLD_ID = "imported_id_"
"""The property of imported spans and artifacts that holds their old id."""


@dataclass(slots=True)
class Counts:
    """The outcome of one batch."""

    done: int = 0
    known: int = 0
    nested: int = 0
    as_bytes: list[ImportNote] = field(default_factory=list)
    skipped: list[ImportNote] = field(default_factory=list)
    notes: list[ImportNote] = field(default_factory=list)


class Writer:
    """Writes the content of one database.

    Args:
        engine: The engine to write with.
        reader: The reader of the database's values.
        tree: All nodes of the database.
        names: New names of models, by the old ones.
        dry_run: Whether to do everything except writing.
    """

    def __init__(
        self,
        engine: Engine,
        reader: Reader,
        tree: Tree,
        names: Mapping[str, str],
        *,
        dry_run: bool,
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._tree = tree
        self._names = names
        self._dry_run = dry_run

    async def spans(self, spans: Sequence[OldSpan]) -> Counts:
        """Write some spans, parents before children; two round trips."""
        known, _ = await self._known([span.new_id for span in spans], [])
        counts = Counts(done=len(spans) - len(known), known=len(known))
        rows = [_span_row(span, counts) for span in spans]
        links = [[s.parent_id, s.new_id] for s in spans if s.parent_id and s.new_id not in known]
        if not self._dry_run:
            await self._engine.once(IMPORT_SPANS, {"spans": rows, "links": links})
        return counts

    async def artifacts(self, artifacts: Sequence[OldArtifact]) -> Counts:
        """Write some artifacts; two round trips, one more where values go to a storage."""
        keys = [artifact_key(a.span_id, a.label) for a in artifacts if a.span_id and a.label]
        known, taken = await self._known([item.new_id for item in artifacts], keys)
        fresh = [item for item in artifacts if item.new_id not in known]
        values = await self._reader.read(fresh)
        counts = Counts(known=len(artifacts) - len(fresh))
        counts.as_bytes, counts.skipped = values.as_bytes, values.skipped
        records: list[tuple[OldArtifact, Record]] = []
        for item in fresh:
            if item.new_id not in values.of:
                continue
            try:
                record = build(item, self._tree, values.of[item.new_id], self._names)
                records.append((item, record))
            except ModelError as error:
                row = item.rows[0]
                counts.skipped.append(ImportNote(row.node_id, named(row), str(error)))
        if records:
            limit = self._engine.inline_bytes
            encoded = [RecordEncoder(inline_bytes=limit).run([record]) for _, record in records]
            _free_labels([item for item, _ in records], taken, counts)
            if not self._dry_run:
                await self._write([item for item, _ in records], encoded)
            counts.done = len(records)
            counts.nested = sum(len(one.nodes) for one in encoded) - len(records)
        return counts

    async def _known(self, ids: list[str], keys: list[str]) -> tuple[set[str], set[str]]:
        ((found, taken),) = await self._engine.ask(KNOWN, {"ids": ids, "keys": keys})
        return set(found), set(taken)

    async def _write(self, artifacts: list[OldArtifact], encoded: list[Encoded]) -> None:
        old_ids = {new: old for old, new in self._tree.new_ids.items()}
        for node in (node for one in encoded for node in one.nodes):
            node.properties[OLD_ID] = old_ids[node.node_id]
        # The values of all are stored together, so that one query finds equal ones.
        together = Uploads(self._engine, [field for one in encoded for field in one.pending])
        await together.keep()  # its memory is freed with it
        works = [
            Recording(one, [item.label], item.span_id, together if i == 0 else None)
            for i, (item, one) in enumerate(zip(artifacts, encoded, strict=True))
        ]
        _, refused = await write(self._engine, works, merge=True)
        for error in refused.values():
            raise type(error)(f"{error}; start the import again") from error


def _free_labels(artifacts: list[OldArtifact], taken: set[str], counts: Counts) -> None:
    """Give other labels to artifacts whose labels are taken in the graph by now."""
    for item in artifacts:
        if item.span_id and item.label and artifact_key(item.span_id, item.label) in taken:
            row = item.rows[0]
            item.label = f"{item.label}#{row.node_id}"
            reason = f"the graph has another artifact with its label; it is now {item.label!r}"
            counts.notes.append(ImportNote(row.node_id, named(row), reason))


def _span_row(span: OldSpan, counts: Counts) -> dict[str, Any]:
    row = span.row
    opened = row.opened_at or row.created_at
    properties: dict[str, Any] = {}
    for name, value in row.extra.items():
        stored, _ = to_native(value)
        if stored is NOT_NATIVE:
            reason = f"column {name!r} has a {type(value).__name__}, which a property cannot hold"
            counts.notes.append(ImportNote(row.node_id, named(row), reason))
        else:
            properties[f"{name}_" if name in _OWN else name] = stored
    properties |= {
        "node_id": span.new_id,
        "status": "UNSET",
        "root_id": span.root_id,
        "depth": span.depth,
        OLD_ID: row.node_id,
    }
    if row.span_label is not None:
        properties["label"] = row.span_label
        properties["label_"] = row.span_label[:LABEL_CHARACTERS]
        properties["search_"] = search_text(row.span_label)
    words = [] if row.span_label is None else [UNINDEXED_LABEL]
    return {
        "id": span.new_id,
        "labels": _labels(span, counts) + words,
        "properties": properties,
        "opened_at": opened.isoformat(),
        "closed_at": row.closed_at and row.closed_at.isoformat(),
        "duration": row.closed_at and (row.closed_at - opened).total_seconds(),
    }


_OWN = frozenset(Span.defined_properties())


def _labels(span: OldSpan, counts: Counts) -> list[str]:
    row = span.row
    labels = ["ArtigraphNode", "Span"]
    if row.kind in ("span", "node"):
        return labels
    try:
        return [*labels, check_label(row.kind, "span class", row.kind)]
    except ModelError as error:
        counts.notes.append(ImportNote(row.node_id, named(row), f"it is a plain Span: {error}"))
        return labels
