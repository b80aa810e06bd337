"""Tables of pyarrow as Parquet files in memory, for the serializers that use this format."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import IO, Any

from artigraph_neo4j.serializer.base import check_part

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:  # pragma: no cover - an install without the extra
    raise ImportError(
        'this serializer needs pyarrow: pip install "artigraph-neo4j[arrow]"'
    ) from error

__all__ = [
    "column_from_parquet",
    "column_to_parquet",
    "from_parquet",
    "open_parquet",
    "read_parquet",
    "restored_schema",
    "to_parquet",
]


def to_parquet(table: pa.Table, file: IO[bytes], row_group_rows: int | None = None) -> None:
    """Write the table as a Parquet file."""
    pq.write_table(table, file, row_group_size=row_group_rows)


def from_parquet(
    source: IO[bytes],
    columns: Sequence[str] | None = None,
    row_groups: Sequence[int] | None = None,
) -> pa.Table:
    """The table in a Parquet file, with the very schema it was written with where there is a way.

    Parquet has fewer types than Arrow, and other names inside lists, but the file keeps the schema
    in its metadata; Arrow by itself goes back only half the way.

    Args:
        source: The file, open.
        columns: Names of columns to read, by default all; they come in the order of the file.
        row_groups: Numbers of groups of rows to read, by default all.

    Raises:
        SerializationError: The file has no such column or group.
    """
    part = columns is not None or row_groups is not None
    return read_parquet(open_parquet(source, part=part), columns, row_groups)


def open_parquet(source: IO[bytes], *, part: bool) -> pq.ParquetFile:
    """A reader of the file, of which it has read the metadata only.

    For a part it asks at once for all ranges of bytes it will need, and holds them meanwhile.
    """
    return pq.ParquetFile(source, pre_buffer=part)  # unlike read_table it takes equal column names


def read_parquet(
    file: pq.ParquetFile,
    columns: Sequence[str] | None = None,
    row_groups: Sequence[int] | None = None,
) -> pa.Table:
    """The table, or a part of it; see ``from_parquet``."""
    check_part("column", columns, file.schema_arrow.names)
    check_part("row group", row_groups, range(file.num_row_groups))
    names = None if columns is None else set(columns)
    # Each name once, in the order of the file, which is that of the result.
    some = (
        None if names is None else [n for n in dict.fromkeys(file.schema_arrow.names) if n in names]
    )
    table = file.read(some) if row_groups is None else file.read_row_groups(list(row_groups), some)
    if names is not None:  # a dot in a name is a path to Parquet: "a" brings "a.b" too
        table = table.select([i for i, name in enumerate(table.schema.names) if name in names])
    return _restored(table, file.metadata.metadata, names)


def restored_schema(schema: pa.Schema) -> pa.Schema:
    """The schema that a table of this one would come back with."""
    sink = BytesIO()
    to_parquet(schema.empty_table(), sink)
    return from_parquet(pa.BufferReader(sink.getvalue())).schema


def _restored(
    table: pa.Table, metadata: dict[bytes, bytes] | None, names: set[str] | None
) -> pa.Table:
    written = (metadata or {}).get(b"ARROW:schema")
    if written is None:
        return table
    wanted = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(written)))
    if names is not None:
        wanted = pa.schema([field for field in wanted if field.name in names], wanted.metadata)
    return table if table.schema.serialize() == wanted.serialize() else table.cast(wanted)


def column_to_parquet(array: Any) -> bytes:
    """One Arrow array as a Parquet file of its own."""
    sink = BytesIO()
    to_parquet(pa.table({"values": array}), sink)
    return sink.getvalue()


def column_from_parquet(data: bytes) -> Any:
    """The array that ``column_to_parquet`` wrote."""
    return from_parquet(pa.BufferReader(data)).column(0)
