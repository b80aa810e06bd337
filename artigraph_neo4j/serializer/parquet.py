"""Tables of pyarrow as Parquet files in memory, for the serializers that use this format."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

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
    "restored_schema",
    "to_parquet",
]


def to_parquet(table: Any) -> bytes:
    """The table as a Parquet file."""
    sink = BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def from_parquet(data: bytes) -> Any:
    """The table in a Parquet file, with the very schema it was written with where there is a way.

    Parquet has fewer types than Arrow, and other names inside lists, but the file keeps the schema
    in its metadata; Arrow by itself goes back only half the way.
    """
    file = pq.ParquetFile(pa.BufferReader(data))  # unlike read_table it takes equal column names
    return _restored(file.read(), file)


def restored_schema(data: bytes) -> Any:
    """The schema that ``from_parquet`` would give."""
    file = pq.ParquetFile(pa.BufferReader(data))
    return _restored(file.schema_arrow.empty_table(), file).schema


def _restored(table: Any, file: Any) -> Any:
    written = (file.metadata.metadata or {}).get(b"ARROW:schema")
    if written is None:
        return table
    wanted = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(written)))
    return table if table.schema.serialize() == wanted.serialize() else table.cast(wanted)


def column_to_parquet(array: Any) -> bytes:
    """One Arrow array as a Parquet file of its own."""
    return to_parquet(pa.table({"values": array}))


def column_from_parquet(data: bytes) -> Any:
    """The array that ``column_to_parquet`` wrote."""
    return from_parquet(data).column(0)
