"""Bytes that serializers write, from which mutated inputs are made."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any

import pandas as pd

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer import find_serializer
from artigraph_neo4j.serializer.base import Serializer
from tests.fuzz import faulty
from tests.unit.serializer import (
    test_arrow,
    test_msgpack,
    test_numpy,
    test_pandas,
    test_polars,
)
from tests.unit.serializer.test_wire import CASES, WIRE

WEIGHTS = {
    "msgpack": 60,
    "json": 10,
    "str": 2,
    "datetime": 4,
    "time": 2,
    "date": 2,
    "timedelta": 2,
    "numpy": 12,
    "numpy.scalar": 6,
    "numpy.masked": 6,
    "pandas.timestamp": 6,
    "pandas.timedelta": 3,
    "pandas.period": 3,
    "pandas.interval": 4,
    "pandas.missing": 1,
    "pandas.index": 4,
    "pandas.series": 4,
    "pandas.parquet": 6,
    "arrow.feather": 14,
    "arrow.batch": 8,
    "arrow.parquet": 10,
    "polars.ipc": 12,
    "polars.series": 6,
    "picture": 1,
    "pillow": 6,
    "plotly": 1,
    "markdown": 1,
    "html": 1,
    "networkx": 6,
    "scipy.sparse": 6,
    "sklearn": 4,
    "xgboost": 6,
    "xgboost.estimator": 3,
    "onnx": 2,
    "lightgbm": 6,
    "lightgbm.estimator": 3,
}
"""Shares of the inputs by serializer; quick ones get more. Files and bytes have no format."""

LARGEST = 20_000
"""Maximum bytes of a seed; a mutation of few bytes says more about a short one."""


def serializer(name: str) -> Serializer[Any]:
    """Return the serializer of a name."""
    if name == faulty.NAME:
        return faulty.faulty_serializer
    found = find_serializer(name)
    assert found is not None, name
    return found


@cache
def seeds() -> dict[str, list[bytes]]:
    """Return bytes by the name of the serializer that wrote them."""
    found: dict[str, list[bytes]] = {name: [] for name in WEIGHTS}
    for name, values in _values().items():
        for value in values:
            try:
                found[name].append(serializer(name).serialize(value))
            except SerializationError:
                continue
    for case in CASES:
        if case.serializer in found:
            found[case.serializer].append((WIRE / case.serializer / case.file).read_bytes())
    for name, items in found.items():
        short = sorted({item for item in items if len(item) <= LARGEST})
        assert short, name
        found[name] = short
    return {**found, faulty.NAME: faulty.SEEDS}


def _values() -> dict[str, Iterable[Any]]:
    times = [datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 3, 31, 2, tzinfo=test_pandas.PARIS)]
    columns = [series.rename("x") for series in test_pandas.COLUMNS.values()]
    frames = [pd.DataFrame({"a": column, "b": 1}) for column in columns]
    polars = [*test_polars.TestFrames.values]
    return {
        "msgpack": test_msgpack.TestMsgpack.values,
        "json": ({"a": [1, 2.5, "ü", None, {"b": []}]}, [[[[]]]], 10**100),
        "str": ("", "ü日", "text"),
        "datetime": times,
        "time": (time(1, 2, 3, 4, tzinfo=UTC), time(5, fold=1)),
        "date": (date(2024, 2, 29),),
        "timedelta": (timedelta(days=-1, microseconds=1),),
        "numpy": test_numpy.TestArrays.values,
        "numpy.scalar": test_numpy.TestScalars.values,
        "numpy.masked": test_numpy.TestMaskedArrays.values,
        "pandas.timestamp": [pd.Timestamp(at) for at in times],
        "pandas.timedelta": (pd.Timedelta(5, "ns"),),
        "pandas.period": (pd.Period("2024", "M"),),
        "pandas.interval": (pd.Interval(0, 1), pd.Interval(*map(pd.Timestamp, ("2023", "2024")))),
        "pandas.missing": (pd.NaT, pd.NA),
        "pandas.index": test_pandas.INDEXES.values(),
        "pandas.series": columns,
        "pandas.parquet": [*test_pandas.TestDataFrames.values, *frames],
        "arrow.feather": test_arrow.TestFeather.values,
        "arrow.batch": test_arrow.TestRecordBatch.values,
        "arrow.parquet": test_arrow.TestParquet.values,
        "polars.ipc": polars,
        "polars.series": [column for frame in polars for column in frame.get_columns()],
    }
