"""A storage in a directory of this machine."""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from artigraph_neo4j.errors import BlobNotFoundError, StorageError
from artigraph_neo4j.storage.base import Storage, blob_key

__all__ = ["FileSystemStorage"]


class FileSystemStorage(Storage):
    """Keeps each value as a file.

    A file appears whole or not at all, and is on the disk when a call returns: written beside its
    place, synced, then renamed. Directories are made as needed. All disk work is in threads.

    Args:
        directory: Where the files go.
        name: Its name in the graph, by default ``file:`` and the absolute path; give one when the
            directory is mounted at different paths.
    """

    def __init__(self, directory: str | os.PathLike[str], *, name: str | None = None) -> None:
        self.directory = Path(directory).expanduser().absolute()
        self.name = f"file:{self.directory}" if name is None else name

    async def create(self, data: bytes, /) -> str:
        """Keep ``data`` and return its location."""
        return await self.put(data, key=blob_key(data))

    async def put(self, data: bytes, /, *, key: str) -> str:
        """Keep ``data`` under ``key``, a relative path, which becomes its location."""
        await asyncio.to_thread(self._write, self._path(key), data)
        return key

    async def read(self, location: str, /) -> bytes:
        """The bytes at ``location``."""
        path = self._path(location)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError as error:
            raise BlobNotFoundError(f"there is no file {path}") from error
        except OSError as error:
            raise StorageError(f"{path} could not be read: {error.strerror}") from error

    async def update(self, location: str, data: bytes, /) -> None:
        """Replace the bytes at ``location``."""
        if not await self.exists(location):
            raise BlobNotFoundError(f"there is no file {self._path(location)}")
        await self.put(data, key=location)

    async def delete(self, location: str, /) -> None:
        """Delete the file at ``location``, if there is one."""
        await asyncio.to_thread(self._path(location).unlink, missing_ok=True)

    async def exists(self, location: str, /) -> bool:
        """Whether there is a file at ``location``."""
        return await asyncio.to_thread(self._path(location).is_file)

    def _path(self, location: str) -> Path:
        path = self.directory / location
        if ".." in path.parts or not path.is_relative_to(self.directory) or not location:
            raise StorageError(f"{location!r} is no location in {self.directory}")
        return path

    def _write(self, path: Path, data: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise
            self._sync_directory(path.parent)
        except OSError as error:
            raise StorageError(f"{path} could not be written: {error.strerror}") from error

    @staticmethod
    def _sync_directory(directory: Path) -> None:
        """Without this, a crash may forget the rename."""
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
