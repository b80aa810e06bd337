"""Reading of everything below a span in batches, as the records of an exported file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from artigraph_neo4j.common.packing import packed
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.errors import ArchiveError, SerializationError
from artigraph_neo4j.exchange.archive.lines import Line
from artigraph_neo4j.graph.cypher import archive as cypher
from artigraph_neo4j.graph.cypher import tables
from artigraph_neo4j.graph.names import SEARCH_LABELS
from artigraph_neo4j.graph.properties import instant_to_json, to_json
from artigraph_neo4j.model.seal import SEAL, TornReadError
from artigraph_neo4j.model.stored import Stored
from artigraph_neo4j.recording.objects import until_whole

__all__ = ["NODES", "SPANS", "GraphReader", "artifact_record", "is_part", "span_record"]

SPANS = 500
"""Maximum number of spans to read at once."""

NODES = 500
"""Maximum number of artifacts to read at once, nested ones too; a larger one is read alone."""


class GraphReader:
    """Reads a span, the spans below it and all their artifacts.

    Args:
        engine: The graph.
        span_id: The span.
    """

    def __init__(self, engine: Engine, span_id: str) -> None:
        self._engine = engine
        self.span_id = span_id
        self.root_id = span_id
        self.depth = 0
        self.parent_id: str | None = None

    async def find(self) -> None:
        """Look up the place of the span. One round trip.

        Raises:
            NotFoundError: The span does not exist.
        """
        rows = await self._engine.ask(cypher.EXPORT_ROOT, {"span": self.span_id})
        if not rows:
            raise await absent(self._engine, "span", self.span_id, "; nothing was exported")
        ((self.root_id, self.depth, self.parent_id),) = rows

    def _page(self, after: str) -> dict[str, Any]:
        return {"span": self.span_id, "root": self.root_id, "after": after, "size": SPANS}

    async def spans(self) -> AsyncIterator[list[Line]]:
        """Yield the spans in order of their ids; one round trip for each batch."""
        after = ""
        while True:
            ((rows,),) = await self._engine.ask(cypher.EXPORT_SPANS, self._page(after))
            if rows:
                yield [span_record(*row) for row in rows]
                after = rows[-1][1]["node_id"]
            if len(rows) < SPANS:
                return

    async def records(self) -> AsyncIterator[list[Line]]:
        """Yield spans, each batch with its artifacts after it, and in the end what spans used."""
        async for spans in self.spans():
            yield spans
            async for artifacts in self.artifacts([s["properties"]["node_id"] for s in spans]):
                yield artifacts
        async for used in self.used():
            yield used

    async def artifacts(self, span_ids: list[str]) -> AsyncIterator[list[Line]]:
        """Yield the artifacts of some spans; one round trip, and one for each batch."""
        found = await self._engine.read_chunks(
            cypher.EXPORT_ARTIFACT_IDS, {"spans": span_ids, "span": self.span_id}
        )
        for group in packed(found or (), lambda row: (row[1],), (NODES,)):
            yield await self._artifacts([node_id for node_id, _ in group])

    async def _artifacts(self, ids: list[str]) -> list[Line]:
        try:
            records = await until_whole(await self._rows(ids), artifact_record, self._rows)
        except TornReadError as error:
            raise ArchiveError(f"{error}; nothing was exported") from error
        return [records[node_id] for node_id in ids if node_id in records]

    async def _rows(self, ids: list[str]) -> dict[str, list[Any]]:
        parameters = {"ids": ids, "span": self.span_id, "root": self.root_id}
        ((rows,),) = await self._engine.ask(cypher.EXPORT_ARTIFACTS, parameters)
        return {row[0][0][0]["node_id"]: row for row in rows}

    async def kinds(self) -> AsyncIterator[list[list[Any]]]:
        """Yield how artifacts are stored: ``[model, codec, types of lists]``, once in a batch.

        One round trip for every ten batches of spans.
        """
        after: str | None = ""
        while after is not None:
            page = self._page(after) | {"size": 10 * SPANS}
            ((kinds, last, seen),) = await self._engine.ask(tables.TABLE_KINDS_BELOW, page)
            yield kinds
            after = last if seen == 10 * SPANS else None

    async def used(self) -> AsyncIterator[list[Line]]:
        """Yield the artifacts that the spans used; one round trip for each batch."""
        after: str | None = ""
        while after is not None:
            ((after, rows),) = await self._engine.ask(cypher.EXPORT_USED, self._page(after))
            yield [
                {"kind": "used", "span": span, "artifact": artifact, "at": at}
                for span, artifact, at in rows
            ]


def span_record(
    labels: list[str],
    properties: dict[str, Any],
    parents: list[str],
    tags: list[list[str]],
    notes: list[list[str]],
) -> Line:
    """Return the record of a span."""
    properties.pop("writer_id", None)  # it names a process of this graph only
    return {
        "kind": "span",
        "labels": sorted(set(labels) - SEARCH_LABELS),
        "properties": _properties(properties, "opened_at", "closed_at"),
        "parent": parents[0] if parents else None,
        "tags": sorted(tags),
        "note": notes[0] if notes else [],
    }


def artifact_record(row: list[Any]) -> Line:
    """Return the record of an artifact.

    Raises:
        TornReadError: It was being migrated while it was read.
    """
    nodes, spans, older, newer, users = row
    with suppress(SerializationError, ValueError, TypeError, AttributeError):
        # Only to see if it is whole: unreadable values are copied as they are.
        Stored(nodes, None, None)
    return {
        "kind": "artifact",
        "nodes": _in_order([_node(*node) for node in nodes]),
        "spans": sorted(spans, key=lambda row: row[0]),
        "supersedes": older[0] if older else [],
        "superseded": sorted(newer),
        "used_by": sorted(users),
    }


def is_part(record: Line) -> bool:
    """Tell if a record is a part of a span, such as rows that it logged, and not an artifact."""
    return record["kind"] == "artifact" and "in" in record["nodes"][0]


def _in_order(nodes: list[Line]) -> list[Line]:
    """Return nodes in a stable order, nested ones after those that they are nested in."""
    inside: dict[str, list[Line]] = {}
    for node in nodes[1:]:
        inside.setdefault(node["in"][0], []).append(node)
    order = nodes[:1]
    for node in order:  # grows during the loop
        order += sorted(
            inside.get(node["properties"]["node_id"], ()), key=lambda found: found["in"][1]
        )
    return order


def _node(
    properties: dict[str, Any],
    owners: list[list[str]],
    blobs: list[list[Any]],
    labels: list[str],
    tags: list[list[str]],
    notes: list[list[str]],
    spans: list[list[str]],
) -> Line:
    properties.pop(SEAL, None)
    names = ("field", "storage", "location", "digest", "size", "blob_id")
    found: Line = {
        "labels": sorted(set(labels) - SEARCH_LABELS),
        "properties": _properties(properties, "recorded_at"),
        "blobs": [dict(zip(names, blob, strict=True)) for blob in sorted(blobs)],
        "tags": sorted(tags),
        "note": notes[0] if notes else [],
    }
    if inside := owners or spans:
        found["in"] = inside[0]
    return found


def _properties(properties: dict[str, Any], *times: str) -> dict[str, Any]:
    """Return properties as JSON; those that are read as text are the library's own times."""
    found: dict[str, Any] = {}
    for name, value in properties.items():
        if value is None:  # a time that is not there yet
            continue
        try:
            text = name in times and type(value) is str
            found[name] = instant_to_json(value) if text else to_json(value)
        except TypeError as error:
            node_id = properties["node_id"]
            raise ArchiveError(f"node {node_id}, property {name}: {error}") from error
    return found
