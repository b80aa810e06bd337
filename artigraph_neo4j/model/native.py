"""Values that Neo4j has a type for: stored as they are, so that Cypher can ask about them.

Decided by exact type: a subclass (an ``IntEnum``, a ``str`` of one's own) would come back as
something else. What is not native goes through a serializer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from typing import Any, cast

from neo4j.time import Date, DateTime

from artigraph_neo4j.common.times import zone_from, zone_to

__all__ = [
    "MAX_INLINE_BYTES",
    "NOT_NATIVE",
    "as_python",
    "from_native",
    "native_size",
    "to_native",
]

NOT_NATIVE = object()
"""What ``to_native`` returns for a value that needs a serializer."""

MAX_INLINE_BYTES = 64 * 1024 * 1024
"""What is larger is never a property: Neo4j holds a transaction in memory, and logs it besides."""

Entry = str | Sequence[Any]
"""How the codec of a node describes one field; a string where there is nothing more to say."""

_INT64 = range(-(2**63), 2**63)
_MICROSECOND = timedelta(microseconds=1)


def to_native(value: object) -> tuple[Any, Entry]:
    """The property for a value and its codec entry, or ``(NOT_NATIVE, "")``."""
    convert = _CONVERTERS.get(type(value))
    return (NOT_NATIVE, "") if convert is None else convert(value)


def from_native(stored: Any, entry: Entry) -> Any:
    """The value that ``to_native`` made ``stored`` and ``entry`` from."""
    kind = entry if isinstance(entry, str) else entry[0]
    if kind in _AS_THEY_ARE:
        return stored
    match kind:
        case "date" | "datetime":
            return as_python(stored)
        case "timedelta":
            return stored * _MICROSECOND
        case "instant":
            return as_python(stored).astimezone(UTC).astimezone(zone_from(list(entry[1:])))
        case _:
            return stored


def as_python(stored: Any) -> Any:
    """A property as Python's own type where the driver has one for it."""
    return stored.to_native() if isinstance(stored, (Date, DateTime)) else stored


def native_size(value: object) -> int:
    """About how many bytes a native property takes."""
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, list):
        return sum(
            len(item) if isinstance(item, str) else 8 for item in cast("list[object]", value)
        )
    return 8


def _plain(kind: str) -> Callable[[Any], tuple[Any, Entry]]:
    return lambda value: (value, kind)


def _int(value: int) -> tuple[Any, Entry]:
    return (value, "int") if value in _INT64 else (NOT_NATIVE, "")


def _float(value: float) -> tuple[Any, Entry]:
    return (value, "float") if isfinite(value) else (NOT_NATIVE, "")


def _str(value: str) -> tuple[Any, Entry]:
    return (value, "str") if _is_utf8(value) else (NOT_NATIVE, "")


def _is_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _list(value: list[object]) -> tuple[Any, Entry]:
    if not value or type(value[0]) not in _ITEMS:
        return NOT_NATIVE, ""
    item, convert = type(value[0]), _CONVERTERS[type(value[0])]
    if any(type(v) is not item or convert(v)[0] is NOT_NATIVE for v in value):
        return NOT_NATIVE, ""
    return list(value), "list"


def _datetime(value: datetime) -> tuple[Any, Entry]:
    zone = value.tzinfo
    if zone is None:
        return (value, "datetime") if value.fold == 0 else (NOT_NATIVE, "")
    entry = zone_to(zone)
    if entry is None:
        return NOT_NATIVE, ""
    try:
        instant = value.astimezone(UTC).replace(fold=0)  # of a UTC time it would be kept
        back = instant.astimezone(zone)
    except (OverflowError, ValueError):  # within a day of the first or the last year
        return NOT_NATIVE, ""
    # A time that a change of clocks skipped has no instant of its own.
    same = back.replace(tzinfo=None) == value.replace(tzinfo=None) and back.fold == value.fold
    return (instant, ["instant", *entry]) if same else (NOT_NATIVE, "")


def _timedelta(value: timedelta) -> tuple[Any, Entry]:
    microseconds = value // _MICROSECOND
    return (microseconds, "timedelta") if microseconds in _INT64 else (NOT_NATIVE, "")


_AS_THEY_ARE = frozenset({"bool", "int", "float", "str", "bytes", "list"})
_ITEMS = (bool, int, float, str)
_CONVERTERS: dict[type[Any], Callable[[Any], tuple[Any, Entry]]] = {
    bool: _plain("bool"),
    int: _int,
    float: _float,
    str: _str,
    bytes: _plain("bytes"),
    date: _plain("date"),
    datetime: _datetime,
    timedelta: _timedelta,
    list: _list,
}
