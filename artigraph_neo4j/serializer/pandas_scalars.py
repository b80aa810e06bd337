"""Single values of pandas: timestamps, durations, periods, intervals and missing values."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import numpy as np
import pandas as pd

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import DamagedError, Serializer, exactly, shown, unreadable
from artigraph_neo4j.serializer.msgpack import pack, unpack
from artigraph_neo4j.serializer.pandas_times import zone_from_entry, zone_to_entry

__all__ = [
    "interval_serializer",
    "missing_serializer",
    "period_serializer",
    "timedelta_serializer",
    "timestamp_serializer",
]


_UNITS = ("s", "ms", "us", "ns")


def _items(data: bytes, *types: type[Any]) -> list[Any]:
    """Return the items of an array in msgpack, after checking their types."""
    found = unpack(data)
    items = cast("list[object]", found) if type(found) is list else []
    if len(items) != len(types) or not all(map(isinstance, items, types)):
        raise DamagedError(f"it is not an array of {', '.join(t.__name__ for t in types)}")
    return items


def _check_unit(unit: object) -> None:
    if unit not in _UNITS:
        raise DamagedError(f"{shown(unit)} is not a unit of pandas")


class TimestampSerializer(Serializer[pd.Timestamp]):
    """A timestamp with its unit, nanoseconds, zone and fold."""

    name: ClassVar[str] = "pandas.timestamp"
    types: ClassVar[tuple[type[Any], ...]] = (pd.Timestamp,)

    def serialize(self, value: pd.Timestamp, /) -> bytes:
        """Return msgpack of the units since 1970 (UTC if there is a zone), unit, zone and fold.

        Raises:
            SerializationError: The timestamp is of a subclass, or its zone is neither of the
                standard library nor of pytz.
        """
        zone = exactly(pd.Timestamp, value).tz
        entry = None if zone is None else zone_to_entry(zone)
        return pack([int(value.asm8.astype("int64")), value.unit, entry, value.fold])

    def deserialize(self, data: bytes, /) -> pd.Timestamp:
        """Return the timestamp."""
        with unreadable("a timestamp of pandas"):
            count, unit, zone, fold = _items(data, int, str, object, int)
            _check_unit(unit)
            if fold not in (0, 1):
                raise DamagedError(f"{shown(fold)} is not a fold")
            found = pd.Timestamp(np.datetime64(count, unit))
            if zone is None:
                return found.replace(fold=fold)
            return found.tz_localize("UTC").tz_convert(zone_from_entry(zone))


class TimedeltaSerializer(Serializer[pd.Timedelta]):
    """A duration with its unit, to the nanosecond."""

    name: ClassVar[str] = "pandas.timedelta"
    types: ClassVar[tuple[type[Any], ...]] = (pd.Timedelta,)

    def serialize(self, value: pd.Timedelta, /) -> bytes:
        """Return msgpack of the number of units and the unit."""
        exactly(pd.Timedelta, value)
        return pack([int(value.asm8.astype("int64")), value.unit])

    def deserialize(self, data: bytes, /) -> pd.Timedelta:
        """Return the duration."""
        with unreadable("a duration of pandas"):
            count, unit = _items(data, int, str)
            _check_unit(unit)
            return pd.Timedelta(np.timedelta64(count, unit))


class PeriodSerializer(Serializer[pd.Period]):
    """A span of time, such as a month."""

    name: ClassVar[str] = "pandas.period"
    types: ClassVar[tuple[type[Any], ...]] = (pd.Period,)

    def serialize(self, value: pd.Period, /) -> bytes:
        """Return msgpack of the number of the span, counted from 1970, and its length."""
        exactly(pd.Period, value)
        return pack([value.ordinal, value.freqstr])

    def deserialize(self, data: bytes, /) -> pd.Period:
        """Return the span."""
        with unreadable("a period of pandas"):
            ordinal, freq = _items(data, int, str)
            periods: Any = pd.PeriodIndex
            found: pd.Period = periods.from_ordinals([ordinal], freq=freq)[0]
            return found


class IntervalSerializer(Serializer["pd.Interval[Any]"]):
    """An interval: its two ends, and the closed sides."""

    name: ClassVar[str] = "pandas.interval"
    types: ClassVar[tuple[type[Any], ...]] = (pd.Interval,)

    def serialize(self, value: pd.Interval[Any], /) -> bytes:
        """Return msgpack of both ends and the closed side."""
        exactly(pd.Interval, value)
        return pack([value.left, value.right, value.closed])

    def deserialize(self, data: bytes, /) -> pd.Interval[Any]:
        """Return the interval."""
        with unreadable("an interval of pandas"):
            left, right, closed = _items(data, object, object, str)
            return pd.Interval(left, right, closed)


class MissingSerializer(Serializer[Any]):
    """``pandas.NaT`` and ``pandas.NA``."""

    name: ClassVar[str] = "pandas.missing"
    types: ClassVar[tuple[type[Any], ...]] = (type(pd.NaT), type(pd.NA))
    text: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """Return the name of the value."""
        return b"NaT" if value is pd.NaT else b"NA"

    def deserialize(self, data: bytes, /) -> Any:
        """Return the value with this name."""
        if data not in (b"NaT", b"NA"):
            raise SerializationError(f"{data[:80]!r} is neither NaT nor NA")
        return pd.NaT if data == b"NaT" else pd.NA


timestamp_serializer = TimestampSerializer().register()
timedelta_serializer = TimedeltaSerializer().register()
period_serializer = PeriodSerializer().register()
interval_serializer = IntervalSerializer().register()
missing_serializer = MissingSerializer().register()
