"""pyarrow tables and record batches, as Arrow IPC files (Feather) or Parquet."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import IO, Any, ClassVar

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import (
    DamagedError,
    Serializer,
    check_part,
    exactly,
    unreadable,
    unwritable,
)
from artigraph_neo4j.serializer.held_file import HeldFile
from artigraph_neo4j.serializer.ipc import check_file, check_schema
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

_BATCH_BYTES = 16 * 1024 * 1024
"""Approximate bytes of a batch of a large table; each batch is compressed in memory."""


@unwritable("an Arrow file")
def _write(schema: pa.Schema, content: pa.Table | pa.RecordBatch, sink: IO[bytes]) -> None:
    check_schema(schema.serialize().to_pybytes())  # what readers refuse is not written
    options = pa.ipc.IpcWriteOptions(compression="lz4", unify_dictionaries=True)
    with pa.ipc.new_file(sink, schema, options=options) as writer:
        if isinstance(content, pa.Table) and content.nbytes > _BATCH_BYTES:
            rows = content.num_rows * _BATCH_BYTES // content.nbytes
            writer.write_table(content, max_chunksize=max(rows, 1))
        else:
            writer.write(content)


def _bytes(schema: pa.Schema, content: pa.Table | pa.RecordBatch) -> bytes:
    sink = io.BytesIO()
    _write(schema, content, sink)
    return sink.getvalue()


def _whole(source: IO[bytes]) -> pa.ipc.RecordBatchFileReader:
    """Check the structure of a file that will be read whole, and open it."""
    check_file(HeldFile(source))
    source.seek(0)
    return pa.ipc.open_file(source)


def _part(
    file: HeldFile, batches: Sequence[int], options: pa.ipc.IpcReadOptions | None = None
) -> pa.ipc.RecordBatchFileReader:
    """Check some batches of a file, and open it to read only these."""
    check_file(file, batches)
    file.seek(0)
    return pa.ipc.open_file(file, options=options)


def _positions(schema: pa.Schema, columns: Sequence[Any] | None) -> list[int] | None:
    """Return the places of all columns that have one of these names."""
    if columns is None:
        return None
    check_part("column", columns, schema.names)
    return [i for i, name in enumerate(schema.names) if name in set(columns)]


class FeatherSerializer(Serializer[pa.Table]):
    """The Arrow IPC file format, version 2 of Feather: every Arrow type and all metadata.

    Dictionaries that differ between chunks are unified, as an Arrow file requires.
    """

    name: ClassVar[str] = "arrow.feather"
    types: ClassVar[tuple[type[Any], ...]] = (pa.Table,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pa.Table, /) -> bytes:
        """Return the table as an IPC file.

        Raises:
            SerializationError: The table is of a subclass, has nested dictionaries that differ
                between chunks, or decimals of a scale that has more digits than their bits.
        """
        return _bytes(exactly(pa.Table, value).schema, value)

    def deserialize(self, data: bytes, /) -> pa.Table:
        """Return the table.

        Raises:
            SerializationError: The bytes are not such a file.
        """
        return self.read(pa.BufferReader(data))

    def write(self, value: pa.Table, file: IO[bytes], /) -> None:
        """Write the table, a batch of about 16 MiB at a time."""
        _write(exactly(pa.Table, value).schema, value, file)

    def read(self, file: IO[bytes], /) -> pa.Table:
        """Return the table."""
        with unreadable("an Arrow file"):
            table = _whole(file).read_all()
            table.validate(full=True)
            return table

    def read_part(
        self,
        file: IO[bytes],
        /,
        *,
        columns: Sequence[Any] | None = None,
        row_groups: Sequence[int] | None = None,
    ) -> pa.Table:
        """Return columns in the order of the table; a group of rows is a record batch."""
        with unreadable("an Arrow file"):
            source = HeldFile(file)
            opened = _part(source, ())
            check_part("row group", row_groups, range(opened.num_record_batches))
            groups = range(opened.num_record_batches) if row_groups is None else row_groups
            included = _positions(opened.schema, columns)
            options = pa.ipc.IpcReadOptions()
            if included is not None and opened.schema.names:
                # An empty list would mean all fields.
                options = pa.ipc.IpcReadOptions(included_fields=included or [0])
            opened = _part(source, groups, options)
            batches = [opened.get_batch(i) for i in groups]
            table = pa.Table.from_batches(batches, opened.schema)
            table.validate(full=True)
            return table.select([]) if included == [] else table


class RecordBatchSerializer(Serializer[pa.RecordBatch]):
    """The Arrow IPC file format with one record batch."""

    name: ClassVar[str] = "arrow.batch"
    types: ClassVar[tuple[type[Any], ...]] = (pa.RecordBatch,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pa.RecordBatch, /) -> bytes:
        """Return the batch as an IPC file.

        Raises:
            SerializationError: The batch is of a subclass, or has decimals of a scale that has more
                digits than their bits.
        """
        return _bytes(exactly(pa.RecordBatch, value).schema, value)

    def deserialize(self, data: bytes, /) -> pa.RecordBatch:
        """Return the batch.

        Raises:
            SerializationError: The bytes are not such a file, or one of several batches.
        """
        with unreadable("an Arrow file"):
            opened = _whole(pa.BufferReader(data))
            if opened.num_record_batches != 1:
                raise DamagedError(f"it has {opened.num_record_batches} batches, not one")
            batch = opened.get_batch(0)
            batch.validate(full=True)
            return batch


class ParquetSerializer(Serializer[pa.Table]):
    """Parquet, which more tools can read; only on request, since it has fewer types than Arrow.

    A table is refused if a column would come back with another type. Chunks are not preserved.

    Args:
        row_group_rows: Number of rows in a group, the smallest part that ``Lazy.load`` reads; by
            default 1,048,576.
    """

    name: ClassVar[str] = "arrow.parquet"
    heavy: ClassVar[bool] = True

    def __init__(self, row_group_rows: int | None = None) -> None:
        self.row_group_rows = row_group_rows

    def serialize(self, value: pa.Table, /) -> bytes:
        """Return the table as a Parquet file.

        Raises:
            SerializationError: The table is of a subclass, or Parquet would change it.
        """
        sink = io.BytesIO()
        self.write(value, sink)
        return sink.getvalue()

    def deserialize(self, data: bytes, /) -> pa.Table:
        """Return the table.

        Raises:
            SerializationError: The bytes are not such a file.
        """
        return self.read(pa.BufferReader(data))

    def write(self, value: pa.Table, file: IO[bytes], /) -> None:
        """Write the table, a group of rows at a time."""
        table = exactly(pa.Table, value)
        with unwritable("Parquet", "use feather_serializer"):
            _refuse_changed(table.schema, restored_schema(table.schema))
            to_parquet(table, file, self.row_group_rows)

    def read(self, file: IO[bytes], /) -> pa.Table:
        """Return the table."""
        return self.read_part(file)

    def read_part(
        self,
        file: IO[bytes],
        /,
        *,
        columns: Sequence[Any] | None = None,
        row_groups: Sequence[int] | None = None,
    ) -> pa.Table:
        """Return the columns in the order of the table."""
        with unreadable("a Parquet file"):
            return from_parquet(file, columns, row_groups)


def _refuse_changed(schema: pa.Schema, found: pa.Schema) -> None:
    changed = [
        f"{field.name} ({field.type} would be {back.type})"
        for field, back in zip(schema, found, strict=True)
        if not field.equals(back, check_metadata=False)
    ]
    if changed:
        raise SerializationError(
            f"Parquet would change the columns {', '.join(changed)}; use feather_serializer"
        )


feather_serializer = FeatherSerializer().register()
record_batch_serializer = RecordBatchSerializer().register()
parquet_serializer = ParquetSerializer().register()
