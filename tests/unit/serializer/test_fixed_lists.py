"""Lists of a fixed size: missing ones take memory that is not stored, which is bounded."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer import limits, parquet
from artigraph_neo4j.serializer.arrow import parquet_serializer
from artigraph_neo4j.serializer.parquet import restored_schema
from tests.unit.serializer.test_stored_types import saying, with_schema

MANY = 2**27


def fixed(kind: pa.DataType, size: int) -> pa.DataType:
    return pa.list_(kind, size)


def listed(kind: pa.DataType) -> pa.DataType:
    return pa.list_(kind)


INT = pa.int64()
BOMBS = [
    (None, listed(INT), fixed(INT, MANY)),
    (None, listed(listed(INT)), fixed(fixed(INT, 2**13), 2**14)),
    ({"x": None}, pa.struct({"x": listed(INT)}), pa.struct({"x": fixed(INT, MANY)})),
    ([None], listed(listed(INT)), listed(fixed(INT, MANY))),
    ([("k", None)], pa.map_("string", listed(INT)), pa.map_("string", fixed(INT, MANY))),
    (None, listed(listed(INT)), fixed(listed(INT), MANY)),
]


@pytest.mark.parametrize(("row", "kind", "told"), BOMBS, ids=range(len(BOMBS)))
def test_a_few_bytes_do_not_stand_for_gigabytes(row: Any, kind: Any, told: Any) -> None:
    table = pa.table({"b": [1], "a": pa.array([row], kind)})
    data = saying(table, pa.schema([("b", INT), ("a", told)]))
    with pytest.raises(SerializationError, match="stored bytes stand for"):
        parquet_serializer.deserialize(data)


def test_a_list_cannot_have_less_than_no_items() -> None:
    table = pa.table({"a": pa.array([[1]], listed(INT))})
    schema = pa.schema([("a", fixed(INT, MANY - 1))]).serialize().to_pybytes()
    told = schema.replace(struct.pack("<i", MANY - 1), struct.pack("<i", -5))
    data = with_schema(saying(table, pa.schema([("a", fixed(INT, MANY - 1))])), told)
    with pytest.raises(SerializationError, match="cannot have -5 items"):
        parquet_serializer.deserialize(data)


@pytest.mark.parametrize(
    "kind",
    [
        fixed(INT, 3),
        fixed(pa.float32(), 768),
        fixed(fixed(pa.int8(), 2), 3),
        listed(fixed(pa.float64(), 4)),
        pa.struct({"x": fixed(pa.int8(), 5), "y": pa.string()}),
        pa.map_("string", fixed(INT, 2)),
        pa.large_list(listed(pa.int8())),
        pa.dictionary(pa.int32(), pa.string()),
        listed(pa.dictionary(pa.int32(), pa.string())),
    ],
    ids=str,
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_tables_that_are_written_can_be_read(
    kind: pa.DataType, data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_EXPANSION", 2)
    monkeypatch.setenv(limits.VARIABLE, "100")
    rows = data.draw(st.lists(values(kind), max_size=6)) * data.draw(st.integers(1, 300))
    table = pa.table({"a": pa.array(rows, kind)})
    monkeypatch.setattr("artigraph_neo4j.serializer.parquet.SMALL_BYTES", 100)
    try:
        stored = parquet_serializer.serialize(table)
    except SerializationError:
        return
    assert parquet_serializer.deserialize(stored).equals(table)


MISSING = [
    (fixed(INT, 3), [[1, 2, 3], None]),
    (fixed(fixed(pa.int8(), 2), 1), [[[1, 2]], [None]]),
    (listed(fixed(INT, 2)), [[], [None]]),
    (pa.struct({"x": fixed(INT, 2)}), [{"x": [1, 2]}, None]),
    (pa.struct({"x": fixed(INT, 2)}), [{"x": [1, 2]}, {"x": None}]),
    (pa.map_("string", fixed(INT, 2)), [[("a", [1, 2]), ("b", None)]]),
    (fixed(pa.struct({"x": fixed(INT, 1)}), 1), [[{"x": [1]}], [{"x": None}]]),
]


@pytest.mark.parametrize(("kind", "rows"), MISSING, ids=range(len(MISSING)))
def test_missing_lists_that_pyarrow_cannot_read_are_not_written(
    kind: pa.DataType, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with pyarrow 24 and 25; others may have written such files."""
    table = pa.table({"b": [1] * len(rows), "a": pa.array(rows, kind)})
    match = "cannot read missing lists of a fixed size from Parquet; upgrade pyarrow"
    newer = parquet._reads_missing_lists()
    sink = io.BytesIO()
    with suppress(pa.ArrowNotImplementedError):  # some by pyarrow 24, of the first kind
        pq.write_table(table, sink)
    monkeypatch.setattr(parquet, "_reads_missing_lists", lambda: False)
    with pytest.raises(SerializationError, match=f"column 'a': .*{match}"):
        parquet_serializer.serialize(table)
    if len(rows) > 1:
        whole = table.slice(0, 1)
        assert parquet_serializer.deserialize(parquet_serializer.serialize(whole)).equals(whole)
    if sink.getvalue() and not newer:
        with pytest.raises(SerializationError, match=match):
            parquet_serializer.deserialize(sink.getvalue())


def values(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """Values of a type, and missing ones."""
    if pa.types.is_struct(kind):
        parts = {kind.field(i).name: values(kind.field(i).type) for i in range(kind.num_fields)}
        some: Any = st.fixed_dictionaries(parts)
    elif pa.types.is_map(kind):
        some = st.lists(st.tuples(st.sampled_from("ab"), values(kind.item_type)), max_size=3)
    elif pa.types.is_fixed_size_list(kind):
        item = values(kind.value_type)
        some = item.map(lambda one: [one] * kind.list_size)
    elif kind.num_fields:
        some = st.lists(values(kind.value_type), max_size=4)
    elif pa.types.is_string(kind) or pa.types.is_dictionary(kind):
        some = st.sampled_from(["", "a", "b" * 200])
    else:
        some = st.integers(0, 3)
    return st.none() | some


def test_the_schema_that_comes_back() -> None:
    schema = pa.schema([("a", fixed(pa.float32(), 768))])
    assert restored_schema(schema) == schema
