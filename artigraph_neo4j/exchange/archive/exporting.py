"""Exports: everything below a span, written to a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal

from artigraph_neo4j._version import __version__
from artigraph_neo4j.common.ahead import ahead
from artigraph_neo4j.common.files import replacing
from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.given import AnySpan
from artigraph_neo4j.errors import ArchiveError
from artigraph_neo4j.exchange.archive.lines import FORMAT, Line, blob_path, dump, open_text
from artigraph_neo4j.exchange.archive.reading import GraphReader
from artigraph_neo4j.exchange.archive.totals import Totals
from artigraph_neo4j.model.references import BlobRef, storage_of
from artigraph_neo4j.values.transfer import download, together

__all__ = ["ExportReport", "export_graph"]


@dataclass(slots=True)
class ExportReport:
    """The counts of an export.

    Attributes:
        path: The file, or for Parquet the directory.
        spans: Number of spans.
        artifacts: Number of artifacts, all versions.
        nested: Number of models nested in them.
        used: Number of times that a span used an artifact.
        blobs: Number of references to stored values.
        bytes: Size in bytes of the stored values that were written next to the file; 0 where
            they were left out. Equal values count once.
        open: Number of spans that were still open; they may still get artifacts and children.
    """

    path: Path
    spans: int = 0
    artifacts: int = 0
    nested: int = 0
    used: int = 0
    blobs: int = 0
    bytes: int = 0
    open: int = 0

    def count(self, records: Iterable[Line]) -> None:
        """Count records that are written."""
        for record in records:
            if record["kind"] == "span":
                self.spans += 1
                self.open += "closed_at" not in record["properties"]
            elif record["kind"] == "artifact":
                self.artifacts += 1
                self.nested += len(record["nodes"]) - 1
                self.blobs += sum(len(node["blobs"]) for node in record["nodes"])
            else:
                self.used += 1


async def export_graph(
    span: AnySpan,
    path: str | os.PathLike[str],
    /,
    *,
    format: Literal["jsonl", "parquet"] = "jsonl",  # noqa: A002 - what it is called
    blobs: bool = False,
    progress: Callable[[ExportReport], object] | None = None,
) -> ExportReport:
    """Write a span, everything below it, and the artifacts of these spans to a file.

    An existing file is replaced only after everything is written. Concurrent writes may or may not
    be included. Relationships with nodes elsewhere become references: artifacts that these spans
    used, spans that used their artifacts, newer versions of these.

    For every 500 spans one round trip, another for the ids of their artifacts and another for the
    artifacts that they used; and one for every 500 artifacts. A batch is read while the one before
    is written; no more than these two are in memory.

    Args:
        span: The span, its id, or ``"current"``.
        path: The file; it is compressed if its name ends in ``.gz``. For Parquet, a directory to
            create: ``spans.parquet``, ``artifacts.parquet``, ``relationships.parquet``, and in
            ``models`` a table for each model.
        format: ``"jsonl"`` for JSON lines, which ``import_graph`` reads; ``"parquet"`` for tables
            to analyse.
        blobs: Whether to write the bytes of values in storages too, into a directory with the
            file's name and ``.blobs`` after it.
        progress: Called after every batch with the counts so far.

    Returns:
        The counts of what was written.

    Raises:
        NotFoundError: The span does not exist.
        SpanError: The span is ``"current"``, and there is no current span.
        StorageError: A stored value cannot be read, or is not the value that was written.
        ArchiveError: The file cannot be written; or, for Parquet, pyarrow is not installed.
        ConnectionFailed: The database stayed out of reach.
    """
    if format not in ("jsonl", "parquet"):
        raise ValueError(f"format is 'jsonl' or 'parquet', not {format!r}")
    engine = get_engine()
    reader = GraphReader(engine, given.span_id(span))
    report = ExportReport(Path(path))
    if format == "parquet":
        if blobs:
            raise ValueError("Parquet tables hold no stored values; export them as 'jsonl'")
        from artigraph_neo4j.exchange.archive.parquet import write_tables  # needs pyarrow

        await reader.find()
        await write_tables(reader, report, progress)
        return report
    await reader.find()
    try:
        await _write(engine, reader, report, blobs, progress)
    except OSError as error:
        raise ArchiveError(f"{report.path} cannot be written: {error}") from error
    return report


async def _write(
    engine: Engine,
    reader: GraphReader,
    report: ExportReport,
    blobs: bool,
    progress: Callable[[ExportReport], object] | None,
) -> None:
    target = report.path
    target.parent.mkdir(parents=True, exist_ok=True)
    directory = target.with_name(f"{target.name}.blobs") if blobs else None
    with replacing(target) as made, open_text(made, target, "w") as file:
        totals = Totals()
        header = await _header(engine, reader, directory)
        await asyncio.to_thread(_write_lines, file, [header], totals)
        async with ahead(reader.records()) as read:
            async for records in read:
                await asyncio.to_thread(_write_lines, file, records, totals)
                report.count(records)
                if directory is not None:
                    await _blobs(engine, directory, records, report)
                if progress is not None:
                    progress(report)
        await asyncio.to_thread(file.write, dump(totals.last_line()))


def _write_lines(file: IO[str], records: list[Line], totals: Totals) -> None:
    for record in records:
        text = dump(record)
        totals.add(record, text)
        file.write(text)


async def _header(engine: Engine, reader: GraphReader, directory: Path | None) -> Line:
    graph = await engine.graph()
    return {
        "artigraph": "export",
        "format": FORMAT,
        "library": __version__,
        "schema": graph.schema_version,
        "graph": graph.graph_id,
        "span": reader.span_id,
        "root": reader.root_id,
        "depth": reader.depth,
        "parent": reader.parent_id,
        "blobs": directory is not None,
        "exported_at": datetime.now(UTC).isoformat(),
    }


async def _blobs(
    engine: Engine, directory: Path, records: list[Line], report: ExportReport
) -> None:
    """Write stored bytes that are not there yet; the files are named by digest."""
    wanted: dict[Path, tuple[BlobRef, str]] = {}
    for record in records:
        for node in record.get("nodes", ()):
            for row in node["blobs"]:
                where = f"artifact {node['properties']['node_id']}, field {row['field']}"
                blob = BlobRef(row["storage"], row["location"], row["digest"], row["size"])
                wanted.setdefault(blob_path(directory, blob.digest), (blob, where))

    async def save(path: Path, blob: BlobRef, where: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        storage = storage_of(where, blob.storage, engine.storage)
        with replacing(path) as made, made.open("wb") as sink:
            await download(engine, storage, blob, where, sink)
        report.bytes += blob.size

    missing: list[Any] = [
        partial(save, path, blob, where)
        for path, (blob, where) in wanted.items()
        if not (path.exists() and path.stat().st_size == blob.size)
    ]
    await together(missing)
