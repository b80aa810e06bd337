"""Bytes of fields: made, sent to a storage, fetched and checked; many, not too many, at a time."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, TypeVar

from artigraph_neo4j.engine import Engine
from artigraph_neo4j.errors import BlobNotFoundError, IntegrityError, StorageError
from artigraph_neo4j.ids import new_id
from artigraph_neo4j.model.decode import Loading
from artigraph_neo4j.model.encode import Encoded, Pending
from artigraph_neo4j.storage.base import Storage, blob_key

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
    data = await asyncio.to_thread(pending.serialized) if pending.heavy else pending.serialized()
    storage = pending.storage
    if storage is None and engine.storage is not None and len(data) > engine.offload_bytes:
        storage = engine.storage
    if storage is None:
        pending.keep_inline(data)
        return None
    graph = await engine.graph()
    digest, key = await asyncio.to_thread(_digest, data)
    location = await _put(engine, storage, data, f"ag/{graph.graph_id}/{key}", pending)
    pending.keep_outside()
    return {
        "owner": pending.node.node_id,
        "field": pending.field.name,
        "properties": {
            "blob_id": new_id(),
            "digest": digest,
            "size": len(data),
            "storage": storage.name,
            "location": location,
        },
    }


def _digest(data: bytes) -> tuple[str, str]:
    key = blob_key(data)
    return key.partition("-")[0], key


async def _put(engine: Engine, storage: Storage, data: bytes, key: str, pending: Pending) -> str:
    async def put() -> str:
        return await storage.put(data, key=key)

    where = f"{pending.node.plan.info.name}.{pending.field.name}"
    try:
        return await engine.call(put)
    except Exception as error:
        raise StorageError(
            f"{where}: {len(data)} bytes could not be stored in {storage.name!r}: {error}"
        ) from error


async def load(engine: Engine, loadings: list[Loading]) -> None:
    """Fetch what is kept outside and turn all bytes into values.

    Raises:
        BlobNotFoundError: A value is missing from its storage.
        IntegrityError: It is not the one that was written.
        StorageError: A storage failed.
        SerializationError: The bytes cannot be read.
    """
    await _together(partial(_load_one, engine, item) for item in loadings)


async def _load_one(engine: Engine, item: Loading) -> None:
    if item.blob is not None:
        item.data = await _fetch(engine, item)
    if item.heavy:
        await asyncio.to_thread(item.work)
    else:
        item.work()


async def _fetch(engine: Engine, item: Loading) -> bytes:
    blob = item.blob
    assert blob is not None  # noqa: S101 - the caller looked
    storage = item.storage(engine.storage)
    at = f"{item.where}: its value at {blob.location!r} in {blob.storage!r}"

    async def read() -> bytes:
        return await storage.read(blob.location)

    try:
        data = await engine.call(read)
    except BlobNotFoundError as error:
        raise BlobNotFoundError(f"{at} is gone") from error
    except Exception as error:
        raise StorageError(f"{at} could not be read: {error}") from error
    digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
    if digest != blob.digest:
        raise IntegrityError(
            f"{at} has changed: {len(data)} bytes with SHA-256 {digest}, "
            f"written were {blob.size} bytes with {blob.digest}"
        )
    return data


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
