"""A file over a stored value that fetches only the ranges that are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import RawIOBase
from typing import Any

__all__ = ["RangeFile"]


class RangeFile(RawIOBase):
    """A read-only file that fetches each range when it is read, in the reading thread.

    Args:
        size: The size in bytes.
        fetch: A function that returns the bytes of a range, and blocks until they have arrived.
    """

    def __init__(self, size: int, fetch: Callable[[int, int], bytes]) -> None:
        self._size = size
        self._fetch = fetch
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to another position, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes, with one request."""
        end = self._size if size is None or size < 0 else min(self._at + size, self._size)
        data = self._fetch(self._at, end) if end > self._at else b""
        self._at += len(data)
        return data

    def readinto(self, buffer: Any, /) -> int:
        """Read the next bytes into a buffer; return their number."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
