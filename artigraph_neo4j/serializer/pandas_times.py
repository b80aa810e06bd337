"""Times, durations and periods of pandas as Arrow arrays, and exactly back."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from artigraph_neo4j.common.times import zone_from, zone_to
from artigraph_neo4j.errors import SerializationError

__all__ = [
    "freq_to_text",
    "from_periods",
    "from_times",
    "from_zoned",
    "make_periods",
    "make_times",
    "make_zoned",
    "own",
    "with_freq",
    "zone_from_entry",
    "zone_to_entry",
]


def own(array: Any) -> Any:
    """An array that may be written to; those that lie in Arrow's memory may not."""
    return array if array.flags.writeable else array.copy()


def zone_to_entry(zone: Any) -> list[Any]:
    """A time zone as plain data; pytz's too, which pandas used before its version 3.

    Raises:
        SerializationError: It is neither of the standard library nor of pytz.
    """
    entry = zone_to(zone)
    if entry is not None:
        return list(entry)
    if type(zone).__module__.partition(".")[0] == "pytz" and getattr(zone, "zone", None):
        return ["pytz", zone.zone]
    raise SerializationError(
        f"the time zone {zone!r} cannot come back; use datetime.timezone or zoneinfo.ZoneInfo"
    )


def zone_from_entry(entry: Any) -> Any:
    """The zone that ``zone_to_entry`` described."""
    if entry[0] == "pytz":
        return importlib.import_module("pytz").timezone(entry[1])
    return zone_from(entry)


def from_times(values: Any, zone: Any) -> tuple[Any, list[Any]]:
    """Times, in UTC where they have a zone, or durations of numpy; missing ones as nulls.

    Raises:
        SerializationError: The zone is none of the standard library's.
    """
    unit, kind = np.datetime_data(values.dtype)[0], values.dtype.kind
    entry = [] if zone is None else zone_to_entry(zone)
    counts = pa.array(values.astype(f"{kind}8[{unit}]", copy=False).view("i8"))
    counts = pc.if_else(pa.array(np.isnat(values)), pa.scalar(None, pa.int64()), counts)
    if kind == "m":
        return counts.cast(pa.duration(unit)), ["times", "m", unit]
    if zone is None:
        return counts.cast(pa.timestamp(unit)), ["times", "M", unit]
    return counts.cast(pa.timestamp(unit, str(zone))), ["zoned", unit, *entry]


def make_times(array: Any, kind: str, unit: str) -> Any:
    """Times or durations of numpy."""
    # Parquet keeps no seconds; a value that was counted in seconds is still a whole number of them.
    arrow = pa.duration(unit) if kind == "m" else pa.timestamp(unit)
    counts = pc.fill_null(array.cast(arrow).cast(pa.int64()), np.iinfo("i8").min)
    return own(counts.to_numpy()).view(f"{kind}8[{unit}]")


def make_zoned(array: Any, unit: str, *zone: Any) -> Any:
    """Times with a zone."""
    instants = make_times(array.cast(pa.timestamp(array.type.unit, "UTC")), "M", unit)
    return pd.DatetimeIndex(instants).tz_localize("UTC").tz_convert(zone_from_entry(zone)).array


def from_zoned(values: Any) -> tuple[Any, list[Any]]:
    """Times with a zone; see ``from_times``."""
    return from_times(values.tz_convert("UTC").tz_localize(None).to_numpy(), values.dtype.tz)


def from_periods(values: Any) -> tuple[Any, list[Any]]:
    """Periods, as their numbers counted from 1970."""
    ordinals = pa.array(values.asi8, mask=np.asarray(values.isna()))
    return ordinals, ["period", values.freqstr]


def make_periods(array: Any, freq: str) -> Any:
    """Periods."""
    ordinals = own(pc.fill_null(array, np.iinfo("i8").min).to_numpy())
    periods: Any = pd.PeriodIndex
    return periods.from_ordinals(ordinals, freq=freq).array


def freq_to_text(index: Any) -> str | None:
    """The ``freq`` of an index, where it has one beside its dtype.

    Raises:
        SerializationError: Its text does not tell all of it.
    """
    freq = None if isinstance(index, pd.PeriodIndex) else getattr(index, "freq", None)
    if freq is None:
        return None
    text: str = freq.freqstr
    if pd.tseries.frequencies.to_offset(text) != freq:
        raise SerializationError(f"its freq {freq!r} cannot come back; set another, or freq = None")
    return text


def with_freq(index: Any, freq: str | None) -> Any:
    """The index with a ``freq`` that ``freq_to_text`` wrote."""
    if freq is not None:
        index.freq = freq
    return index
