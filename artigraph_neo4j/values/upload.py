"""The values that one call stores outside of the graph; equal content is stored once.

Before anything is uploaded, one statement looks for Blob nodes of the same content in the same
storage. If there is one, a new Blob node reuses its location; the statement that writes the call's
nodes locks the old Blob node, and reports if it is gone. An object that no committed Blob node
names is never reused, so garbage collection may delete any such object that is older than
``MIN_AGE``; a call that takes half of that from upload to commit uploads again.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from math import inf
from typing import IO, Any, TypeVar

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.graph.cypher import blobs as cypher
from artigraph_neo4j.model.encode import Pending
from artigraph_neo4j.model.references import BlobRef
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.storage.names import graph_prefix
from artigraph_neo4j.values.moving import asked
from artigraph_neo4j.values.stored_object import upload
from artigraph_neo4j.values.stored_value import StoredValue
from artigraph_neo4j.values.transfer import (
    TRANSFERS,
    Content,
    Spool,
    download_again,
    storing,
    together,
)

__all__ = [
    "MIN_AGE",
    "WAVE_BYTES",
    "Uploads",
    "blob_row",
    "fresh_seconds",
    "stored_parameters",
]

T = TypeVar("T")

MIN_AGE = timedelta(days=1)
"""Minimum age of objects without a Blob node that may be deleted; a commit takes less than half."""

WAVE_BYTES = 256 * 1024 * 1024
"""Bytes held in memory while one query checks which contents are already stored."""


@dataclass(slots=True, eq=False)
class _Content:
    """The bytes of one or more fields of a call with equal content; they are made once.

    ``data`` is None if a ``Lazy`` has them: they are fetched only if no stored copy is found. Bytes
    that were uploaded are dropped, since they can be fetched again; bytes that reuse the Blob node
    of another call are kept until the commit, since that node may be deleted.
    """

    where: str
    storage: Storage
    digest: str
    size: int
    data: Content | None
    lazy: StoredValue | None = None
    location: str | None = None
    leaned_on: str | None = None
    uploaded: float | None = None

    @property
    def key(self) -> tuple[str, str, int]:
        return self.storage.name, self.digest, self.size

    @property
    def stored_at(self) -> str | None:
        """The location where a ``Lazy`` found the bytes, if it is in this storage."""
        blob = None if self.lazy is None else self.lazy.blob
        return blob.location if blob is not None and blob.storage == self.storage.name else None

    def drop(self) -> None:
        """Release the bytes."""
        if self.data is not None:
            self.data.close()
            self.data = None


@dataclass(slots=True, eq=False)
class _Reference:
    """A field whose bytes are in a storage, and the Blob node it will have."""

    pending: Pending
    storage: Storage | None
    blob_id: str
    content: _Content | None = None


class Uploads:
    """The bytes of one call's fields: made, and stored on their nodes or in storages.

    Args:
        engine: The engine, with or without a default storage.
        pending: The fields.
    """

    def __init__(self, engine: Engine, pending: Iterable[Pending]) -> None:
        self._engine = engine
        self._references = [_Reference(item, item.storage, new_id()) for item in pending]
        self._todo = iter(self._references)
        self._wave: list[tuple[_Reference, _Content]] = []
        self._contents: dict[tuple[str, str, int], _Content] = {}
        self._graph_id: str | None = None
        self._shelf: IO[bytes] | None = None

    async def keep(self, *, adopt: bool = True) -> None:
        """Make the bytes of all fields and store them. One round trip if some go to a storage.

        Up to ``WAVE_BYTES`` of values are held in memory while one query checks which of them are
        already stored: one round trip for each such wave. ``drop`` has to be called at the end.

        Args:
            adopt: Whether bytes that are already stored are reused. Otherwise there are no Blob
                nodes to lock.

        Raises:
            SerializationError: A value cannot be serialized. None of its bytes were sent.
            StorageError: A storage failed; objects stored before become garbage, to be collected.
        """
        while await self.make():
            await self.store(adopt=adopt)

    async def make(self) -> bool:
        """Make the bytes of the next fields, as many as may be held in memory at once.

        Returns:
            Whether some of them have to go to storages: then call ``store`` next.
        """
        try:
            await together([self._serialize] * min(TRANSFERS, len(self._references)))
        except BaseException:
            self.drop()
            raise
        return bool(self._wave)

    async def hold(self) -> None:
        """Make the bytes of all fields; store those beyond the bytes that may be held."""
        await self.make()
        while self._made >= WAVE_BYTES:
            await self.store()
            await self.make()

    async def store(self, *, adopt: bool = True) -> None:
        """Send the bytes made so far to the storages. Can be called again after a failure."""
        fresh = [content for content in self._grouped() if content.location is None]
        if adopt and fresh:
            await self._adopt(fresh)
        at_hand = [content for content in fresh if content.data is not None]
        elsewhere = [content for content in fresh if content.data is None]
        await together((partial(self._upload_missing, c) for c in at_hand), self._engine)
        # The engine that fetches the bytes of a ``Lazy`` may belong to the caller's loop.
        await together(partial(self._upload_missing, c) for c in elsewhere)
        for item, made in self._wave:
            if made is not item.content:
                made.drop()
        self._wave.clear()
        if self.held >= WAVE_BYTES:
            await asyncio.to_thread(self._shelve)

    def _shelve(self) -> None:
        if self._shelf is None:
            self._shelf = tempfile.TemporaryFile(prefix="artigraph-", buffering=0)  # noqa: SIM115
        for content in self._contents.values():
            if content.data is not None:
                content.data.move_to(self._shelf)

    @property
    def _made(self) -> int:
        return sum(content.size for _, content in self._wave)

    @property
    def held(self) -> int:
        """Number of bytes in memory or temporary files: not stored yet, or kept until the end."""
        contents = {*self._contents.values(), *(content for _, content in self._wave)}
        return sum(c.size for c in contents if c.data is not None and c.data.is_own)

    def drop(self) -> None:
        """Release all bytes: their artifacts are in the graph, or never will be."""
        for content in (*self._contents.values(), *(content for _, content in self._wave)):
            content.drop()
        self._wave.clear()
        if self._shelf is not None:
            self._shelf.close()
            self._shelf = None

    async def renew(self, gone: Iterable[str] = ()) -> None:
        """Upload again the bytes uploaded too long ago, or reusing one of these Blob nodes.

        Raises:
            StorageError: A storage failed, or an object uploaded long ago no longer exists.
        """
        lost = set(gone)
        limit = time.time() - MIN_AGE.total_seconds() / 2
        again = [
            content
            for content in self._contents.values()
            if content.leaned_on in lost or (content.uploaded or limit) < limit
        ]
        await together(partial(self._upload_again, content) for content in again)

    def fresh_seconds(self) -> float:
        """Seconds for which all uploaded objects are surely kept without a Blob node.

        Garbage collection deletes objects older than ``MIN_AGE``. Half of it is the limit here; the
        other half allows for clocks that differ and for statements under way.
        """
        times = [c.uploaded for c in self._contents.values() if c.uploaded is not None]
        return fresh_seconds(min(times, default=inf))

    async def _upload_again(self, content: _Content) -> None:
        if content.data is None and content.location is not None and content.leaned_on is None:
            blob = BlobRef(content.storage.name, content.location, content.digest, content.size)
            content.data = await download_again(self._engine, content.storage, blob, content.where)
        content.leaned_on = None
        await self._upload(content)

    def leaned_on(self) -> list[str]:
        """Ids of the Blob nodes whose locations are reused; a write locks them."""
        return [c.leaned_on for c in self._contents.values() if c.leaned_on is not None]

    @property
    def graph_id(self) -> str | None:
        """The id of the graph under whose prefix values were stored, or None."""
        return self._graph_id

    def rows(self) -> list[dict[str, Any]]:
        """A row for every blob: its owner, the field and the properties of its node."""
        return [_row(item, item.content) for item in self._references if item.content]

    async def _serialize(self) -> None:
        while self._made < WAVE_BYTES and (item := next(self._todo, None)) is not None:
            content = await self._make(item)
            if content is not None:
                self._wave.append((item, content))

    async def _make(self, item: _Reference) -> _Content | None:
        pending, lazy = item.pending, item.pending.reference
        if isinstance(lazy, StoredValue):
            if self._place(item, lazy.size) is None:
                await self._inline(pending, await lazy.content())
                return None
            pending.keep_outside()
            assert item.storage is not None  # noqa: S101 - it has a place
            return _Content(pending.where, item.storage, lazy.digest, lazy.size, None, lazy)
        data = await _bytes(pending)
        storage = self._place(item, data.size)
        if storage is None:
            await self._inline(pending, data)
            return None
        pending.keep_outside()
        return _Content(pending.where, storage, await data.digest(), data.size, data)

    def _place(self, item: _Reference, size: int) -> Storage | None:
        engine = self._engine
        if item.storage is None and engine.storage and size > engine.offload_bytes:
            item.storage = engine.storage
        return item.storage

    async def _inline(self, pending: Pending, data: Content) -> None:
        try:
            pending.check_inline(data.size)
            pending.keep_inline(data.whole())
        finally:
            data.close()

    def _grouped(self) -> list[_Content]:
        """The new contents of the fields; equal ones are merged into one."""
        fresh: list[_Content] = []
        for item, made in self._wave:
            item.content = self._contents.setdefault(made.key, made)
            if item.content is made:
                fresh.append(made)
        return fresh

    async def _adopt(self, contents: list[_Content]) -> None:
        """Reuse live Blob nodes of the same content, after checking that their objects exist."""
        wanted = [
            {
                "storage": c.storage.name,
                "digest": c.digest,
                "size": c.size,
                "location": c.stored_at,
            }
            for c in contents
        ]
        prefix = graph_prefix(await self._graph())
        parameters = {"contents": wanted, "prefix": prefix}
        ((rows,),) = await self._engine.ask(cypher.LIVE_BLOBS, parameters, after_batch=False)
        found = {(storage, digest, size): blob for storage, digest, size, *blob in rows}

        async def look(content: _Content) -> None:
            blob_id, location = found[content.key]
            size, digest = content.size, content.digest

            async def holds() -> bool:
                return await content.storage.holds(location, size=size, digest=digest)

            with storing(content.where, content.storage, size, "looked for"):
                is_there = await asked(self._engine, content.storage, holds)
            if is_there:
                content.leaned_on, content.location = blob_id, location

        known = [content for content in contents if content.key in found]
        await together((partial(look, content) for content in known), self._engine)

    async def _upload_missing(self, content: _Content) -> None:
        if content.location is None:
            await self._upload(content)

    async def _upload(self, content: _Content) -> None:
        if content.data is None and content.lazy is not None:
            content.data = await content.lazy.content()
        assert content.data is not None  # noqa: S101 - made, or fetched just now
        at = time.time()
        content.location = await upload(
            self._engine, content.storage, content.data, content.where, await self._graph()
        )
        content.uploaded = at
        content.drop()

    async def _graph(self) -> str:
        if self._graph_id is None:
            self._graph_id = (await self._engine.graph()).graph_id
        return self._graph_id


def blob_row(
    owner: str, field: str, blob_id: str, digest: str, size: int, storage: str, location: str
) -> dict[str, Any]:
    """Make the row from which a statement creates the Blob node of one field."""
    properties = {
        "blob_id": blob_id,
        "digest": digest,
        "size": size,
        "storage": storage,
        "location": location,
    }
    return {"owner": owner, "field": field, "properties": properties}


def fresh_seconds(uploaded: float) -> float:
    """Seconds for which an object uploaded at this time is surely kept without a Blob node."""
    return uploaded + MIN_AGE.total_seconds() / 2 - time.time()


def stored_parameters(uploads: Iterable[Uploads]) -> dict[str, Any]:
    """Parameters of the writing statement about the stored values of several calls.

    Blob nodes to lock are sorted, so that callers cannot deadlock.
    """
    parts = list(uploads)
    return {
        "graph": next((part.graph_id for part in parts if part.graph_id is not None), None),
        "leaned_on": sorted({blob_id for part in parts for blob_id in part.leaned_on()}),
        "blobs": [row for part in parts for row in part.rows()],
    }


async def _bytes(pending: Pending) -> Content:
    """Serialize a value, into memory or into a temporary file."""
    if pending.write is None:
        heavy = pending.heavy
        data = await asyncio.to_thread(pending.serialized) if heavy else pending.serialized()
        return Content(data)
    spool = Spool()
    try:
        await asyncio.to_thread(pending.write_to, spool.file())
    except BaseException:
        spool.discard()
        raise
    return spool.content()


def _row(item: _Reference, content: _Content) -> dict[str, Any]:
    assert content.location is not None  # noqa: S101 - stored, before rows are made
    return blob_row(
        item.pending.node.node_id,
        item.pending.field.name,
        item.blob_id,
        content.digest,
        content.size,
        content.storage.name,
        content.location,
    )
