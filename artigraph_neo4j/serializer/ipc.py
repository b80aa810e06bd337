"""The structure of Arrow IPC files, checked before pyarrow or polars reads them.

Both trust some statements of a file about itself: they may allocate memory for any given length,
read one region as many buffers, or follow nested types until the stack overflows. So the footer and
the head of every batch are checked here first. They are flatbuffers, of which only the relevant
parts are read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from artigraph_neo4j.serializer.base import DamagedError
from artigraph_neo4j.serializer.held_file import HeldFile

__all__ = ["Spread", "check_file", "check_schema", "spreads"]

_MAGIC = b"ARROW1"
_LZ4_EXPANSION = 256
"""Maximum bytes that one byte of lz4 stands for: 255, and some for its frame."""

_MAX_LEVELS = 64
"""Maximum levels of nested types; pyarrow does not write more."""

_DECIMAL = 7
"""Number of the type of decimals."""

_DECIMAL_DIGITS = {32: 9, 64: 18, 128: 38, 256: 76}
"""Maximum digits of a decimal, before or after the point, by its bits."""

_FIXED_SIZE_LIST = 16
"""Number of the type of lists of a fixed size."""

_LISTS = (12, 17, 21, 25, 26)
"""Numbers of the types of lists of any size: lists, maps, large lists, and views of either."""

_DICTIONARY, _RECORD_BATCH = 2, 3
"""Numbers of the kinds of messages."""


class _Table:
    """A table of a flatbuffer: its position, and the positions of its fields.

    Attributes:
        size: The number of bytes of the whole flatbuffer.
    """

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.size = len(data)
        self._at = at
        self._fields = at - _number(data, "<i", at)
        self._length = _number(data, "<H", self._fields)

    @classmethod
    def root(cls, data: bytes) -> _Table:
        return cls(data, _number(data, "<I", 0))

    def number(self, field: int, form: str, default: int = 0) -> int:
        at = self._place(field)
        return default if at is None else _number(self._data, form, at)

    def table(self, field: int) -> _Table | None:
        at = self._place(field)
        return None if at is None else _Table(self._data, at + _number(self._data, "<I", at))

    def tables(self, field: int, most: int | None = None) -> Iterator[_Table]:
        start, length = self._vector(field)
        if most is not None and length > most:
            raise DamagedError("a list of the Arrow file has more items than there is room for")
        for at in range(start, start + 4 * length, 4):
            yield _Table(self._data, at + _number(self._data, "<I", at))

    def structs(self, field: int, form: str) -> list[tuple[Any, ...]]:
        start, length = self._vector(field)
        size = struct.calcsize(form) * length
        if start + size > len(self._data):
            raise DamagedError("a list of the Arrow file ends behind its end")
        return list(struct.iter_unpack(form, self._data[start : start + size]))

    def _vector(self, field: int) -> tuple[int, int]:
        at = self._place(field)
        if at is None:
            return 0, 0
        start = at + _number(self._data, "<I", at)
        return start + 4, _number(self._data, "<I", start)

    def _place(self, field: int) -> int | None:
        entry = 4 + 2 * field
        offset = _number(self._data, "<H", self._fields + entry) if entry < self._length else 0
        return self._at + offset if offset else None


def _number(data: bytes, form: str, at: int) -> int:
    if not 0 <= at <= len(data) - struct.calcsize(form):
        raise DamagedError("a position in the Arrow file is outside of it")
    found: int = struct.unpack_from(form, data, at)[0]
    return found


class _Block(NamedTuple):
    """The place of a batch in the file: its head, and the body of buffers after it."""

    offset: int
    head: int
    body: int


def check_file(file: HeldFile, batches: Sequence[int] | None = None) -> None:
    """Refuse an Arrow file with a structure that is never written.

    Args:
        file: The file; its footer and the heads of its batches are held.
        batches: Numbers of the record batches that will be read; their bodies are not checked. None
            for the whole file, including bodies.

    Raises:
        DamagedError: A type is nested too deeply, a decimal has an impossible number of digits, a
            batch or a buffer is outside of the file or overlaps with another one, or compressed
            data claims an impossible size.
    """
    footer = _footer(file)
    _check_types(footer.table(1), footer.size)
    blocks = [[_Block(*block) for block in footer.structs(field, "<qi4xq")] for field in (2, 3)]
    _check_apart([(b.offset, b.head + b.body) for group in blocks for b in group], file.size)
    dictionaries, records = blocks
    whole = batches is None
    for block in dictionaries:
        _check_batch(file, block, _DICTIONARY, whole)
    for number in range(len(records)) if batches is None else batches:
        _check_batch(file, records[number], _RECORD_BATCH, whole)


def check_schema(data: bytes) -> None:
    """Refuse the bytes of an Arrow schema with types that are never written.

    Raises:
        DamagedError: The types are nested too deeply, a decimal has an impossible number of digits,
            or the bytes are not those of a schema.
    """
    _check_types(_Table.root(_message(data)).table(2), len(data))


class Spread(NamedTuple):
    """Numbers of items that a column has at most, if it has lists of a fixed size.

    A missing list of a fixed size takes as much memory as any other, but may not be stored.

    Attributes:
        row: The number of items for each row, of lists that are not inside lists of any size.
        value: The number of items for each stored value, of those that are.
    """

    row: int = 1
    value: int = 1


def spreads(data: bytes) -> list[Spread]:
    """Return the spread of each column, from the bytes of a schema that was checked.

    Raises:
        DamagedError: A list has a negative size.
    """
    schema = _Table.root(_message(data)).table(2)
    return [] if schema is None else [_spread(field) for field in schema.tables(1)]


def _spread(field: _Table) -> Spread:
    row = value = 1
    level = [(field, 1, False)]
    while level:
        parts: list[tuple[_Table, int, bool]] = []
        for part, items, is_listed in level:
            kind = part.number(2, "<B")
            if kind == _FIXED_SIZE_LIST:
                about = part.table(3)
                size = 0 if about is None else about.number(0, "<i")
                if size < 0:
                    raise DamagedError(f"a list of the Arrow schema cannot have {size} items")
                items *= max(size, 1)
            elif kind in _LISTS:
                items, is_listed = 1, True
            if is_listed:
                value = max(value, items)
            else:
                row = max(row, items)
            parts += [(child, items, is_listed) for child in part.tables(5)]
        level = parts
    return Spread(row, value)


def _footer(file: HeldFile) -> _Table:
    tail = len(_MAGIC) + 4
    end = file.hold(file.size - tail, tail)
    length = _number(end, "<i", 0)
    if end[4:] != _MAGIC or length < 0:
        raise DamagedError("the bytes do not end as an Arrow file does")
    return _Table.root(file.hold(file.size - tail - length, length))


def _check_types(schema: _Table | None, size: int) -> None:
    """Refuse impossible decimals, and types nested too deeply or that share parts many times."""
    if schema is None:
        raise DamagedError("the Arrow file has no schema")
    level = list(schema.tables(1))
    left = size // 8  # a field takes more bytes than that
    for _ in range(_MAX_LEVELS):
        left -= len(level)
        for field in level:
            _check_decimal(field)
        level = [child for field in level for child in field.tables(5, left)]
        if not level:
            return
        if len(level) > left:
            break
    raise DamagedError("the types of the Arrow file are nested too deeply")


def _check_decimal(field: _Table) -> None:
    """Refuse a decimal with more digits than its bits have, before or after the point.

    pyarrow accepts any scale, and takes powers of ten from a table without checking whether it has
    that many: a cast of such a column reads any memory of the process, or crashes it.
    """
    if field.number(2, "<B") != _DECIMAL:
        return
    about = field.table(3)
    if about is None:
        raise DamagedError("a decimal of the Arrow schema does not tell its digits")
    precision, scale = about.number(0, "<i"), about.number(1, "<i")
    bits = about.number(2, "<i", 128)
    most = _DECIMAL_DIGITS.get(bits, 0)
    if not (1 <= precision <= most and -most <= scale <= most):
        raise DamagedError(
            f"a decimal of {bits} bits cannot have precision {precision} and scale {scale}"
        )


def _message(data: bytes) -> bytes:
    """Return a message without its length and the mark before the length."""
    return data[8 if data[:4] == b"\xff" * 4 else 4 :]


def _check_batch(file: HeldFile, block: _Block, kind: int, bodies: bool) -> None:
    message = _Table.root(_message(file.hold(block.offset, block.head)))
    batch = message.table(2)
    if batch is not None and kind == _DICTIONARY:
        batch = batch.table(1)
    if message.number(1, "<B") != kind or batch is None or message.number(3, "<q") != block.body:
        raise DamagedError("a batch of the Arrow file is of another kind or length")
    compression = batch.table(3)
    if compression is not None and compression.number(0, "<b") != 0:
        raise DamagedError("the Arrow file is not compressed by lz4")
    if batch.number(0, "<q") < 0:
        raise DamagedError("a batch of the Arrow file has less than no rows")
    for rows, missing in batch.structs(1, "<qq"):
        if not 0 <= missing <= rows:
            raise DamagedError("a column of the Arrow file has more missing rows than rows")
    buffers = batch.structs(2, "<qq")
    _check_apart(buffers, block.body)
    if compression is not None and bodies:
        for offset, length in buffers:
            if length:
                _check_compressed(file, block.offset + block.head + offset, length)


def _check_apart(places: Sequence[tuple[int, ...]], size: int) -> None:
    """Refuse places (offset and length) that overlap, or exceed ``size`` bytes."""
    end = 0
    for offset, length in sorted(place for place in places if place[1]):
        if offset < end or length < 0:
            raise DamagedError("parts of the Arrow file overlap")
        end = offset + length
    if end > size:
        raise DamagedError("a part of the Arrow file ends behind its end")


def _check_compressed(file: HeldFile, at: int, length: int) -> None:
    file.seek(at)
    plain = _number(file.read(min(length, 8)), "<q", 0)
    if not -1 <= plain <= _LZ4_EXPANSION * length:
        raise DamagedError(f"{length} bytes of lz4 cannot stand for {plain}")
