"""The structure of Parquet files, checked before pyarrow reads them.

A run of equal values takes a few bytes in a file, and a text in a dictionary is stored once for all
rows that have it, so a small file can stand for any amount of memory. The footer and the head of
every page tell the amount.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from artigraph_neo4j.serializer.base import DamagedError, shown
from artigraph_neo4j.serializer.held_file import HeldFile
from artigraph_neo4j.serializer.ipc import Spread, check_schema, spreads
from artigraph_neo4j.serializer.limits import SMALL_BYTES, check_decoded, max_decoded_bytes
from artigraph_neo4j.serializer.thrift import Struct, read_struct

__all__ = ["SCHEMA_KEY", "VALUE_BYTES", "Chunk", "Structure"]

SCHEMA_KEY = b"ARROW:schema"
"""Key of the metadata that has the table's Arrow schema, which has more types than Parquet's."""

_MAGIC = b"PAR1"

_TAIL = 64 * 1024
"""Number of bytes at the end of the file that pyarrow reads at once; most footers are in them."""

_PAGE_HEAD = 256 * 1024
"""Maximum bytes of the head of a page, which has the minimum and maximum value of the page."""

_SNAPPY = 1
_SNAPPY_EXPANSION = 22
"""Maximum bytes that one byte of snappy stands for: 64 bytes take at least 3."""

_TEXT, _FIXED = 6, 7
"""Numbers of two physical types: values of any length, and values of a length in the schema."""

VALUE_BYTES = 8
"""Number of bytes assumed for a value of any other type, including missing values."""

_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
_PLAIN = 0
_ENCODINGS = (_PLAIN, 2, 3, 8)
"""Encodings of values: plain, the older and newer for dictionaries, and runs of truth values."""


class Chunk(NamedTuple):
    """The values of one column in one group of rows.

    Attributes:
        path: Names of the structures around the column and of the column, outermost first.
        kind: Number of its physical type.
        width: Bytes that one value takes in memory, without those of a text.
        snappy: Whether its pages are compressed.
        values: Number of its values, including missing ones.
        start: The offset of its pages in the file.
        size: Number of bytes of its pages.
        top: Number of the column of the table that it is, or is a part of.
    """

    path: tuple[str, ...]
    kind: int
    width: int
    snappy: bool
    values: int
    start: int
    size: int
    top: int


class Structure:
    """The structure of a Parquet file, as told by its footer.

    Args:
        file: The file; its footer is held.

    Attributes:
        group_sizes: Numbers of rows of its groups.
        metadata: The metadata written with the columns, by key.

    Raises:
        DamagedError: The footer is not that of a Parquet file written by this library.
    """

    def __init__(self, file: HeldFile) -> None:
        self._file = file
        footer = _footer(file)
        groups: list[Struct] = footer.get(4, [])
        self.group_sizes = [_count(group[3]) for group in groups]
        pairs = [(pair[1], pair.get(2, b"")) for pair in footer.get(5, [])]
        self.metadata: dict[bytes, bytes] = dict(pairs)
        self._spreads: list[Spread] = []
        for key, text in pairs:
            if key == SCHEMA_KEY:
                schema = base64.b64decode(text, validate=True)
                check_schema(schema)
                self._spreads = self._spreads or spreads(schema)  # of two, pyarrow takes the first
        leaves = _leaves(footer[2])
        self._groups = [_chunks(group[1], leaves) for group in groups]

    def check(
        self,
        columns: Sequence[str] | None,
        groups: Sequence[int] | None,
        measure: Callable[[int, Chunk], int],
        *,
        hold: bool,
    ) -> None:
        """Refuse to read columns that take far more memory than the file has bytes.

        Args:
            columns: Names of the columns that will be read; None for all.
            groups: Numbers of the groups of rows that will be read; None for all.
            measure: Returns the bytes that the texts of a column take in a group of rows. It is
                only called if a few long texts could occur in many rows.
            hold: Whether the pages of these columns are fetched now, and held.

        Raises:
            DamagedError: A page is of a kind that is never written.
            SerializationError: The columns take too much memory.
        """
        numbers = range(len(self._groups)) if groups is None else groups
        names = None if columns is None else set(columns)
        chunks = [
            (number, chunk)
            for number in numbers
            for chunk in self._groups[number]
            if names is None or chunk.path[0] in names
        ]
        if hold:
            for start, size in _together([chunk for _, chunk in chunks]):
                self._file.hold(start, size)
        known, most, doubtful = 0, 0, list[tuple[int, Chunk]]()
        for number, chunk in chunks:
            known += self._items(number, chunk) * chunk.width
            plain, repeated = self._texts(chunk)
            known += plain
            most += repeated
            if repeated:
                doubtful.append((number, chunk))
        if known + most > max_decoded_bytes(self._file.size):
            most = sum(measure(number, chunk) for number, chunk in doubtful)
        check_decoded(known + most, self._file.size)

    def _items(self, group: int, chunk: Chunk) -> int:
        """Return the maximum number of values in memory, with those of missing lists."""
        found = self._spreads[chunk.top] if chunk.top < len(self._spreads) else Spread()
        rows = self.group_sizes[group] * found.row if found.row > 1 else 0
        return max(rows, chunk.values * found.value)

    def _texts(self, chunk: Chunk) -> tuple[int, int]:
        """Check the pages of a column; return the bytes of plain texts, and of repeated ones."""
        left, plain, indexed = chunk.values, 0, 0
        dictionary: _Page | None = None
        for page in self._pages(chunk):
            if page.kind == _DICTIONARY_PAGE and dictionary is None and left == chunk.values:
                dictionary = page
                continue
            if page.kind != _DATA_PAGE or page.encoding not in _ENCODINGS:
                raise DamagedError(f"column {_name(chunk)} has a page of another kind")
            left -= page.values
            plain += page.plain_size
            indexed += 0 if page.encoding == _PLAIN else page.values
        if left:
            raise DamagedError(f"column {_name(chunk)} has more values than told, or fewer")
        if chunk.kind != _TEXT or dictionary is None:
            return plain, 0
        most = indexed * dictionary.plain_size
        if most > SMALL_BYTES:
            most = indexed * self._longest(chunk, dictionary)
        return plain, most

    def _longest(self, chunk: Chunk, page: _Page) -> int:
        """Return the length of the longest text in a dictionary."""
        self._file.seek(page.start)
        data = self._file.read(page.size)
        if chunk.snappy:
            data = pa.decompress(data, page.plain_size, "snappy", asbytes=True)
        longest = at = 0
        read = struct.Struct("<I").unpack_from
        while at < len(data):
            length = read(data, at)[0]
            at += 4 + length
            longest = max(longest, length)
        return longest

    def _pages(self, chunk: Chunk) -> Iterator[_Page]:
        at, end = chunk.start, chunk.start + chunk.size
        while at < end:
            self._file.seek(at)
            data = self._file.read(min(_FIRST, end - at))
            try:
                head, length = read_struct(data)
            except DamagedError:  # the minimum or maximum may be a long text
                self._file.seek(at)
                head, length = read_struct(self._file.read(min(_PAGE_HEAD, end - at)))
            page = _page(head, at + length, chunk)
            at = page.start + page.size
            if at > end:
                raise DamagedError(f"a page of column {_name(chunk)} ends behind its column")
            yield page


_FIRST = 512
"""Number of bytes that are read first for the head of a page; most heads are shorter."""


class _Page(NamedTuple):
    kind: int
    start: int
    size: int
    plain_size: int
    values: int
    encoding: int


def _page(head: Struct, start: int, chunk: Chunk) -> _Page:
    kind = _count(head[1])
    about = head[7 if kind == _DICTIONARY_PAGE else 5]
    page = _Page(kind, start, _count(head[3]), _count(head[2]), _count(about[1]), _count(about[2]))
    most = page.size * _SNAPPY_EXPANSION + 64 if chunk.snappy else page.size
    if page.plain_size > most:
        raise DamagedError(f"{page.size} bytes of snappy cannot stand for {page.plain_size}")
    return page


def _footer(file: HeldFile) -> Struct:
    tail = file.hold(max(file.size - _TAIL, 0), min(file.size, _TAIL))
    if len(tail) < 12 or tail[-4:] != _MAGIC:
        raise DamagedError("the bytes do not end as a Parquet file does")
    length = int.from_bytes(tail[-8:-4], "little")
    return read_struct(file.hold(file.size - 8 - length, length))[0]


def _count(number: object) -> int:
    if type(number) is not int or number < 0:
        raise DamagedError(f"{shown(number)} is not a number of anything")
    return number


def _leaves(elements: list[Struct]) -> list[tuple[Struct, int]]:
    """Return the parts of the schema that have values, with the numbers of their columns."""
    found: list[tuple[Struct, int]] = []
    top, left = -1, 0
    for element in elements[1:]:  # each is followed by its parts
        if not left:
            top, left = top + 1, 1
        parts = _count(element.get(5, 0))
        left += parts - 1
        if not parts:
            found.append((element, top))
    return found


def _chunks(columns: list[Struct], leaves: list[tuple[Struct, int]]) -> list[Chunk]:
    """Return the columns of a group of rows."""
    if len(columns) != len(leaves):
        raise DamagedError("a group of rows has more columns than the schema, or fewer")
    return [_chunk(column[3], *leaf) for column, leaf in zip(columns, leaves, strict=True)]


def _chunk(about: Struct, leaf: Struct, top: int) -> Chunk:
    kind, codec = _count(about[1]), _count(about[4])
    if codec not in (0, _SNAPPY):
        raise DamagedError("a column is compressed in another way than this library does")
    width = max(_count(leaf.get(2, 0)) if kind == _FIXED else 0, VALUE_BYTES)
    start, dictionary = _count(about[9]), _count(about.get(11, 0))
    if not start and _count(about[5]):
        raise DamagedError("a column does not tell where its values are")
    if dictionary > 0 and (dictionary < start or not start):  # as pyarrow does
        start = dictionary
    return Chunk(
        tuple(part.decode() for part in about[3]),
        kind,
        width,
        codec == _SNAPPY,
        _count(about[5]),
        start,
        _count(about[7]),
        top,
    )


def _together(chunks: Sequence[Chunk]) -> list[tuple[int, int]]:
    """Return the parts of the file that have the columns; adjoining ones are joined."""
    parts: list[tuple[int, int]] = []
    for start, size in sorted((chunk.start, chunk.size) for chunk in chunks):
        if parts and start <= sum(parts[-1]) + _HOLE:
            begin, before = parts.pop()
            parts.append((begin, max(before, start + size - begin)))
        else:
            parts.append((start, size))
    return parts


_HOLE = 8 * 1024
"""Maximum bytes between two parts that are fetched together, to save a request."""


def _name(chunk: Chunk) -> str:
    return shown(".".join(chunk.path))
