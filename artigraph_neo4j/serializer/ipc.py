"""The structure of Arrow IPC files, checked before pyarrow or polars reads them.

Both trust some of what a file says of itself: they may allocate what a length says, read one region
as many buffers, or follow nested types until the stack ends. So the footer and the head of every
batch are read here first. They are flatbuffers, and only the parts that matter are looked at.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from typing import IO, Any, NamedTuple

from artigraph_neo4j.errors import SerializationError

__all__ = ["HeadCache", "check_file"]

_MAGIC = b"ARROW1"
_LZ4_EXPANSION = 256
"""Maximum bytes that one byte of lz4 stands for, which is 255, and a little for its frame."""

_MAX_LEVELS = 64
"""Maximum levels of nested types, as pyarrow writes at most."""

_DICTIONARY, _RECORD_BATCH = 2, 3
"""Kinds of messages."""

_HEAD_BYTES = 64 * 1024
"""Maximum bytes of a read that is remembered."""


class HeadCache(io.RawIOBase):
    """A file that remembers its short reads: those of the check are repeated by who reads it then.

    Args:
        source: The file; each read of it may be a request to a storage.
    """

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._at = 0
        self._size = source.seek(0, io.SEEK_END)
        self._known: dict[tuple[int, int], bytes] = {}

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to another position, and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes."""
        length = self._size - self._at if size is None or size < 0 else size
        data = self._known.get((self._at, length))
        if data is None:
            self._source.seek(self._at)
            data = self._source.read(length)
            if length <= _HEAD_BYTES:
                self._known[self._at, length] = data
        self._at += len(data)
        return data


class _Table:
    """A table of a flatbuffer: a position, and a list of where its fields are."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._fields = at - _number(data, "<i", at)
        self._size = _number(data, "<H", self._fields)

    @classmethod
    def root(cls, data: bytes) -> _Table:
        return cls(data, _number(data, "<I", 0))

    def number(self, field: int, form: str) -> int:
        at = self._place(field)
        return 0 if at is None else _number(self._data, form, at)

    def table(self, field: int) -> _Table | None:
        at = self._place(field)
        return None if at is None else _Table(self._data, at + _number(self._data, "<I", at))

    def tables(self, field: int) -> Iterator[_Table]:
        start, length = self._vector(field)
        for at in range(start, start + 4 * length, 4):
            yield _Table(self._data, at + _number(self._data, "<I", at))

    def structs(self, field: int, form: str) -> list[tuple[Any, ...]]:
        start, length = self._vector(field)
        size = struct.calcsize(form) * length
        if start + size > len(self._data):
            raise SerializationError("a list of the Arrow file ends behind its end")
        return list(struct.iter_unpack(form, self._data[start : start + size]))

    def _vector(self, field: int) -> tuple[int, int]:
        at = self._place(field)
        if at is None:
            return 0, 0
        start = at + _number(self._data, "<I", at)
        return start + 4, _number(self._data, "<I", start)

    def _place(self, field: int) -> int | None:
        entry = 4 + 2 * field
        offset = _number(self._data, "<H", self._fields + entry) if entry < self._size else 0
        return self._at + offset if offset else None


def _number(data: bytes, form: str, at: int) -> int:
    if not 0 <= at <= len(data) - struct.calcsize(form):
        raise SerializationError("a position in the Arrow file is outside of it")
    found: int = struct.unpack_from(form, data, at)[0]
    return found


class _Block(NamedTuple):
    """The place of a batch in the file: its head, and the body of buffers behind it."""

    offset: int
    head: int
    body: int


def check_file(source: IO[bytes], batches: Sequence[int] | None = None) -> None:
    """Refuse an Arrow file whose structure cannot be what was written.

    Args:
        source: The file; its position may be elsewhere afterwards.
        batches: Numbers of the record batches that will be read, whose bodies are not looked at;
            None for all of the file, bodies too.

    Raises:
        SerializationError: A type is nested too deeply, a batch or a buffer is outside of the file
            or overlaps with another, or compressed data claims to be larger than it can be.
    """
    size = source.seek(0, io.SEEK_END)
    footer = _footer(source, size)
    _check_schema(footer)
    blocks = [[_Block(*block) for block in footer.structs(field, "<qi4xq")] for field in (2, 3)]
    _check_apart([(b.offset, b.head + b.body) for group in blocks for b in group], size)
    dictionaries, records = blocks
    wanted = range(len(records)) if batches is None else batches
    whole = batches is None
    for block in dictionaries:
        _check_batch(source, block, _DICTIONARY, whole)
    for number in wanted:
        _check_batch(source, records[number], _RECORD_BATCH, whole)


def _read(source: IO[bytes], at: int, size: int) -> bytes:
    source.seek(at)
    data = source.read(size)
    if len(data) != size:
        raise SerializationError("the Arrow file is cut off")
    return data


def _footer(source: IO[bytes], size: int) -> _Table:
    tail = len(_MAGIC) + 4
    end = _read(source, max(size - tail, 0), min(size, tail))
    if end[4:] != _MAGIC:
        raise SerializationError("the bytes do not end as an Arrow file does")
    length = _number(end, "<i", 0)
    if not 0 < length <= size - tail - len(_MAGIC) - 2:
        raise SerializationError("the footer of the Arrow file has no place in it")
    return _Table.root(_read(source, size - tail - length, length))


def _check_schema(footer: _Table) -> None:
    """Refuse types that are nested too deeply, or that share parts over and over."""
    schema = footer.table(1)
    if schema is None:
        raise SerializationError("the Arrow file has no schema")
    level = list(schema.tables(1))
    left = len(footer._data) // 8  # noqa: SLF001 - a field takes more bytes than that
    for _ in range(_MAX_LEVELS):
        left -= len(level)
        level = [child for field in level for child in _children(field, left)]
        if not level:
            return
        if left < len(level):
            break
    raise SerializationError("the types of the Arrow file are nested too deeply")


def _children(field: _Table, most: int) -> list[_Table]:
    start, length = field._vector(5)  # noqa: SLF001 - of the same module
    if length > most:
        raise SerializationError("a type of the Arrow file has more parts than there is room for")
    return list(field.tables(5)) if start else []


def _check_batch(source: IO[bytes], block: _Block, kind: int, bodies: bool) -> None:
    head = _read(source, block.offset, block.head)
    prefix = 8 if head[:4] == b"\xff" * 4 else 4  # the length of the head, and a mark before it
    message = _Table.root(head[prefix:])
    batch = message.table(2)
    if batch is not None and kind == _DICTIONARY:
        batch = batch.table(1)
    if message.number(1, "<B") != kind or batch is None or message.number(3, "<q") != block.body:
        raise SerializationError("a batch of the Arrow file is of another kind or length")
    compression = batch.table(3)
    if compression is not None and compression.number(0, "<b") != 0:
        raise SerializationError("the Arrow file is not compressed by lz4")
    if batch.number(0, "<q") < 0:
        raise SerializationError("a batch of the Arrow file has less than no rows")
    for rows, missing in batch.structs(1, "<qq"):
        if not 0 <= missing <= rows:
            raise SerializationError("a column of the Arrow file has more missing rows than rows")
    buffers = batch.structs(2, "<qq")
    _check_apart(buffers, block.body)
    if compression is not None and bodies:
        for offset, length in buffers:
            if length:
                _check_compressed(source, block.offset + block.head + offset, length)


def _check_apart(places: Sequence[tuple[int, ...]], size: int) -> None:
    """Refuse places, offset and length, that overlap, or are not inside of a number of bytes."""
    end = 0
    for offset, length in sorted(place for place in places if place[1]):
        if offset < end or length < 0:
            raise SerializationError("parts of the Arrow file overlap")
        end = offset + length
    if end > size:
        raise SerializationError("a part of the Arrow file ends behind its end")


def _check_compressed(source: IO[bytes], at: int, length: int) -> None:
    plain = _number(_read(source, at, min(length, 8)), "<q", 0)
    if not -1 <= plain <= _LZ4_EXPANSION * length:
        raise SerializationError(f"{length} bytes of lz4 cannot stand for {plain}")
