"""Tables and record batches come back with types, metadata and values, or are refused."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer import find_serializer, infer_serializer
from artigraph_neo4j.serializer.arrow import (
    feather_serializer,
    parquet_serializer,
    record_batch_serializer,
)
from artigraph_neo4j.testing import SerializerTests


def table(**columns: Any) -> pa.Table:
    return pa.table(columns)


def table_difference(left: Any, right: Any) -> str | None:
    """How two tables differ, or None; chunks do not count, ``nan`` is ``nan`` here."""
    if type(left) is not type(right):
        return f"{type(left)} is not {type(right)}"
    if left.schema.metadata != right.schema.metadata:
        return "schema metadata differ"
    for ours, theirs in zip(left.schema, right.schema, strict=True):
        if not ours.equals(theirs, check_metadata=True):
            return f"{ours!r} is not {theirs!r}"
    right.validate(full=True)
    pairs = zip(left.columns, right.columns, strict=True)
    if left.num_rows == right.num_rows and all(same_column(a, b) for a, b in pairs):
        return None
    return f"{left} is not {right}"


def same_column(left: Any, right: Any) -> bool:
    return left.equals(right) or repr(left.to_pylist()) == repr(right.to_pylist())


PLAIN = (
    table(),
    table(a=pa.array([], "int64")),
    pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]),
    table(a=[1, None]).replace_schema_metadata({"k": "v", b"\xff": b"\x00"}),
    pa.table(
        [pa.array([1])],
        schema=pa.schema([pa.field("a", "int64", nullable=False, metadata={"unit": "m"})]),
    ),
    pa.concat_tables([table(a=[1]), table(a=[2, 3])]),
    table(a=[1, 2, 3]).slice(1, 1),
    table(a=pa.array(["x", "y", None]).dictionary_encode()),
    table(a=pa.chunked_array([pa.array([v]).dictionary_encode() for v in "ab"])),
    table(a=pa.DictionaryArray.from_arrays([1, 0], ["a", "b"], ordered=True)),
    table(a=[[{"x": 1}], None, []]),
    table(a=pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64()))),
    table(a=pa.array([1, None], pa.timestamp("ns", "Europe/Paris"))),
    table(a=pa.array([1, None], pa.timestamp("us"))),
    table(a=pa.array([1, None], pa.timestamp("s", "UTC")), b=pa.array([1, None], pa.time32("s"))),
    table(a=pa.array([86_400_000, None], pa.date64()), b=pa.array([1, None], pa.duration("s"))),
    table(a=pa.array([1, None], pa.duration("ns"))),
    table(a=pa.array([1, None], pa.time64("ns"))),
    table(a=pa.array([1.5, None], pa.float16())),
    table(a=pa.array([1, None], pa.decimal128(38, 2)), b=pa.array([1, 2], pa.decimal256(70, 9))),
    table(a=pa.array([float("nan"), -0.0, float("inf")])),
    table(a=pa.nulls(3)),
    table(a=pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"1" * 16], pa.binary(16)))),
    table(a=pa.array(["a", None], pa.string_view()), b=pa.array([b"", None], pa.binary())),
    table(**{"": [1], "ü\0": [2]}),
)
UNION = pa.UnionArray.from_sparse(
    pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])]
)
ARROW_ONLY = (
    table(a=UNION),
    table(a=pa.array([(1, 2, 3)], pa.month_day_nano_interval())),
    table(a=pa.RunEndEncodedArray.from_arrays([2], [1])),
)


class TableTests(SerializerTests):
    garbage = (b"", b"garbage", b"ARROW1\0\0garbage", b"PAR1garbagePAR1")

    def difference(self, left: Any, right: Any) -> str | None:
        return table_difference(left, right)


class TestFeather(TableTests):
    serializer = feather_serializer
    values = (*PLAIN, *ARROW_ONLY)
    refused = (pa.record_batch({"a": [1]}),)


class TestParquet(TableTests):
    serializer = parquet_serializer
    values = PLAIN
    refused = (*ARROW_ONLY, pa.record_batch({"a": [1]}))


class TestRecordBatch(TableTests):
    serializer = record_batch_serializer
    values = (
        pa.record_batch({}),
        pa.record_batch({"a": pa.array([], "int64")}),
        pa.record_batch({"a": [1, None]}).replace_schema_metadata({"k": "v"}),
        pa.record_batch({"a": pa.array(["x", "y"]).dictionary_encode()}),
    )
    refused = (table(a=[1]),)
    garbage = (*TableTests.garbage, feather_serializer.serialize(PLAIN[5]))


SCALARS = st.one_of(
    *(
        st.tuples(st.just(kind), st.lists(st.none() | items, max_size=6))
        for kind, items in (
            (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
            (pa.uint8(), st.integers(0, 255)),
            (pa.float64(), st.floats()),
            (pa.bool_(), st.booleans()),
            (pa.string(), st.text()),
            (pa.large_binary(), st.binary()),
            (pa.date32(), st.dates()),
            (pa.timestamp("us"), st.datetimes()),
            (pa.timestamp("ns", "Asia/Kolkata"), st.integers(-(2**63), 2**63 - 1)),
            (pa.list_(pa.int32()), st.lists(st.none() | st.integers(-9, 9), max_size=3)),
            (pa.struct([("x", pa.string())]), st.fixed_dictionaries({"x": st.text()})),
        )
    )
)


@given(st.lists(SCALARS, max_size=4), st.sampled_from([feather_serializer, parquet_serializer]))
def test_any_table(columns: list[tuple[pa.DataType, list[Any]]], serializer: Any) -> None:
    rows = min((len(items) for _, items in columns), default=0)
    arrays = [pa.array(items[:rows], kind) for kind, items in columns]
    value = pa.Table.from_arrays(arrays, names=[f"c{i % 2}" for i in range(len(arrays))])
    assert table_difference(value, serializer.deserialize(serializer.serialize(value))) is None


def test_files_are_read_by_pyarrow_alone() -> None:
    value = table(a=[1, None], b=["x", "ü"])
    feather = io.BytesIO(feather_serializer.serialize(value))
    assert pyarrow.feather.read_table(feather).equals(value)
    parquet = io.BytesIO(parquet_serializer.serialize(value))
    assert pyarrow.parquet.read_table(parquet).equals(value)


def test_refusals_name_the_way_out() -> None:
    for serializer, value, match in (
        (parquet_serializer, table(a=UNION), "cannot hold the value.*use feather_serializer"),
        (feather_serializer, pa.record_batch({"a": [1]}), "is not exactly a pyarrow.lib.Table"),
    ):
        with pytest.raises(SerializationError, match=match):
            serializer.serialize(value)


def test_found_by_type_and_name() -> None:
    assert infer_serializer(pa.Table) is feather_serializer
    assert infer_serializer(pa.RecordBatch) is record_batch_serializer
    assert find_serializer("arrow.parquet") is parquet_serializer


# Types that Parquet may write and not give back ---------------------------------------------------

INNER = (
    pa.null(), pa.int8(), pa.bool_(), pa.string(), pa.string_view(), pa.large_binary(),
    pa.date64(), pa.time32("s"), pa.timestamp("s"), pa.duration("s"), pa.decimal128(5, 2),
    pa.decimal128(5, -2), pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.int8(), pa.null()), pa.dictionary(pa.int32(), pa.int64()),
    pa.dictionary(pa.int8(), pa.large_string()),
)  # fmt: skip
OUTER: tuple[Any, ...] = (
    lambda kind: kind,
    pa.list_,
    pa.large_list,
    pa.list_view,
    lambda kind: pa.list_(kind, 2),
    lambda kind: pa.list_(kind, 0),
    lambda kind: pa.struct([("a", kind)]),
    lambda kind: pa.map_(pa.string(), kind),
)


def sample(kind: pa.DataType, size: int) -> Any:
    """A value of a type, with containers of a size, and something missing in the larger ones."""
    if pa.types.is_map(kind):
        return [(f"k{i}", sample(kind.item_type, size)) for i in range(size)]
    if pa.types.is_fixed_size_list(kind):
        return [sample(kind.value_type, size)] * kind.list_size
    if pa.types.is_struct(kind):
        return {field.name: sample(field.type, size) for field in kind}
    if pa.types.is_nested(kind):
        items = [sample(kind.value_type, size)] * size
        return [*items[1:], None] if size > 2 else items
    text = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_null(text):
        return None
    if pa.types.is_large_binary(text):
        return b"x"
    if pa.types.is_string(text) or pa.types.is_large_string(text) or text == pa.string_view():
        return "x"
    return Decimal(100) if pa.types.is_decimal(text) else 86_400_000 if text == pa.date64() else 1


@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("middle", OUTER)
def test_what_parquet_cannot_give_back_is_refused(outer: Any, middle: Any) -> None:
    """Reading some of it ends the process, so that a trial would not do."""
    kept = 0
    for inner in INNER:
        kind = outer(middle(inner))
        rows = [sample(kind, size) for size in range(4)]
        for some in ([*rows, None], rows[:3]):  # older pyarrow refuse more that is missing
            try:
                array = pa.array(some, kind)
            except (pa.ArrowException, NotImplementedError):
                continue  # no such array can be made of Python's values
            value = pa.table({"x": array})
            try:
                data = parquet_serializer.serialize(value)
            except SerializationError:
                continue
            kept += 1
            assert table_difference(value, parquet_serializer.deserialize(data)) is None, kind
    assert (kept == 0) == any(make(pa.int8()) in NEVER for make in (outer, middle))


def views_cannot_be_written() -> bool:
    try:
        pyarrow.parquet.write_table(table(a=pa.array([], pa.list_view(pa.int8()))), io.BytesIO())
    except pa.ArrowNotImplementedError:
        return True
    return False


NEVER = [pa.list_(pa.int8(), 0), *([pa.list_view(pa.int8())] if views_cannot_be_written() else [])]
"""Types that are always refused; pyarrow 24 writes no list views."""
