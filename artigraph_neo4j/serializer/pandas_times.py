"""Exact conversion of pandas times, durations and periods to Arrow arrays and back."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from artigraph_neo4j.common.times import zone_to
from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import DamagedError, shown
from artigraph_neo4j.serializer.datetime import missing_zone, zone_of

__all__ = [
    "check_zone",
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
    """Return a writable array: a copy if the array is in Arrow's memory, which is read-only."""
    return array if array.flags.writeable else array.copy()


def zone_to_entry(zone: Any) -> list[Any]:
    """Return a time zone as plain data, including those of pytz, which pandas used before 3.0.

    Raises:
        SerializationError: The zone is neither of the standard library nor of pytz.
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
    """Return the zone that ``zone_to_entry`` described.

    Raises:
        SerializationError: This machine does not have the zone.
    """
    if entry[0] == "pytz":
        return importlib.import_module("pytz").timezone(entry[1])
    return zone_of(entry)


def check_zone(name: str) -> None:
    """Check that pandas knows a time zone by its name; else it cannot show values of the zone.

    Raises:
        SerializationError: It does not.
    """
    try:
        pd.DatetimeTZDtype(tz=name)
    except (KeyError, ValueError, TypeError) as error:
        raise missing_zone(name) from error


def from_times(values: Any, zone: Any) -> tuple[Any, list[Any]]:
    """Return an Arrow array of numpy's times or durations, missing ones as nulls, and the recipe.

    Args:
        values: The array; its times are in UTC if they have a zone.
        zone: Their zone, or None.

    Raises:
        SerializationError: The zone is not one of the standard library or pytz.
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
    """Return times or durations of numpy."""
    if kind not in ("m", "M"):
        raise DamagedError(f"{shown(kind)} is neither a kind of times nor of durations")
    # Parquet does not have seconds; times in seconds come back in another unit, without a fraction.
    arrow = pa.duration(unit) if kind == "m" else pa.timestamp(unit)
    counts = pc.fill_null(array.cast(arrow).cast(pa.int64()), np.iinfo("i8").min)
    return own(counts.to_numpy()).view(f"{kind}8[{unit}]")


def make_zoned(array: Any, unit: str, *zone: Any) -> Any:
    """Return times with a zone."""
    instants = make_times(array.cast(pa.timestamp(array.type.unit, "UTC")), "M", unit)
    return pd.DatetimeIndex(instants).tz_localize("UTC").tz_convert(zone_from_entry(zone)).array


def from_zoned(values: Any) -> tuple[Any, list[Any]]:
    """Return times with a zone, and the recipe; see ``from_times``."""
    return from_times(values.tz_convert("UTC").tz_localize(None).to_numpy(), values.dtype.tz)


def from_periods(values: Any) -> tuple[Any, list[Any]]:
    """Return periods as ordinal numbers, counted from 1970, and the recipe."""
    ordinals = pa.array(values.asi8, mask=np.asarray(values.isna()))
    return ordinals, ["period", values.freqstr]


def make_periods(array: Any, freq: str) -> Any:
    """Return periods."""
    ordinals = own(pc.fill_null(array, np.iinfo("i8").min).to_numpy())
    periods: Any = pd.PeriodIndex
    return periods.from_ordinals(ordinals, freq=freq).array


def freq_to_text(index: Any) -> str | None:
    """Return the ``freq`` of an index, if it has one that is not part of its dtype.

    Raises:
        SerializationError: The text of the ``freq`` does not describe it completely.
    """
    freq = None if isinstance(index, pd.PeriodIndex) else getattr(index, "freq", None)
    if freq is None:
        return None
    text: str = freq.freqstr
    if pd.tseries.frequencies.to_offset(text) != freq or not _is_short(freq):
        raise SerializationError(f"its freq {freq!r} cannot come back; set another, or freq = None")
    return text


def with_freq(index: Any, freq: str | None) -> Any:
    """Return the index with a ``freq`` that ``freq_to_text`` wrote.

    Raises:
        SerializationError: ``freq_to_text`` does not return such a text.
    """
    if freq is not None:
        offset = pd.tseries.frequencies.to_offset(freq)
        if not _is_short(offset):
            raise DamagedError(f"the freq {shown(freq)} takes too many steps")
        index.freq = offset
    return index


def _is_short(offset: Any) -> bool:
    """Return True if pandas finds the next time quickly; it iterates over business hours."""
    return isinstance(offset, pd.tseries.offsets.Tick) or abs(offset.n) <= _MAX_STEPS


_MAX_STEPS = 10_000
"""Maximum multiple of a ``freq`` that is not a fixed duration."""
