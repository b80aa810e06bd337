"""Checks of a whole exported file before any of it is written: a file that is wrong is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from artigraph_neo4j.errors import ArchiveError
from artigraph_neo4j.exchange.archive.lines import Line, read_lines
from artigraph_neo4j.graph.properties import from_json, zoned_properties
from artigraph_neo4j.recording.work import artifact_key

__all__ = ["check_file"]


def check_file(path: Path) -> Line:
    """Read all of a file, and check that its lines fit each other.

    Every id occurs once, and every property can be read. All spans are below the span of the
    header, each with its parent, depth and root. Labels have the keys that make them unique.

    Args:
        path: The file.

    Returns:
        The header of the file.

    Raises:
        ArchiveError: The file cannot be read, is broken, or its lines contradict each other; the
            message names the line.
    """
    lines = read_lines(path)
    _, header = next(lines)
    tree = _Tree(header)
    seen: set[int] = set()
    for number, record in lines:
        try:
            _check_nodes(record, seen)
            if record["kind"] == "span":
                tree.add(number, record)
            elif record["kind"] == "artifact":
                _check_keys(record)
                tree.hold(record)
        except (ValueError, TypeError) as error:
            raise ArchiveError(f"{path}, line {number}: {error}; nothing was imported") from error
    if (problem := tree.problem()) is not None:
        raise ArchiveError(f"{path}, {problem}; nothing was imported")
    return header


def _check_nodes(record: Line, seen: set[int]) -> None:
    """Check that properties can be read and that no id came before.

    Hashes of ids take a third of the memory of ids.
    """
    nodes: dict[str, list[Line]] = {"span": [record], "artifact": record.get("nodes", [])}
    for node in nodes.get(record["kind"], ()):
        properties = dict(node["properties"])
        zoned_properties(properties)
        for value in properties.values():
            if type(value) not in (str, int):
                from_json(value)
        node_id = properties["node_id"]
        if hash(node_id) in seen:
            raise ValueError(f"node {node_id} is in the file twice")
        seen.add(hash(node_id))


def _check_keys(record: Line) -> None:
    for span, label, key, _ in record["spans"]:
        if key is not None and (label is None or key != artifact_key(span, label)):
            raise ValueError(f"the key of the label {label!r} is not that of span {span}")


class _Tree:
    """The spans of a file with their depths; spans that came before their parents wait."""

    def __init__(self, header: Line) -> None:
        self._header = header
        self._depths: dict[str, int] = {}
        self._waiting: list[tuple[int, str, str, int]] = []

    def add(self, number: int, record: Line) -> None:
        properties: dict[str, Any] = record["properties"]
        node_id, depth, parent = properties["node_id"], properties["depth"], record["parent"]
        if properties["root_id"] != self._header["root"]:
            raise ValueError(f"span {node_id} is of another tree than the header says")
        self._depths[node_id] = depth
        if node_id == self._header["span"]:
            if (parent, depth) != (self._header["parent"], self._header["depth"]):
                raise ValueError(f"span {node_id} is at another place than the header says")
        elif self._depths.get(parent) != depth - 1:
            self._waiting.append((number, node_id, parent, depth))

    def hold(self, record: Line) -> None:
        """Check that an artifact which is part of a span comes after that span."""
        inside = record["nodes"][0].get("in")
        if inside is not None and inside[0] not in self._depths:
            raise ValueError(f"a part of span {inside[0]}, which is not before it")

    def problem(self) -> str | None:
        """Return the first span whose place is wrong, in words; None where all are right."""
        if self._header["span"] not in self._depths:
            return f"line 1: span {self._header['span']} of the header is not in the file"
        for number, node_id, parent, depth in self._waiting:
            above = self._depths.get(parent)
            if above is None:
                return f"line {number}: span {node_id} is below {parent}, which is not in the file"
            if above != depth - 1:
                return f"line {number}: span {node_id} has depth {depth}, below one of {above}"
        return None
