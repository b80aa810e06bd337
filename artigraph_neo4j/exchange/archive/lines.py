"""The lines of an exported file: their contents, writing, reading and checks."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from artigraph_neo4j.errors import ArchiveError
from artigraph_neo4j.exchange.archive.totals import COUNTED, Totals
from artigraph_neo4j.graph.names import MARKS, RESERVED_LABELS

__all__ = ["FORMAT", "Line", "blob_path", "dump", "open_text", "read_lines"]

FORMAT = 1
"""The version of the format. Files of newer versions are refused; older ones are read."""

Line = dict[str, Any]


def dump(record: Line) -> str:
    """Return a record as a line."""
    text = json.dumps(
        record, ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=True
    )
    return f"{text}\n"


def blob_path(directory: Path, digest: str) -> Path:
    """Return the path of the bytes with a SHA-256, next to the file of lines."""
    return directory / digest[:2] / digest


@contextmanager
def open_text(path: Path, name: Path, mode: str) -> Generator[IO[str]]:
    """Open a file of lines; it is compressed when its ``name`` ends in ``.gz``."""
    if name.suffix == ".gz":
        with gzip.open(path, f"{mode}t", encoding="utf-8", newline="\n") as file:
            yield cast("IO[str]", file)
    else:
        with path.open(mode, encoding="utf-8", newline="\n") as file:
            yield file


def read_lines(path: Path) -> Iterator[tuple[int, Line]]:
    """Yield the records of a file with their line numbers, the header first.

    Raises:
        ArchiveError: The file is of another kind, a line is broken, or the last line shows that
            something is missing; the message names the line.
    """
    number, ended, totals = 0, False, Totals()
    try:
        with open_text(path, path, "r") as file:
            for number, text in enumerate(file, 1):
                record = _record(text)
                _check_place(record, number, ended)
                ended = record.get("kind") == "end"
                if ended:
                    _check_totals(totals, record)
                else:
                    totals.add(record, text)
                yield number, record
    except _BrokenError as error:
        raise ArchiveError(f"{path}, line {number}: {error}") from error
    except UnicodeDecodeError as error:
        raise ArchiveError(f"{path}, after line {number}: not UTF-8 text: {error}") from error
    except (OSError, EOFError) as error:
        raise ArchiveError(f"{path} cannot be read after line {number}: {error}") from error
    if not number:
        raise ArchiveError(f"{path} is empty; an exported file begins with a header")
    if not ended:
        raise ArchiveError(
            f"{path} ends early, after line {number}: its last line says how much it holds, and is "
            "missing; export it again, or copy it again"
        )


def _check_totals(totals: Totals, last: Line) -> None:
    problem = totals.difference(last)
    if problem is not None:
        raise _BrokenError(f"the file is not what its last line says: {problem}")


class _BrokenError(Exception):
    """An impossible line; the text says why."""


def _record(text: str) -> Line:
    try:
        record = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _BrokenError(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise _BrokenError("not a JSON object")
    return cast("Line", record)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_place(record: Line, number: int, ended: bool) -> None:
    if ended:
        raise _BrokenError("there are lines after the last line")
    (_check_header if number == 1 else _check)(record)


def _check_header(record: Line) -> None:
    if record.get("artigraph") != "export":
        raise _BrokenError("not the header of an exported file; artigraph export writes such files")
    version = record.get("format")
    if type(version) is not int or version < 1:
        raise _BrokenError("the header has no version of the format")
    if version > FORMAT:
        raise _BrokenError(
            f"format {version}, written by artigraph-neo4j {record.get('library')}; this version "
            f"reads {FORMAT} at the most: upgrade the library"
        )
    _fields(record, {"span": _text, "root": _text, "depth": _whole, "parent": _text_or_none})


def _check(record: Line) -> None:
    kind = record.get("kind")
    check = _KINDS.get(kind) if isinstance(kind, str) else None
    if check is None:
        raise _BrokenError(f"a line of kind {kind!r}; format {FORMAT} has no such kind")
    check(record)


def _span(record: Line) -> None:
    _node(record, "Span")
    _fields(record, {"parent": _text_or_none})
    _fields(record["properties"], {"root_id": _text, "depth": _whole})


def _artifact(record: Line) -> None:
    _fields(
        record,
        {
            "nodes": _rows(), "spans": _rows(4), "supersedes": _list, "superseded": _rows(2),
            "used_by": _rows(2),
        },
    )  # fmt: skip
    nodes = record["nodes"]
    known: set[str] = set()
    if not nodes:
        raise _BrokenError("an artifact without nodes")
    for found in nodes:
        node = _as_object(found, "node")
        _node(node, "Artifact")
        _fields(node, {"blobs": _list})
        if known:
            _fields(node, {"in": _list})
            if len(node["in"]) != 2 or node["in"][0] not in known:
                node_id = node["properties"]["node_id"]
                raise _BrokenError(f"node {node_id} is nested in a node that is not before it")
        elif "in" in node and not _is_pair(node["in"]):
            raise _BrokenError("a part of a span that names no span")
        known.add(node["properties"]["node_id"])
        for held in node["blobs"]:
            blob = _as_object(held, "blob")
            _fields(blob, {**dict.fromkeys(_BLOB, _text), "size": _whole})
            if len(blob["digest"]) != 64 or not set(blob["digest"]) <= set("0123456789abcdef"):
                raise _BrokenError(f"{blob['digest']!r} is not a SHA-256")


def _is_pair(value: Any) -> bool:
    """Tell if a value is the id of a span with the path of a part of it."""
    return _rows(2).fits([value]) and all(isinstance(part, str) and part for part in value)


_BLOB = ("field", "storage", "location", "digest", "blob_id")


def _node(record: Line, label: str) -> None:
    _fields(
        record, {"labels": _list, "properties": _object, "tags": _rows(2), "note": _list}
    )  # fmt: skip
    _fields(record["properties"], {"node_id": _text})
    labels = record["labels"]
    own = {"ArtigraphNode", label}
    ours = RESERVED_LABELS - MARKS - own
    if not all(isinstance(name, str) and name and "\0" not in name for name in labels):
        raise _BrokenError("a label that is empty or not text")
    if not own <= set(labels) or set(labels) & ours:
        raise _BrokenError(f"labels that no {label} has: {', '.join(labels)}")


def _used(record: Line) -> None:
    _fields(record, {"span": _text, "artifact": _text, "at": _text_or_none})


def _end(record: Line) -> None:
    _fields(record, {**dict.fromkeys(COUNTED, _whole), "sha256": _text})


_KINDS: dict[str, Callable[[Line], None]] = {
    "span": _span,
    "artifact": _artifact,
    "used": _used,
    "end": _end,
}


@dataclass(frozen=True)
class _Kind:
    name: str
    fits: Callable[[Any], bool]


def _as_object(value: Any, what: str) -> Line:
    if not isinstance(value, dict):
        raise _BrokenError(f"a {what} that is not an object")
    return cast("Line", value)


def _fields(record: Line, kinds: dict[str, _Kind]) -> None:
    for name, kind in kinds.items():
        if name not in record:
            raise _BrokenError(f"{name!r} is missing")
        if not kind.fits(record[name]):
            raise _BrokenError(f"{name!r} is not a {kind.name}: {str(record[name])[:100]}")


def _rows(length: int | None = None) -> _Kind:
    def fits(value: Any) -> bool:
        if not isinstance(value, list):
            return False
        rows = cast("list[list[object]]", value)
        return length is None or all(isinstance(v, list) and len(v) == length for v in rows)

    return _Kind("list of rows", fits)


_text = _Kind("text", lambda value: isinstance(value, str) and value != "")
_text_or_none = _Kind("text or null", lambda value: value is None or isinstance(value, str))
_whole = _Kind("whole number", lambda value: type(value) is int and value >= 0)
_list = _Kind("list", lambda value: isinstance(value, list))
_object = _Kind("object", lambda value: isinstance(value, dict))
