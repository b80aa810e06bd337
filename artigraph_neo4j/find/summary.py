"""Summaries of stored artifacts, for pictures and for people. No values are loaded.

Classes of the user are not needed, nothing is deserialized, and no storage is asked.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from artigraph_neo4j.common.times import instant
from artigraph_neo4j.common.wording import cut, number_text, place_text, size_text, visible
from artigraph_neo4j.graph.names import property_name
from artigraph_neo4j.model.native import from_native, kind_of
from artigraph_neo4j.model.stored import is_entry

__all__ = ["ArtifactSummary", "FieldSummary"]


@dataclass(frozen=True, slots=True)
class FieldSummary:
    """One field of a stored artifact.

    Attributes:
        name: The field.
        kind: The way of storing: ``"int"``, ``"str"`` and so on for a native property, ``"none"``,
            ``"unset"`` for a field that was never assigned, ``"model"`` for a nested model,
            ``"tree"`` for a container of them, ``"unreadable"``, else the name of the serializer.
        value: The native value; the text of a value that was serialized as text; else None.
        cut: Whether ``value`` is only the beginning of the value.
        size: Number of characters, items or bytes of the whole; None for a single number or time.
        storage: The name of the storage that has it, or None.
        location: Its place in the storage.
        digest: The SHA-256 of the stored bytes, in hex.
        blob_id: The id of its ``Blob`` node.
        models: Names of the nested models, with the number of each.
        problem: The reason why the stored form cannot be read, or None.
    """

    name: str
    kind: str
    value: Any = None
    cut: bool = False
    size: int | None = None
    storage: str | None = None
    location: str | None = None
    digest: str | None = None
    blob_id: str | None = None
    models: tuple[tuple[str, int], ...] = ()
    problem: str | None = None

    @property
    def text(self) -> str:
        """The value in a few words, or ``"parquet, 12 MB, s3://bucket/key"``."""
        return visible(self._text())

    @property
    def rounded(self) -> str:
        """The same, with a float rounded to four digits."""
        return number_text(self.value) if type(self.value) is float else self.text

    def _text(self) -> str:
        if self.problem is not None:
            return f"cannot be read: {self.problem}"
        if self.storage is not None:
            return f"{self.kind}, {size_text(self.size or 0)}, {self.place}"
        if self.models:
            return ", ".join(
                name if number == 1 else f"{number} × {name}" for name, number in self.models
            )
        if self.kind == "none":
            return "None"
        if self.kind == "unset":
            return "(not set)"
        if self.value is None:
            return self.kind if self.size is None else f"{self.kind}, {size_text(self.size)}"
        shown = str(self.value) if self.kind not in _NATIVE else repr(self.value)
        return cut(shown, _TEXT_CHARACTERS) + (" …" if self.cut and shown[-1:] != "…" else "")

    @property
    def place(self) -> str:
        """The address in the storage; empty when the graph has the value."""
        return "" if self.storage is None else place_text(self.storage, self.location or "")


_TEXT_CHARACTERS = 200
_NATIVE = frozenset({"bool", "int", "float", "str", "bytes", "list"})


@dataclass(frozen=True, slots=True)
class ArtifactSummary:
    """One artifact as the graph describes it.

    Attributes:
        node_id: The artifact's id.
        label: Its label in the span, or None.
        shared: Whether another span made it, and this one only shares it.
        model: The stored name of its model.
        model_version: The stored version.
        recorded_at: The time of recording (aware, UTC); 1970 where that cannot be read.
        fields: Its fields, in their order.
        stored_size: Number of bytes that storages have for it and its nested models.
        problem: The reason why its fields are unknown (its codec cannot be read), or None.
    """

    node_id: str
    label: str | None
    shared: bool
    model: str
    model_version: int
    recorded_at: datetime
    fields: tuple[FieldSummary, ...]
    stored_size: int
    problem: str | None = None

    @classmethod
    def of_row(cls, row: list[Any]) -> ArtifactSummary:
        """Make a summary from a row of ``SPAN_TREE``; a damaged artifact gets a ``problem``."""
        node_id, label, shared, model, version, at, codec, properties, blobs, nested, size = row
        problem, entries = None, dict[str, Any]()
        try:
            listed = dict(json.loads(codec or "")["fields"])
            entries = {name: entry for name, entry in listed.items() if is_entry(entry)}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            problem = f"its codec is damaged ({type(error).__name__})"
        values = {name: (value, whole) for name, value, whole in properties}
        places = {name: rest for name, *rest in blobs}
        models: dict[str, list[tuple[str, int]]] = {}
        for name, kind, number in sorted(nested):
            models.setdefault(name, []).append((kind, number))
        fields = tuple(
            _field(name, entry, values, places.get(name), tuple(models.get(name, ())))
            for name, entry in entries.items()
        )
        return cls(
            node_id, None if label is None else str(label), shared, model or "?", version or 0,
            _recorded(at), fields, size, problem,
        )  # fmt: skip


_UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def _recorded(at: str | None) -> datetime:
    try:
        return instant(at or "")
    except (ValueError, IndexError):  # only Cypher of users can cause this
        return _UNKNOWN_TIME


def _field(
    name: str,
    entry: Any,
    values: dict[str, tuple[Any, int | None]],
    place: list[Any] | None,
    models: tuple[tuple[str, int], ...],
) -> FieldSummary:
    try:
        return _read_field(name, entry, values, place, models)
    except Exception as error:  # whatever is stored: one bad value must not hide the others
        return FieldSummary(name, "unreadable", problem=f"{type(error).__name__}: {error}")


def _read_field(
    name: str,
    entry: Any,
    values: dict[str, tuple[Any, int | None]],
    place: list[Any] | None,
    models: tuple[tuple[str, int], ...],
) -> FieldSummary:
    kind = kind_of(entry)
    if kind == "blob":
        blob_id, storage, location, digest, size = place or [None, None, None, None, None]
        return FieldSummary(
            name, entry[1], None, False, size, storage, location, digest, blob_id, models
        )
    value, whole = values.get(property_name(name), (None, None))
    length = len(cast("str | list[object]", value)) if isinstance(value, (str, list)) else None
    is_cut = length is not None and length < (whole or 0)
    if kind == "inline":
        text = value if isinstance(value, str) and not models else None
        return FieldSummary(name, entry[1], text, is_cut and text is not None, whole, models=models)
    if kind == "bytes" and isinstance(value, list):
        # Cypher's bytes are numbers from -128 to 127.
        value = bytes(number & 0xFF for number in cast("list[int]", value))
    elif value is not None:
        with suppress(Exception):  # an unreadable value is shown as it is stored
            value = from_native(value, kind if isinstance(entry, str) else entry)
    return FieldSummary(name, kind, value, is_cut, whole, models=models)
