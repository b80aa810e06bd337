"""pyarrow tables and record batches, as Arrow IPC files (Feather) or Parquet."""

# pyarrow has no type information.
# pyright: reportArgumentType=false

from __future__ import annotations

import io
from typing import Any, ClassVar

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer, exactly
from artigraph_neo4j.serializer.parquet import from_parquet, restored_schema, to_parquet

# After the module above, which explains a missing extra.
import pyarrow as pa  # isort: skip

__all__ = [
    "FeatherSerializer",
    "ParquetSerializer",
    "RecordBatchSerializer",
    "feather_serializer",
    "parquet_serializer",
    "record_batch_serializer",
]

_UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError)


def _write(schema: Any, content: Any) -> bytes:
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="lz4", unify_dictionaries=True)
    try:
        with pa.ipc.new_file(sink, schema, options=options) as writer:
            writer.write(content)
    except pa.ArrowException as error:
        raise SerializationError(f"an Arrow file cannot hold it: {error}") from error
    return sink.getvalue()


def _open(data: bytes) -> Any:
    return pa.ipc.open_file(pa.BufferReader(data))


class FeatherSerializer(Serializer[pa.Table]):
    """The Arrow IPC file format, version 2 of Feather: every Arrow type and all metadata.

    Dictionaries that differ between chunks are made one, which an Arrow file needs.
    """

    name: ClassVar[str] = "arrow.feather"
    types: ClassVar[tuple[type[Any], ...]] = (pa.Table,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pa.Table, /) -> bytes:
        """The table as an IPC file.

        Raises:
            SerializationError: It is of a subclass, or has nested dictionaries that differ between
                chunks.
        """
        return _write(exactly(pa.Table, value).schema, value)

    def deserialize(self, data: bytes, /) -> pa.Table:
        """The table.

        Raises:
            SerializationError: The bytes are no such file.
        """
        try:
            return _open(data).read_all()
        except _UNREADABLE as error:
            raise SerializationError(f"no Arrow file: {error}") from error


class RecordBatchSerializer(Serializer[pa.RecordBatch]):
    """The same format with one record batch in it."""

    name: ClassVar[str] = "arrow.batch"
    types: ClassVar[tuple[type[Any], ...]] = (pa.RecordBatch,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pa.RecordBatch, /) -> bytes:
        """The batch as an IPC file.

        Raises:
            SerializationError: It is of a subclass.
        """
        return _write(exactly(pa.RecordBatch, value).schema, value)

    def deserialize(self, data: bytes, /) -> pa.RecordBatch:
        """The batch.

        Raises:
            SerializationError: The bytes are no such file, or one of several batches.
        """
        try:
            opened = _open(data)
            if opened.num_record_batches != 1:
                raise SerializationError(f"it has {opened.num_record_batches} batches, not one")
            return opened.get_batch(0)
        except _UNREADABLE as error:
            raise SerializationError(f"no Arrow file: {error}") from error


class ParquetSerializer(Serializer[pa.Table]):
    """Parquet, which more tools read; only on request, since it has not every Arrow type.

    A table of which a column would come back with another type is refused. Chunks are not kept.
    """

    name: ClassVar[str] = "arrow.parquet"
    heavy: ClassVar[bool] = True

    def serialize(self, value: pa.Table, /) -> bytes:
        """The table as a Parquet file.

        Raises:
            SerializationError: It is of a subclass, or Parquet would change it.
        """
        try:
            data = to_parquet(exactly(pa.Table, value))
            found = restored_schema(data)
        except pa.ArrowException as error:
            raise SerializationError(
                f"Parquet cannot hold this table: {error}; use feather_serializer"
            ) from error
        changed = [
            f"{field.name} ({field.type} would be {back.type})"
            for field, back in zip(value.schema, found, strict=True)
            if not field.equals(back, check_metadata=False)
        ]
        if changed:
            raise SerializationError(
                f"Parquet would change the columns {', '.join(changed)}; use feather_serializer"
            )
        return data

    def deserialize(self, data: bytes, /) -> pa.Table:
        """The table.

        Raises:
            SerializationError: The bytes are no such file.
        """
        try:
            return from_parquet(data)
        except _UNREADABLE as error:
            raise SerializationError(f"no Parquet file: {error}") from error


feather_serializer = FeatherSerializer().register()
record_batch_serializer = RecordBatchSerializer().register()
parquet_serializer = ParquetSerializer().register()
