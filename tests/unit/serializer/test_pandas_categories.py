"""Categories, and levels of a MultiIndex, of every kind come back exactly, or are refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.pandas import (
    dataframe_serializer,
    index_serializer,
    series_serializer,
)
from tests.unit.serializer.test_pandas import same_frame, same_index, same_series


def arrow(values: list[Any], type_: pa.DataType) -> pd.Index:
    return pd.Index(pd.array(pa.array(values, type_), dtype=pd.ArrowDtype(type_)))


CATEGORIES: dict[str, pd.Index] = {
    "range": pd.RangeIndex(4, 0, -2),
    "empty": pd.Index([], dtype="float64"),
    "no objects": pd.Index([], dtype=object),
    "bool": pd.Index([True, False]),
    "uint64": pd.Index([1, 2**64 - 1], dtype="uint64"),
    "float": pd.Index([-0.0, 1.5, np.inf, -np.inf]),
    "complex": pd.Index([1j, 2, -0.0]),
    "str": pd.Index(["b", "a", ""]),
    "object": pd.Index(["a", 1, (1, 2)], tupleize_cols=False, dtype=object),
    "object texts": pd.Index(["a", "b"], dtype=object),
    "bytes": pd.Index([b"a", b""]),
    "date": pd.Index([date(2020, 1, 1)], dtype=object),
    "Int64": pd.Index([2, 1], dtype="Int64"),
    "Float64": pd.Index([2.5, 1], dtype="Float64"),
    "boolean": pd.Index([True, False], dtype="boolean"),
    "datetime": pd.to_datetime([2, 1], unit="ns"),
    "datetime freq": pd.date_range("2020", periods=3, freq="2h"),
    "datetime zone": pd.to_datetime([1, 2], unit="s", utc=True).tz_convert("Europe/Paris"),
    "timedelta": pd.to_timedelta([1, 2], unit="s"),
    "timedelta freq": pd.timedelta_range("1ns", periods=3, freq="ns"),
    "period": pd.period_range("2020", periods=2, freq="Q-FEB"),
    "interval": pd.IntervalIndex.from_breaks([0.1, 0.2, np.inf], closed="left"),
    "interval times": pd.interval_range(pd.Timestamp("2020", tz="Europe/Paris"), periods=2),
    "arrow date": arrow([date(2020, 1, 1)], pa.date32()),
    "arrow decimal": arrow([Decimal("1.10")], pa.decimal128(5, 2)),
    "arrow time": arrow([1, 0], pa.time64("us")),
    "arrow duration": arrow([1, 0], pa.duration("s")),
    "arrow timestamp": arrow([1, 0], pa.timestamp("ns", "Asia/Tokyo")),
    "arrow binary": arrow([b"x", b""], pa.binary()),
    "arrow string": arrow(["x", ""], pa.string()),
}


@pytest.mark.parametrize("name", CATEGORIES)
def test_categories_and_levels(name: str) -> None:
    categories = CATEGORIES[name]
    codes = [*range(len(categories)), -1, *range(len(categories))][::-1]
    series = pd.Series(pd.Categorical.from_codes(codes, categories, ordered=True))
    same_series(series, series_serializer.deserialize(series_serializer.serialize(series)))
    index = pd.MultiIndex(levels=[categories, [1]], codes=[codes, [0] * len(codes)])
    same_index(index, index_serializer.deserialize(index_serializer.serialize(index)))
    frame = pd.DataFrame(np.zeros((1, len(codes))), columns=index)
    same_frame(frame, dataframe_serializer.deserialize(dataframe_serializer.serialize(frame)))
    same_index(categories, index_serializer.deserialize(index_serializer.serialize(categories)))


def test_a_freq_that_its_text_does_not_tell_is_refused() -> None:
    freq = pd.offsets.CustomBusinessDay(holidays=["2020-01-02"])
    categories = pd.date_range("2020", periods=3, freq=freq)
    with pytest.raises(SerializationError, match="its freq .* cannot come back"):
        series_serializer.serialize(pd.Series(pd.Categorical.from_codes([0], categories)))
