"""The base class of storages, and the tables of those that this process has."""

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
    """One object that a storage keeps.

    Attributes:
        location: The location by which ``read`` finds it.
        size: In bytes.
        modified: When it was written, by the storage's clock, in UTC.
    """

    location: str
    size: int
    modified: datetime


class Storage(ABC):
    """A place that keeps bytes outside the graph.

    Subclass it, set ``name`` and implement the abstract methods. All methods run on the library's
    I/O event loop, so they must not block it. An instance is found again by its name as long as it
    lives; ``register()`` keeps it alive.

    Attributes:
        name: Says which storage this is; it is stored with every value kept here.
    """

    name: str

    @abstractmethod
    async def create(self, data: bytes, /) -> str:
        """Keep ``data`` and return the location by which ``read`` finds it.

        Raises:
            StorageError: The bytes could not be kept.
        """

    @abstractmethod
    async def read(self, location: str, /) -> bytes:
        """The bytes at ``location``.

        Raises:
            BlobNotFoundError: Nothing is kept there.
            StorageError: The storage failed.
        """

    @abstractmethod
    async def update(self, location: str, data: bytes, /) -> None:
        """Replace the bytes at ``location``. This library never calls it: its values do not change.

        Raises:
            BlobNotFoundError: Nothing is kept there.
            StorageError: The storage failed.
        """

    @abstractmethod
    async def delete(self, location: str, /) -> None:
        """Delete what is at ``location``; if nothing is there, nothing happens.

        Raises:
            StorageError: The storage failed.
        """

    async def delete_many(self, locations: Sequence[str], /) -> None:
        """Delete what is at these locations, as far as it is there.

        The default deletes one after the other.

        Raises:
            StorageError: The storage failed; some may be deleted.
        """
        for location in locations:
            await self.delete(location)

    @abstractmethod
    async def exists(self, location: str, /) -> bool:
        """Whether something is kept at ``location``.

        Raises:
            StorageError: The storage failed.
        """

    async def size(self, location: str, /) -> int | None:
        """The size in bytes of what is kept at ``location``, or None if nothing is.

        The default reads it; storages that can tell without reading do that instead.

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
        """Whether what is kept at ``location`` can be the content of this size and digest.

        The library asks before it shares content that is stored already, so that a damaged object
        is replaced rather than shared. The default compares the size; storages that keep a checksum
        compare that too.

        Args:
            location: Where it is.
            size: The size of the content in bytes.
            digest: Its SHA-256 in hex.

        Raises:
            StorageError: The storage failed.
        """
        del digest
        return await self.size(location) == size

    async def put(self, data: bytes, /, *, key: str) -> str:
        """Keep ``data``, under ``key`` where this storage supports keys.

        The library writes through this method, so that what belongs to one graph shares a prefix.
        The default ignores the key and calls ``create``.

        Returns:
            The location by which ``read`` finds the bytes.

        Raises:
            StorageError: The bytes could not be kept.
        """
        del key
        return await self.create(data)

    async def put_stream(self, chunks: AsyncIterable[bytes], /, *, key: str) -> str:
        """Keep bytes that come in chunks. The default collects them in memory.

        Raises:
            StorageError: The bytes could not be kept.
        """
        return await self.put(b"".join([chunk async for chunk in chunks]), key=key)

    async def stream(self, location: str, /) -> AsyncGenerator[bytes]:
        """The bytes at ``location`` in chunks. The default reads them all into one chunk.

        Raises:
            BlobNotFoundError: Nothing is kept there.
            StorageError: The storage failed.
        """
        yield await self.read(location)

    async def read_range(self, location: str, start: int, stop: int, /) -> bytes:
        """The bytes from ``start`` up to, but not including, ``stop``; fewer if they end before.

        The default streams from the beginning and keeps what was asked for; storages that can
        fetch a part of what they keep do that instead.

        Raises:
            BlobNotFoundError: Nothing is kept there.
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
        """The objects under keys that begin with ``prefix``, in no particular order.

        Raises:
            StorageError: This storage cannot list what it keeps, as the default cannot.
        """
        raise StorageError(f"{self!r} cannot list what it keeps")
        yield  # what makes this a generator, as overrides are

    async def aclose(self) -> None:  # noqa: B027 - most storages have nothing to close
        """Close connections that belong to the running loop; the next call may open others."""

    def register(self) -> Self:
        """Keep this storage known for the life of the process; returns itself.

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
    """A fresh key for ``data``: its SHA-256 in hex, a dash and a new id."""
    return blob_name(hashlib.sha256(data).hexdigest())


async def slices(data: bytes, size: int) -> AsyncIterator[bytes]:
    """Bytes in pieces of ``size``, the last one shorter."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
