"""The tree of Artigraph's rows: spans with their places, and artifacts with their parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from artigraph_neo4j.exchange.upstream.database import OldNode

__all__ = ["ImportNote", "OldArtifact", "OldSpan", "Tree", "grow", "model_of", "named"]


@dataclass(frozen=True, slots=True)
class ImportNote:
    """A note for people about one node of an import.

    Attributes:
        old_id: The node's id in Artigraph's database.
        what: The node in words: its label, model or field.
        reason: The change that the import made, and the reason.
    """

    old_id: int
    what: str
    reason: str


@dataclass(slots=True)
class OldSpan:
    """A span and its place."""

    row: OldNode
    new_id: str
    parent_id: str | None
    root_id: str
    depth: int


@dataclass(slots=True)
class OldArtifact:
    """An artifact: its own row, then all rows below it, outer ones first."""

    rows: list[OldNode]
    new_id: str
    span_id: str | None
    label: str | None

    @property
    def size(self) -> int:
        """The size of its values in the database, in bytes."""
        return sum(row.size for row in self.rows)


@dataclass(slots=True)
class Tree:
    """Everything in the database.

    Attributes:
        spans: All spans, parents before children.
        artifacts: All artifacts, in order of recording.
        new_ids: The new id of every span and model, by the old one.
        children: The parts of every artifact, by the old id.
        skipped: Nodes that cannot be placed.
        notes: Nodes that had to be placed elsewhere.
    """

    spans: list[OldSpan] = field(default_factory=list)
    artifacts: list[OldArtifact] = field(default_factory=list)
    new_ids: dict[int, str] = field(default_factory=dict)
    children: dict[int, list[OldNode]] = field(default_factory=dict)
    skipped: list[ImportNote] = field(default_factory=list)
    notes: list[ImportNote] = field(default_factory=list)


def model_of(row: OldNode) -> tuple[str, Any] | None:
    """Return the name and version of the model that a row stands for; None for a plain value."""
    if row.model is not None:  # 0.0.7 and later
        return row.model, row.version
    if row.metadata is None:
        return None
    try:
        found = json.loads(row.metadata)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    found = cast("dict[str, Any]", found)
    if found.get("__is_artifact_model__") is True and "model_type" in found:
        return found["model_type"], found.get("model_version")
    if "artigraph_version" in found and row.detail and "-v" in row.detail:  # around 0.0.6
        name, _, version = row.detail.rpartition("-v")
        return name, version
    return None


def is_artifact(row: OldNode) -> bool:
    """Tell artifacts and their parts from rows that are spans or stand for one."""
    return row.serializer is not None or row.kind.endswith("_artifact")


def grow(rows: Iterable[OldNode], source: str) -> Tree:
    """Put every row in its place.

    Args:
        rows: All rows of the database.
        source: Text that tells databases apart; part of every id.
    """
    by_id = {row.node_id: row for row in rows}
    grower = _Grower(by_id, source)
    grower.run()
    return grower.tree


class _Grower:
    """Walks the rows from the roots with a list instead of recursion: nesting may be deep."""

    def __init__(self, rows: dict[int, OldNode], source: str) -> None:
        self._rows = rows
        self._source = source
        self._labels: set[tuple[str, str]] = set()
        self._seen: set[int] = set()
        self.tree = Tree()
        self._spans: dict[int, OldSpan] = {}

    def run(self) -> None:
        tree = self.tree
        for row in self._rows.values():
            if row.parent_id in self._rows:
                tree.children.setdefault(row.parent_id, []).append(row)
        todo = [row for row in self._rows.values() if row.parent_id not in self._rows]
        for row in todo:  # grows during the loop
            self._seen.add(row.node_id)
            if is_artifact(row):
                todo.extend(self._artifact(row))
            else:
                self._span(row)
                todo.extend(tree.children.get(row.node_id, ()))
        for node_id, row in self._rows.items():
            if node_id not in self._seen:
                tree.skipped.append(ImportNote(node_id, named(row), "it is its own ancestor"))
        tree.artifacts.sort(key=lambda artifact: artifact.rows[0].node_id)

    def _span(self, row: OldNode) -> None:
        parent = self._spans.get(row.parent_id or -1)
        if row.parent_id is not None and parent is None:
            reason = f"its parent {row.parent_id} is gone; it became a root"
            self.tree.notes.append(ImportNote(row.node_id, named(row), reason))
        opened = row.opened_at or row.created_at
        new_id = self._new_id(row, opened, None if parent is None else parent.new_id)
        span = OldSpan(
            row,
            new_id,
            None if parent is None else parent.new_id,
            new_id if parent is None else parent.root_id,
            0 if parent is None else parent.depth + 1,
        )
        self.tree.new_ids[row.node_id] = new_id
        self._spans[row.node_id] = span
        self.tree.spans.append(span)

    def _artifact(self, row: OldNode) -> Iterator[OldNode]:
        """Place an artifact; yield rows below it that are not part of it, to be placed later."""
        span = self._spans.get(row.parent_id or -1)
        if span is None and row.parent_id is not None and not self._alone(row):
            return
        rows = [row]
        for part in rows:  # grows during the loop
            self._seen.add(part.node_id)
            outer = self.tree.new_ids.get(part.parent_id or -1)
            if part is row:
                outer = None if span is None else span.new_id
            self.tree.new_ids[part.node_id] = self._new_id(part, part.created_at, outer)
            names: set[str | None] = set()
            for child in self.tree.children.get(part.node_id, ()):
                if _is_part(child, part) and child.label not in names:
                    names.add(child.label)
                    rows.append(child)
                else:
                    yield child
        label = row.label if span is None else self._label(row, span.new_id)
        self.tree.artifacts.append(
            OldArtifact(
                rows, self.tree.new_ids[row.node_id], None if span is None else span.new_id, label
            )
        )

    def _alone(self, row: OldNode) -> bool:
        """Tell whether an artifact can exist without its former parent."""
        if row.parent_id in self._rows:
            reason = f"it is not a part of artifact {row.parent_id}; it is now one of its own"
        elif model_of(row) is None:
            reason = f"its parent {row.parent_id} is gone, and nothing says what it was a part of"
            self.tree.skipped.append(ImportNote(row.node_id, named(row), reason))
            return False
        else:
            reason = f"its parent {row.parent_id} is gone; it has no span now"
        self.tree.notes.append(ImportNote(row.node_id, named(row), reason))
        return True

    def _label(self, row: OldNode, span_id: str) -> str | None:
        """Return a unique label; Artigraph may have given one to several artifacts of a span."""
        label = row.label
        if label is None:
            return None
        if (span_id, label) in self._labels:
            label = f"{label}#{row.node_id}"
            reason = f"its span has another artifact with its label; it is now {label!r}"
            self.tree.notes.append(ImportNote(row.node_id, named(row), reason))
        self._labels.add((span_id, label))
        return label

    def _new_id(self, row: OldNode, at: datetime, outer: str | None) -> str:
        """Return an id for a row: a UUIDv7, like all ids, but always the same for the same row.

        Its time is that of the row. Then comes the old id, which keeps the order, and a digest of
        the constant parts of the row and of all rows above, which tells databases apart.
        """
        facts: list[Any] = [self._source, outer, row.node_id, row.kind, row.created_at.isoformat()]
        facts += [row.opened_at and row.opened_at.isoformat(), row.label, model_of(row)]
        digest = hashlib.sha256(json.dumps(facts, default=str).encode()).digest()
        order = row.node_id & (1 << 40) - 1
        tail = int.from_bytes(digest[:8]) & (1 << 34) - 1
        milliseconds = int(at.timestamp() * 1000) & (1 << 48) - 1
        high = milliseconds << 16 | 0x7 << 12 | order >> 28
        low = 0b10 << 62 | (order & (1 << 28) - 1) << 34 | tail
        text = f"{high:016x}{low:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _is_part(child: OldNode, outer: OldNode) -> bool:
    """Tell whether a row is a field of the model in another row."""
    model = model_of(outer)
    return is_artifact(child) and model is not None and child.label is not None


def named(row: OldNode) -> str:
    """Return the name of a row for notes: its model or kind, and its label."""
    model = model_of(row)
    name = f"{model[0]} " if model else "" if is_artifact(row) else f"{row.kind} "
    return f"{name}{row.label or row.span_label or ''}".strip() or row.kind
