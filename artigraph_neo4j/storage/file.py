"""A storage in a directory of this machine."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Self

from artigraph_neo4j.errors import BlobNotFoundError, StorageError
from artigraph_neo4j.storage.base import Storage, StoredBytes, blob_key

__all__ = ["FileSystemStorage"]

_TEMPORARY = ".tmp-"
_CHUNK = 1024 * 1024


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
        self.directory = Path(os.path.abspath(Path(directory).expanduser()))
        self.name = f"file:{self.directory.as_posix()}" if name is None else name

    @classmethod
    def from_name(cls, rest: str) -> Self | None:
        """The storage whose default name is ``file:`` and ``rest``, if that is a whole path."""
        return cls(rest) if Path(rest).is_absolute() else None

    async def create(self, data: bytes, /) -> str:
        """Keep ``data`` and return its location."""
        return await self.put(data, key=blob_key(data))

    async def put(self, data: bytes, /, *, key: str) -> str:
        """Keep ``data`` under ``key``, a relative path, which becomes its location.

        Raises:
            StorageError: The key leads out of the directory, or the disk refused it.
        """
        path = self._path(key)
        await asyncio.to_thread(self._write, path, data)
        return key

    async def put_stream(self, chunks: AsyncIterable[bytes], /, *, key: str) -> str:
        """The same, writing chunks to the disk as they come."""
        path = self._path(key)
        with _errors(path, "written"), self._replacing(path) as file:
            async for chunk in chunks:
                await asyncio.to_thread(file.write, chunk)
            await asyncio.to_thread(_sync, file)
        return key

    async def read(self, location: str, /) -> bytes:
        """The bytes at ``location``."""
        path = self._path(location)
        with _errors(path, "read"):
            return await asyncio.to_thread(path.read_bytes)

    async def stream(self, location: str, /) -> AsyncGenerator[bytes]:
        """The bytes at ``location``, a chunk at a time."""
        path = self._path(location)
        with _errors(path, "read"):
            file = await asyncio.to_thread(path.open, "rb")
            try:
                while chunk := await asyncio.to_thread(file.read, _CHUNK):
                    yield chunk
            finally:
                file.close()

    async def read_range(self, location: str, start: int, stop: int, /) -> bytes:
        """The bytes from ``start`` to ``stop``; nothing else is read."""
        path = self._path(location)
        with _errors(path, "read"):
            return await asyncio.to_thread(_read_range, path, start, stop)

    async def update(self, location: str, data: bytes, /) -> None:
        """Replace the bytes at ``location``."""
        if not await self.exists(location):
            raise BlobNotFoundError(f"there is no file {self._path(location)}")
        await self.put(data, key=location)

    async def delete(self, location: str, /) -> None:
        """Delete the file at ``location``, if there is one."""
        path = self._path(location)
        with suppress(BlobNotFoundError), _errors(path, "deleted"):
            await asyncio.to_thread(path.unlink)

    async def exists(self, location: str, /) -> bool:
        """Whether there is a file at ``location``."""
        return await asyncio.to_thread(self._path(location).is_file)

    async def list(self, prefix: str = "", /) -> AsyncIterator[StoredBytes]:
        """What is kept under keys that begin with ``prefix``, a directory at a time."""
        directories = [self._path(prefix).parent if prefix else self.directory]
        while directories:
            with _errors(directories[-1], "listed"):
                entries = await asyncio.to_thread(_scan, directories.pop())
            for entry in entries:
                location = Path(entry.path).relative_to(self.directory).as_posix()
                if entry.is_dir(follow_symlinks=False):
                    if f"{location}/".startswith(prefix) or prefix.startswith(f"{location}/"):
                        directories.append(Path(entry.path))
                elif location.startswith(prefix) and not entry.name.startswith(_TEMPORARY):
                    with suppress(FileNotFoundError):  # deleted since
                        yield _stored(entry, location)

    def _path(self, location: str) -> Path:
        path = self.directory / location
        inside = path.is_relative_to(self.directory) and path != self.directory
        if not inside or ".." in path.parts or "\0" in location:
            raise StorageError(f"{location!r} is no location in {self.directory}")
        return path

    def _write(self, path: Path, data: bytes) -> None:
        with _errors(path, "written"), self._replacing(path) as file:
            file.write(data)
            _sync(file)

    @contextmanager
    def _replacing(self, path: Path) -> Generator[IO[bytes]]:
        """A file beside ``path`` that takes its place at the end, unless something goes wrong."""
        made = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_TEMPORARY)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        for folder in [path.parent, *(folder.parent for folder in made)]:
            _sync_directory(folder)


def _read_range(path: Path, start: int, stop: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(max(stop - start, 0))


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    """Without this, a crash may forget the names in it. Windows cannot, and need not."""
    if os.name == "nt":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _scan(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except FileNotFoundError:  # nothing was ever kept there
        return []


def _stored(entry: os.DirEntry[str], location: str) -> StoredBytes:
    found = entry.stat()
    return StoredBytes(location, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


@contextmanager
def _errors(path: Path, done: str) -> Generator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise BlobNotFoundError(f"there is no file {path}") from error
    except OSError as error:
        raise StorageError(f"{path} could not be {done}: {error.strerror}") from error
