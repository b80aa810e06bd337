"""Rows of a series from bytes and tables that this library did not write."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer import series

ROWS: Any = series.table_of([(0, 1_000_000, {"loss": 0.5})])
WHOLE: Any = series.dump(ROWS, "s", 0)
HOSTILE: Any = pa  # its tables are untyped


@pytest.mark.parametrize("data", [b"", WHOLE[:-1], b"\0\0\0\0", "text", 3])
def test_what_are_not_bytes_of_rows_is_refused(data: Any) -> None:
    with pytest.raises(SerializationError):
        series.load(data)


@pytest.mark.parametrize(
    "table",
    [
        ROWS,  # without a place
        ROWS.replace_schema_metadata({b"artigraph.series": "s ²".encode()}),
        series.placed(ROWS.drop_columns(["step"]), "s", 0),
        series.placed(HOSTILE.table({"loss": [1.0]}), "s", 0),
        series.placed(ROWS.append_column("word", HOSTILE.array(["a"])), "s", 0),
        [1, 2],
        None,
    ],
)
def test_what_is_not_a_table_of_rows_is_refused(table: Any) -> None:
    with pytest.raises(SerializationError):
        series.place_of(table)


def test_rows_come_back_with_their_place() -> None:
    table = series.load(WHOLE)
    assert series.place_of(table) == ("s", 0)
    assert table.select(["step", "loss"]).to_pylist() == [{"step": 0, "loss": 0.5}]
