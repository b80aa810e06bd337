"""A strategy for every type that a serializer is registered for, or that is native or plain.

``test_every_type.py`` asks for the types that there are; one without a strategy here fails it.
"""

from __future__ import annotations

import string
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from polars.testing.parametric import dataframes, series

from artigraph_neo4j.serializer.file import File
from tests.unit.serializer import media_values
from tests.unit.serializer import plain_values as plain
from tests.unit.serializer.plain_values import FOLDS, KEYS, SCALARS, VALUES

Strategy = st.SearchStrategy[Any]
TEXT = st.text(string.printable + "ü日", max_size=5)

# numpy --------------------------------------------------------------------------------------------

SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
DTYPES = hnp.scalar_dtypes() | hnp.array_dtypes()


def _laid_out(array: Any, layout: str) -> Any:
    match layout:
        case "F":
            return np.asfortranarray(array)
        case "slice":
            return array[..., ::2] if array.ndim else array
        case "reverse":
            return array[::-1] if array.ndim else array
        case "transpose":
            return array.T
        case _:
            return array


ARRAYS = st.builds(
    _laid_out,
    hnp.arrays(DTYPES, SHAPES),
    st.sampled_from(["C", "F", "slice", "reverse", "transpose"]),
)
MASKED = st.builds(
    lambda data, bits, hard: np.ma.array(
        data, mask=np.resize(np.array([*bits, False]), data.shape), hard_mask=hard
    ),
    hnp.arrays(hnp.scalar_dtypes(), SHAPES),
    st.lists(st.booleans(), max_size=5),
    st.booleans(),
)


def _no_trailing_zeros(value: Any) -> bool:
    return not isinstance(value, (np.str_, np.bytes_)) or value == np.asarray(value)[()]


GENERICS = (
    hnp.scalar_dtypes()
    .flatmap(lambda dtype: hnp.arrays(dtype, ()))
    .map(lambda array: array[()])
    .filter(_no_trailing_zeros)
)

# pandas -------------------------------------------------------------------------------------------

NANOSECONDS = st.integers(-(2**63) + 1, 2**63 - 1)
SMALL = st.integers(-(2**31), 2**31 - 1)
MAYBE_SMALL = st.none() | SMALL


def _series(dtype: Any, items: Strategy) -> Strategy:
    return st.lists(items, max_size=5).map(lambda values: pd.Series(values, dtype=dtype))


COLUMNS = st.one_of(
    _series("int64", SMALL),
    _series("uint8", st.integers(0, 255)),
    _series("float64", st.floats()),
    _series("float32", st.floats(width=32)),
    _series("complex128", st.complex_numbers()),
    _series("bool", st.booleans()),
    _series("Int32", MAYBE_SMALL),
    _series("Float64", st.none() | st.floats(allow_nan=False)),
    _series("boolean", st.none() | st.booleans()),
    _series("string", st.none() | TEXT),
    _series(object, st.none() | plain.ANY_TEXT),
    _series(object, st.booleans() | SMALL | st.binary(max_size=4) | st.dates()),
    _series("category", st.none() | TEXT),
    _series("category", MAYBE_SMALL),
    _series("M8[ns]", NANOSECONDS),
    _series("M8[s]", SMALL),
    _series("m8[us]", SMALL),
    _series("Period[M]", st.dates(date(1800, 1, 1), date(2200, 1, 1)).map(str)),
    _series(pd.ArrowDtype(pa.int16()), st.none() | st.integers(-9, 9)),
    _series(pd.ArrowDtype(pa.string()), st.none() | TEXT),
    _series(pd.ArrowDtype(pa.list_(pa.int8())), st.none() | st.lists(st.integers(-9, 9))),
    st.lists(SMALL, min_size=1, max_size=5, unique=True).map(
        lambda breaks: pd.Series(pd.arrays.IntervalArray.from_breaks(sorted(breaks)))
    ),
    st.builds(
        lambda counts, zone: pd.Series(
            pd.to_datetime(counts, unit="s").tz_localize("UTC").tz_convert(zone)
        ),
        st.lists(SMALL, max_size=5),
        st.sampled_from(plain.ZONE_KEYS),
    ),
    st.lists(MAYBE_SMALL, max_size=5).map(
        lambda codes: pd.Series(
            pd.Categorical(
                [None if c is None else "abc"[c % 3] for c in codes], list("cbad"), ordered=True
            )
        )
    ),
)
LABELS = st.none() | TEXT | SMALL | st.tuples(TEXT, SMALL)
ATTRS = st.dictionaries(TEXT, SMALL | TEXT, max_size=2)


def _index_of(length: int, kind: str, name: Any) -> pd.Index:
    match kind:
        case "range":
            return pd.RangeIndex(7, 7 + 3 * length, 3, name=name)
        case "dates":
            return pd.date_range(
                "2024-03-30", periods=length, freq="D", tz="Europe/Paris", name=name
            )
        case "text":
            return pd.Index([f"row {n // 2}" for n in range(length)], dtype=object, name=name)
        case "levels":
            pairs = [(n % 2, f"{n}") for n in range(length)]
            return pd.MultiIndex.from_tuples(pairs, names=[name, "n"])
        case "category":
            return pd.CategoricalIndex(["ab"[n % 2] for n in range(length)], name=name)
        case _:
            return pd.Index(np.arange(length) / 2, name=name)


INDEX_KINDS = st.sampled_from(["range", "dates", "text", "levels", "category", "floats"])


def _frame(columns: list[Any], labels: list[Any], kind: str, name: Any, attrs: Any) -> pd.DataFrame:
    length = min((len(column) for column in columns), default=3)
    index = _index_of(length, kind, name)
    cut = [column.iloc[:length].set_axis(index) for column in columns]
    frame = pd.concat(cut, axis=1) if cut else pd.DataFrame(index=index)
    if len(labels) % 2 and cut:
        frame.columns = pd.MultiIndex.from_tuples([(n % 2, "x") for n in range(len(cut))])
    else:
        frame.columns = pd.Index(
            labels[: len(cut)] + ["x"] * (len(cut) - len(labels)), dtype=object
        )
    frame.attrs = attrs
    return frame


FRAMES = st.builds(
    _frame, st.lists(COLUMNS, max_size=4), st.lists(LABELS, max_size=4), INDEX_KINDS, LABELS, ATTRS
)


def _whole_series(column: Any, kind: str, name: Any, attrs: Any) -> pd.Series:
    made = column.set_axis(_index_of(len(column), kind, "i")).rename(name)
    made.attrs = attrs
    return made


TIMESTAMPS = st.builds(
    lambda count, unit, zone: pd.Timestamp(count, unit=unit, tz="UTC").tz_convert(zone),
    SMALL,
    st.sampled_from(["s", "ms", "us", "ns"]),
    st.sampled_from([None, *plain.ZONE_KEYS]),
) | st.builds(
    lambda value, fold: pd.Timestamp(value).replace(fold=fold),
    st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)),
    FOLDS,
)
INTERVALS = st.builds(
    lambda ends, closed: pd.Interval(min(ends), max(ends), closed),
    st.one_of(
        st.tuples(items, items)
        for items in (
            SMALL,
            st.floats(-1e9, 1e9),
            SMALL.map(lambda count: pd.Timestamp(count, unit="s")),
            SMALL.map(lambda count: pd.Timestamp(count, unit="s", tz="Europe/Paris")),
            SMALL.map(lambda count: pd.Timedelta(count, unit="us")),
        )
    ),
    st.sampled_from(["left", "right", "both", "neither"]),
)

# Arrow --------------------------------------------------------------------------------------------

ARROW_COLUMNS = st.one_of(
    *(
        st.lists(st.none() | items, max_size=6).map(
            lambda values, kind=kind: pa.array(values, kind)
        )
        for kind, items in (
            (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
            (pa.uint8(), st.integers(0, 255)),
            (pa.float64(), st.floats()),
            (pa.float16(), st.floats(width=16)),
            (pa.bool_(), st.booleans()),
            (pa.string(), st.text(max_size=4)),
            (pa.large_binary(), st.binary(max_size=4)),
            (pa.date32(), st.dates()),
            (pa.timestamp("us"), st.datetimes()),
            (pa.timestamp("ns", "Asia/Kolkata"), st.integers(-(2**63), 2**63 - 1)),
            (pa.list_(pa.int32()), st.lists(st.none() | st.integers(-9, 9), max_size=3)),
            (pa.struct([("x", pa.string())]), st.fixed_dictionaries({"x": st.text(max_size=3)})),
        )
    ),
    st.lists(TEXT, max_size=6).map(
        lambda values: pa.array(values, pa.string()).dictionary_encode()
    ),
)


def _arrow(make: Any) -> Strategy:
    def build(columns: list[Any], metadata: Any) -> Any:
        rows = min(map(len, columns), default=0)
        names = [f"c{i % 2}" for i in range(len(columns))]
        made = make([column.slice(0, rows) for column in columns], names=names)
        return made.replace_schema_metadata(metadata or None)

    metadata = st.dictionaries(st.binary(max_size=3), st.binary(max_size=3), max_size=2)
    return st.builds(build, st.lists(ARROW_COLUMNS, max_size=4), metadata)


# Files --------------------------------------------------------------------------------------------


def _file(data: bytes) -> File:
    handle = tempfile.NamedTemporaryFile(delete=False)  # noqa: SIM115 - File deletes it
    with handle:
        handle.write(data)
    return File.temporary(Path(handle.name))


NATIVE_LISTS = st.one_of(
    *(st.lists(items) for items in (st.booleans(), SMALL, st.floats(), st.text(max_size=4)))
)

STRATEGIES: dict[type[Any], Strategy] = {
    **SCALARS,
    list: NATIVE_LISTS | st.lists(VALUES, max_size=4),
    tuple: st.lists(VALUES, max_size=4).map(tuple),
    set: st.lists(KEYS, max_size=4).map(set),
    frozenset: st.lists(KEYS, max_size=4).map(frozenset),
    dict: st.lists(st.tuples(KEYS, VALUES), max_size=4).map(dict),
    plain.Point: st.builds(plain.Point, VALUES, VALUES),
    plain.Plain: st.builds(plain.Plain, VALUES, VALUES),
    plain.Frozen: st.builds(plain.Frozen, KEYS),
    plain.Model: st.builds(
        lambda number, item: plain.Model(number=number, nested=item), SMALL, VALUES
    ),
    np.ndarray: ARRAYS,
    np.ma.MaskedArray: MASKED,
    np.generic: GENERICS,
    pd.DataFrame: FRAMES,
    pd.Series: st.builds(_whole_series, COLUMNS, INDEX_KINDS, LABELS, ATTRS),
    pd.Index: st.builds(_index_of, st.integers(0, 5), INDEX_KINDS, LABELS)
    | st.builds(pd.Index, COLUMNS),
    pd.Timestamp: TIMESTAMPS,
    pd.Timedelta: st.builds(pd.Timedelta, SMALL, st.sampled_from(["s", "ms", "us", "ns"])),
    pd.Period: st.builds(
        pd.Period,
        st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)).map(str),
        st.sampled_from(["Y", "Q", "M", "W", "D", "h", "s"]),
    ),
    pd.Interval: INTERVALS,
    type(pd.NA): st.just(pd.NA),
    type(pd.NaT): st.just(pd.NaT),
    pa.Table: _arrow(pa.Table.from_arrays),
    pa.RecordBatch: _arrow(pa.RecordBatch.from_arrays),
    pl.DataFrame: dataframes(
        max_cols=4, max_size=5, excluded_dtypes=[pl.Object], allow_null=True, allow_masked=False
    ),
    pl.Series: series(max_size=5, excluded_dtypes=[pl.Object], allow_masked=False),
    File: st.binary(max_size=20).map(_file),
    **media_values.STRATEGIES,
}
