"""Dates and times as readable text, with zone and fold."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer
from artigraph_neo4j.zones import ZoneEntry, zone_from, zone_to

__all__ = [
    "DatetimeSerializer",
    "TimeSerializer",
    "TimedeltaSerializer",
    "datetime_serializer",
    "time_serializer",
    "timedelta_serializer",
]

_PATTERN = re.compile(
    r"(?P<local>[^Z+\[;]+?)"
    r"(?P<utc>Z)?(?P<offset>[+-]\d{2}:\d{2}(:\d{2}(\.\d{6})?)?)?"
    r"(\[(?P<name>.*)\])?(?P<fold>;fold=1)?",
    re.DOTALL,
)
_MICROSECOND = timedelta(microseconds=1)


def _zone_text(zone: Any) -> str:
    entry = zone_to(zone)
    match entry:
        case ["utc"]:
            return "Z"
        case ["zone", key]:
            return f"[{key}]"
        case ["offset", int(microseconds), *name]:
            sample = datetime(2000, 1, 3, tzinfo=zone_from(["offset", microseconds]))
            return sample.isoformat()[19:] + (f"[{name[0]}]" if name else "")
        case _:
            raise SerializationError(
                f"the time zone {zone!r} cannot come back; use datetime.timezone or "
                "zoneinfo.ZoneInfo"
            )


def _to_text(value: Any) -> bytes:
    zone = "" if value.tzinfo is None else _zone_text(value.tzinfo)
    fold = ";fold=1" if value.fold else ""
    return f"{value.replace(tzinfo=None, fold=0).isoformat()}{zone}{fold}".encode()


def _from_text(cls: Any, data: bytes) -> Any:
    try:
        found = _PATTERN.fullmatch(data.decode())
        if found is None:
            raise ValueError(f"{data[:80]!r} has another form")
        fold = 1 if found["fold"] else 0
        return cls.fromisoformat(found["local"]).replace(tzinfo=_zone(found), fold=fold)
    except (ValueError, KeyError) as error:
        raise SerializationError(f"no {cls.__name__}: {error}") from error


def _zone(found: re.Match[str]) -> Any:
    if found["utc"]:
        return UTC
    if found["offset"] is None:
        return None if found["name"] is None else zone_from(["zone", found["name"]])
    sample = datetime.fromisoformat(f"2000-01-03T00:00:00{found['offset']}")
    offset = sample.utcoffset() or timedelta()
    entry: ZoneEntry = ["offset", offset // _MICROSECOND]
    return zone_from(entry if found["name"] is None else [*entry, found["name"]])


class DatetimeSerializer(Serializer[datetime]):
    """ISO 8601 text, with the zone's IANA name in brackets (as RFC 9557) and ``;fold=1``.

    The local time is what is kept, so times that a change of clocks skipped come back too.
    """

    name: ClassVar[str] = "datetime"
    types: ClassVar[tuple[type[Any], ...]] = (datetime,)
    text: ClassVar[bool] = True

    def serialize(self, value: datetime, /) -> bytes:
        """The text.

        Raises:
            SerializationError: It is a subclass, or its zone is none of the standard library's.
        """
        if type(value) is not datetime:
            raise SerializationError(f"{type(value).__qualname__} is not exactly datetime")
        return _to_text(value)

    def deserialize(self, data: bytes, /) -> datetime:
        """The time."""
        found: datetime = _from_text(datetime, data)
        return found


class TimeSerializer(Serializer[time]):
    """The same for a time of day."""

    name: ClassVar[str] = "time"
    types: ClassVar[tuple[type[Any], ...]] = (time,)
    text: ClassVar[bool] = True

    def serialize(self, value: time, /) -> bytes:
        """The text."""
        if type(value) is not time:
            raise SerializationError(f"{type(value).__qualname__} is not exactly time")
        return _to_text(value)

    def deserialize(self, data: bytes, /) -> time:
        """The time."""
        found: time = _from_text(time, data)
        return found


class TimedeltaSerializer(Serializer[timedelta]):
    """A whole number of microseconds, as text."""

    name: ClassVar[str] = "timedelta"
    types: ClassVar[tuple[type[Any], ...]] = (timedelta,)
    text: ClassVar[bool] = True

    def serialize(self, value: timedelta, /) -> bytes:
        """The number."""
        if type(value) is not timedelta:
            raise SerializationError(f"{type(value).__qualname__} is not exactly timedelta")
        return str(value // _MICROSECOND).encode()

    def deserialize(self, data: bytes, /) -> timedelta:
        """The duration."""
        try:
            return int(data) * _MICROSECOND
        except ValueError as error:
            raise SerializationError(f"no number of microseconds: {error}") from error


datetime_serializer = DatetimeSerializer().register()
time_serializer = TimeSerializer().register()
timedelta_serializer = TimedeltaSerializer().register()
