"""Types that stored Arrow and Parquet files name: only those that are written."""

from __future__ import annotations

import base64
import io
import struct
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer import find_serializer
from artigraph_neo4j.serializer.arrow import (
    feather_serializer,
    parquet_serializer,
    record_batch_serializer,
)

SCALE = 33
WILD = (2**31 - 1, 2**24 + SCALE, -(2**31), 77, -77, 39, -39)
"""Scales for which pyarrow has no power of ten; it reads the place where one would be."""

TABLE = pa.table({"a": pa.array([Decimal("1.5"), None], pa.decimal128(37, SCALE))})
NESTED = pa.table({"a": pa.array([[Decimal("1.5"), None], None], pa.list_(TABLE.schema.types[0]))})
LARGE = pa.table({"a": pa.array([Decimal("1.5"), None], pa.decimal256(70, SCALE))})
SERIES = pd.Series(pd.arrays.ArrowExtensionArray(TABLE.column(0)))
POLARS = pl.DataFrame({"a": pl.Series([Decimal("1.5"), None], dtype=pl.Decimal(37, SCALE))})


def refused(name: str, data: bytes, match: str) -> None:
    serializer = find_serializer(name)
    assert serializer is not None
    with pytest.raises(SerializationError, match=match):
        serializer.deserialize(data)


def stored(name: str, value: Any) -> bytes:
    serializer = find_serializer(name)
    assert serializer is not None
    data = serializer.serialize(value)
    assert serializer.serialize(serializer.deserialize(data)) == data  # honest ones come back
    return data


def scaled(data: bytes, scale: int) -> bytes:
    """The bytes with the scale of a decimal in them replaced by another."""
    changed = data.replace(struct.pack("<i", SCALE), struct.pack("<i", scale))
    assert changed != data
    return changed


def with_schema(data: bytes, schema: bytes) -> bytes:
    """A Parquet file that says that its table had another schema, of as many bytes."""
    written = said(data)
    assert len(written) == len(base64.b64encode(schema))
    return data.replace(written, base64.b64encode(schema))


def said(data: bytes) -> bytes:
    metadata = pq.read_metadata(io.BytesIO(data)).metadata or {}
    schema: bytes = metadata[b"ARROW:schema"]
    return schema


def saying(table: pa.Table, *schemas: pa.Schema) -> bytes:
    """A Parquet file that says that its table had these schemas."""
    sink = io.BytesIO()
    keys = [b"ARROW:schem%d" % number for number in range(len(schemas))]
    told = [base64.b64encode(schema.serialize().to_pybytes()) for schema in schemas]
    with pq.ParquetWriter(sink, table.schema, store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(dict(zip(keys, told, strict=True)))
    data = sink.getvalue()
    for key in keys:
        data = data.replace(key, b"ARROW:schema")
    return data


# Decimals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", WILD)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("arrow.feather", TABLE),
        ("arrow.feather", NESTED),
        ("arrow.batch", TABLE.to_batches()[0]),
        ("polars.ipc", POLARS),
        ("polars.series", POLARS.to_series()),
    ],
    ids=["table", "nested", "batch", "polars frame", "polars series"],
)
def test_an_arrow_file_has_no_decimals_of_any_scale(name: str, value: Any, scale: int) -> None:
    """The value could be read; the first cast in a program would end it."""
    refused(name, scaled(stored(name, value), scale), "decimal of 128 bits cannot have precision")


@pytest.mark.parametrize("scale", WILD)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("arrow.parquet", TABLE),
        ("arrow.parquet", NESTED),
        ("pandas.parquet", SERIES.to_frame("a")),
        ("pandas.series", SERIES),
        ("pandas.index", pd.Index(SERIES)),
    ],
    ids=["table", "nested", "frame", "series", "index"],
)
def test_a_parquet_file_tells_no_decimals_of_any_scale(name: str, value: Any, scale: int) -> None:
    data = stored(name, value)
    schema = scaled(base64.b64decode(said(data)), scale)
    refused(name, with_schema(data, schema), "decimal of 128 bits cannot have precision")


@pytest.mark.parametrize("scale", [2**31 - 1, -(2**31), 77, -77])
def test_decimals_of_256_bits(scale: int) -> None:
    """For these, pyarrow takes the scale of the stored schema before any cast."""
    match = "decimal of 256 bits cannot have precision 70"
    refused("arrow.feather", scaled(stored("arrow.feather", LARGE), scale), match)
    data = stored("arrow.parquet", LARGE)
    schema = scaled(base64.b64decode(said(data)), scale)
    refused("arrow.parquet", with_schema(data, schema), match)


@pytest.mark.parametrize("scale", [0, -33, 32, 38, -38])
def test_decimals_come_back_with_the_scale_that_parquet_has(scale: int) -> None:
    """From 33 digits after the point to 33 before it, pyarrow has no power of ten either."""
    data = stored("arrow.parquet", TABLE)
    schema = scaled(base64.b64decode(said(data)), scale)
    refused("arrow.parquet", with_schema(data, schema), "Parquet stores in another way")


@pytest.mark.parametrize(
    ("make", "digits"),
    [(pa.decimal32, 9), (pa.decimal64, 18), (pa.decimal128, 38), (pa.decimal256, 76)],
)
def test_writers_keep_the_same_limit(make: Any, digits: int) -> None:
    for scale in (-digits, 0, digits):
        table = pa.table({"a": pa.array([None, None], make(digits, scale))})
        assert feather_serializer.deserialize(feather_serializer.serialize(table)).equals(table)
    for scale in (-digits - 1, digits + 1, 2**31 - 1):
        table = pa.table({"a": pa.array([None, None], make(digits, scale))})
        with pytest.raises(SerializationError, match=rf"precision {digits} and scale {scale}\)"):
            feather_serializer.serialize(table)
        with pytest.raises(SerializationError, match=rf"precision {digits} and scale {scale}\)"):
            record_batch_serializer.serialize(table.to_batches()[0])
        with pytest.raises(SerializationError, match="non-negative integer"):
            parquet_serializer.serialize(table)


# Other types ------------------------------------------------------------------------------------

TEXT = pa.array(["1", None])
PAIR = pa.array([{"a": 1, "b": 2}, None])


@pytest.mark.parametrize(
    ("array", "wanted"),
    [
        (TEXT, pa.timestamp("s")),
        (TEXT, pa.decimal128(5, 2)),
        (TEXT, pa.binary()),
        (TEXT, pa.list_(pa.string())),
        (TEXT, pa.dictionary(pa.int8(), pa.int64())),
        (pa.array([1, None]), pa.float64()),
        (pa.array([1, None], pa.timestamp("ms")), pa.timestamp("s", "UTC")),
        (pa.array([[1, 2], None]), pa.list_(pa.int64(), 2**31 - 1)),
        (pa.array([[1, 2], None]), pa.list_(pa.string())),
        (PAIR, pa.struct([("b", pa.int64()), ("a", pa.int64())])),
        (PAIR, pa.struct([("a", pa.int64())])),
        (PAIR, pa.struct([("a", pa.int64()), ("b", pa.float64())])),
        (pa.array([[("a", 1)]], pa.map_("str", "i8")), pa.map_(pa.string(), pa.float64())),
    ],
    ids=lambda part: str(part if isinstance(part, pa.DataType) else part.type),
)
def test_a_column_is_not_cast_to_a_type_that_is_stored_otherwise(array: Any, wanted: Any) -> None:
    data = saying(pa.table({"a": array}), pa.schema([("a", wanted)]))
    refused(
        "arrow.parquet", data, "Parquet stores in another way|a Parquet file|stored bytes stand"
    )


def test_columns_of_a_schema_are_those_of_the_file() -> None:
    table = pa.table({"a": [1], "b": [2]})
    for names in (["a"], ["b", "a"], ["a", "b", "c"]):
        schema = pa.schema([(name, pa.int64()) for name in names])
        refused("arrow.parquet", saying(table, schema), "a Parquet file")


def test_each_of_two_schemas_is_checked() -> None:
    """Of two, pyarrow takes the first."""
    wild = pa.schema([("a", pa.decimal128(37, 2**31 - 1))])
    for schemas in ((wild, TABLE.schema), (TABLE.schema, wild)):
        refused("arrow.parquet", saying(TABLE, *schemas), "cannot have precision 37")


@pytest.mark.parametrize(
    "kind",
    [
        pa.dictionary(pa.int8(), value)
        for value in (
            pa.int64(), pa.float16(), pa.bool_(), pa.date64(), pa.time32("s"), pa.time64("ns"),
            pa.timestamp("s", "Europe/Paris"), pa.timestamp("ns"), pa.duration("s"),
            pa.decimal128(5, 2), pa.decimal256(70, 2), pa.large_binary(), pa.binary(3),
            pa.string_view(),
        )
    ]
    + [
        pa.list_(pa.list_view(pa.large_string())), pa.list_(pa.struct([("a", pa.date64())])),
        pa.map_(pa.string(), pa.map_(pa.large_string(), pa.time32("s"))), pa.uuid(),
        pa.bool8(), pa.json_(), pa.list_(pa.duration("ms")), pa.decimal32(5, 2),
        pa.list_(pa.decimal64(12, 2)), pa.large_list(pa.decimal256(5, 2)),
    ],
    ids=str,
)  # fmt: skip
def test_types_that_parquet_changes_still_come_back(kind: Any) -> None:
    """Or are refused when they are written, never when they are read."""
    table = pa.table({"a": pa.nulls(2, kind)})
    try:
        data = parquet_serializer.serialize(table)
    except SerializationError as error:
        assert "Parquet" in str(error)  # noqa: PT017 - either is right
        return
    assert parquet_serializer.deserialize(data).schema.equals(table.schema, check_metadata=True)
