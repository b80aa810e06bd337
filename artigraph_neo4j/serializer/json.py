"""JSON, for what JSON gives back as it was: readable in the graph by anyone."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, ClassVar

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import MAX_DEPTH, Serializer, shorten_path

__all__ = ["JSONSerializer", "json_serializer", "json_sorted_serializer", "why_not_json"]

_MAX_INT_BITS = 13_000
"""Python refuses to make text of integers of more than 4,300 digits."""

_SAFE = frozenset({type(None), bool})


def why_not_json(value: Any) -> str | None:
    """What in ``value`` JSON would change, and where; None when it comes back equal.

    Exact types only: dict with string keys, list, str, int, finite float, bool and None.
    """
    fault = _fault(value, 0)
    if fault is None:
        return None
    why, *steps = fault
    return why.replace(_AT, f" at {shorten_path(steps)}" if steps else "")


_AT = "\0at"
"""Where a reason names the place, which is only known once it has come up through the value."""


def _fault(value: Any, depth: int) -> list[str] | None:
    """The reason and the steps that lead to it, inner ones first; paths of good values cost."""
    kind: type[object] = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind in _SAFE:
        return None
    if kind is str:
        return _text_fault(value)
    if kind is int:
        fits = value.bit_length() <= _MAX_INT_BITS
        return None if fits else [f"the integer{_AT} has too many digits"]
    if kind is float:
        return None if isfinite(value) else [f"{value!r}{_AT} is no JSON"]
    if kind is not list and kind is not dict:
        return [f"a {kind.__qualname__}{_AT} would come back as something else"]
    if depth > MAX_DEPTH:
        return [f"it is nested more than {MAX_DEPTH} deep, or contains itself"]
    return (_list_fault if kind is list else _dict_fault)(value, depth + 1)


def _list_fault(value: list[Any], depth: int) -> list[str] | None:
    for position, item in enumerate(value):
        fault = _fault(item, depth)
        if fault is not None:
            return [*fault, f"[{position}]"]
    return None


def _dict_fault(value: dict[Any, Any], depth: int) -> list[str] | None:
    for key, item in value.items():
        if type(key) is not str:
            return [f"the key {key!r:.80}{_AT} is no string"]
        fault = _text_fault(key) or _fault(item, depth)
        if fault is not None:
            return [*fault, f"[{key!r:.80}]"]
    return None


def _text_fault(value: str) -> list[str] | None:
    if value.isascii():
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return [f"the text{_AT} has a lone surrogate"]
    return None


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
        """The value.

        Raises:
            SerializationError: The bytes are no JSON.
        """
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise SerializationError(f"no JSON: {error}") from error


class SortedJSONSerializer(JSONSerializer):
    """The same with the keys of all objects sorted, so that equal dicts are equal bytes."""

    name: ClassVar[str] = "json-sorted"
    sort_keys: ClassVar[bool] = True


json_serializer = JSONSerializer().register()
json_sorted_serializer = SortedJSONSerializer().register()
