"""JSON, for values that come back unchanged; people can read it in the graph."""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import isfinite
from typing import Any, ClassVar, NoReturn, cast

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import (
    DamagedError,
    Serializer,
    shorten_path,
    shown,
    unreadable,
)
from artigraph_neo4j.serializer.limits import MAX_DEPTH

__all__ = ["JSONSerializer", "json_serializer", "json_sorted_serializer", "why_not_json"]

_MAX_INT_BITS = 13_000
"""Maximum bits of an integer; Python refuses to write or read more than 4,300 digits."""

_SAFE = frozenset({type(None), bool})


def why_not_json(value: Any) -> str | None:
    """Return the change that JSON would make to the value, and its place; None if there is none.

    Exactly these types come back unchanged: dict with text keys, list, str, int, finite float,
    bool, None.
    """
    fault = _fault(value, 0)
    if fault is None:
        return None
    why, *steps = fault
    return why.replace(_AT, f" at {shorten_path(steps)}" if steps else "")


_AT = "\0at"
"""Mark in a reason, to be replaced by the place, which is known later."""


def _fault(value: Any, depth: int) -> list[str] | None:
    """Return the reason and the steps that lead to it, innermost first; None for good values."""
    kind: type[object] = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind in _SAFE:
        return None
    if kind is str:
        return _text_fault(value)
    if kind is int:
        fits = value.bit_length() <= _MAX_INT_BITS
        return None if fits else [f"the integer{_AT} has too many digits"]
    if kind is float:
        return None if isfinite(value) else [f"{value!r}{_AT} is not JSON"]
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
            return [f"the key {shown(key)}{_AT} is not text"]
        fault = _text_fault(key) or _fault(item, depth)
        if fault is not None:
            return [*fault, f"[{shown(key)}]"]
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
    """Compact UTF-8 JSON (RFC 8259). Values that would come back changed are refused."""

    name: ClassVar[str] = "json"
    text: ClassVar[bool] = True
    sort_keys: ClassVar[bool] = False

    def serialize(self, value: Any, /) -> bytes:
        """Return the value as JSON text.

        Raises:
            SerializationError: JSON would change the value; the message names the change and place.
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
        """Return the value.

        Raises:
            SerializationError: The bytes are not JSON as this serializer writes it.
        """
        with unreadable("JSON"):
            found = json.loads(data.decode(), parse_constant=_refuse_constant)
            if data.count(b"[") + data.count(b"{") > MAX_DEPTH:
                _check_depth(found)
            return found


def _refuse_constant(name: str) -> NoReturn:
    raise DamagedError(f"{name} is not JSON")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for item in level for child in _children(item)]
        if not level:
            return
    if any(type(item) in (list, dict) for item in level):
        raise DamagedError(f"it is nested more than {MAX_DEPTH} deep")


def _children(item: Any) -> Iterable[Any]:
    if type(item) is list:
        return cast("list[object]", item)
    return cast("dict[str, object]", item).values() if type(item) is dict else ()


class SortedJSONSerializer(JSONSerializer):
    """JSON with the keys of all objects sorted, so that equal dicts have equal bytes."""

    name: ClassVar[str] = "json-sorted"
    sort_keys: ClassVar[bool] = True


json_serializer = JSONSerializer().register()
json_sorted_serializer = SortedJSONSerializer().register()
