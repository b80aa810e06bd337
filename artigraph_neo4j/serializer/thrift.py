"""A reader of Thrift's compact protocol, as far as metadata of Parquet files needs it."""

from __future__ import annotations

import struct
from typing import Any

from artigraph_neo4j.serializer.base import DamagedError

__all__ = ["Struct", "read_struct"]

_MAX_LEVELS = 32
"""Maximum levels of nested structs and lists; Parquet's metadata has 8."""

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)


class Struct(dict[int, Any]):
    """The values of a struct by field number; a missing field raises an error of ours."""

    def __missing__(self, field: int) -> Any:
        """Refuse a missing field."""
        raise DamagedError(f"the metadata of the Parquet file has no field {field}")


def read_struct(data: bytes, at: int = 0) -> tuple[Struct, int]:
    """Read a struct.

    Args:
        data: The bytes.
        at: The offset of the struct.

    Returns:
        The struct, and the offset of its end.

    Raises:
        DamagedError: The bytes at the offset are not a struct.
    """
    reader = _Reader(data, at)
    try:
        return reader.struct(0), reader.at
    except (IndexError, struct.error) as error:
        raise DamagedError("the metadata of the Parquet file is cut off") from error


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def struct(self, level: int) -> Struct:
        found = Struct()
        field = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            field = field + step if step else self._integer()
            found[field] = self._value(kind, level)
        return found

    def _value(self, kind: int, level: int) -> Any:
        match kind:
            case 1 | 2:
                return kind == _TRUE
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._integer()
            case 8:
                return self._bytes(self._varint())
            case 7:
                return struct.unpack("<d", self._bytes(8))[0]
            case 9 | 10:
                return self._list(level + 1)
            case 12:
                self._check_level(level)
                return self.struct(level + 1)
            case _:  # Parquet does not use maps
                raise DamagedError("the metadata of the Parquet file has another form")

    def _list(self, level: int) -> list[Any]:
        self._check_level(level)
        head = self._byte()
        size, kind = head >> 4, head & 15
        if size == 15:
            size = self._varint()
        if size > len(self.data) - self.at:
            raise DamagedError("a list in the metadata of the Parquet file is cut off")
        if kind in (_TRUE, _FALSE):
            return [self._byte() == _TRUE for _ in range(size)]
        return [self._value(kind, level) for _ in range(size)]

    def _check_level(self, level: int) -> None:
        if level > _MAX_LEVELS:
            raise DamagedError("the metadata of the Parquet file is nested too deeply")

    def _byte(self) -> int:
        found = self.data[self.at]
        self.at += 1
        return found

    def _bytes(self, size: int) -> bytes:
        found = self.data[self.at : self.at + size]
        if len(found) != size:
            raise IndexError
        self.at += size
        return found

    def _varint(self) -> int:
        found = 0
        for shift in range(0, 70, 7):
            byte = self.data[self.at]
            self.at += 1
            found |= (byte & 127) << shift
            if byte < 128:
                return found
        raise DamagedError("a number in the metadata of the Parquet file is too long")

    def _integer(self) -> int:
        found = self._varint()
        return (found >> 1) ^ -(found & 1)
