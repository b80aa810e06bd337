"""The stored value behind a ``Lazy`` that was read, and the ways to fetch it."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from artigraph_neo4j.common.files import replacing
from artigraph_neo4j.common.wording import place_text
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import IntegrityError, SerializationError
from artigraph_neo4j.model.decode import Loading
from artigraph_neo4j.model.lazy import Lazy, Reference
from artigraph_neo4j.model.references import BlobRef, reading, serializer_of, storage_of
from artigraph_neo4j.serializer.base import Serializer
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.storage.ranges import RangeFile
from artigraph_neo4j.values import transfer
from artigraph_neo4j.values.moving import moving

__all__ = ["StoredValue", "lazy_of", "read_blob"]


def lazy_of(engine: Engine, graph_id: str, item: Loading) -> Lazy[Any]:
    """Make a ``Lazy`` for a field that was read; nothing is fetched."""
    plan = item.plan()
    return Lazy.of_stored(
        StoredValue(
            item.where,
            item.serializer,
            item.blob,
            item.data,
            graph_id,
            engine,
            plan.serializer if plan else None,
            plan.storage if plan else None,
        )
    )


async def read_blob(
    engine: Engine, storage: Storage, blob: BlobRef, where: str, serializer: Serializer[Any]
) -> Any:
    """Read the value of a blob; a large one through a temporary file, if the serializer can.

    Raises:
        BlobNotFoundError, IntegrityError, StorageError, SerializationError: See ``Lazy.load``.
    """
    streams = type(serializer).read is not Serializer.read  # pyright: ignore[reportUnknownMemberType]
    if blob.size <= transfer.SPOOL_BYTES or not streams:
        data = await transfer.fetch(engine, storage, blob, where)
        return await _in_thread(serializer, lambda: serializer.deserialize(data), where, blob.size)
    with transfer.temporary() as path:
        with path.open("wb") as sink:
            await transfer.download(engine, storage, blob, where, sink)

        def read() -> Any:
            with path.open("rb") as source:
                return serializer.read(source)

        return await _in_thread(serializer, read, where, blob.size)


async def _in_thread(serializer: Serializer[Any], work: Any, where: str, size: int) -> Any:
    with reading(where, serializer.name, size):
        return await asyncio.to_thread(work) if serializer.heavy else work()


async def _in_thread_of_its_own(work: Callable[[], Any]) -> Any:
    """Run blocking work in a new thread: it waits for work that may need the loop's few threads."""
    threads = ThreadPoolExecutor(1, "artigraph-part")
    try:
        run = contextvars.copy_context().run
        return await asyncio.get_running_loop().run_in_executor(threads, run, work)
    finally:
        threads.shutdown(wait=False)


class StoredValue(Reference):
    """The stored bytes of one field, and the engine that found them.

    Args:
        where: The artifact and the field, as named in messages.
        serializer: The name of the serializer that wrote the value.
        blob: The location of the bytes, or None if they are in the graph.
        data: The bytes, if they are in the graph.
        graph_id: The id of the graph that refers to them.
        engine: The engine; None for an unpickled object, which uses the current engine.
        own_serializer: The field's own serializer, if it has one.
        own_storage: The field's own storage, if it has one.
    """

    def __init__(
        self,
        where: str,
        serializer: str,
        blob: BlobRef | None,
        data: bytes | None,
        graph_id: str,
        engine: Engine | None = None,
        own_serializer: Serializer[Any] | None = None,
        own_storage: Storage | None = None,
    ) -> None:
        self.where = where
        self.serializer = serializer
        self.blob = blob
        self.data = data
        self.graph_id = graph_id
        self._engine = engine
        self._own_serializer = own_serializer
        self._own_storage = own_storage
        held = data if data is not None else b""
        self.size = blob.size if blob is not None else len(held)
        self.digest = blob.digest if blob is not None else hashlib.sha256(held).hexdigest()

    @property
    def place(self) -> str | None:
        """The location of the bytes, as shown to people; None if they are in the graph."""
        return None if self.blob is None else place_text(self.blob.storage, self.blob.location)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without objects of this process; serializer and storage are found by name."""
        return StoredValue, (self.where, self.serializer, self.blob, self.data, self.graph_id)

    async def _places(self, blob: BlobRef) -> tuple[Engine, Storage]:
        engine = self._engine or get_engine()
        await engine.ready()
        return engine, storage_of(self.where, blob.storage, self._own_storage, engine.storage)

    def _serializer(self) -> Serializer[Any]:
        return serializer_of(self.where, self.serializer, self._own_serializer)

    async def load(self, columns: Sequence[Any] | None, row_groups: Sequence[int] | None) -> Any:
        """See ``Lazy.load``."""
        serializer = self._serializer()
        whole = columns is None and row_groups is None
        if self.blob is None:
            data = self.data or b""

            def work() -> Any:
                if whole:
                    return serializer.deserialize(data)
                return serializer.read_part(BytesIO(data), columns=columns, row_groups=row_groups)

            return await _in_thread(serializer, work, self.where, len(data))
        engine, storage = await self._places(self.blob)
        if whole:
            return await read_blob(engine, storage, self.blob, self.where, serializer)
        file = self._range_file(engine, storage, self.blob)
        with reading(self.where, self.serializer, self.size):
            return await _in_thread_of_its_own(
                lambda: serializer.read_part(file, columns=columns, row_groups=row_groups)
            )

    async def load_range(self, start: int, stop: int) -> bytes:
        """See ``Lazy.load_range``."""
        if not self._serializer().raw:
            raise SerializationError(
                f"{self.where}: a range of bytes is for bytes and files; serializer "
                f"{self.serializer!r} has a format of its own, of which load() can read parts"
            )
        if self.blob is None:
            return (self.data or b"")[start:stop]
        blob = self.blob
        engine, storage = await self._places(blob)

        async def work() -> bytes:
            return await self._range(storage, blob, start, stop)

        return await engine.call(work)

    async def save(self, path: str | os.PathLike[str]) -> Path:
        """See ``Lazy.save``."""
        target = Path(path)
        with replacing(target) as made:
            if self.blob is None:
                made.write_bytes(self.data or b"")
            else:
                engine, storage = await self._places(self.blob)
                with made.open("wb") as sink:
                    await transfer.download(engine, storage, self.blob, self.where, sink)
        return target

    async def content(self) -> transfer.Content:
        """Get the stored bytes, to store them elsewhere."""
        if self.blob is None:
            return transfer.Content(self.data or b"")
        engine, storage = await self._places(self.blob)
        return await transfer.download_again(engine, storage, self.blob, self.where)

    def _range_file(self, engine: Engine, storage: Storage, blob: BlobRef) -> IO[bytes]:
        def fetch(start: int, stop: int) -> bytes:
            found = engine.call_blocking(lambda: self._range(storage, blob, start, stop))
            if len(found) != stop - start:
                raise IntegrityError(
                    f"{transfer.place(self.where, blob)} has changed: it no longer has the bytes "
                    f"{start} to {stop} of {blob.size}"
                )
            return found

        file: Any = RangeFile(blob.size, fetch)
        return file  # type: ignore[no-any-return] # a raw file is a file of bytes

    async def _range(self, storage: Storage, blob: BlobRef, start: int, stop: int) -> bytes:
        with transfer.fetching(self.where, blob):
            async with moving(self._engine or get_engine(), storage, stop - start):
                return await storage.read_range(blob.location, start, stop)
