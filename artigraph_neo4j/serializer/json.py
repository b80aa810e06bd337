"""JSON, for what JSON gives back as it was: readable in the graph by anyone."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, ClassVar

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer

__all__ = ["JSONSerializer", "json_serializer", "json_sorted_serializer", "why_not_json"]

_MAX_INT_BITS = 13_000
"""Python refuses to make text of integers of more than 4,300 digits."""


def why_not_json(value: Any) -> str | None:
    """What in ``value`` JSON would change, and where; None when it comes back equal.

    Exact types only: dict with string keys, list, str, int, finite float, bool and None.
    """
    try:
        return _fault(value, "")
    except RecursionError:
        return "it contains itself or is nested too deeply"


def _fault(value: Any, path: str) -> str | None:
    kind = type(value)
    if kind is str:
        return _text_fault(value, path)
    if kind is bool or value is None:
        return None
    if kind is int:
        fits = value.bit_length() <= _MAX_INT_BITS
        return None if fits else f"the integer{_at(path)} has too many digits"
    if kind is float:
        return None if isfinite(value) else f"{value!r}{_at(path)} is no JSON"
    if kind is list:
        faults = (_fault(item, f"{path}[{i}]") for i, item in enumerate(value))
        return next(filter(None, faults), None)
    if kind is dict:
        return _dict_fault(value, path)
    return f"a {kind.__qualname__}{_at(path)} would come back as something else"


def _dict_fault(value: dict[Any, Any], path: str) -> str | None:
    for key, item in value.items():
        if type(key) is not str:
            return f"the key {key!r}{_at(path)} is no string"
        fault = _text_fault(key, path) or _fault(item, f"{path}[{key!r}]")
        if fault:
            return fault
    return None


def _text_fault(value: str, path: str) -> str | None:
    if value.isascii():
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"the text{_at(path)} has a lone surrogate"
    return None


def _at(path: str) -> str:
    return f" at {path}" if path else ""


class JSONSerializer(Serializer[Any]):
    """Compact UTF-8 JSON (RFC 8259). Refuses what would come back as another value or type."""

    name: ClassVar[str] = "json"
    text: ClassVar[bool] = True
    sort_keys: ClassVar[bool] = False

    def serialize(self, value: Any, /) -> bytes:
        """The value as JSON text.

        Raises:
            SerializationError: JSON would change it; the message says what and where.
        """
        fault = why_not_json(value)
        if fault is not None:
            raise SerializationError(
                f"{fault}; leave out serializer= and a format is chosen that keeps it"
            )
        return json.dumps(
            value,
            ensure_ascii=False,
            allow_nan=False,
            separators=(",", ":"),
            sort_keys=self.sort_keys,
        ).encode()

    def deserialize(self, data: bytes, /) -> Any:
        """The value."""
        try:
            return json.loads(data)
        except ValueError as error:
            raise SerializationError(f"no JSON: {error}") from error


class SortedJSONSerializer(JSONSerializer):
    """The same with the keys of all objects sorted, so that equal dicts are equal bytes."""

    name: ClassVar[str] = "json-sorted"
    sort_keys: ClassVar[bool] = True


json_serializer = JSONSerializer().register()
json_sorted_serializer = SortedJSONSerializer().register()
