"""The base class of storages, and the tables of the storages of this process."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, NamedTuple, Self
from weakref import WeakValueDictionary

from artigraph_neo4j.common.registry import Registry
from artigraph_neo4j.errors import BlobNotFoundError, StorageError
from artigraph_neo4j.storage.names import blob_name

__all__ = ["Storage", "StoredBytes", "blob_key", "living", "registered", "slices"]


class StoredBytes(NamedTuple):
    """An object in a storage.

    Attributes:
        location: The location to pass to ``read``.
        size: Its size in bytes.
        modified: The time of its last write, by the storage's clock, in UTC.
    """

    location: str
    size: int
    modified: datetime


class Storage(ABC):
    """Base class of places that store bytes outside the graph.

    Subclass it, set ``name`` and implement the abstract methods. All methods run on the library's
    I/O event loop, so they must not block it. An instance can be found by its name as long as it
    lives; ``register()`` keeps it alive.

    Attributes:
        name: The name of this storage, recorded with every value that it stores.
    """

    name: str

    @abstractmethod
    async def create(self, data: bytes, /) -> str:
        """Store ``data`` and return the location to pass to ``read``.

        Raises:
            StorageError: The bytes could not be stored.
        """

    @abstractmethod
    async def read(self, location: str, /) -> bytes:
        """Read the bytes at ``location``.

        Raises:
            BlobNotFoundError: Nothing is stored there.
            StorageError: The storage failed.
        """

    @abstractmethod
    async def update(self, location: str, data: bytes, /) -> None:
        """Replace the bytes at ``location``. The library never calls it: its values do not change.

        Raises:
            BlobNotFoundError: Nothing is stored there.
            StorageError: The storage failed.
        """

    @abstractmethod
    async def delete(self, location: str, /) -> None:
        """Delete the bytes at ``location``, if there are any.

        Raises:
            StorageError: The storage failed.
        """

    async def delete_many(self, locations: Sequence[str], /) -> None:
        """Delete the bytes at these locations, if there are any.

        The default deletes one after the other.

        Raises:
            StorageError: The storage failed; some of them may be deleted.
        """
        for location in locations:
            await self.delete(location)

    @abstractmethod
    async def exists(self, location: str, /) -> bool:
        """Return True if something is stored at ``location``.

        Raises:
            StorageError: The storage failed.
        """

    async def size(self, location: str, /) -> int | None:
        """Return the size in bytes of the value at ``location``, or None if there is none.

        The default reads the value; storages that know the size without reading override it.

        Raises:
            StorageError: The storage failed.
        """
        found = 0
        try:
            async with aclosing(self.stream(location)) as chunks:
                async for chunk in chunks:
                    found += len(chunk)
        except BlobNotFoundError:
            return None
        return found

    async def holds(self, location: str, /, *, size: int, digest: str) -> bool:
        """Return True if the value at ``location`` can be the content of this size and digest.

        The library calls it before it shares content that is already stored, so that a damaged
        object is replaced rather than shared. The default compares the size; storages that record a
        checksum compare it, too.

        Args:
            location: The location of the value.
            size: The size of the content in bytes.
            digest: Its SHA-256 in hex.

        Raises:
            StorageError: The storage failed.
        """
        del digest
        return await self.size(location) == size

    async def put(self, data: bytes, /, *, key: str) -> str:
        """Store ``data``, under ``key`` if this storage supports keys.

        The library writes through this method, so that the values of one graph share a prefix.
        The default ignores the key and calls ``create``.

        Returns:
            The location to pass to ``read``.

        Raises:
            StorageError: The bytes could not be stored.
        """
        del key
        return await self.create(data)

    def location_of(self, key: str, /) -> str:
        """Return the location at which ``put`` stores a key, by default the key itself."""
        return key

    async def put_stream(self, chunks: AsyncIterable[bytes], /, *, key: str) -> str:
        """Store bytes that arrive in chunks. The default collects them in memory.

        Raises:
            StorageError: The bytes could not be stored.
        """
        return await self.put(b"".join([chunk async for chunk in chunks]), key=key)

    async def stream(self, location: str, /) -> AsyncGenerator[bytes]:
        """Read the bytes at ``location`` in chunks. The default reads them all into one chunk.

        Raises:
            BlobNotFoundError: Nothing is stored there.
            StorageError: The storage failed.
        """
        yield await self.read(location)

    async def read_range(self, location: str, start: int, stop: int, /) -> bytes:
        """The bytes from ``start`` up to, but not including, ``stop``; fewer if they end before.

        The default streams from the beginning and keeps the range; storages that can fetch a part
        of a value override it.

        Raises:
            BlobNotFoundError: Nothing is stored there.
            StorageError: The storage failed.
        """
        found, at = bytearray(), 0
        async with aclosing(self.stream(location)) as chunks:
            async for chunk in chunks:
                found += chunk[max(start - at, 0) : max(stop - at, 0)]
                at += len(chunk)
                if at >= stop:
                    break
        return bytes(found)

    async def list(self, prefix: str = "", /) -> AsyncIterator[StoredBytes]:
        """List the objects under keys that begin with ``prefix``, in no particular order.

        Raises:
            StorageError: This storage cannot list its objects; the default cannot.
        """
        raise StorageError(f"{self!r} cannot list its objects")
        yield  # makes this a generator, as overrides are

    async def aclose(self) -> None:  # noqa: B027 - most storages have nothing to close
        """Close connections that belong to the running loop; the next call may open others."""

    def register(self) -> Self:
        """Keep this storage known for the life of the process, and return it.

        Raises:
            ValueError: Another storage has this name.
        """
        registered.add(self.name, self)
        return self

    def __setattr__(self, attribute: str, value: Any) -> None:
        super().__setattr__(attribute, value)
        if attribute == "name":
            living[self.name] = self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {getattr(self, 'name', '?')!r}>"


registered: Registry[Storage] = Registry("storage")
living: WeakValueDictionary[str, Storage] = WeakValueDictionary()


def blob_key(data: bytes) -> str:
    """Make a new key for ``data``: its SHA-256 in hex, a dash and a new id."""
    return blob_name(hashlib.sha256(data).hexdigest())


async def slices(data: bytes, size: int) -> AsyncIterator[bytes]:
    """Yield bytes in pieces of ``size``; the last one may be shorter."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
