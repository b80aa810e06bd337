"""What a storage is, and how the one that keeps a value is found again."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import Any, Self
from weakref import WeakValueDictionary

from artigraph_neo4j.ids import new_id
from artigraph_neo4j.registry import Registry

__all__ = ["Storage", "blob_key", "find_storage", "storage_names"]


class Storage(ABC):
    """Keeps bytes outside the graph.

    Subclass it, set ``name`` and implement the methods. All of them run on the library's I/O event
    loop, so they must not block it. An instance is found again by its name as long as it lives;
    ``register()`` keeps it alive.

    Attributes:
        name: Says which storage this is; it is stored with every value kept here.
    """

    name: str

    @abstractmethod
    async def create(self, data: bytes, /) -> str:
        """Keep ``data`` and return the location by which ``read`` finds it."""

    @abstractmethod
    async def read(self, location: str, /) -> bytes:
        """The bytes at ``location``.

        Raises:
            BlobNotFoundError: Nothing is kept there.
        """

    @abstractmethod
    async def update(self, location: str, data: bytes, /) -> None:
        """Replace the bytes at ``location``. This library never calls it: its values do not change.

        Raises:
            BlobNotFoundError: Nothing is kept there.
        """

    @abstractmethod
    async def delete(self, location: str, /) -> None:
        """Delete what is at ``location``; deleting what is not there is no error."""

    @abstractmethod
    async def exists(self, location: str, /) -> bool:
        """Whether something is kept at ``location``."""

    async def put(self, data: bytes, /, *, key: str) -> str:
        """Keep ``data``, under ``key`` where this storage lets its callers name things.

        The library writes through this method, so that what belongs to one graph shares a prefix.
        The default ignores the key and calls ``create``.

        Returns:
            The location by which ``read`` finds the bytes.
        """
        del key
        return await self.create(data)

    def register(self) -> Self:
        """Keep this storage known for the life of the process; returns itself.

        Raises:
            ValueError: Another storage has this name.
        """
        _registered.add(self.name, self)
        return self

    def __setattr__(self, attribute: str, value: Any) -> None:
        super().__setattr__(attribute, value)
        if attribute == "name":
            _living[self.name] = self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {getattr(self, 'name', '?')!r}>"


_registered: Registry[Storage] = Registry("storage")
_living: WeakValueDictionary[str, Storage] = WeakValueDictionary()


def find_storage(name: str) -> Storage | None:
    """The registered storage of this name, else the newest living one, else None.

    One that has its default name is made anew when this process has none: the name of a
    ``FileSystemStorage`` or ``S3Storage`` says where it is, and credentials are in the environment.
    """
    found = _registered.get(name) or _living.get(name)
    if found is not None:
        return found
    scheme, _, rest = name.partition(":")
    if scheme == "file" and rest.startswith("/"):
        from artigraph_neo4j.storage.file import FileSystemStorage

        return FileSystemStorage(rest).register()
    if scheme == "s3" and rest:
        from artigraph_neo4j.storage.aws import S3Storage

        bucket, _, prefix = rest.partition("/")
        return S3Storage(bucket, prefix).register()
    return None


def storage_names() -> list[str]:
    """The names of all storages known to this process, sorted."""
    return sorted({*_registered.names(), *_living})


def blob_key(data: bytes) -> str:
    """A fresh key for ``data``: its SHA-256 in hex, a dash and a new id."""
    return f"{hashlib.sha256(data).hexdigest()}-{new_id()}"
