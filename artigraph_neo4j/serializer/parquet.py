"""Reading and writing of pyarrow tables as Parquet files, for the serializers of this format."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from io import BytesIO
from typing import IO, Any

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import DamagedError, check_part, shown
from artigraph_neo4j.serializer.held_file import HeldFile
from artigraph_neo4j.serializer.ipc import Spread, spreads
from artigraph_neo4j.serializer.limits import SMALL_BYTES, check_decoded

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from artigraph_neo4j.serializer.parquet_structure import (
        SCHEMA_KEY,
        VALUE_BYTES,
        Chunk,
        Structure,
    )
except ImportError as error:  # pragma: no cover - an install without the extra
    raise ImportError(
        'this serializer needs pyarrow: pip install "artigraph-neo4j[arrow]"'
    ) from error

__all__ = [
    "ParquetSource",
    "column_from_parquet",
    "column_to_parquet",
    "from_parquet",
    "restored_schema",
    "to_parquet",
]


def to_parquet(table: pa.Table, file: IO[bytes], row_group_rows: int | None = None) -> None:
    """Write the table as a Parquet file.

    Raises:
        SerializationError: A column has a type that Parquet writes but cannot read back, or missing
            lists of a fixed size, which the installed pyarrow cannot read; or the file is so small
            compared to the table that reading would be refused.
    """
    for field in table.schema:
        if why := _why_unreadable(field.type):
            raise SerializationError(f"column {shown(field.name)}: Parquet cannot give back {why}")
    for field, column in zip(table.schema, table.itercolumns(), strict=True):
        read = _reads_missing_lists() if _holds_fixed_list(field.type) else True
        if not read and any(map(_misses_fixed_list, column.chunks)):
            raise SerializationError(f"column {shown(field.name)}: {_NOT_READ}")
    written: list[pq.FileMetaData] = []
    pq.write_table(table, file, row_group_size=row_group_rows, metadata_collector=written)
    spread = spreads(table.schema.serialize().to_pybytes())
    decoded = sum(map(_decoded_bytes, table.itercolumns(), spread))
    if decoded > SMALL_BYTES:
        check_decoded(decoded, _stored_bytes(*written))


def _decoded_bytes(column: pa.ChunkedArray, spread: Spread) -> int:
    """Return an upper bound of the bytes that ``Structure.check`` counts for a column."""
    if pa.types.is_primitive(column.type):
        return max(column.nbytes, VALUE_BYTES * len(column))
    values = sum(map(_values, column.chunks))
    texts = sum(lengths for array in column.chunks for lengths in _text_bytes(array))
    return column.nbytes + texts + VALUE_BYTES * values * spread.value


def _values(array: Any) -> int:
    """Return the number of values in an array and its parts, those of missing lists included."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _values(array.storage)
    if pa.types.is_fixed_size_list(kind):
        size = kind.list_size
        items = array.values.slice(array.offset * size, len(array) * size)
        return max(_values(items), len(array))
    if kind.num_fields == 0:
        return len(array)
    return len(array) + sum(map(_values, _parts(array)))


def _parts(array: Any) -> list[Any]:
    """Return the arrays inside a list, a map or a struct, as far as its rows have them."""
    if pa.types.is_struct(array.type):
        return list(array.flatten())
    if pa.types.is_map(array.type):
        start, end = (array.offsets[0].as_py(), array.offsets[-1].as_py()) if len(array) else (0, 0)
        return [part.slice(start, end - start) for part in (array.keys, array.items)]
    return [array.flatten()]


def _text_bytes(array: Any) -> Iterator[int]:
    """Yield the bytes of the texts in dictionaries, each as often as a row has it."""
    for texts in _dictionaries([array]):
        if _is_text(texts.type.value_type):
            yield _repeated(texts)


def _stored_bytes(written: pq.FileMetaData) -> int:
    groups = map(written.row_group, range(written.num_row_groups))
    columns = (group.column(i) for group in groups for i in range(written.num_columns))
    return written.serialized_size + sum(column.total_compressed_size for column in columns)


def _why_unreadable(kind: pa.DataType, *, nested: bool = False, viewed: bool = False) -> str | None:
    """Return the part of a type that cannot be read back undamaged, or None.

    Args:
        kind: The type.
        nested: Whether it is inside another type.
        viewed: Whether one of the types around it is a list view.
    """
    if isinstance(kind, pa.BaseExtensionType):
        return _why_unreadable(kind.storage_type, nested=nested, viewed=viewed)
    if pa.types.is_dictionary(kind):
        inner = kind.value_type
        if pa.types.is_null(inner) or viewed or (nested and not _is_text(inner)):
            return f"{kind}{' inside lists, maps or structs' if nested else ''}"
        return None
    if nested and pa.types.is_null(kind):
        return "nothing but missing values inside lists, maps or structs"
    if viewed and kind in _CAST:
        return f"{kind} inside list views"
    if pa.types.is_fixed_size_list(kind) and kind.list_size == 0:
        return "lists of no items each"
    viewed = viewed or pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind)
    parts = (kind.field(i).type for i in range(kind.num_fields))
    reasons = (_why_unreadable(part, nested=True, viewed=viewed) for part in parts)
    return next(filter(None, reasons), None)


def _misses_fixed_list(array: Any) -> bool:
    """Return whether a list of a fixed size is missing, by itself or with a struct around it."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _misses_fixed_list(array.storage)
    if pa.types.is_fixed_size_list(kind) and array.null_count:
        return True
    return _holds_fixed_list(kind) and any(map(_misses_fixed_list, _parts(array)))


def _holds_fixed_list(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return _holds_fixed_list(kind.storage_type)
    parts = [kind.field(i).type for i in range(kind.num_fields)]
    return pa.types.is_fixed_size_list(kind) or any(map(_holds_fixed_list, parts))


@cache
def _reads_missing_lists() -> bool:
    """Return whether pyarrow reads missing lists of a fixed size, which 24 and 25 only write."""
    sink = BytesIO()
    pq.write_table(pa.table({"a": pa.array([None], pa.list_(pa.int64(), 1))}), sink)
    try:
        pq.ParquetFile(sink, read_dictionary=[], pre_buffer=False).read()
    except pa.ArrowInvalid:
        return False
    return True


_NOT_READ = (
    f"pyarrow {pa.__version__} cannot read missing lists of a fixed size from Parquet; upgrade "
    "pyarrow to 26 or later"
)

_CAST = (pa.date64(), pa.time32("s"), pa.timestamp("s"))
"""Types that Parquet only has in other units, so that they are cast after reading."""


def _is_text(kind: pa.DataType) -> bool:
    return (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def from_parquet(
    source: IO[bytes],
    columns: Sequence[str] | None = None,
    row_groups: Sequence[int] | None = None,
) -> pa.Table:
    """Return the table in a Parquet file, with the schema that it was written with.

    Parquet has fewer types than Arrow, and other names inside lists, but the file has the schema in
    its metadata; Arrow itself restores only some of it.

    Args:
        source: The open file.
        columns: Names of columns to read, by default all; they are returned in the file's order.
        row_groups: Numbers of groups of rows to read, by default all.

    Raises:
        SerializationError: The file does not have such a column or group, or would take far more
            memory than it has bytes.
    """
    part = columns is not None or row_groups is not None
    return ParquetSource(source, part=part).read(columns, row_groups)


class ParquetSource:
    """A Parquet file whose metadata was read and checked.

    Args:
        source: The file.
        part: Whether only a part will be read. Then the ranges of bytes that it needs are fetched
            first, adjoining ones together, and held.

    Attributes:
        names: Names of its columns.
        metadata: The metadata written with the columns, by key.
        group_sizes: Numbers of rows of its groups.
    """

    def __init__(self, source: IO[bytes], *, part: bool) -> None:
        held = HeldFile(source)
        self._structure = Structure(held)
        self._part = part
        self._source: Any = held if part else source
        self._file = self._open()
        self.names: list[str] = self._file.schema_arrow.names
        self.metadata = self._structure.metadata
        self.group_sizes = self._structure.group_sizes

    def _open(self, texts: Sequence[str] = ()) -> pq.ParquetFile:
        """Open the file; columns of ``texts`` are read as dictionaries."""
        self._source.seek(0)
        # Unlike read_table, it accepts duplicate column names.
        return pq.ParquetFile(self._source, read_dictionary=list(texts), pre_buffer=False)

    def read(
        self, columns: Sequence[str] | None = None, row_groups: Sequence[int] | None = None
    ) -> pa.Table:
        """Return the table, or a part of it; see ``from_parquet``."""
        check_part("column", columns, self.names)
        check_part("row group", row_groups, range(len(self.group_sizes)))
        self._structure.check(columns, row_groups, self._measure, hold=self._part)
        names = None if columns is None else set(columns)
        # Each name once, in the order of the file, which is also that of the result.
        some = None if names is None else [n for n in dict.fromkeys(self.names) if n in names]
        file = self._file
        groups = None if row_groups is None else list(row_groups)
        try:
            table = file.read(some) if groups is None else file.read_row_groups(groups, some)
        except pa.ArrowInvalid as error:
            if (
                any(_holds_fixed_list(f.type) for f in file.schema_arrow)
                and not _reads_missing_lists()
            ):
                raise SerializationError(f"{_NOT_READ}, or they were damaged") from error
            raise
        table.validate(full=True)
        if names is not None:  # to Parquet, a dot in a name is a path: "a" selects "a.b", too
            table = table.select([i for i, name in enumerate(table.schema.names) if name in names])
        return _restored(table, self.metadata.get(SCHEMA_KEY), names)

    def _measure(self, group: int, chunk: Chunk) -> int:
        """Return the bytes of the texts in a group of rows, while holding equal texts only once."""
        path = ".".join(chunk.path)
        table = self._open([path]).read_row_group(group, [path])
        table.validate(full=True)
        total = 0
        for column in table.itercolumns():
            total += sum(map(_repeated, _dictionaries(column.chunks)))
        return total


def _repeated(texts: Any) -> int:
    """Return the bytes of the texts of a dictionary, each as often as a row has it."""
    lengths = pc.cast(pc.binary_length(texts.dictionary), pa.int64())
    found: int | None = pc.sum(lengths.take(texts.indices)).as_py()
    return found or 0


def _dictionaries(arrays: Sequence[Any]) -> Iterator[Any]:
    """Return the arrays with a dictionary of texts among arrays and, recursively, their parts."""
    for array in arrays:
        kind = array.type
        if isinstance(array, pa.ExtensionArray):
            yield from _dictionaries([array.storage])
        elif pa.types.is_dictionary(kind):
            if not pa.types.is_primitive(kind.value_type):
                yield array
        elif pa.types.is_struct(kind):
            yield from _dictionaries([array.field(i) for i in range(kind.num_fields)])
        elif pa.types.is_map(kind):
            yield from _dictionaries([array.keys, array.items])
        elif kind.num_fields:
            yield from _dictionaries([array.values])


def restored_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema with which a table of this schema comes back."""
    sink = BytesIO()
    to_parquet(schema.empty_table(), sink)
    return from_parquet(pa.BufferReader(sink.getvalue())).schema


def _restored(table: pa.Table, written: bytes | None, names: set[str] | None) -> pa.Table:
    """Return the table with the schema that it was written with."""
    if written is None:
        return table
    wanted = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(written, validate=True)))
    if names is not None:
        wanted = pa.schema([field for field in wanted if field.name in names], wanted.metadata)
    if table.schema.serialize() == wanted.serialize():
        return table
    for there, before in zip(table.schema, wanted, strict=True):
        if _kept(there.type) != _kept(before.type):
            raise DamagedError(
                f"column {shown(there.name)} has {there.type}, and says that it was written as "
                f"{before.type}, which Parquet stores in another way"
            )
    return table.cast(wanted)


def _kept(kind: pa.DataType) -> object:
    """Return the part of a type that Parquet keeps: equal for a type and for how it is read.

    Only types that are equal in this are cast into one another. The bytes choose both, and not all
    casts of pyarrow check what a type says of itself, such as the scale of a decimal.
    """
    if isinstance(kind, pa.BaseExtensionType):
        return _kept(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _kept(kind.value_type)
    if pa.types.is_decimal(kind):
        return "decimal", kind.precision, kind.scale
    if pa.types.is_timestamp(kind):
        return "timestamp", kind.tz is None
    if pa.types.is_map(kind):
        return "map", _kept(kind.key_type), _kept(kind.item_type)
    parts = [(kind.field(i).name, _kept(kind.field(i).type)) for i in range(kind.num_fields)]
    if pa.types.is_struct(kind):
        return "struct", parts
    if pa.types.is_fixed_size_list(kind):
        return "fixed", kind.list_size, parts[0][1]
    for name, tests in _FAMILIES.items():
        if any(test(kind) for test in tests):
            return name, [part for _, part in parts]
    return kind


_FAMILIES: dict[str, list[Callable[[Any], bool]]] = {
    "date": [pa.types.is_date],
    "time": [pa.types.is_time],
    "text": [pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view],
    "bytes": [pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view],
    "integer": [pa.types.is_duration, pa.types.is_int64],  # Parquet has no durations
    "list": [
        pa.types.is_list,
        pa.types.is_large_list,
        pa.types.is_list_view,
        pa.types.is_large_list_view,
    ],
}
"""Types that differ in memory, and that Parquet stores in the same way."""


def column_to_parquet(array: Any) -> bytes:
    """Return one Arrow array as a separate Parquet file."""
    sink = BytesIO()
    to_parquet(pa.table({"values": array}), sink)
    return sink.getvalue()


def column_from_parquet(data: bytes) -> Any:
    """Return the array that ``column_to_parquet`` wrote."""
    return from_parquet(pa.BufferReader(data)).column(0)
