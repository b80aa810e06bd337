"""Frames and series of polars come back with names, dtypes and values, or are refused."""

from __future__ import annotations

import io
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pl = pytest.importorskip("polars")

from polars.testing.parametric import dataframes, dtypes, series  # noqa: E402

from artigraph_neo4j.errors import SerializationError  # noqa: E402
from artigraph_neo4j.serializer import find_serializer, infer_serializer  # noqa: E402
from artigraph_neo4j.serializer.polars import (  # noqa: E402
    dataframe_serializer,
    lazyframe_serializer,
    series_serializer,
)
from artigraph_neo4j.testing import SerializerTests  # noqa: E402

ENUM = pl.Enum(["b", "a"])


def column(dtype: Any, *values: Any) -> Any:
    return pl.DataFrame({"a": pl.Series(values, dtype=dtype)})


def frame_difference(left: Any, right: Any) -> str | None:
    if type(left) is not type(right):
        return f"{type(left)} is not {type(right)}"
    if left.schema != right.schema or left.shape != right.shape:
        return f"{left.schema} of {left.shape} is not {right.schema} of {right.shape}"
    if not left.equals(right) or repr(left.rows()) != repr(right.rows()):
        return f"{left} is not {right}"
    return None


class TestFrames(SerializerTests):
    serializer = dataframe_serializer
    values = (
        pl.DataFrame(),
        pl.DataFrame(schema={"a": pl.Int8, "b": ENUM}),
        pl.DataFrame({"": [1], "ü\0": [2], "__index__": [3]}),
        pl.DataFrame({"a": [1, 2, 3], "b": [1.5, None, float("nan")], "c": ["x", "", None]}),
        column(pl.Categorical, "a", "b", None),
        column(ENUM, "a", "b", None),
        column(pl.Enum([])),
        column(pl.Decimal(38, 2), Decimal("1.10"), None),
        column(pl.Int128, 2**100, -(2**100)),
        column(pl.Null, None, None),
        column(pl.Boolean, True, None),
        column(pl.Binary, b"", b"\0", None),
        column(pl.Date, date(1, 1, 1), date(9999, 12, 31)),
        column(pl.Time, time(23, 59, 59, 999999), None),
        column(pl.Datetime("ns", "Europe/Paris"), datetime(2020, 1, 1), None),
        column(pl.Datetime("ms"), datetime(2020, 1, 1), None),
        column(pl.Duration("us"), timedelta(days=-1), None),
        column(pl.Struct({"x": ENUM, "y": pl.List(pl.Int8)}), {"x": "a", "y": [1, None]}, None),
        column(pl.List(pl.Categorical), ["a"], [], None),
        column(pl.Array(pl.Int8, 2), [1, 2], None),
        pl.concat([column(pl.Categorical, "x"), column(pl.Categorical, "y")], rechunk=False),
        pl.DataFrame({"a": range(1000)})[100:200],
    )
    refused = (
        column(pl.Object, object()),
        column(pl.Array(pl.Int8, 0), [], None),
        column(pl.Struct({"x": pl.Array(pl.Int8, 0)}), {"x": []}),
        type("Sub", (pl.DataFrame,), {})({"a": [1]}),
        pl.Series([1]),
    )
    garbage = (b"", b"garbage", b"ARROW1\0\0garbage")

    def difference(self, left: Any, right: Any) -> str | None:
        return frame_difference(left, right)


class TestSeries(SerializerTests):
    serializer = series_serializer
    values = (
        pl.Series([1, None]),
        pl.Series("ü", [], dtype=ENUM),
        pl.Series("a", ["x", None], dtype=pl.Categorical),
    )
    refused = (pl.Series([object()], dtype=pl.Object), pl.DataFrame({"a": [1]}))
    garbage = (b"garbage", dataframe_serializer.serialize(pl.DataFrame({"a": [1], "b": [2]})))

    def difference(self, left: Any, right: Any) -> str | None:
        if type(left) is not type(right) or left.name != right.name:
            return f"{left} is not {right}"
        return frame_difference(left.to_frame(), right.to_frame())


@given(dataframes(max_cols=4, max_size=6))
def test_any_frame(frame: Any) -> None:
    back = dataframe_serializer.deserialize(dataframe_serializer.serialize(frame))
    assert frame_difference(frame, back) is None


@given(dtypes().flatmap(lambda dtype: series(dtype=dtype, max_size=6)), st.text(max_size=3))
def test_any_series(values: Any, name: str) -> None:
    values = values.rename(name)
    back = series_serializer.deserialize(series_serializer.serialize(values))
    assert back.name == name
    assert frame_difference(values.to_frame(), back.to_frame()) is None


def test_rows_without_columns() -> None:
    frame = pl.DataFrame(height=3)
    assert dataframe_serializer.deserialize(dataframe_serializer.serialize(frame)).shape == (3, 0)


def test_a_lazy_frame_is_refused_clearly() -> None:
    with pytest.raises(SerializationError, match=r"a query, not data.*collect\(\)"):
        infer_serializer(pl.LazyFrame).serialize(pl.DataFrame({"a": [1]}).lazy())
    with pytest.raises(SerializationError):
        lazyframe_serializer.deserialize(b"")


def test_files_are_read_by_polars_alone() -> None:
    frame = pl.DataFrame({"a": [1, None]})
    assert pl.read_ipc(io.BytesIO(dataframe_serializer.serialize(frame))).equals(frame)


def test_refusals_name_the_column() -> None:
    with pytest.raises(SerializationError, match="column 'a': Python objects have no Arrow type"):
        dataframe_serializer.serialize(column(pl.Object, object()))


def test_found_by_type_and_name() -> None:
    assert infer_serializer(pl.DataFrame) is dataframe_serializer
    assert find_serializer("polars.series") is series_serializer
