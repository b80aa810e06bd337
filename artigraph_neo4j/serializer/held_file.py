"""A file that holds some parts in memory, so that a check and a reader fetch them only once."""

from __future__ import annotations

import io
from bisect import bisect_right
from typing import IO

from artigraph_neo4j.serializer.base import DamagedError

__all__ = ["HeldFile"]


class HeldFile(io.RawIOBase):
    """A file that keeps the parts requested by ``hold`` in memory.

    Args:
        source: The file, which can seek; each read of it may be a request to a storage.

    Attributes:
        size: The size of the file in bytes.
    """

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.size = source.seek(0, io.SEEK_END)
        self._at = 0
        self._starts: list[int] = []
        self._parts: list[bytes] = []

    def hold(self, start: int, size: int) -> bytes:
        """Return a part of the file, and keep it, so that it is fetched at most once.

        Raises:
            DamagedError: The part is not inside the file.
        """
        if start < 0 or size < 0 or start + size > self.size:
            raise DamagedError("a part of the file is outside of it")
        found = self._held(start, size)
        if found is None:
            found = self._fetched(start, size)
            place = bisect_right(self._starts, start)
            self._starts.insert(place, start)
            self._parts.insert(place, found)
        return found

    def _held(self, start: int, size: int) -> bytes | None:
        place = bisect_right(self._starts, start) - 1
        if place < 0:
            return None
        begin = start - self._starts[place]
        part = self._parts[place]
        return part[begin : begin + size] if begin + size <= len(part) else None

    def _fetched(self, start: int, size: int) -> bytes:
        self._source.seek(start)
        data = self._source.read(size)
        if len(data) != size:
            raise DamagedError("the file is cut off")
        return data

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
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes."""
        left = max(self.size - self._at, 0)
        length = left if size is None or size < 0 else min(size, left)
        found = self._held(self._at, length)
        data = self._fetched(self._at, length) if found is None else found
        self._at += length
        return data
