"""A storage in memory, for tests and trials; it ends with the process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Self

from artigraph_neo4j.errors import BlobNotFoundError
from artigraph_neo4j.storage.base import Storage, StoredBytes, blob_key

__all__ = ["MemoryStorage"]


class MemoryStorage(Storage):
    """A storage that keeps bytes in a dict.

    Args:
        name: A unique name, to which the prefix ``memory:`` is added.

    Attributes:
        blobs: The bytes by location.
    """

    def __init__(self, name: str = "default") -> None:
        self.name = f"memory:{name}"
        self.blobs: dict[str, bytes] = {}
        self._modified: dict[str, datetime] = {}

    @classmethod
    def from_name(cls, rest: str) -> Self:
        """Return a new storage, empty, whose name is ``memory:`` and ``rest``."""
        return cls(rest)

    async def create(self, data: bytes, /) -> str:
        """Store ``data`` and return its location."""
        return await self.put(data, key=blob_key(data))

    async def put(self, data: bytes, /, *, key: str) -> str:
        """Store ``data`` under ``key``, which becomes its location."""
        self.blobs[key] = bytes(data)
        self._modified[key] = datetime.now(UTC)
        return key

    async def read(self, location: str, /) -> bytes:
        """Read the bytes at ``location``."""
        try:
            return self.blobs[location]
        except KeyError:
            raise BlobNotFoundError(f"{self.name} keeps nothing at {location!r}") from None

    async def read_range(self, location: str, start: int, stop: int, /) -> bytes:
        """Read the bytes from ``start`` to ``stop``."""
        return (await self.read(location))[start : max(start, stop)]

    async def update(self, location: str, data: bytes, /) -> None:
        """Replace the bytes at ``location``."""
        await self.read(location)
        await self.put(data, key=location)

    async def delete(self, location: str, /) -> None:
        """Delete the bytes at ``location``, if there are any."""
        self.blobs.pop(location, None)
        self._modified.pop(location, None)

    async def exists(self, location: str, /) -> bool:
        """Return True if something is stored at ``location``."""
        return location in self.blobs

    async def size(self, location: str, /) -> int | None:
        """Return the size in bytes of the value at ``location``, or None if there is none."""
        data = self.blobs.get(location)
        return None if data is None else len(data)

    async def list(self, prefix: str = "", /) -> AsyncIterator[StoredBytes]:
        """List the objects under keys that begin with ``prefix``."""
        for location, data in list(self.blobs.items()):
            if location.startswith(prefix) and location in self._modified:  # not deleted in between
                yield StoredBytes(location, len(data), self._modified[location])
