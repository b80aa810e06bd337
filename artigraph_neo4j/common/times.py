"""Time zones as plain data (UTC, offsets, IANA names), and conversions of instants for Cypher."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["ZoneEntry", "epoch", "instant", "zone_from", "zone_to"]

ZoneEntry = list[str | int]

_MICROSECOND = timedelta(microseconds=1)
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


def instant(text: str) -> datetime:
    """Return the instant from a text that Cypher's ``toString()`` made.

    The library writes UTC. Users' own Cypher may have set a named zone, which then follows the
    offset: ``2026-07-01T12:00:00+02:00[Europe/Berlin]``, ``2026-07-01T12:00:00Z[UTC]``.
    """
    if text[-1] != "]":
        return datetime.fromisoformat(text)
    return datetime.fromisoformat(text[: text.index("[")]).astimezone(UTC)


def epoch(at: datetime) -> list[int]:
    """Return an aware instant as arguments of Cypher's ``datetime.fromepoch``.

    These are seconds and nanoseconds; two numbers cost both sides less than a text.
    """
    since = at - _1970
    return [since.days * 86_400 + since.seconds, since.microseconds * 1_000]


def zone_to(zone: tzinfo) -> ZoneEntry | None:
    """Return a zone as plain data; None if it cannot be restored (pytz, dateutil, from a file).

    ``["utc"]``, ``["offset", microseconds]``, the same with a name, or ``["zone", IANA name]``.
    """
    if type(zone) is ZoneInfo:
        return ["zone", zone.key] if zone.key and _is_known(zone) else None
    if type(zone) is not timezone:
        return None
    if zone is UTC:
        return ["utc"]
    offset = zone.utcoffset(None)
    name = zone.tzname(None)
    entry: ZoneEntry = ["offset", offset // _MICROSECOND]
    return entry if name == timezone(offset).tzname(None) else [*entry, name]


def _is_known(zone: ZoneInfo) -> bool:
    """Tell if a zone is the registered one of its name, not one made from a file."""
    try:
        return ZoneInfo(zone.key) is zone
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def zone_from(entry: ZoneEntry | tuple[str | int, ...]) -> tzinfo:
    """Return the zone that ``zone_to`` described.

    Raises:
        ZoneInfoNotFoundError: This machine does not have the zone; the message names ``tzdata``.
    """
    return _zone_from(tuple(entry))


@lru_cache(maxsize=1024)
def _zone_from(entry: tuple[str | int, ...]) -> tzinfo:
    match entry:
        case ("utc",):
            return UTC
        case ("zone", str(key)):
            try:
                return ZoneInfo(key)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise ZoneInfoNotFoundError(
                    f"this machine does not know the time zone {key!r}; install the time zone "
                    "database: pip install tzdata"
                ) from error
        case ("offset", int(microseconds)):
            return timezone(timedelta(microseconds=microseconds))
        case ("offset", int(microseconds), str(name)):
            return timezone(timedelta(microseconds=microseconds), name)
        case _:
            raise ZoneInfoNotFoundError(f"unknown zone {entry!r}")
