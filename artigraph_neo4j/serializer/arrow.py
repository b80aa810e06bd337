"""pyarrow tables, as Arrow IPC files (Feather) or Parquet."""

from __future__ import annotations

import io
from typing import Any, ClassVar

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:  # pragma: no cover - an install without the extra
    raise ImportError(
        'this serializer needs pyarrow: pip install "artigraph-neo4j[arrow]"'
    ) from error

__all__ = [
    "FeatherSerializer",
    "ParquetSerializer",
    "RecordBatchSerializer",
    "feather_serializer",
    "parquet_serializer",
    "record_batch_serializer",
]


def _write(schema: Any, batches: Any) -> bytes:
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(sink, schema, options=options) as writer:
        writer.write(batches)
    return sink.getvalue()


class FeatherSerializer(Serializer[pa.Table]):
    """The Arrow IPC file format, version 2 of Feather: every Arrow type and all metadata."""

    name: ClassVar[str] = "arrow.feather"
    types: ClassVar[tuple[type[Any], ...]] = (pa.Table,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pa.Table, /) -> bytes:
        """The table as an IPC file."""
        if type(value) is not pa.Table:
            raise SerializationError(f"{type(value).__qualname__} is not exactly pyarrow.Table")
        return _write(value.schema, value)

    def deserialize(self, data: bytes, /) -> pa.Table:
        """The table."""
        try:
            return pa.ipc.open_file(io.BytesIO(data)).read_all()
        except pa.ArrowException as error:
            raise SerializationError(f"no Arrow file: {error}") from error


class RecordBatchSerializer(Serializer[pa.RecordBatch]):
    """The same format with one record batch in it."""

    name: ClassVar[str] = "arrow.batch"
    types: ClassVar[tuple[type[Any], ...]] = (pa.RecordBatch,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pa.RecordBatch, /) -> bytes:
        """The batch as an IPC file."""
        if type(value) is not pa.RecordBatch:
            raise SerializationError(
                f"{type(value).__qualname__} is not exactly pyarrow.RecordBatch"
            )
        return _write(value.schema, value)

    def deserialize(self, data: bytes, /) -> pa.RecordBatch:
        """The batch."""
        try:
            return pa.ipc.open_file(io.BytesIO(data)).get_batch(0)
        except pa.ArrowException as error:
            raise SerializationError(f"no Arrow file: {error}") from error


class ParquetSerializer(Serializer[pa.Table]):
    """Parquet, for other tools to read; only on request, since it has not every Arrow type.

    A table that would come back with another schema or other values is refused.
    """

    name: ClassVar[str] = "arrow.parquet"
    heavy: ClassVar[bool] = True

    def serialize(self, value: pa.Table, /) -> bytes:
        """The table as a Parquet file."""
        if type(value) is not pa.Table:
            raise SerializationError(f"{type(value).__qualname__} is not exactly pyarrow.Table")
        sink = io.BytesIO()
        try:
            pq.write_table(value, sink)
            schema = pq.read_schema(io.BytesIO(sink.getvalue()))
        except pa.ArrowException as error:
            raise SerializationError(f"Parquet cannot hold this table: {error}") from error
        changed = [
            f"{field.name} ({field.type} would be {found.type})"
            for field, found in zip(value.schema, schema, strict=True)
            if not field.equals(found, check_metadata=False)
        ]
        if changed:
            raise SerializationError(
                f"Parquet would change the columns {', '.join(changed)}; use feather_serializer"
            )
        return sink.getvalue()

    def deserialize(self, data: bytes, /) -> pa.Table:
        """The table."""
        try:
            return pq.read_table(io.BytesIO(data))
        except pa.ArrowException as error:
            raise SerializationError(f"no Parquet file: {error}") from error


feather_serializer = FeatherSerializer().register()
record_batch_serializer = RecordBatchSerializer().register()
parquet_serializer = ParquetSerializer().register()
