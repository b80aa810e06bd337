"""Values that Neo4j has a type for: stored as they are, so that Cypher can ask about them.

The exact type decides: a subclass (an ``IntEnum``, a user's subclass of ``str``) would come back as
something else. A scalar of numpy that equals a native value exactly is stored as that value, and
its entry in the codec names its type: ``float:numpy.float32``. All others go through a serializer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from neo4j.time import Date, DateTime

from artigraph_neo4j.common.times import zone_from, zone_to

__all__ = [
    "MAX_INLINE_BYTES",
    "NOT_NATIVE",
    "as_python",
    "from_native",
    "kind_of",
    "native_size",
    "to_native",
]

NOT_NATIVE = object()
"""Returned by ``to_native`` for a value that needs a serializer."""

MAX_INLINE_BYTES = 64 * 1024 * 1024
"""Maximum bytes of a property: Neo4j holds a transaction in memory, and also logs it."""

Entry = str | Sequence[Any]
"""Description of one field in the codec of a node: its kind, or a list that begins with it."""

_INT64 = range(-(2**63), 2**63)
_MICROSECOND = timedelta(microseconds=1)


def to_native(value: object) -> tuple[Any, Entry]:
    """Return the property for a value and its codec entry, or ``(NOT_NATIVE, "")``."""
    convert = _CONVERTERS.get(type(value))
    if convert is not None:
        return convert(value)
    return _scalar(value) if type(value).__module__ == "numpy" else (NOT_NATIVE, "")


def _scalar(value: object) -> tuple[Any, Entry]:
    from artigraph_neo4j.serializer.numpy import as_native

    found = as_native(value)
    if found is None:
        return NOT_NATIVE, ""
    stored, entry = to_native(found[0])
    return (NOT_NATIVE, "") if stored is NOT_NATIVE else (stored, f"{entry}:numpy.{found[1]}")


def kind_of(entry: Entry) -> str:
    """Return the kind of a codec entry, without the type that a scalar had."""
    kind: str = entry if isinstance(entry, str) else entry[0]
    return kind.partition(":")[0]


def from_native(stored: Any, entry: Entry) -> Any:
    """Return the value from which ``to_native`` made ``stored`` and ``entry``."""
    kind = entry if isinstance(entry, str) else entry[0]
    if kind in _AS_THEY_ARE:
        return stored
    if ":" in kind:
        from artigraph_neo4j.serializer.numpy import as_scalar

        return as_scalar(stored, kind.rpartition(".")[2])
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
    """Return a property as a type of Python, where the driver returns a type of its own."""
    return stored.to_native() if isinstance(stored, (Date, DateTime)) else stored


def native_size(value: object) -> int:
    """Estimate the number of bytes of a native property."""
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
        instant = value.astimezone(UTC).replace(fold=0)  # a UTC time would keep its fold
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
    float: _plain("float"),  # infinities and NaN too
    str: _str,
    bytes: _plain("bytes"),
    date: _plain("date"),
    datetime: _datetime,
    timedelta: _timedelta,
    list: _list,
}
