"""Transfer of bytes to and from storages: hashed, checked, large ones through temporary files.

The name of a stored value contains its SHA-256, which is only known once all bytes were made. So if
a serializer writes piece by piece, a value of more than 16 MiB is first written to a temporary file
and uploaded from there; it is downloaded into one, checked, and read from it. All other values are
held in memory as bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable
from contextlib import aclosing, contextmanager, suppress
from functools import partial
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar, cast

from artigraph_neo4j.common.hiding import chained, hidden
from artigraph_neo4j.common.progress import reporting
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import BlobNotFoundError, IntegrityError, StorageError
from artigraph_neo4j.model.references import BlobRef
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.values.moving import StalledError, moving

__all__ = [
    "SPOOL_BYTES",
    "TRANSFERS",
    "Content",
    "Spool",
    "download",
    "download_again",
    "fetch",
    "fetching",
    "place",
    "put",
    "storing",
    "temporary",
    "together",
]

T = TypeVar("T")

SPOOL_BYTES = 16 * 1024 * 1024
"""Minimum size of values that go through a temporary file, if the serializer can do so."""

_CHUNK = 1024 * 1024

_TAKEN_AT_ONCE = 2 * 1024 * 1024
"""Number of bytes that are collected from a download before a thread hashes and writes them."""

_HASHED_AT_ONCE = 64 * 1024
"""Maximum bytes that are hashed inline; for more, handing them to a thread is cheaper."""


class Content:
    """Bytes to be stored, in memory or in a temporary file.

    Args:
        data: The bytes, if they are in memory.
        file: The file that has them, otherwise.
        digest: Their SHA-256 in hex, if it is known.
        size: Their number, if they are in a file.
        start: The offset of the first byte in the file.
        shared: Whether the file has other contents, too, so that its owner closes it.
    """

    def __init__(
        self,
        data: bytes | None,
        file: IO[bytes] | None = None,
        digest: str = "",
        size: int = 0,
        *,
        start: int = 0,
        shared: bool = False,
    ) -> None:
        self.data = data
        self.size = size if data is None else len(data)
        self._file = file
        self._digest = digest
        self._start = start
        self._shared = shared

    async def digest(self) -> str:
        """The SHA-256 of the bytes in hex."""
        if not self._digest and self.data is not None:
            self._digest = await _sha256(self.data)
        return self._digest

    def whole(self) -> bytes:
        """All bytes, in memory."""
        if self.data is not None:
            return self.data
        return self._read(0, self.size)

    def _read(self, start: int, count: int) -> bytes:
        assert self._file is not None  # noqa: S101 - in memory or in a file
        found = b""
        while len(found) < count:
            more = os.pread(
                self._file.fileno(), count - len(found), self._start + start + len(found)
            )
            if not more:
                raise StorageError(
                    f"a temporary file lost {count - len(found)} bytes of a value; "
                    "nothing may delete or cut files in the directory for them"
                )
            found = found + more if found else more
        return found

    @property
    def is_own(self) -> bool:
        """True if nothing else shares the memory or the file."""
        return not self._shared

    def move_to(self, file: IO[bytes]) -> None:
        """Move bytes that are in memory to the end of an open file with others."""
        if self.data is not None:
            self._start = file.seek(0, os.SEEK_END)
            _write_all(file, self.data)
            self._file, self._shared, self.data = file, True, None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes in pieces."""
        if self.data is not None:
            for start in range(0, len(self.data), _CHUNK):
                yield self.data[start : start + _CHUNK]
        else:
            for start in range(0, self.size, _CHUNK):
                count = min(_CHUNK, self.size - start)
                yield await asyncio.to_thread(self._read, start, count)

    def close(self) -> None:
        """Delete the temporary file, unless others use it."""
        if self._file is not None and not self._shared:
            self._file.close()


class Spool(BufferedIOBase):
    """A writable file that hashes its data; in memory at first, then in a temporary file."""

    def __init__(self) -> None:
        self._memory: BytesIO | None = BytesIO()
        self._file: IO[bytes] | None = None
        self._hash = hashlib.sha256()
        self._size = 0

    def writable(self) -> bool:
        """Always True."""
        return True

    def tell(self) -> int:
        """Number of bytes that were written."""
        return self._size

    def write(self, data: Any, /) -> int:
        """Write bytes, or an object with the buffer protocol."""
        size = memoryview(data).nbytes
        self._hash.update(data)
        self._size += size
        if self._memory is not None and self._size > SPOOL_BYTES:
            # Unbuffered: pieces are large, and the file's position must be the descriptor's.
            self._file = tempfile.TemporaryFile(prefix="artigraph-", buffering=0)  # noqa: SIM115
            with self._memory.getbuffer() as held:
                _write_all(self._file, held)
            self._memory = None
        if self._file is not None:
            _write_all(self._file, data)
        elif self._memory is not None:
            self._memory.write(data)
        return size

    def file(self) -> IO[bytes]:
        """Returns self, typed as ``IO[bytes]``."""
        return cast("IO[bytes]", self)

    def content(self) -> Content:
        """Hand over the bytes that were written; the spool must not be used afterwards."""
        digest = self._hash.hexdigest()
        if self._memory is not None:
            return Content(self._memory.getvalue(), None, digest)
        return Content(None, self._file, digest, self._size)

    def discard(self) -> None:
        """Delete the temporary file, after a failure."""
        if self._file is not None:
            self._file.close()


def _write_all(file: IO[bytes], data: Any) -> None:
    rest = memoryview(data).cast("B")
    while rest:
        rest = rest[file.write(rest) :]


async def _sha256(data: bytes) -> str:
    def work() -> str:
        return hashlib.sha256(data).hexdigest()

    return work() if len(data) <= _HASHED_AT_ONCE else await asyncio.to_thread(work)


async def put(engine: Engine, storage: Storage, content: Content, key: str, what: str) -> str:
    """Send bytes to a storage.

    Returns:
        The location of the bytes.

    Raises:
        StorageError: The storage failed.
    """
    whole = content.data is not None and (
        content.size <= SPOOL_BYTES or type(storage).put_stream is Storage.put_stream
    )

    async def work() -> str:
        with reporting(engine.on_transfer, "upload", what, storage.name, content.size) as step:
            async with moving(engine, storage, content.size) as moved:
                if whole and content.data is not None:
                    return await storage.put(content.data, key=key)

                async def chunks() -> AsyncIterator[bytes]:
                    async for chunk in content.chunks():
                        yield chunk
                        step(len(chunk))
                        moved()

                return await storage.put_stream(chunks(), key=key)

    with storing(what, storage, content.size):
        return await engine.call(work)


@contextmanager
def storing(what: str, storage: Storage, size: int, done: str = "stored") -> Generator[None]:
    """Convert errors of a storage into errors that name the field and the storage.

    Args:
        what: The artifact and the field, as named in messages.
        storage: The storage.
        size: Number of bytes of the value.
        done: The participle of what is done with the bytes.
    """
    try:
        yield
    except Exception as error:
        kind = StalledError if isinstance(error, StalledError) else StorageError
        raise kind(
            f"{what}: {size} bytes could not be {done} in {storage.name!r}: {hidden(str(error))}"
        ) from chained(error)


class _Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


async def fetch(engine: Engine, storage: Storage, blob: BlobRef, what: str) -> bytes:
    """Fetch stored bytes and check them.

    Raises:
        BlobNotFoundError, IntegrityError, StorageError: See ``Lazy.load``.
    """
    if blob.size > SPOOL_BYTES:
        sink = BytesIO()  # its value can be taken without a copy
        await download(engine, storage, blob, what, sink)
        return sink.getvalue()

    async def read() -> bytes:
        with reporting(engine.on_transfer, "download", what, storage.name, blob.size):
            async with moving(engine, storage, blob.size):
                return await storage.read(blob.location)

    with fetching(what, blob):
        data = await engine.call(read)
    digest = None
    if engine.verify_blobs:
        digest = await _sha256(data)
    _check(what, blob, len(data), digest)
    return data


async def download(engine: Engine, storage: Storage, blob: BlobRef, what: str, sink: _Sink) -> None:
    """Write the stored bytes to ``sink`` as they come, and check them at the end.

    Raises:
        BlobNotFoundError, IntegrityError, StorageError: See ``Lazy.load``.
    """
    hashing, size = hashlib.sha256(), 0

    def take(chunks: list[bytes]) -> None:
        for chunk in chunks:
            if engine.verify_blobs:
                hashing.update(chunk)
            try:
                sink.write(chunk)
            except OSError as error:
                raise _SinkError(error) from error

    async def work() -> None:
        nonlocal size
        held, held_bytes = list[bytes](), 0
        with reporting(engine.on_transfer, "download", what, storage.name, blob.size) as step:
            async with (
                moving(engine, storage, blob.size) as moved,
                aclosing(storage.stream(blob.location)) as chunks,
            ):
                async for chunk in chunks:
                    moved()
                    held.append(chunk)
                    held_bytes += len(chunk)
                    size += len(chunk)
                    if held_bytes >= _TAKEN_AT_ONCE:
                        await asyncio.to_thread(take, held)
                        held, held_bytes = [], 0
                    step(len(chunk))
            if held:
                await asyncio.to_thread(take, held)

    with fetching(what, blob):
        await engine.call(work)
    _check(what, blob, size, hashing.hexdigest() if engine.verify_blobs else None)


async def download_again(engine: Engine, storage: Storage, blob: BlobRef, what: str) -> Content:
    """Fetch stored bytes, checked, to store them elsewhere; large ones in a temporary file.

    Raises:
        BlobNotFoundError, IntegrityError, StorageError: See ``Lazy.load``.
    """
    spool = Spool()
    try:
        await download(engine, storage, blob, what, spool)
    except BaseException:
        spool.discard()
        raise
    return spool.content()


class _SinkError(Exception):
    """A failure of the local disk, not of the storage."""


@contextmanager
def fetching(what: str, blob: BlobRef) -> Generator[None]:
    """Convert errors of a storage into errors that name the field and the place."""
    at = place(what, blob)
    try:
        yield
    except StalledError as error:
        raise StalledError(f"{at} could not be read: {error}") from error
    except BlobNotFoundError as error:
        raise BlobNotFoundError(f"{at} is gone") from chained(error)
    except _SinkError as error:
        raise StorageError(f"{at} could not be written to this machine: {error}") from error
    except Exception as error:
        raise StorageError(f"{at} could not be read: {hidden(str(error))}") from chained(error)


def place(what: str, blob: BlobRef) -> str:
    """The field and the place, as named in messages."""
    return f"{what}: its value at {blob.location!r} in {blob.storage!r}"


def _check(what: str, blob: BlobRef, size: int, digest: str | None) -> None:
    if size != blob.size:
        raise IntegrityError(
            f"{place(what, blob)} has changed: {size} bytes, written were {blob.size}"
        )
    if digest is not None and digest != blob.digest:
        raise IntegrityError(
            f"{place(what, blob)} has changed: {size} bytes with SHA-256 {digest}, "
            f"written were {blob.size} bytes with {blob.digest}"
        )


@contextmanager
def temporary() -> Generator[Path]:
    """The path of a temporary file that is deleted at the end of the block, if it still exists."""
    handle, name = tempfile.mkstemp(prefix="artigraph-")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        with suppress(OSError):
            os.unlink(name)


TRANSFERS = 16
"""Maximum number of values that one call transfers at once; each is held in memory for so long."""


async def together(
    work: Iterable[Callable[[], Coroutine[Any, Any, T]]], engine: Engine | None = None
) -> list[T]:
    """Run all works, a bounded number at once; the first error cancels the others and is raised.

    Args:
        work: The works.
        engine: The engine on whose I/O loop they run, so that many small transfers do not change
            threads for each; None for the caller's loop. Code of users must not run there.
    """
    starts = list(work)
    if engine is not None and starts:
        return await engine.call(partial(together, starts))
    if len(starts) <= 1:
        return [await start() for start in starts]
    gate = asyncio.Semaphore(TRANSFERS)

    async def bounded(start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with gate:
            return await start()

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(bounded(start)) for start in starts]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
