"""The size in memory of a Parquet file's columns, checked before they are read.

A run of equal values takes a few bytes in a file, and a text in a dictionary is stored once for all
rows that have it. So a small file can stand for any amount of memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.limits import check_decoded, max_decoded_bytes

__all__ = ["check_parquet"]

_CODECS = {"SNAPPY", "UNCOMPRESSED"}
_ENCODINGS = {"PLAIN", "RLE", "RLE_DICTIONARY", "PLAIN_DICTIONARY", "BIT_PACKED"}
_SNAPPY_EXPANSION = 22
"""Maximum bytes that one byte of snappy stands for: 64 bytes take at least 3."""

_VALUE_BYTES = 8
"""Bytes assumed for a value of any type; the largest that Parquet knows by itself."""


def check_parquet(
    source: IO[bytes],
    size: int,
    file: pq.ParquetFile,
    names: Sequence[str] | None,
    groups: Sequence[int] | None,
) -> None:
    """Refuse to read columns that would take far more memory than the file has bytes.

    Args:
        source: The file; its position may be elsewhere afterwards.
        size: Its size in bytes.
        file: A reader of it.
        names: Names of the columns that will be read; None for all.
        groups: Numbers of the groups of rows that will be read; None for all.

    Raises:
        SerializationError: They would, or the file is compressed or encoded in other ways than this
            library writes.
    """
    rows = range(file.num_row_groups) if groups is None else groups
    chunks = [chunk for group in rows for chunk in _chunks(file, names, group)]
    check_decoded(sum(count * width for _, count, width, _ in chunks), size)
    texts = [(path, count, stored) for path, count, width, stored in chunks if not width]
    if _fits(texts, size, lambda stored: _SNAPPY_EXPANSION * stored):
        return
    paths = sorted({path for path, _, _ in texts})
    source.seek(0)
    reader = pq.ParquetFile(source, read_dictionary=paths)
    columns = list(dict.fromkeys(path.split(".")[0] for path in paths))
    if names is not None:
        columns = [name for name in names if name.split(".")[0] in columns]
    longest = _longest(reader, columns, rows)
    if sum(count * (longest + _VALUE_BYTES) for _, count, _ in texts) > max_decoded_bytes(size):
        check_decoded(sum(_text_bytes(reader, columns, group) for group in rows), size)


def _fits(texts: Sequence[tuple[str, int, int]], size: int, longest: Any) -> bool:
    return sum(count * longest(stored) for _, count, stored in texts) <= max_decoded_bytes(size)


def _chunks(
    file: pq.ParquetFile, names: Sequence[str] | None, group: int
) -> Iterator[tuple[str, int, int, int]]:
    """Return path, number of values, bytes of each (0 for texts) and stored bytes of columns."""
    metadata = file.metadata.row_group(group)
    for place in range(metadata.num_columns):
        chunk = metadata.column(place)
        path = chunk.path_in_schema
        if names is not None and not any(path == n or path.startswith(f"{n}.") for n in names):
            continue
        if chunk.compression not in _CODECS or not _ENCODINGS.issuperset(chunk.encodings):
            raise SerializationError(
                f"column {path!r} is compressed by {chunk.compression} and encoded as "
                f"{', '.join(chunk.encodings)}, which this library does not write"
            )
        is_text = chunk.physical_type == "BYTE_ARRAY"
        width = 0 if is_text else max(file.schema.column(place).length or 0, _VALUE_BYTES)
        yield path, max(chunk.num_values, 0), width, max(chunk.total_compressed_size, 0)


def _longest(reader: pq.ParquetFile, columns: list[str], groups: Sequence[int]) -> int:
    """Return the length of the longest text in a dictionary, of which the first row tells."""
    longest = 0
    for group in groups:
        for batch in reader.iter_batches(1, [group], columns):
            for texts in _texts(batch.columns):
                longest = max(longest, pc.max(pc.binary_length(texts.dictionary)).as_py() or 0)
            break
    return longest


def _text_bytes(reader: pq.ParquetFile, columns: list[str], group: int) -> int:
    """Return the bytes that the texts of a group take, without making them."""
    total = 0
    for column in reader.read_row_group(group, columns).itercolumns():
        for texts in _texts(column.chunks):
            lengths = pc.cast(pc.binary_length(texts.dictionary), pa.int64())
            total += pc.sum(lengths.take(texts.indices)).as_py() or 0
    return total


def _texts(arrays: Sequence[Any]) -> Iterator[Any]:
    """Return the arrays of texts with a dictionary in arrays, and in what these are made of."""
    for array in arrays:
        kind = array.type
        if isinstance(array, pa.ExtensionArray):
            yield from _texts([array.storage])
        elif pa.types.is_dictionary(kind):
            yield array
        elif pa.types.is_struct(kind):
            yield from _texts([array.field(i) for i in range(kind.num_fields)])
        elif pa.types.is_map(kind):
            yield from _texts([array.keys, array.items])
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            yield from _texts([array.values])
        elif pa.types.is_fixed_size_list(kind):
            yield from _texts([array.values])
