"""Bytes of fields: made, sent to a storage, fetched and checked; many, not too many, at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, TypeVar

from artigraph_neo4j.engine import Engine
from artigraph_neo4j.handles import StoredValue, lazy_of, read_blob
from artigraph_neo4j.ids import new_id
from artigraph_neo4j.model.decode import Loading
from artigraph_neo4j.model.encode import TREE, Encoded, Pending
from artigraph_neo4j.transfer import Content, Spool, fetch, put

__all__ = ["load", "store"]

T = TypeVar("T")

TRANSFERS = 16
"""Values on their way to or from storages at once, a call; each is held in memory meanwhile."""


async def store(engine: Engine, encoded: Encoded) -> list[dict[str, Any]]:
    """Make the bytes of all pending fields and keep them, on the node or in a storage.

    Returns:
        A row for every blob: its owner, the field and the properties of its node.

    Raises:
        SerializationError: A value cannot be serialized. Nothing was sent for it.
        StorageError: A storage failed; what was stored before is found as garbage later.
    """
    rows = await _together(partial(_store_one, engine, p) for p in encoded.pending)
    return [row for row in rows if row is not None]


async def _store_one(engine: Engine, pending: Pending) -> dict[str, Any] | None:
    reference = pending.reference
    if isinstance(reference, StoredValue) and reference.blob is not None:
        blob, graph = reference.blob, await engine.graph()
        same_place = pending.storage is None or pending.storage.name == blob.storage
        if same_place and reference.graph_id == graph.graph_id:
            pending.keep_outside()
            return _row(pending, blob.storage, blob.location, blob.digest, blob.size)
    content = await _content(pending)
    try:
        return await _keep(engine, pending, content)
    finally:
        content.close()


async def _content(pending: Pending) -> Content:
    if isinstance(pending.reference, StoredValue):
        return await pending.reference.content()
    if pending.write is None:
        data = (
            await asyncio.to_thread(pending.serialized) if pending.heavy else pending.serialized()
        )
        return Content(data)
    spool = Spool()
    try:
        await asyncio.to_thread(pending.write_to, spool.file())
    except BaseException:
        spool.discard()
        raise
    return spool.content()


async def _keep(engine: Engine, pending: Pending, content: Content) -> dict[str, Any] | None:
    storage = pending.storage
    if storage is None and engine.storage is not None and content.size > engine.offload_bytes:
        storage = engine.storage
    if storage is None:
        pending.check_inline(content.size)
        pending.keep_inline(content.whole())
        return None
    graph = await engine.graph()
    digest = await asyncio.to_thread(content.digest)
    key = f"ag/{graph.graph_id}/{digest}-{new_id()}"
    location = await put(engine, storage, content, key, pending.where)
    pending.keep_outside()
    return _row(pending, storage.name, location, digest, content.size)


def _row(pending: Pending, storage: str, location: str, digest: str, size: int) -> dict[str, Any]:
    return {
        "owner": pending.node.node_id,
        "field": pending.field.name,
        "properties": {
            "blob_id": new_id(),
            "digest": digest,
            "size": size,
            "storage": storage,
            "location": location,
        },
    }


async def load(engine: Engine, loadings: list[Loading]) -> None:
    """Fetch what is kept outside and turn all bytes into values.

    Raises:
        BlobNotFoundError: A value is missing from its storage.
        IntegrityError: It is not the one that was written.
        StorageError: A storage failed.
        SerializationError: The bytes cannot be read.
    """
    lazy = [item for item in loadings if item.lazy]
    graph_id = (await engine.graph()).graph_id if lazy else ""
    for item in lazy:
        item.value = lazy_of(engine, graph_id, item)
        item.data = None
    await _together(partial(_load_one, engine, item) for item in loadings if not item.lazy)


async def _load_one(engine: Engine, item: Loading) -> None:
    if item.blob is None:
        if item.heavy:
            await asyncio.to_thread(item.work)
        else:
            item.work()
        return
    storage = item.storage(engine.storage)
    if item.serializer == TREE:
        item.data = await fetch(engine, storage, item.blob, item.where)
    else:
        serializer = item.find_serializer()
        item.value = await read_blob(engine, storage, item.blob, item.where, serializer)


async def _together(work: Iterable[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
    """Run all, a bounded number at once; the first error ends the others and is raised as it is."""
    gate = asyncio.Semaphore(TRANSFERS)

    async def bounded(start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with gate:
            return await start()

    starts = list(work)
    if len(starts) <= 1:
        return [await start() for start in starts]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(bounded(start)) for start in starts]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
