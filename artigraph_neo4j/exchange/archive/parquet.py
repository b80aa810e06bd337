"""Parquet tables: one of spans, one of artifacts, and one of native fields for each model.

A column of a table has one type, but a property of a graph may have several: a field may be an int
in one artifact and a str in the next. So the graph is read twice: to learn the types, and to write.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from artigraph_neo4j.errors import ArchiveError, ArtigraphError
from artigraph_neo4j.exchange.archive.lines import Line
from artigraph_neo4j.exchange.archive.reading import GraphReader
from artigraph_neo4j.graph.names import property_name, users_labels
from artigraph_neo4j.graph.properties import from_json
from artigraph_neo4j.model.native import as_python, from_native, kind_of

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:
    raise ArchiveError(
        'Parquet tables need pyarrow: pip install "artigraph-neo4j[arrow]"'
    ) from error

__all__ = ["write_tables"]

_TIME = pa.timestamp("us", tz="UTC")
_SPANS = {
    "node_id": pa.string(), "parent_id": pa.string(), "root_id": pa.string(), "depth": pa.int64(),
    "label": pa.string(), "class": pa.string(), "status": pa.string(), "opened_at": _TIME,
    "closed_at": _TIME, "seconds": pa.float64(), "exception_type": pa.string(),
    "exception_message": pa.string(), "tags": pa.list_(pa.string()), "note": pa.string(),
    "properties": pa.string(),
}  # fmt: skip
_ARTIFACTS = {
    "node_id": pa.string(), "span_id": pa.string(), "label": pa.string(), "model": pa.string(),
    "model_version": pa.int64(), "recorded_at": _TIME, "supersedes": pa.string(),
    "in_artifact": pa.string(), "path": pa.string(), "stored_bytes": pa.int64(),
    "tags": pa.list_(pa.string()), "note": pa.string(),
}  # fmt: skip
_KEYS = ("node_id", "span_id", "label", "model_version", "recorded_at")

_SPAN_COLUMNS = {*_SPANS, "label_", "duration_", "exception_stacktrace", "log_", "log_of_"}

_TYPES: dict[type[Any], Any] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    bytes: pa.binary(),
    date: pa.date32(),
    timedelta: pa.duration("us"),
}


async def write_tables(
    reader: GraphReader, report: Any, progress: Callable[[Any], object] | None
) -> None:
    """Write the tables into the directory ``report.path``. It reads the artifacts twice.

    Raises:
        ArchiveError: The tables cannot be written.
    """
    types = _Types()
    async for _, artifacts in _pages(reader):
        types.learn(artifacts)
    try:
        with ExitStack() as open_files:
            tables = _Tables(report.path, types, open_files)
            async for spans, artifacts in _pages(reader):
                await asyncio.to_thread(tables.write, spans, artifacts)
                report.count([*spans, *artifacts])
                if progress is not None:
                    progress(report)
    except (OSError, pa.ArrowException) as error:
        raise ArchiveError(f"{report.path} cannot be written: {error}") from error


async def _pages(reader: GraphReader) -> AsyncIterator[tuple[list[Line], list[Line]]]:
    """Yield the same as ``GraphReader.pages`` without parts of spans, whose rows are stored values.

    The table of spans has the summaries of what they logged.
    """
    async for spans, artifacts in reader.pages():
        yield spans, [record for record in artifacts if "in" not in record["nodes"][0]]


class _Types:
    """The type of each column of each model's table."""

    def __init__(self) -> None:
        self.of: dict[str, dict[str, Any]] = {}

    def learn(self, artifacts: list[Line]) -> None:
        for record in artifacts:
            for node in record["nodes"]:
                columns = self.of.setdefault(node["properties"]["model"], {})
                for name, value in _fields(node).items():
                    found = _type(value)
                    columns[name] = _common(columns.get(name), found)


def _type(value: object) -> Any:
    """Return the Arrow type of a native value; None for None."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return pa.timestamp("us") if value.tzinfo is None else _TIME
    if isinstance(value, list):
        return pa.list_(_TYPES[type(cast("list[object]", value)[0])])
    return _TYPES[type(value)]


def _common(before: Any, new: Any) -> Any:
    """Return a type that holds both; text with JSON where no other type does."""
    if before is None or new is None or before == new:
        return new if before is None else before
    numbers = (pa.int64(), pa.float64())
    if before in numbers and new in numbers:
        return pa.float64()
    return pa.string()


def _fields(node: Line) -> dict[str, Any]:
    """Return the native fields of a node as values of Python, with those that are None."""
    properties = node["properties"]
    found: dict[str, Any] = {}
    try:
        for name, entry in json.loads(properties["codec"])["fields"].items():
            if entry in ("none", "unset"):
                found[name] = None
            elif entry != "model" and not _is_serialized(entry):
                plain = kind_of(entry) if isinstance(entry, str) else entry  # no scalars in columns
                value = from_native(from_json(properties[property_name(name)]), plain)
                found[name] = value.astimezone(UTC) if _has_zone(value) else value
    except _UNREADABLE:
        pass  # the node keeps its row, with the readable fields
    return found


_UNREADABLE = (KeyError, ValueError, TypeError, AttributeError, ArtigraphError)


def _is_serialized(entry: Any) -> bool:
    return isinstance(entry, list) and entry[0] in ("inline", "blob")


def _has_zone(value: Any) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


class _Tables:
    """The open files of a directory, and the columns of each."""

    def __init__(self, directory: Path, types: _Types, files: ExitStack) -> None:
        self._directory = directory
        self._types = types
        self._files = files
        self._names: dict[str, str] = {}
        self._spans = self._open("spans", pa.schema(_SPANS))
        self._artifacts = self._open("artifacts", pa.schema(_ARTIFACTS))
        self._models = {model: self._model(model) for model in types.of}

    def _open(self, name: str, schema: Any) -> Any:
        path = self._directory / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        return self._files.enter_context(pq.ParquetWriter(path, schema))

    def _model(self, model: str) -> tuple[Any, dict[str, str]]:
        """Return the file of a model, and the column of each field."""
        name = re.sub(r"[^\w.-]", "_", model)[:100].lstrip(".") or "_"
        while name.lower() in self._names:  # for file systems that ignore case
            name += "_"
        self._names[name.lower()] = model
        columns = {f: f"{f}_" if f in _KEYS else f for f in self._types.of[model]}
        while len(set(columns.values())) < len(columns):
            columns = {f: f if f not in _KEYS else f"{columns[f]}_" for f in columns}
        fields = {columns[f]: t or pa.null() for f, t in self._types.of[model].items()}
        schema = pa.schema({**{key: _ARTIFACTS[key] for key in _KEYS}, **fields})
        return self._open(f"models/{name}", schema), columns

    def write(self, spans: list[Line], artifacts: list[Line]) -> None:
        """Write a batch of spans and a batch of artifacts."""
        if spans:
            _add(self._spans, [_span_row(span) for span in spans])
        rows = [row for record in artifacts for row in _artifact_rows(record)]
        if not rows:
            return
        _add(self._artifacts, [row for row, _ in rows])
        of_model: dict[str, list[dict[str, Any]]] = {}
        for row, node in rows:
            columns = self._models[row["model"]][1]
            types = self._types.of[row["model"]]
            values = {columns[n]: _cell(v, types[n]) for n, v in _fields(node).items()}
            keys = {key: row[key] for key in _KEYS}
            of_model.setdefault(row["model"], []).append(keys | values)
        for model, found in of_model.items():
            _add(self._models[model][0], found)


def _add(writer: Any, rows: list[dict[str, Any]]) -> None:
    writer.write_table(pa.Table.from_pylist(rows, schema=writer.schema))


def _cell(value: Any, type_: Any) -> Any:
    if value is None or type_ != pa.string() or isinstance(value, str):
        return float(value) if value is not None and type_ == pa.float64() else value
    return json.dumps(value, default=str, ensure_ascii=False)


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
