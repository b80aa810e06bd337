"""Exact conversion of node properties to JSON and back: all floats, bytes, times and points.

JSON has text, ``true``, ``null``, integers of any size and finite floats, which Python writes and
reads without loss. Every other value is an object with one name that begins with ``$``; properties
are never maps, so no value of a user looks like it.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, TypeVar, cast

from neo4j.spatial import CartesianPoint, Point, WGS84Point
from neo4j.time import Date, DateTime, Duration, Time

__all__ = [
    "check_storable",
    "from_json",
    "instant_to_json",
    "take_instants",
    "to_json",
    "zoned_properties",
]


T = TypeVar("T", DateTime, Time)


def check_storable(value: object) -> None:
    """Refuse values that the driver or Neo4j cannot take as the property of a node.

    Only plain values are checked: numbers, texts and lists. Other types were converted by neomodel
    into values of the driver.

    Raises:
        ValueError: An integer has more than 64 bits, or a text has a lone surrogate.
        TypeError: The value is a map, a list in a list, a list of several types, or of an unknown
            type.
    """
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("an integer has 64 bits in Neo4j")
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, (list, tuple)):
        _check_list(cast("list[object]", value))
    elif isinstance(value, _NO_PROPERTIES):
        kind: type = type(cast("object", value))
        raise TypeError(f"a property of a node cannot be a {kind.__name__}")
    elif type(value).__module__.partition(".")[0] not in ("builtins", "datetime", "neo4j"):
        raise TypeError(f"{type(value).__qualname__} is not a type of the driver")


_NO_PROPERTIES = (dict, set, frozenset, complex)


def _check_list(items: list[object]) -> None:
    if any(item is None or isinstance(item, (list, tuple)) for item in items):
        raise TypeError("a list of Neo4j has neither null nor lists in it")
    if len({float if type(item) is int else type(item) for item in items}) > 1:
        raise TypeError("a list of Neo4j has values of one type")
    for item in items:
        check_storable(item)


def to_json(value: object) -> Any:
    """Convert a property, as the driver returns it, to a value that ``json`` can write.

    Raises:
        TypeError: The property is of an unknown type.
    """
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if isinstance(value, list):
        return [to_json(item) for item in cast("list[object]", value)]
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode()}
    return _special(value)


def _special(value: Any) -> dict[str, Any]:
    if isinstance(value, Date):
        return {"$date": value.iso_format()}
    if isinstance(value, DateTime):
        zone = getattr(value.tzinfo, "key", None) or getattr(value.tzinfo, "zone", None)
        if zone is not None and zone != "UTC":
            return {"$zoned": f"{_iso_text(value)}[{zone}]"}
        return {"$datetime": _iso_text(value)}
    if isinstance(value, Time):
        return {"$time": _iso_text(value)}
    if isinstance(value, Duration):
        return {"$duration": [value.months, value.days, value.seconds, value.nanoseconds]}
    if isinstance(value, Point):
        return {"$point": [value.srid, *value]}
    broken = getattr(value, "error", None)  # the driver leaves errors inside maps and lists
    if isinstance(broken, Exception):
        raise TypeError(f"the driver cannot read the value: {broken}")
    raise TypeError(f"a property of type {type(value).__name__} cannot be exported")


def _iso_text(value: DateTime | Time) -> str:
    """Return a time as text; the driver would write the offset -03:30 as -04:30."""
    text, offset = value.iso_format(), value.utc_offset()
    if offset is None:
        return text
    minutes = int(offset.total_seconds() // 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"{text[:-6]}{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"


def instant_to_json(text: str) -> Any:
    """Convert an instant that Cypher's ``toString()`` made, as ``to_json`` converts the instant.

    The driver takes most of the time of a read to make its own objects of times.

    Returns:
        The value that ``json`` can write. A text that is not such an instant stays as it is.
    """
    found = _INSTANT.fullmatch(text)
    if found is None:
        return text
    time, fraction, offset, zone = found.groups()
    whole = f"{time}.{(fraction or '').ljust(9, '0')}{'+00:00' if offset == 'Z' else offset}"
    return {"$datetime": whole} if zone in (None, "UTC") else {"$zoned": f"{whole}[{zone}]"}


_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)(?:\[([^\[\]]+)\])?",
    re.ASCII,
)


def from_json(value: object) -> Any:
    """Convert a value of ``to_json`` back to the property; not for those of ``zoned_properties``.

    Raises:
        ValueError: ``to_json`` does not return such a value.
    """
    if isinstance(value, list):
        return [from_json(item) for item in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    entries = cast("dict[str, object]", value)
    if len(entries) != 1:
        raise ValueError(f"{entries!r} is not a property")
    ((name, content),) = entries.items()
    read = _READERS.get(name)
    if read is None:
        raise ValueError(f"{name!r} is not a kind of property")
    try:
        return read(content)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{value!r} cannot be read: {error}") from error


def zoned_properties(properties: dict[str, Any]) -> list[list[str]]:
    """Remove times with a named zone from properties; return them as pairs of name and text.

    The text is for ``datetime()`` of Cypher: a ``ZoneInfo`` sent by the driver can crash the
    process.
    """
    zoned: list[list[str]] = [
        [key, value["$zoned"]]
        for key, value in properties.items()
        if isinstance(value, dict) and "$zoned" in value
    ]
    for key, _ in zoned:
        del properties[key]
    return zoned


def take_instants(properties: dict[str, Any]) -> dict[str, str]:
    """Remove the times that Cypher's ``datetime()`` reads from properties; return their texts.

    These are times in UTC, which take the driver a tenth of a millisecond each, and times with a
    named zone, as of ``zoned_properties``.
    """
    instants = dict(zoned_properties(properties))
    for key, value in list(properties.items()):
        if isinstance(value, dict):
            text = cast("dict[str, str]", value).get("$datetime", "")
            if _UTC.fullmatch(text):
                instants[key] = text
                del properties[key]
    return instants


def _datetime(text: str) -> DateTime | datetime:
    if _UTC.fullmatch(text):
        # As almost every time here; Python's own type is read five times as fast.
        return datetime.fromisoformat(text)
    return _with_plain_zone(DateTime.from_iso_format(text))  # pyright: ignore[reportUnknownMemberType]


_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6}000)?\+00:00", re.ASCII)


def _time(text: str) -> Time:
    return Time.from_iso_format(text)  # the driver sends it by its offset anyway


def _with_plain_zone(value: T) -> T:
    """Give a time an offset in place of a zone named UTC, which the driver would send by name."""
    offset = value.utcoffset()
    if offset is None:
        return value
    plain: T = value.replace(tzinfo=timezone(offset))  # pyright: ignore[reportUnknownMemberType]
    return plain


def _duration(parts: list[int]) -> Duration:
    months, days, seconds, nanoseconds = parts
    return Duration(months=months, days=days, seconds=seconds, nanoseconds=nanoseconds)


def _point(parts: list[float]) -> Point:
    srid, *coordinates = parts
    cls = _POINTS.get(int(srid))
    if cls is None:
        raise ValueError(f"{srid} is not a coordinate system of Neo4j")
    return cls(coordinates)


_POINTS: dict[int, Callable[[list[float]], Point]] = {
    4326: WGS84Point,
    4979: WGS84Point,
    7203: CartesianPoint,
    9157: CartesianPoint,
}

_READERS: dict[str, Callable[[Any], Any]] = {
    "$float": float,
    "$bytes": lambda text: base64.b64decode(text, validate=True),
    "$date": Date.from_iso_format,
    "$datetime": _datetime,
    "$time": _time,
    "$duration": _duration,
    "$point": _point,
}
