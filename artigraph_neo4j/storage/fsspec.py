"""A storage in any file system that fsspec knows: Google Cloud, Azure, SFTP and others."""

# fsspec does not have type information.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self, TypeVar, cast

from artigraph_neo4j.common.hiding import chained, secrets_in, told
from artigraph_neo4j.errors import BlobNotFoundError, StorageError
from artigraph_neo4j.storage.base import Storage, StoredBytes, blob_key
from artigraph_neo4j.storage.links import refuse_outside
from artigraph_neo4j.storage.urls import check_url, secrets_of, shown_url

try:
    import fsspec
    from fsspec.implementations.local import LocalFileSystem
except ImportError as error:  # pragma: no cover - an install without the extra
    raise ImportError(
        'FsspecStorage needs fsspec: pip install "artigraph-neo4j[fsspec]"'
    ) from error

__all__ = ["FsspecStorage"]

T = TypeVar("T")

_CHUNK = 4 * 1024 * 1024
_MODIFIED = ("mtime", "LastModified", "last_modified", "updated", "created")
"""Keys under which file systems return the time of a file's last write, without another request."""


class FsspecStorage(Storage):
    """A storage that keeps each value as a file below a URL of fsspec.

    ::

        FsspecStorage("gs://bucket/prefix", token="google_default")

    The package of the file system has to be installed (``gcsfs``, ``adlfs``, ``s3fs``, …). For S3
    and local files ``S3Storage`` and ``FileSystemStorage`` do more: they write atomically, and hold
    less in memory. All calls work in threads.

    Args:
        url: The URL of a directory or prefix; chained ones (``simplecache::``) work, too.
        name: The storage's name in the graph, by default ``fsspec:`` and the URL without a login
            or a query.
        **options: Options of the file system; never shown or stored.
    """

    def __init__(self, url: str, *, name: str | None = None, **options: Any) -> None:
        self.url = url.rstrip("/") if not url.endswith("://") else url
        check_url(self.url)
        self._secrets = (*secrets_in(options), *secrets_of(self.url))
        try:
            found = cast("tuple[Any, str]", fsspec.url_to_fs(self.url, **options))
        except Exception as error:
            missing = isinstance(error, (ImportError, ValueError))
            raise StorageError(
                f"fsspec cannot open {shown_url(url)!r}: {told(error, self._secrets)}; "
                f"{'install its package' if missing else 'check the address and the options'}"
            ) from chained(error, self._secrets)
        self._files, self._root = found
        self.name = f"fsspec:{shown_url(self.url)}" if name is None else name

    @classmethod
    def from_name(cls, rest: str) -> Self | None:
        """Return the storage whose default name is ``fsspec:`` and ``rest``, if that is a URL."""
        return cls(rest) if "://" in rest else None

    async def create(self, data: bytes, /) -> str:
        """Store ``data`` and return its location."""
        return await self.put(data, key=blob_key(data))

    async def put(self, data: bytes, /, *, key: str) -> str:
        """Store ``data`` under ``key``, a relative path, which becomes its location.

        Raises:
            StorageError: The key leads out of the directory, or the file system refused it.
        """
        path = self._path(key)

        def write() -> None:
            self._files.makedirs(_parent(path), exist_ok=True)
            self._files.pipe_file(path, data)

        await self._call("write", path, write)
        return key

    async def put_stream(self, chunks: AsyncIterable[bytes], /, *, key: str) -> str:
        """Store the bytes of ``chunks`` under ``key``; after a failure nothing is left."""
        path = self._path(key)

        def start() -> Any:
            self._files.makedirs(_parent(path), exist_ok=True)
            return self._files.open(path, "wb")

        file = await self._call("write", path, start)
        try:
            async for chunk in chunks:
                await self._call("write", path, partial(file.write, chunk))
            await self._call("write", path, file.close)
        except BaseException:
            with suppress(Exception):
                await asyncio.to_thread(file.close)
            with suppress(Exception):
                await asyncio.to_thread(self._files.rm_file, path)
            raise
        return key

    async def read(self, location: str, /) -> bytes:
        """Read the bytes at ``location``."""
        path = self._path(location)
        return bytes(await self._call("read", path, lambda: self._files.cat_file(path)))

    async def read_range(self, location: str, start: int, stop: int, /) -> bytes:
        """Read the bytes from ``start`` to ``stop``; most file systems send no others."""
        path = self._path(location)

        def read() -> bytes:
            with self._files.open(path, "rb", cache_type="none") as file:
                if start >= file.size or stop <= start:
                    return b""
                file.seek(start)
                return bytes(file.read(min(stop, file.size) - start))

        return await self._call("read", path, read)

    async def stream(self, location: str, /) -> AsyncGenerator[bytes]:
        """Read the bytes at ``location``, a chunk at a time."""
        path = self._path(location)
        file = await self._call("read", path, lambda: self._files.open(path, "rb"))
        try:
            while chunk := await self._call("read", path, lambda: file.read(_CHUNK)):
                yield bytes(chunk)
        finally:
            await asyncio.to_thread(file.close)

    async def update(self, location: str, data: bytes, /) -> None:
        """Replace the bytes at ``location``."""
        if not await self.exists(location):
            raise BlobNotFoundError(f"{self.name} keeps nothing at {location!r}")
        await self.put(data, key=location)

    async def delete(self, location: str, /) -> None:
        """Delete the file at ``location``, if there is one."""
        path = self._path(location)
        with suppress(BlobNotFoundError):
            await self._call("delete", path, lambda: self._files.rm_file(path))

    async def exists(self, location: str, /) -> bool:
        """Return True if there is a file at ``location``."""
        path = self._path(location)
        return await self._call("look for", path, lambda: bool(self._files.isfile(path)))

    async def size(self, location: str, /) -> int | None:
        """Return the size in bytes of the file at ``location``, or None if there is none."""
        path = self._path(location)

        def look() -> int | None:
            return int(self._files.size(path)) if self._files.isfile(path) else None

        return await self._call("look for", path, look)

    async def list(self, prefix: str = "", /) -> AsyncIterator[StoredBytes]:
        """List the files under keys that begin with ``prefix``."""
        folder = _parent(self._path(prefix)) if prefix.strip("/") else self._root
        folder = self._path(prefix) if prefix.endswith("/") else folder
        found = await self._call("list", folder, lambda: self._found(folder))
        for path, about in found.items():
            location = path.removeprefix(self._root).lstrip("/")
            if location.startswith(prefix):
                modified = await self._call("list", path, partial(self._when, path, about))
                yield StoredBytes(location, int(about["size"]), modified)

    def _found(self, folder: str) -> dict[str, dict[str, Any]]:
        self._files.invalidate_cache()
        with suppress(FileNotFoundError):
            found: dict[str, dict[str, Any]] = self._files.find(folder, detail=True)
            return found
        return {}  # nothing was ever stored there

    def _when(self, path: str, about: dict[str, Any]) -> datetime:
        value = next((about[name] for name in _MODIFIED if about.get(name)), None)
        value = self._files.modified(path) if value is None else value
        if isinstance(value, (int, float)):
            return datetime.fromtimestamp(value, UTC)
        when = datetime.fromisoformat(value) if isinstance(value, str) else value
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)

    def _path(self, location: str) -> str:
        location = location.lstrip("/")
        if not location or ".." in location.split("/") or "\0" in location:
            raise StorageError(f"{location!r} is not a location in {self.name}")
        return f"{self._root.rstrip('/')}/{location}"

    async def _call(self, action: str, path: str, work: Callable[[], T]) -> T:
        with self._errors(action, path):
            return await asyncio.to_thread(self._inside, path, work)

    @contextmanager
    def _errors(self, action: str, path: str) -> Generator[None]:
        """Convert errors of file systems and their clients into ours."""
        at = path.removeprefix(self._root).lstrip("/")  # the root may contain a login
        try:
            yield
        except StorageError:
            raise
        except FileNotFoundError as error:
            raise BlobNotFoundError(f"{self.name} has no file {at!r}") from chained(
                error, self._secrets
            )
        except Exception as error:
            raise StorageError(
                f"{self.name} could not {action} {at!r}: {told(error, self._secrets)}"
            ) from chained(error, self._secrets)

    def _inside(self, path: str, work: Callable[[], T]) -> T:
        if isinstance(self._files, LocalFileSystem):
            refuse_outside(self._root, path)
        return work()


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
