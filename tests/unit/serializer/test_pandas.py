"""Frames, series, indexes and single values of pandas come back exactly, or are refused."""

from __future__ import annotations

from datetime import date, timedelta, timezone
from decimal import Decimal
from io import BytesIO
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal, assert_index_equal, assert_series_equal

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.msgpack import pack, unpack
from artigraph_neo4j.serializer.pandas import (
    dataframe_serializer,
    index_serializer,
    series_serializer,
)
from artigraph_neo4j.serializer.plain import serializer_for
from artigraph_neo4j.testing import SerializerTests, difference

PARIS = ZoneInfo("Europe/Paris")


def same_index(left: pd.Index, right: pd.Index) -> None:
    assert type(left) is type(right)
    assert_index_equal(left, right, exact=True, check_exact=True)
    assert difference(list(left.names), list(right.names)) is None
    assert getattr(left, "freq", None) == getattr(right, "freq", None)
    if isinstance(left, pd.RangeIndex):
        assert (left.start, left.stop, left.step) == (right.start, right.stop, right.step)
    if isinstance(left, pd.MultiIndex):
        for ours, theirs in zip(left.levels, right.levels, strict=True):
            same_index(ours, theirs)
    elif left.dtype == object:
        assert difference(list(left), list(right)) is None


def same_series(left: pd.Series, right: pd.Series) -> None:
    assert left.dtype == right.dtype
    assert type(left.array) is type(right.array)
    assert_series_equal(
        left, right, check_exact=True, check_freq=True, check_flags=True, check_index_type=True
    )
    assert difference(left.name, right.name) is None
    assert difference(left.attrs, right.attrs) is None
    same_index(left.index, right.index)
    if left.dtype == object and not any(isinstance(v, np.ndarray) for v in left):
        assert difference(list(left), list(right)) is None
    if left.dtype.kind in "fc" and isinstance(left.dtype, np.dtype):
        assert left.to_numpy().tobytes() == right.to_numpy().tobytes()  # nan and -0.0 too
    if isinstance(left.array, pd.arrays.FloatingArray):
        ours, theirs = left.array, right.array
        assert list(ours._mask) == list(theirs._mask)
        assert np.array_equal(
            np.isnan(ours._data[~ours._mask]), np.isnan(theirs._data[~theirs._mask])
        )


def same_frame(left: pd.DataFrame, right: pd.DataFrame) -> None:
    assert type(left) is type(right)
    assert left.shape == right.shape
    same_index(left.columns, right.columns)
    same_index(left.index, right.index)
    assert_frame_equal(
        left,
        right,
        check_exact=True,
        check_freq=True,
        check_flags=True,
        check_index_type=True,
        check_column_type=True,
    )
    assert difference(left.attrs, right.attrs) is None
    for place in range(left.shape[1]):
        same_series(left.iloc[:, place], right.iloc[:, place])


def cells(*items: Any) -> pd.Series:
    made = np.empty(len(items), dtype=object)
    for place, item in enumerate(items):
        made[place] = item
    return pd.Series(made, dtype=object)


def arrow(values: list[Any], type_: pa.DataType) -> pd.Series:
    return pd.Series(pa.array(values, type_), dtype=pd.ArrowDtype(type_))


TIMES = pd.to_datetime(["2024-01-01 00:00:00", None, "1969-12-31 23:59:59"])
FLOATS = pd.arrays.FloatingArray(np.array([1.5, np.nan, 0.0]), np.array([False, False, True]))

COLUMNS: dict[str, Any] = {
    **{
        dtype: pd.Series([0, 1, 3], dtype=dtype)
        for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    },
    **{dtype: pd.Series([0.5, np.nan, -0.0, np.inf], dtype=dtype) for dtype in ("f2", "f4", "f8")},
    **{dtype: pd.Series([1j, np.nan, -0.0], dtype=dtype) for dtype in ("c8", "c16")},
    **{
        dtype: pd.Series([1, None, 0], dtype=dtype)
        for dtype in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
    },
    **{dtype: pd.Series([0.5, None, -0.0], dtype=dtype) for dtype in ("Float32", "Float64")},
    **{f"datetime {unit}": pd.Series(TIMES.as_unit(unit)) for unit in ("s", "ms", "us", "ns")},
    **{
        f"timedelta {unit}": pd.Series((TIMES - TIMES[0]).as_unit(unit))
        for unit in ("s", "ms", "us", "ns")
    },
    **{
        f"zone {unit}": pd.Series(TIMES.as_unit(unit).tz_localize("UTC").tz_convert(PARIS))
        for unit in ("s", "ms", "us", "ns")
    },
    "big endian": pd.Series(np.array([1.5, np.nan], dtype=">f8")),
    "nanoseconds": pd.Series(pd.to_datetime([1, 2**62], unit="ns")),
    "first and last": pd.Series(np.array([-(2**63) + 1, 2**63 - 1], dtype="M8[ns]")),
    "zone fixed": pd.Series(TIMES.tz_localize(timezone(timedelta(hours=2, minutes=30)))),
    "zone named": pd.Series(TIMES.tz_localize(timezone(timedelta(hours=2), "EET"))),
    "zone UTC": pd.Series(TIMES.tz_localize("UTC")),
    "zone fold": pd.Series(
        pd.date_range("2024-10-27 00:00", periods=4, freq="30min", tz="UTC").tz_convert(PARIS)
    ),
    "bool": pd.Series([True, False]),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "Float with nan": pd.Series(FLOATS),
    "str": pd.Series(["a", None, "", "日本"]),
    "string python": pd.Series(["a", None], dtype=pd.StringDtype("python")),
    "string pyarrow": pd.Series(["a", None], dtype=pd.StringDtype("pyarrow")),
    "str python nan": pd.Series(["a", None], dtype=pd.StringDtype("python", na_value=np.nan)),
    "period": pd.Series(pd.PeriodIndex(["2024-01", None], freq="M")),
    "period quarter": pd.Series(pd.period_range("2024", periods=3, freq="Q-JAN")),
    "interval": pd.Series(pd.arrays.IntervalArray.from_breaks([0, 1, 2], closed="left")),
    "interval float": pd.Series(pd.arrays.IntervalArray.from_tuples([(0.5, 1.5), np.nan])),
    "interval time": pd.Series(pd.interval_range(pd.Timestamp("2024", tz=PARIS), periods=3)),
    "category": pd.Series(pd.Categorical(["a", None, "b"], ["z", "b", "a"], ordered=True)),
    "category int": pd.Series(pd.Categorical([3, None, 1])),
    "category float": pd.Series(pd.Categorical([0.5, None, -1.0])),
    "category time": pd.Series(pd.Categorical(TIMES)),
    "category zone": pd.Series(pd.Categorical(TIMES.tz_localize(PARIS))),
    "category interval": pd.Series(pd.cut([1, 2, 30, np.nan], 3)),
    "category period": pd.Series(pd.Categorical(pd.period_range("2024", periods=2, freq="D"))),
    "category mixed": pd.Series(pd.Categorical([1, "a", (2, 3), None])),
    "category bool": pd.Series(pd.Categorical([True, False, None])),
    "category Int64": pd.Series(pd.Categorical(pd.array([1, None, 2], dtype="Int64"))),
    "category empty": pd.Series(pd.Categorical([None, None], categories=[])),
    "object str": cells("a", None, "b"),
    "object nan": cells("a", np.nan, None, pd.NA, pd.NaT),
    "object mixed": cells(1, "a", 1.0, True, None, (1, [2]), {"k": {3}}),
    "object lists": cells([1], [], [None]),
    "object dicts": cells({"a": 1}, {"b": 2.5}),
    "object ints": cells(2**70, -1),
    "object others": cells(Decimal("1.50"), date(2024, 1, 1), UUID(int=1), b"x", "\ud800"),
    "object arrays": cells(np.zeros(2), np.ones(3, dtype="i4")),
    "object only None": cells(None, None),
    "arrow int": arrow([1, None], pa.int64()),
    "arrow float": arrow([1.5, None, float("nan")], pa.float64()),
    "arrow string": arrow(["a", None], pa.string()),
    "arrow large": arrow(["a", None], pa.large_string()),
    "arrow binary": arrow([b"a", None], pa.binary()),
    "arrow decimal": arrow([Decimal("1.50"), None], pa.decimal128(10, 2)),
    "arrow list": arrow([[1, None], None, []], pa.list_(pa.int64())),
    "arrow struct": arrow([{"a": 1}, None], pa.struct([("a", pa.int64())])),
    "arrow dictionary": arrow(["a", None, "a"], pa.dictionary(pa.int32(), pa.string())),
    "arrow seconds": arrow([1, None], pa.timestamp("s")),
    "arrow zone": arrow([1, None], pa.timestamp("ns", "Europe/Paris")),
    "arrow date": arrow([date(2024, 1, 1), None], pa.date32()),
    "arrow duration": arrow([1, None], pa.duration("s")),
}

MULTI = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", None])
INDEXES: dict[str, pd.Index] = {
    "range": pd.RangeIndex(3),
    "range step": pd.RangeIndex(11, 5, -2, name="r"),
    "range empty": pd.RangeIndex(5, 5, 3),
    "int": pd.Index([3, 1], name=("tuple", 1)),
    "int named with a number": pd.Index([3, 1], name=0),
    "duplicates": pd.Index([1, 1]),
    "str": pd.Index(["b", "a"], name="a"),
    "str object": pd.Index(["b", "a"], dtype=object),
    "mixed": pd.Index([1, "1", None], dtype=object),
    "tuples": pd.Index([(1, 2), (3,)], tupleize_cols=False),
    "float": pd.Index([1.5, np.nan]),
    "bool": pd.Index([True, False]),
    "nullable": pd.Index([1, None], dtype="Int64"),
    "times": TIMES,
    "day freq": pd.date_range("2024", periods=3, freq="D", name="d"),
    "zone freq": pd.date_range("2024-03-30", periods=3, freq="D", tz=PARIS),
    "hour freq": pd.date_range("2024-10-27", periods=4, freq="h", tz=PARIS),
    "month freq": pd.date_range("2024", periods=3, freq="BME"),
    "empty freq": pd.date_range("2024", periods=0, freq="D"),
    "duration freq": pd.timedelta_range("1h", periods=3, freq="h"),
    "period": pd.period_range("2024-01", periods=3, freq="M", name="p"),
    "interval": pd.interval_range(0, 3),
    "category": pd.CategoricalIndex(["x", None, "x"], categories=["y", "x"], ordered=True),
    "multi": MULTI,
    "multi slice": MULTI[:1],
    "multi missing": pd.MultiIndex.from_arrays([["a", None], [np.nan, 1.0]]),
    "multi times": pd.MultiIndex.from_product([pd.date_range("2024", periods=2), ["a"]]),
    "multi category": pd.MultiIndex.from_arrays([pd.Categorical(["b", "a"]), [1, 1]]),
    "multi empty": MULTI[:0],
    "multi three": pd.MultiIndex.from_tuples([(1, "a", 2.5), (1, "b", 2.5)], names=[1, 1, "c"]),
    "empty": pd.Index([]),
    "empty times": pd.DatetimeIndex([]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_every_dtype(name: str) -> None:
    series = COLUMNS[name].rename("values")
    same_series(series, series_serializer.deserialize(series_serializer.serialize(series)))
    for rows in (slice(None), slice(0, 0), slice(None, None, -1)):
        frame = pd.DataFrame({"values": series.iloc[rows], "other": 1})
        same_frame(frame, dataframe_serializer.deserialize(dataframe_serializer.serialize(frame)))


@pytest.mark.parametrize("name", INDEXES)
def test_every_index(name: str) -> None:
    index = INDEXES[name]
    same_index(index, index_serializer.deserialize(index_serializer.serialize(index)))
    for frame in (
        pd.DataFrame({"a": np.arange(len(index))}, index=index),
        pd.DataFrame(np.zeros((2, len(index))), columns=index),
        pd.DataFrame(np.zeros((len(index), len(index))), columns=index, index=index),
        pd.DataFrame(index=index),
        pd.DataFrame(columns=index),
    ):
        same_frame(frame, dataframe_serializer.deserialize(dataframe_serializer.serialize(frame)))
    series = pd.Series(np.arange(len(index)), index=index, name=index.names[0])
    same_series(series, series_serializer.deserialize(series_serializer.serialize(series)))


def _with_attrs(frame: Any, attrs: dict[Any, Any]) -> Any:
    frame.attrs = attrs
    return frame


class Subclass(pd.DataFrame):
    @property
    def _constructor(self) -> Any:
        return Subclass


class TestDataFrames(SerializerTests):
    serializer = dataframe_serializer
    values = (
        pd.DataFrame(),
        pd.DataFrame([[1, 2.5]], columns=["a", "a"]),
        pd.DataFrame([[1, 2.5, "x"]], columns=["a", 1, None]),
        pd.DataFrame({"__index_level_0__": [1], "0:a": [2]}, index=[5]),
        pd.DataFrame([[1, 2]], columns=pd.Index(["\ud800", "b\0"], dtype=object)),
        pd.DataFrame({"a": [1]}).rename_axis(columns="labels"),
        pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
        _with_attrs(pd.DataFrame({"a": [1]}), {"source": "x", 1: (2, {3}), "frame": None}),
        pd.DataFrame({f"c{i}": [i] for i in range(300)}),
    )
    refused = (
        Subclass({"a": [1]}),
        _with_attrs(pd.DataFrame(), {"k": object()}),
        pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])}),
        pd.DataFrame({"a": cells(object())}),
        pd.DataFrame({"a": [1, 2]}, index=[object(), 1]),
        pd.Series([1]),
        [1],
    )

    def difference(self, left: Any, right: Any) -> str | None:
        same_frame(left, right)
        return None


class TestSeries(SerializerTests):
    serializer = series_serializer
    values = (
        pd.Series([1]),
        pd.Series([1.5], name=(1, "a")),
        pd.Series([], dtype="int8", name=0),
        _with_attrs(pd.Series([1]), {"unit": "m"}),
        pd.Series([1, 2]).set_flags(allows_duplicate_labels=False),
    )
    refused = (pd.DataFrame(), pd.Series([object()]), pd.Series([1], name=pd.offsets.Day()))

    def difference(self, left: Any, right: Any) -> str | None:
        same_series(left, right)
        return None


def test_messages_name_the_column() -> None:
    frame = pd.DataFrame({"good": [1, 2], "bad one": cells(1, object())})
    with pytest.raises(SerializationError, match=r"column bad one: in row 1: .*builtins\.object"):
        dataframe_serializer.serialize(frame)
    holidays = pd.date_range("2024", periods=2, freq=pd.offsets.CDay(holidays=["2024-01-01"]))
    with pytest.raises(SerializationError, match="index: its freq"):
        dataframe_serializer.serialize(pd.DataFrame({"a": [1, 2]}, index=holidays))
    with pytest.raises(SerializationError, match="time zone"):
        zone = pd.Series(TIMES.tz_localize("dateutil/Europe/Paris"), name="t")
        series_serializer.serialize(zone)


def test_what_came_back_can_be_changed() -> None:
    """Memory of Arrow's own cannot be written to."""
    frame = pd.DataFrame(
        {"i": [1, 2], "f": [0.5, 1], "b": [True, False], "t": TIMES[:2], "s": ["a", "b"]}
    )
    frame["n"] = pd.array([1, None], dtype="Int64")
    back = dataframe_serializer.deserialize(dataframe_serializer.serialize(frame))
    for label in back.columns:
        back.loc[0, label] = back.loc[1, label]
    back.index = [5, 6]


def test_the_value_is_left_alone() -> None:
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index([1, 2], name="n"))
    frame.attrs = {"k": [1]}
    copy = frame.copy()
    dataframe_serializer.serialize(frame)
    same_frame(frame, copy)


def test_others_can_read_the_file() -> None:
    """The format is Parquet: pandas alone makes the same of it where it can."""
    for index in (pd.RangeIndex(2), pd.Index(["x", "y"])):
        frame = pd.DataFrame({"i": [1, 2], "s": ["a", None]}, index=index)
        found = pd.read_parquet(BytesIO(dataframe_serializer.serialize(frame)))
        assert found["i"].tolist() == [1, 2]
        assert list(found.columns) == ["i", "s"]
        assert list(found.index) == list(index)
    frame = pd.DataFrame({"c": pd.Categorical([3, 1])})
    assert pd.read_parquet(BytesIO(dataframe_serializer.serialize(frame)))["c"].tolist() == [3, 1]


def test_large_frames_come_back() -> None:
    """More rows than a row group has: columns come in several chunks."""
    rows = 1_100_000
    frame = pd.DataFrame({"i": np.arange(rows), "c": pd.Categorical(np.arange(rows) % 3)})
    frame["z"] = pd.to_datetime(frame["i"], unit="s").dt.tz_localize(PARIS, ambiguous="NaT")
    frame["n"] = frame["i"].astype("Int64").where(frame["i"] % 2 == 0)
    same = dataframe_serializer.deserialize(dataframe_serializer.serialize(frame))
    assert_frame_equal(frame, same, check_exact=True)


FIELDS = st.sampled_from(sorted(COLUMNS.keys() - {"big endian"}))  # which pandas cannot take from


@given(st.data())
def test_any_frame(data: st.DataObject) -> None:
    rows = data.draw(st.integers(0, 5))
    take = st.lists(st.integers(0, 1), min_size=rows, max_size=rows)
    columns = [
        COLUMNS[name].iloc[data.draw(take)] for name in data.draw(st.lists(FIELDS, max_size=4))
    ]
    label = st.none() | st.integers(-9, 9) | st.text(max_size=3) | st.floats() | st.booleans()
    labels = data.draw(st.lists(label, min_size=len(columns), max_size=len(columns)))
    for column in columns:
        column.index = range(rows)
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=range(rows))
    frame.columns = pd.Index(labels, dtype=object, tupleize_cols=False)
    index = INDEXES[data.draw(st.sampled_from(["multi", "day freq", "mixed", "category"]))]
    if rows <= len(index):
        frame.index = index[:rows]
    same_frame(frame, dataframe_serializer.deserialize(dataframe_serializer.serialize(frame)))


# Single values ---------------------------------------------------------------------------------

ZONES = st.sampled_from(
    [None, "UTC", PARIS, ZoneInfo("America/St_Johns"), timezone(timedelta(minutes=90), "X")]
)
UNITS = st.sampled_from(["s", "ms", "us", "ns"])


@given(st.integers(-(10**18), 10**18), UNITS, ZONES)
def test_timestamps(count: int, unit: str, zone: Any) -> None:
    count //= {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    value = pd.Timestamp(np.datetime64(count, unit))
    if zone is not None:
        value = value.tz_localize("UTC").tz_convert(zone)
    for back in (unpack(pack([value]))[0], _round(value)):
        assert back == value
        assert (back.unit, back.nanosecond, back.fold) == (unit, value.nanosecond, value.fold)
        assert back.utcoffset() == value.utcoffset()
        assert str(back.tz) == str(value.tz)


@given(st.integers(-(10**18), 10**18), UNITS)
def test_durations(count: int, unit: str) -> None:
    count //= {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    value = pd.Timedelta(np.timedelta64(count, unit))
    back = _round(value)
    assert (back, back.unit, type(back)) == (value, unit, pd.Timedelta)


def _round(value: Any) -> Any:
    serializer = serializer_for(value)
    return serializer.deserialize(serializer.serialize(value))


@pytest.mark.parametrize(
    "value",
    [
        pd.NaT,
        pd.NA,
        pd.Period("2024-01", "M"),
        pd.Period("2024Q1", "Q-JAN"),
        pd.Interval(0, 1.5, "left"),
        pd.Interval(pd.Timestamp("2024", tz=PARIS), pd.Timestamp("2025", tz=PARIS), "both"),
        pd.Timestamp("2024-10-27 00:30", tz="UTC").tz_convert(PARIS),
        pd.Timestamp("2024-10-27 01:30", tz="UTC").tz_convert(PARIS),
        pd.Timestamp("2024-10-27 02:30").replace(fold=1),
        pd.Timestamp.min,
        pd.Timestamp.max,
        pd.Timedelta.min,
        pd.Timedelta.max,
    ],
    ids=repr,
)
def test_single_values(value: Any) -> None:
    for back in (_round(value), unpack(pack({"k": value}))["k"]):
        assert type(back) is type(value)
        assert back is value if value is pd.NaT or value is pd.NA else back == value
        assert getattr(back, "fold", 0) == getattr(value, "fold", 0)


def test_zones_of_pytz() -> None:
    """What pandas makes of a zone's name before version 3."""
    pytz = pytest.importorskip("pytz")
    for zone in (pytz.timezone("Europe/Paris"), pytz.utc):
        series = pd.Series(TIMES.tz_localize("UTC").tz_convert(zone), name="t")
        same_series(series, series_serializer.deserialize(series_serializer.serialize(series)))
        value = pd.Timestamp("2024-10-27 00:30", tz="UTC").tz_convert(zone)
        assert (_round(value), _round(value).tz) == (value, value.tz)


def test_zones_of_others_are_refused() -> None:
    with pytest.raises(SerializationError, match="zoneinfo"):
        _round(pd.Timestamp("2024", tz="dateutil/Europe/Paris"))


@pytest.mark.parametrize("zone", ["Mars/Phobos", "GMT+1", "\0", "../passwd"])
def test_arrow_times_in_a_zone_that_pandas_cannot_show_are_refused(zone: str) -> None:
    kind = pa.timestamp("ns", zone)
    series = arrow([1], kind)
    message = "does not have the time zone"
    with pytest.raises(SerializationError, match=message):
        series_serializer.serialize(series)
    with pytest.raises(SerializationError, match=message):
        dataframe_serializer.serialize(pd.DataFrame({"a": series}))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "+01:00"])
def test_arrow_times_in_a_zone_come_back(zone: str) -> None:
    series = arrow([1], pa.timestamp("ns", zone))
    found = series_serializer.deserialize(series_serializer.serialize(series))
    assert_series_equal(found, series)
    assert repr(found) == repr(series)
