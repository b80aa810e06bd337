"""Tables of pyarrow as Parquet files in memory, for the serializers that use this format."""

from __future__ import annotations

from io import BytesIO
from typing import Any

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:  # pragma: no cover - an install without the extra
    raise ImportError(
        'this serializer needs pyarrow: pip install "artigraph-neo4j[arrow]"'
    ) from error

__all__ = ["column_from_parquet", "column_to_parquet", "from_parquet", "to_parquet"]


def to_parquet(table: Any) -> bytes:
    """The table as a Parquet file."""
    sink = BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def from_parquet(data: bytes) -> Any:
    """The table in a Parquet file; unlike ``read_table`` this allows equal column names."""
    return pq.ParquetFile(pa.BufferReader(data)).read()


def column_to_parquet(array: Any) -> bytes:
    """One Arrow array as a Parquet file of its own."""
    return to_parquet(pa.table({"values": array}))


def column_from_parquet(data: bytes) -> Any:
    """The array that ``column_to_parquet`` wrote."""
    return from_parquet(data).column(0)
