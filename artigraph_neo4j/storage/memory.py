"""A storage in memory, for tests and trials; it ends with the process."""

from __future__ import annotations

from artigraph_neo4j.errors import BlobNotFoundError
from artigraph_neo4j.storage.base import Storage, blob_key

__all__ = ["MemoryStorage"]


class MemoryStorage(Storage):
    """Keeps bytes in a dict.

    Args:
        name: What tells it from others; ``memory:`` is put before it.
    """

    def __init__(self, name: str = "default") -> None:
        self.name = f"memory:{name}"
        self.blobs: dict[str, bytes] = {}

    async def create(self, data: bytes, /) -> str:
        """Keep ``data`` and return its location."""
        return await self.put(data, key=blob_key(data))

    async def put(self, data: bytes, /, *, key: str) -> str:
        """Keep ``data`` under ``key``, which becomes its location."""
        self.blobs[key] = bytes(data)
        return key

    async def read(self, location: str, /) -> bytes:
        """The bytes at ``location``."""
        try:
            return self.blobs[location]
        except KeyError:
            raise BlobNotFoundError(f"{self.name} keeps nothing at {location!r}") from None

    async def update(self, location: str, data: bytes, /) -> None:
        """Replace the bytes at ``location``."""
        await self.read(location)
        self.blobs[location] = bytes(data)

    async def delete(self, location: str, /) -> None:
        """Delete what is at ``location``, if anything is."""
        self.blobs.pop(location, None)

    async def exists(self, location: str, /) -> bool:
        """Whether something is kept at ``location``."""
        return location in self.blobs
