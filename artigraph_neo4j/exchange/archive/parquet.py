"""Parquet tables: spans, artifacts, relationships, and one of native fields for each model."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from artigraph_neo4j.common.ahead import ahead
from artigraph_neo4j.common.files import replacing
from artigraph_neo4j.errors import ArchiveError
from artigraph_neo4j.exchange.archive.lines import Line
from artigraph_neo4j.exchange.archive.reading import GraphReader, is_part
from artigraph_neo4j.graph.names import users_labels
from artigraph_neo4j.graph.properties import from_json
from artigraph_neo4j.model.native import as_python

try:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from artigraph_neo4j.exchange.archive.columns import TIME, Types, cell, native_fields
except ImportError as error:
    raise ArchiveError(
        'Parquet tables need pyarrow: pip install "artigraph-neo4j[arrow]"'
    ) from error

__all__ = ["Tables", "Types", "write_tables", "writing"]

ROWS = 50_000
"""Maximum rows that wait for a table, and are then written as one row group."""

_SPANS = {
    "node_id": pa.string(), "parent_id": pa.string(), "root_id": pa.string(), "depth": pa.int64(),
    "label": pa.string(), "class": pa.string(), "status": pa.string(), "opened_at": TIME,
    "closed_at": TIME, "seconds": pa.float64(), "exception_type": pa.string(),
    "exception_message": pa.string(), "tags": pa.list_(pa.string()), "note": pa.string(),
    "properties": pa.string(),
}  # fmt: skip
_ARTIFACTS = {
    "node_id": pa.string(), "span_id": pa.string(), "label": pa.string(), "model": pa.string(),
    "model_version": pa.int64(), "recorded_at": TIME, "supersedes": pa.string(),
    "in_artifact": pa.string(), "path": pa.string(), "stored_bytes": pa.int64(),
    "tags": pa.list_(pa.string()), "note": pa.string(),
}  # fmt: skip
_RELATIONSHIPS = {
    "from_id": pa.string(), "type": pa.string(), "to_id": pa.string(), "label": pa.string(),
    "at": TIME,
}  # fmt: skip
_KEYS = ("node_id", "span_id", "label", "model_version", "recorded_at")

_SPAN_COLUMNS = {*_SPANS, "label_", "duration_", "exception_stacktrace", "log_", "log_of_"}


async def write_tables(
    reader: GraphReader, report: Any, progress: Callable[[Any], object] | None
) -> None:
    """Write the tables of a span and all below it into the directory ``report.path``.

    Raises:
        ArchiveError: The tables cannot be written.
    """
    types = Types()
    async for kinds in reader.kinds():
        types.learn(kinds)
    with writing(report.path), ExitStack() as files:
        tables = Tables(report.path, types, files)
        tables.begin_all()

        async with ahead(reader.records()) as read:
            async for found in read:
                records = [record for record in found if not is_part(record)]
                await asyncio.to_thread(tables.write, records)
                report.count(records)
                if progress is not None:
                    progress(report)
        await asyncio.to_thread(tables.flush)


@contextmanager
def writing(path: Path) -> Generator[None]:
    """Raise an ``ArchiveError`` for what goes wrong with the files of a block."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise ArchiveError(f"{path} cannot be written: {error}") from error


class Tables:
    """The open files of a directory, or of one partition of its tables.

    A file takes the place of an older one when the block of ``files`` ends well.

    Args:
        directory: The directory.
        types: The types of the columns of each model.
        files: Closes the files.
        place: The path of a file in the directory, by the name of its table.
    """

    def __init__(
        self,
        directory: Path,
        types: Types,
        files: ExitStack,
        place: Callable[[str], str] = "{}.parquet".format,
    ) -> None:
        self._directory = directory
        self._types = types
        self._files = files
        self._place = place
        self._names = _file_names(types.of)
        self._open: dict[str, _Table] = {}
        self.paths: set[Path] = set()

    def begin_all(self) -> None:
        """Open all tables now, so that those without rows are there too."""
        for name, columns in (
            ("spans", _SPANS), ("artifacts", _ARTIFACTS), ("relationships", _RELATIONSHIPS)
        ):  # fmt: skip
            self._table(name, columns)
        for model in self._types.of:
            self._model(model)

    def _table(self, name: str, columns: dict[str, Any]) -> _Table:
        if name not in self._open:
            path = self._directory / self._place(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            made = self._files.enter_context(replacing(path))
            writer = self._files.enter_context(
                pq.ParquetWriter(made, pa.schema(columns), compression="zstd")
            )
            self._open[name] = _Table(writer)
            self.paths.add(path)
        return self._open[name]

    def _model(self, model: str) -> tuple[_Table, dict[str, str]]:
        """Return the table of a model, and the column of each field."""
        types = self._types.of[model]
        columns = {f: f"{f}_" if f in _KEYS else f for f in types}
        while len(set(columns.values())) < len(columns):
            columns = {f: f if f not in _KEYS else f"{columns[f]}_" for f in columns}
        fields = {columns[f]: t or pa.null() for f, t in types.items()}
        schema = {**{key: _ARTIFACTS[key] for key in _KEYS}, **fields}
        return self._table(f"models/{self._names[model]}", schema), columns

    def write(self, records: list[Line]) -> None:
        """Write records: spans, artifacts, and what spans used."""
        kinds: dict[str, list[Line]] = {}
        for record in records:
            kinds.setdefault(record["kind"], []).append(record)
        if spans := kinds.get("span"):
            self._table("spans", _SPANS).add(map(_span_row, spans))
        links = [_link(r["span"], "USED", r["artifact"], at=r["at"]) for r in kinds.get("used", ())]
        rows = [row for record in kinds.get("artifact", ()) for row in _artifact_rows(record)]
        if rows:
            self._table("artifacts", _ARTIFACTS).add(row for row, _ in rows)
            self._write_models(rows)
            links += [link for record in kinds["artifact"] for link in _links(record)]
        if links:
            self._table("relationships", _RELATIONSHIPS).add(links)
        if sum(table.waiting for table in self._open.values()) > 2 * ROWS:
            self.flush()

    def _write_models(self, rows: list[tuple[dict[str, Any], Line]]) -> None:
        of_model: dict[str, list[tuple[dict[str, Any], Line]]] = {}
        for row, node in rows:
            if row["model"] in self._types.of:  # else recorded since the types were learned
                of_model.setdefault(row["model"], []).append((row, node))
        for model, found in of_model.items():
            table, columns = self._model(model)
            types = self._types.of[model]
            table.add(
                {key: row[key] for key in _KEYS}
                | {
                    columns[name]: cell(value, types[name])
                    for name, value in native_fields(node).items()
                    if name in types
                }
                for row, node in found
            )

    def flush(self) -> None:
        """Write the rows that wait."""
        for table in self._open.values():
            table.flush()


class _Table:
    """An open file, and rows that wait for it."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._parts: list[Any] = []
        self.waiting = 0

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        part = pa.Table.from_pylist(list(rows), schema=self._writer.schema)
        self._parts.append(part)
        self.waiting += part.num_rows
        if self.waiting >= ROWS:
            self.flush()

    def flush(self) -> None:
        if self._parts:
            self._writer.write_table(pa.concat_tables(self._parts), row_group_size=ROWS)
            self._parts, self.waiting = [], 0


def _file_names(models: Iterable[str]) -> dict[str, str]:
    """Return a name of a file for each model, also for file systems that ignore case."""
    taken: set[str] = set()
    names: dict[str, str] = {}
    for model in models:
        name = re.sub(r"[^\w.-]", "_", model)[:100].lstrip(".") or "_"
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        names[model] = name
    return names


def _link(
    from_id: str, type_: str, to_id: str, *, label: str | None = None, at: str | None = None
) -> dict[str, Any]:
    time = None if at is None else datetime.fromisoformat(at)
    return {"from_id": from_id, "type": type_, "to_id": to_id, "label": label, "at": time}


def _links(record: Line) -> Iterable[dict[str, Any]]:
    """Yield the relationships of an artifact with the spans that have it and with what it revises.

    Each relationship is told once: ``USED`` with its span, ``SUPERSEDES`` with the newer version.
    """
    node_id = record["nodes"][0]["properties"]["node_id"]
    for span, label, _, linked_at in record["spans"]:
        yield _link(span, "HAS_ARTIFACT", node_id, label=label, at=linked_at)
        if linked_at is None:
            yield _link(node_id, "MADE_BY", span)
    if record["supersedes"]:
        older, at = record["supersedes"]
        yield _link(node_id, "SUPERSEDES", older, at=at)


def _span_row(span: Line) -> dict[str, Any]:
    properties = {name: as_python(from_json(v)) for name, v in _readable(span).items()}
    row = {name: properties.get(name) for name in _SPANS}
    own = users_labels(span["labels"])
    rest = {k: v for k, v in properties.items() if k not in _SPAN_COLUMNS}
    return row | {
        "parent_id": span["parent"],
        "class": own[-1] if own else "Span",
        "seconds": properties.get("duration_"),
        "tags": sorted(name for name, _ in span["tags"]),
        "note": span["note"][0] if span["note"] else None,
        "properties": json.dumps(rest, default=str, ensure_ascii=False),
    }


def _readable(span: Line) -> dict[str, Any]:
    """Return properties, times with a named zone as text: Python may not know the zone."""
    return {
        name: value["$zoned"] if isinstance(value, dict) and "$zoned" in value else value
        for name, value in span["properties"].items()
    }


def _artifact_rows(record: Line) -> Any:
    """Yield the rows of an artifact and of models nested in it, with their nodes."""
    made = sorted(record["spans"], key=lambda row: (row[3] is not None, row[3] or ""))
    span, label = (made[0][0], made[0][1]) if made else (None, None)
    older = record["supersedes"][0] if record["supersedes"] else None
    for position, node in enumerate(record["nodes"]):
        properties = node["properties"]
        whole = position == 0
        owner, path = (None, None) if whole else node["in"]
        row = {
            "node_id": properties["node_id"],
            "span_id": span,
            "label": label if whole else None,
            "model": properties["model"],
            "model_version": properties["model_version"],
            "recorded_at": as_python(from_json(properties["recorded_at"])),
            "supersedes": older if whole else None,
            "in_artifact": owner,
            "path": path,
            "stored_bytes": sum(blob["size"] for blob in node["blobs"]),
            "tags": sorted(name for name, _ in node["tags"]),
            "note": node["note"][0] if node["note"] else None,
        }
        yield row, node
