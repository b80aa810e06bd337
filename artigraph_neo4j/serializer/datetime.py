"""Dates and times as readable text, with zone and fold."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, ClassVar, TypeVar
from zoneinfo import ZoneInfoNotFoundError

from artigraph_neo4j.common.times import ZoneEntry, zone_from, zone_to
from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import DamagedError, Serializer, exactly, shown, unreadable

__all__ = [
    "DateSerializer",
    "DatetimeSerializer",
    "TimeSerializer",
    "TimedeltaSerializer",
    "date_serializer",
    "datetime_serializer",
    "duration_from_text",
    "duration_to_text",
    "missing_zone",
    "time_from_text",
    "time_serializer",
    "time_to_text",
    "timedelta_serializer",
    "zone_of",
]

T = TypeVar("T", datetime, time)

_PATTERN = re.compile(
    r"(?P<local>[^Z+\[;]+?)"
    r"(?P<utc>Z)?((?P<sign>[+-])(?P<h>\d{2}):(?P<m>\d{2})(:(?P<s>\d{2})(\.(?P<us>\d{6}))?)?)?"
    r"(\[(?P<name>.*)\])?(?P<fold>;fold=1)?",
    re.DOTALL,
)
_MICROSECOND = timedelta(microseconds=1)

_MAX_TEXT = 2_000
"""Maximum characters of the text of a time; the name of a zone may be long."""


def time_to_text(value: datetime | time) -> bytes:
    """Return ISO 8601 text, the zone's name in brackets (RFC 9557), and ``;fold=1`` if it is 1.

    The local time is stored, so that a time that a change of clocks skips comes back, too.

    Raises:
        SerializationError: The zone is neither a ``timezone`` nor a ``ZoneInfo`` made from its key.
    """
    zone = "" if value.tzinfo is None else _zone_to_text(value.tzinfo)
    fold = ";fold=1" if value.fold else ""
    try:
        text = f"{value.replace(tzinfo=None, fold=0).isoformat()}{zone}{fold}".encode()
    except UnicodeEncodeError as error:
        raise SerializationError("the name of the time zone has a lone surrogate") from error
    if len(text) > _MAX_TEXT:
        raise SerializationError("the name of the time zone is too long")
    return text


def _zone_to_text(zone: tzinfo) -> str:
    match zone_to(zone):
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


def time_from_text(cls: type[T], data: bytes) -> T:
    """Return the ``datetime`` or ``time`` that ``time_to_text`` wrote.

    Raises:
        SerializationError: The text has another form, or this machine does not have the zone.
    """
    with unreadable(f"a {cls.__name__}"):
        found = _PATTERN.fullmatch(data.decode()) if len(data) <= _MAX_TEXT else None
        if found is None:
            raise DamagedError(f"{data[:80]!r} is not a {cls.__name__}")
        local = cls.fromisoformat(found["local"])
        return local.replace(tzinfo=_zone_from_text(found), fold=1 if found["fold"] else 0)


def zone_of(entry: ZoneEntry) -> tzinfo:
    """Return the time zone that ``zone_to`` described.

    Raises:
        SerializationError: This machine does not have the zone.
    """
    try:
        return zone_from(entry)
    except ZoneInfoNotFoundError as error:
        raise missing_zone(entry[-1]) from error


def missing_zone(name: object) -> SerializationError:
    """Return the error that this machine does not have a time zone."""
    return SerializationError(
        f"this machine does not have the time zone {shown(name)}; if it is a real one, "
        "install tzdata: pip install tzdata"
    )


def _zone_from_text(found: re.Match[str]) -> tzinfo | None:
    if found["utc"]:
        return UTC
    if found["sign"] is None:
        return None if found["name"] is None else zone_of(["zone", found["name"]])
    # Not by datetime.fromisoformat, which loses an offset of less than a second.
    hours, minutes, seconds, micros = (int(found[part] or 0) for part in ("h", "m", "s", "us"))
    offset = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros
    entry: ZoneEntry = ["offset", -offset if found["sign"] == "-" else offset]
    return zone_of(entry if found["name"] is None else [*entry, found["name"]])


def duration_to_text(value: timedelta) -> bytes:
    """Return the number of microseconds."""
    return str(value // _MICROSECOND).encode()


def duration_from_text(data: bytes) -> timedelta:
    """Return the duration of a number of microseconds.

    Raises:
        SerializationError: The text is not a number, or the number is too large.
    """
    with unreadable("a number of microseconds"):
        return int(data[:_MAX_TEXT]) * _MICROSECOND


class DatetimeSerializer(Serializer[datetime]):
    """ISO 8601 text with the zone's IANA name and the fold; see ``time_to_text``."""

    name: ClassVar[str] = "datetime"
    types: ClassVar[tuple[type[Any], ...]] = (datetime,)
    text: ClassVar[bool] = True

    def serialize(self, value: datetime, /) -> bytes:
        """Return the text; see ``time_to_text``."""
        return time_to_text(exactly(datetime, value))

    def deserialize(self, data: bytes, /) -> datetime:
        """Return the time; see ``time_from_text``."""
        return time_from_text(datetime, data)


class TimeSerializer(Serializer[time]):
    """ISO 8601 text of a time of day, with zone and fold; see ``time_to_text``."""

    name: ClassVar[str] = "time"
    types: ClassVar[tuple[type[Any], ...]] = (time,)
    text: ClassVar[bool] = True

    def serialize(self, value: time, /) -> bytes:
        """Return the text; see ``time_to_text``."""
        return time_to_text(exactly(time, value))

    def deserialize(self, data: bytes, /) -> time:
        """Return the time; see ``time_from_text``."""
        return time_from_text(time, data)


class DateSerializer(Serializer[date]):
    """ISO 8601 text."""

    name: ClassVar[str] = "date"
    types: ClassVar[tuple[type[Any], ...]] = (date,)
    text: ClassVar[bool] = True

    def serialize(self, value: date, /) -> bytes:
        """Return the text."""
        return exactly(date, value).isoformat().encode()

    def deserialize(self, data: bytes, /) -> date:
        """Return the date."""
        with unreadable("a date"):
            return date.fromisoformat(data.decode())


class TimedeltaSerializer(Serializer[timedelta]):
    """A whole number of microseconds, as text."""

    name: ClassVar[str] = "timedelta"
    types: ClassVar[tuple[type[Any], ...]] = (timedelta,)
    text: ClassVar[bool] = True

    def serialize(self, value: timedelta, /) -> bytes:
        """Return the number; see ``duration_to_text``."""
        return duration_to_text(exactly(timedelta, value))

    def deserialize(self, data: bytes, /) -> timedelta:
        """Return the duration; see ``duration_from_text``."""
        return duration_from_text(data)


datetime_serializer = DatetimeSerializer().register()
time_serializer = TimeSerializer().register()
date_serializer = DateSerializer().register()
timedelta_serializer = TimedeltaSerializer().register()
