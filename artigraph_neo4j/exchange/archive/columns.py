"""Columns of tables: the type that each field of a model gets, and its values.

A column of a table has one type, but a property of a graph may have several: a field may be an int
in one artifact and a str in the next. So the types are learned before anything is written, from the
codecs, of which there are few.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pyarrow as pa

from artigraph_neo4j.errors import ArtigraphError
from artigraph_neo4j.exchange.archive.lines import Line
from artigraph_neo4j.graph.names import property_name
from artigraph_neo4j.graph.properties import from_json
from artigraph_neo4j.model.native import from_native, kind_of

__all__ = ["TIME", "Types", "cell", "native_fields"]

TIME = pa.timestamp("us", tz="UTC")

_TYPES: dict[type[Any], Any] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    bytes: pa.binary(),
    date: pa.date32(),
    timedelta: pa.duration("us"),
}

_KINDS: dict[str, Any] = {
    **{kind.__name__: type_ for kind, type_ in _TYPES.items()},
    "datetime": pa.timestamp("us"),
    "instant": TIME,
}

_ITEMS = {
    "BOOLEAN": pa.bool_(), "INTEGER": pa.int64(), "FLOAT": pa.float64(), "STRING": pa.string(),
}  # fmt: skip

_UNREADABLE = (KeyError, ValueError, TypeError, AttributeError, ArtigraphError)


class Types:
    """The type of each column of each model's table.

    Attributes:
        of: Types by field, by model; None for a field that never had a value.
    """

    def __init__(self) -> None:
        self.of: dict[str, dict[str, Any]] = {}

    def learn(self, kinds: list[list[Any]]) -> None:
        """Learn from rows ``[model, codec, [[property, its type in Cypher]]]`` of stored nodes."""
        for model, codec, lists in kinds:
            if not isinstance(model, str):
                continue
            columns = self.of.setdefault(model, {})
            items = dict(lists)
            for name, entry in _entries(codec):
                if entry in ("none", "unset"):
                    columns.setdefault(name, None)
                    continue
                kind = kind_of(entry)
                found = _KINDS.get(kind)
                if kind == "list":
                    found = _list_type(items.get(property_name(name), ""))
                if found is not None:
                    columns[name] = _common(columns.get(name), found)


def _entries(codec: object) -> list[tuple[str, Any]]:
    """Return the entries of a codec whose fields are native; none where it cannot be read."""
    try:
        fields: dict[str, Any] = json.loads(cast("str", codec))["fields"]
        return [(n, e) for n, e in fields.items() if e != "model" and not _is_serialized(e)]
    except _UNREADABLE:
        return []


def _list_type(cypher: str) -> Any:
    """Return the type of a list, from ``LIST<INTEGER NOT NULL> NOT NULL``."""
    item = cypher.removeprefix("LIST<").partition(">")[0].removesuffix(" NOT NULL")
    return pa.list_(_ITEMS[item]) if item in _ITEMS else None


def _common(before: Any, new: Any) -> Any:
    """Return a type that holds both; text with JSON where no other type does."""
    if before is None or before == new:
        return new
    numbers = (pa.int64(), pa.float64())
    return pa.float64() if before in numbers and new in numbers else pa.string()


def native_fields(node: Line) -> dict[str, Any]:
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


def cell(value: Any, type_: Any) -> Any:
    """Return a value for a column of a type; None where its codec said that it has another."""
    if value is None or type_ is None:
        return None
    if type_ == pa.string():
        if isinstance(value, str):
            return value
        return json.dumps(value, default=str, ensure_ascii=False)
    if type_ == pa.float64() and type(value) in (int, float):
        return float(value)
    return value if _type(value) == type_ else None


def _type(value: object) -> Any:
    if isinstance(value, datetime):
        return pa.timestamp("us") if value.tzinfo is None else TIME
    if not isinstance(value, list):
        return _TYPES.get(type(value))
    items = cast("list[object]", value)
    found = _TYPES.get(type(items[0])) if items else None
    return None if found is None else pa.list_(found)


def _is_serialized(entry: Any) -> bool:
    return isinstance(entry, list) and entry[0] in ("inline", "blob")


def _has_zone(value: Any) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None
