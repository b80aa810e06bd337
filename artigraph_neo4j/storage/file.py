"""A storage in a directory of this machine."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Self

from artigraph_neo4j.errors import BlobNotFoundError, StorageError
from artigraph_neo4j.storage.base import Storage, StoredBytes, blob_key
from artigraph_neo4j.storage.links import refuse_outside
from artigraph_neo4j.storage.names import unfinished_name

__all__ = ["FileSystemStorage"]

_CHUNK = 1024 * 1024


class FileSystemStorage(Storage):
    """A storage that keeps each value as a file.

    A file appears whole or not at all, and is on the disk when a call returns: it is written under
    a temporary name in the same directory, synced, then renamed. Directories are made as needed.
    Files and directories get the permissions that the umask leaves and the group of a setgid
    directory, so that a team can share one. All disk work is done in threads.

    Locations never lead out of the directory: neither by ``..``, nor as absolute paths, nor by
    symbolic links in it. The directory itself may be a symbolic link.

    Args:
        directory: The directory of the files.
        name: Its name in the graph, by default ``file:`` and the absolute path; give one when the
            directory is mounted at different paths.
    """

    def __init__(self, directory: str | os.PathLike[str], *, name: str | None = None) -> None:
        self.directory = Path(os.path.abspath(Path(directory).expanduser()))
        self.name = f"file:{self.directory.as_posix()}" if name is None else name

    @classmethod
    def from_name(cls, rest: str) -> Self | None:
        """Return the storage of default name ``file:rest``, if ``rest`` is an absolute path."""
        return cls(rest) if Path(rest).is_absolute() else None

    async def create(self, data: bytes, /) -> str:
        """Store ``data`` and return its location."""
        return await self.put(data, key=blob_key(data))

    async def put(self, data: bytes, /, *, key: str) -> str:
        """Store ``data`` under ``key``, a relative path, which becomes its location.

        Raises:
            StorageError: The key leads out of the directory, or the disk refused it.
        """
        path = self._path(key)
        await asyncio.to_thread(self._write, path, data)
        return key

    async def put_stream(self, chunks: AsyncIterable[bytes], /, *, key: str) -> str:
        """Store the bytes of ``chunks`` under ``key``; each chunk is written as it arrives."""
        path = self._path(key)
        with _errors(path, "written"), self._replacing(path) as file:
            async for chunk in chunks:
                await asyncio.to_thread(file.write, chunk)
            await asyncio.to_thread(_sync, file)
        return key

    async def read(self, location: str, /) -> bytes:
        """Read the bytes at ``location``."""
        return await asyncio.to_thread(self._read, self._path(location), 0, None)

    async def stream(self, location: str, /) -> AsyncGenerator[bytes]:
        """Read the bytes at ``location``, a chunk at a time."""
        path = self._path(location)
        with _errors(path, "read"):
            file = await asyncio.to_thread(self._open, path)
            try:
                while chunk := await asyncio.to_thread(file.read, _CHUNK):
                    yield chunk
            finally:
                file.close()

    async def read_range(self, location: str, start: int, stop: int, /) -> bytes:
        """Read the bytes from ``start`` to ``stop``; nothing else is read."""
        return await asyncio.to_thread(self._read, self._path(location), start, stop)

    async def update(self, location: str, data: bytes, /) -> None:
        """Replace the bytes at ``location``."""
        if not await self.exists(location):
            raise BlobNotFoundError(f"there is no file {self._path(location)}")
        await self.put(data, key=location)

    async def delete(self, location: str, /) -> None:
        """Delete the file at ``location``, if there is one."""
        await asyncio.to_thread(self._delete, self._path(location))

    async def exists(self, location: str, /) -> bool:
        """Return True if there is a file at ``location``."""
        return await self.size(location) is not None

    async def size(self, location: str, /) -> int | None:
        """Return the size in bytes of the file at ``location``, or None if there is none."""
        return await asyncio.to_thread(self._size, self._path(location))

    async def list(self, prefix: str = "", /) -> AsyncIterator[StoredBytes]:
        """List the files under keys that begin with ``prefix``, a directory at a time.

        Files that a writer has not finished yet are listed under their temporary names, so that
        garbage collection finds those of killed writers.
        """
        directories = [self._path(prefix).parent if prefix else self.directory]
        while directories:
            entries = await asyncio.to_thread(self._scan, directories.pop())
            for entry in entries:
                location = Path(entry.path).relative_to(self.directory).as_posix()
                if entry.is_dir(follow_symlinks=False):
                    if f"{location}/".startswith(prefix) or prefix.startswith(f"{location}/"):
                        directories.append(Path(entry.path))
                elif location.startswith(prefix):
                    with suppress(FileNotFoundError):  # deleted in between
                        yield _stored(entry, location)

    def _path(self, location: str) -> Path:
        path = self.directory / location
        inside = path.is_relative_to(self.directory) and path != self.directory
        if not inside or ".." in path.parts or "\0" in location:
            raise StorageError(f"{location!r} is not a location in {self.directory}")
        return path

    # -- in threads ----------------------------------------------------------------------------

    def _open(self, path: Path) -> IO[bytes]:
        refuse_outside(self.directory, path)
        return path.open("rb")

    def _read(self, path: Path, start: int, stop: int | None) -> bytes:
        with _errors(path, "read"), self._open(path) as file:
            file.seek(start)
            return file.read(-1 if stop is None else max(stop - start, 0))

    def _size(self, path: Path) -> int | None:
        with _errors(path, "looked for"):
            refuse_outside(self.directory, path)
            return path.stat().st_size if path.is_file() else None

    def _delete(self, path: Path) -> None:
        with suppress(BlobNotFoundError), _errors(path, "deleted"):
            refuse_outside(self.directory, path.parent)
            path.unlink()

    def _scan(self, directory: Path) -> Sequence[os.DirEntry[str]]:
        with suppress(BlobNotFoundError), _errors(directory, "listed"):
            refuse_outside(self.directory, directory)
            with os.scandir(directory) as entries:
                return list(entries)
        return []  # nothing was ever stored there

    def _write(self, path: Path, data: bytes) -> None:
        with _errors(path, "written"), self._replacing(path) as file:
            file.write(data)
            _sync(file)

    @contextmanager
    def _replacing(self, path: Path) -> Generator[IO[bytes]]:
        """Open a temporary file that replaces ``path`` at the end, unless there is an error."""
        refuse_outside(self.directory, path.parent)
        made = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(unfinished_name(path.name, secrets.token_hex(4)))
        try:
            with temporary.open("xb") as file:  # never an existing file or symbolic link
                yield file
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        for folder in [path.parent, *(folder.parent for folder in made)]:
            _sync_directory(folder)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a crash. Windows cannot and need not do this."""
    if os.name == "nt":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
