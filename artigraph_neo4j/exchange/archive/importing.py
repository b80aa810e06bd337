"""Imports: an exported file, loaded into a graph."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from artigraph_neo4j.common.ahead import ahead
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import ArchiveError, EngineError
from artigraph_neo4j.exchange.archive.checking import check_file
from artigraph_neo4j.exchange.archive.lines import Line, read_lines
from artigraph_neo4j.exchange.archive.uploading import BlobWriter
from artigraph_neo4j.graph.cypher import archive as cypher
from artigraph_neo4j.graph.failures import ConflictError
from artigraph_neo4j.graph.lanes import Ticket
from artigraph_neo4j.graph.names import UNINDEXED_LABEL, WORDS
from artigraph_neo4j.graph.properties import from_json, take_instants
from artigraph_neo4j.storage.base import Storage

__all__ = ["ImportReport", "import_graph"]

NODES = 500
"""Maximum number of nodes in a transaction; an artifact is never split over two."""


@dataclass(slots=True)
class ImportReport:
    """The counts of an import.

    Attributes:
        span: The id of the span at the top.
        spans: Number of spans that were read.
        artifacts: Number of artifacts.
        nested: Number of models nested in them.
        new: Number of all these nodes that the graph did not have before. All of a batch count
            as new if the answer to it was lost.
        uploaded: Number of stored values that were uploaded.
        bytes: Size of these values in bytes.
        shared: Number of references to values in the storage of the exported graph, since the
            file does not have their bytes; a program that reads them has to name that storage.
        left_out: Number of relationships with nodes that are in neither the file nor the graph:
            with artifacts that were used but made elsewhere, and with spans and newer versions
            elsewhere.
    """

    span: str
    spans: int = 0
    artifacts: int = 0
    nested: int = 0
    new: int = 0
    uploaded: int = 0
    bytes: int = 0
    shared: int = 0
    left_out: int = 0


async def import_graph(
    path: str | os.PathLike[str],
    /,
    *,
    storage: Storage | None = None,
    progress: Callable[[ImportReport], object] | None = None,
) -> ImportReport:
    """Load JSON lines that ``export_graph`` wrote into the graph of the current engine.

    The whole file is checked first: its lines must fit each other, and their totals must equal
    those of its last line. Ids stay, and nodes that exist already do not change. So a file can be
    imported again: after an error, or to get relationships with nodes that were imported since.
    Each batch of 500 nodes is one transaction, and an artifact is imported as a whole or not at
    all.

    The span at the top is put below its former parent, where the graph has that parent; otherwise
    it becomes a root. Open spans stay open; their process is not known.

    A reference whose bytes the file does not have stays as it is, and counts as ``shared``, also
    when neither this program nor its environment names its storage: nothing is opened for it. To
    read such a value the storage has to be named; the ``StorageError`` says how.

    Three round trips, one for each batch, and one more for each batch with stored values; in the
    end one for every 2,000 nodes, for full-text search.

    Args:
        path: The file. Stored values are looked for next to it, in the directory with its name and
            ``.blobs`` after it; references to values that are not there do not change.
        storage: The storage for stored values; by default the engine's, or without one the
            storage with the name that each value had.
        progress: Called after every batch with the counts so far.

    Returns:
        The counts of what was imported.

    Raises:
        ArchiveError: The file cannot be read, is broken, or differs from its last line: then
            nothing is imported. Or it contradicts the graph: then the message names the lines,
            and the counts of what was imported before them.
        StorageError: A stored value cannot be kept, or is not the value that was exported; or the
            storage for its bytes was not named.
        EngineError: The graph got a new id after this program connected to it.
        ConnectionFailed: The database stayed out of reach. Batches so far are imported.
    """
    engine = get_engine()
    source = Path(path)
    header = await asyncio.to_thread(check_file, source)
    place = await _Place.of(engine, header)
    lines = read_lines(source)
    await asyncio.to_thread(next, lines)
    report = ImportReport(header["span"])
    blobs = BlobWriter(engine, storage, source.with_name(f"{source.name}.blobs"), report)
    left = _Batch()
    try:
        async with ahead(_batches(lines, place)) as batches:
            async for batch in batches:
                await _write(engine, source, batch, blobs, report, left)
                if progress is not None:
                    progress(report)
        if left.links():
            missing = _Batch()
            await _write(engine, source, left, blobs, report, missing)
            report.left_out = len(missing.links())
        if report.new:
            await engine.index_words()
    except ArchiveError as error:
        raise ArchiveError(
            f"{error}. Imported before: {report.spans} spans, {report.artifacts} artifacts; "
            "importing again goes on from there"
        ) from error
    return report


@dataclass(frozen=True)
class _Place:
    """The place of the top span in the graph.

    Attributes:
        span: The top span.
        parent: Its parent there, or None.
        root: Its new ``root_id``.
        shift: The number to add to the depth of every span.
    """

    span: str
    parent: str | None
    root: str
    shift: int

    @classmethod
    async def of(cls, engine: Engine, header: Line) -> _Place:
        span, parent = header["span"], header["parent"]
        rows = await engine.ask(cypher.EXPORT_ROOT, {"span": parent}) if parent else []
        if not rows:
            return cls(span, None, span, -header["depth"])
        root, depth, _ = rows[0]
        return cls(span, parent, root, depth + 1 - header["depth"])


@dataclass
class _Batch:
    """The rows of one transaction."""

    first: int = 0
    last: int = 0
    counts: dict[str, int] = field(default_factory=lambda: {"spans": 0, "artifacts": 0})
    nodes: list[dict[str, Any]] = field(default_factory=list)
    parents: list[list[Any]] = field(default_factory=list)
    fields: list[list[Any]] = field(default_factory=list)
    blobs: list[dict[str, Any]] = field(default_factory=list)
    supersedes: list[list[Any]] = field(default_factory=list)
    has: list[list[Any]] = field(default_factory=list)
    used: list[list[Any]] = field(default_factory=list)
    tags: list[list[Any]] = field(default_factory=list)
    notes: list[list[Any]] = field(default_factory=list)

    def links(self) -> list[list[Any]]:
        """Return the relationships whose other end may be elsewhere."""
        return [*self.parents, *self.supersedes, *self.has, *self.used]

    def only_links(self) -> _Batch:
        """Return a batch with the same relationships as ``links``, and nothing else."""
        return _Batch(
            self.first,
            self.last,
            parents=self.parents,
            supersedes=self.supersedes,
            has=self.has,
            used=self.used,
        )

    @property
    def size(self) -> int:
        return len(self.nodes) + len(self.used)

    def add(self, number: int, record: Line, place: _Place) -> None:
        self.first = self.first or number
        self.last = number
        kind = record["kind"]
        if kind == "span":
            self._span(record, place)
        elif kind == "artifact":
            self._artifact(record)
        elif kind == "used":
            self.used.append([record["span"], record["artifact"], record["at"]])

    def _span(self, record: Line, place: _Place) -> None:
        self.counts["spans"] += 1
        properties = record["properties"]
        node_id, parent = properties["node_id"], record["parent"]
        properties |= {"root_id": place.root, "depth": properties["depth"] + place.shift}
        if node_id == place.span:
            parent = place.parent
        if parent is not None:
            self.parents.append([parent, node_id])
        self._node(record, "Span")

    def _artifact(self, record: Line) -> None:
        self.counts["artifacts"] += 1
        for node in record["nodes"]:
            node_id = node["properties"]["node_id"]
            self._node(node, "Artifact")
            if "in" in node:
                owner, path = node["in"]
                self.fields.append([owner, node_id, path])
            self.blobs += [{"owner": node_id, **blob} for blob in node["blobs"]]
        node_id = record["nodes"][0]["properties"]["node_id"]
        self.has += [
            [span, node_id, label, key, linked_at]
            for span, label, key, linked_at in record["spans"]
        ]
        if record["supersedes"]:
            self.supersedes.append([node_id, *record["supersedes"]])
        self.supersedes += [[newer, node_id, at] for newer, at in record["superseded"]]
        self.used += [[span, node_id, at] for span, at in record["used_by"]]

    def _node(self, record: Line, kind: str) -> None:
        properties = record["properties"]
        has_words = any(name in properties for name in WORDS)
        instants = take_instants(properties)
        node_id = properties["node_id"]
        values = {
            name: value if type(value) in (str, int) else from_json(value)
            for name, value in properties.items()
        }
        self.nodes.append(
            {
                "id": node_id,
                "kind": kind,
                "labels": record["labels"] + ([UNINDEXED_LABEL] if has_words else []),
                "run": values.pop("key_", None) if kind == "Span" else None,
                "properties": values,
                "instants": instants,
            }
        )
        self.tags += [[node_id, name, at] for name, at in record["tags"]]
        if record["note"]:
            self.notes.append([node_id, *record["note"]])

    def parameters(self) -> dict[str, Any]:
        names = ("nodes", "parents", "fields", "supersedes", "has", "used", "tags", "notes")
        return {name: getattr(self, name) for name in names}


async def _batches(lines: Iterator[tuple[int, Line]], place: _Place) -> AsyncIterator[_Batch]:
    def fill() -> _Batch:
        batch = _Batch()
        for number, record in lines:
            try:
                batch.add(number, record, place)
            except (ValueError, TypeError) as error:
                raise ArchiveError(f"line {number}: {error}") from error
            if batch.size >= NODES:
                break
        return batch

    while (batch := await asyncio.to_thread(fill)).last:
        yield batch


async def _write(
    engine: Engine,
    source: Path,
    batch: _Batch,
    blobs: BlobWriter,
    report: ImportReport,
    left: _Batch,
) -> None:
    sent = batch
    while (row := await _send(engine, source, sent, blobs)) is None:
        sent = batch.only_links()  # it was written; which links it left over is not known
    written, no_parent, not_both, no_span, unused = row
    report.spans += batch.counts["spans"]
    report.artifacts += batch.counts["artifacts"]
    report.nested += len(batch.fields)
    report.new += len(written if sent is batch else batch.nodes)
    left.parents += no_parent
    left.supersedes += not_both
    left.has += no_span
    left.used += unused


async def _send(engine: Engine, source: Path, batch: _Batch, blobs: BlobWriter) -> list[Any] | None:
    """Write a batch; return the end of the statement's row, or None if an earlier attempt wrote it.

    It is sent again with new uploads when those that it refers to may have been collected.
    """
    ticket = Ticket()
    lines = f"{source}, lines {batch.first} to {batch.last}"
    while True:
        rows = await blobs.keep(batch.blobs)
        graph_id = (await engine.graph()).graph_id
        parameters = batch.parameters()
        parameters |= {"blobs": rows, "known": blobs.known, "graph": graph_id}
        try:
            result = await engine.once(
                cypher.IMPORT_BATCH, parameters, ticket=ticket, fresh=blobs.fresh_seconds
            )
        except ConflictError as error:
            raise ArchiveError(
                f"{lines}: the graph has another artifact under a label that one of these has in "
                f"the same span: {error}"
            ) from error
        except BaseException:
            if ticket.unconfirmed:  # if it was not applied yet, it never will be
                engine.later(partial(engine.settle, ticket))
            raise
        if result.stale:
            continue
        if result.before:
            blobs.count()
            return None
        other, wrong, gone, *row = result.row
        if other is not None:
            raise EngineError(
                f"the graph took another id, {other}, since this program connected to it; close "
                "the engine, or start the program again, then import again"
            )
        if wrong:
            raise ArchiveError(f"{lines}: the graph has something else under the id {wrong[0]}")
        if not gone:
            blobs.count()
            return row
