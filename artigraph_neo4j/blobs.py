"""Stored bytes of fields: fetched, checked, made into values; many, not too many, at a time."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, TypeVar

from artigraph_neo4j.engine import Engine
from artigraph_neo4j.errors import BlobNotFoundError, IntegrityError, StorageError
from artigraph_neo4j.model.decode import Loading

__all__ = ["TRANSFERS", "load", "together"]

T = TypeVar("T")

TRANSFERS = 16
"""Values on their way to or from storages at once, a call; each is held in memory meanwhile."""


async def load(engine: Engine, loadings: list[Loading]) -> None:
    """Fetch what is kept outside and turn all bytes into values.

    Raises:
        BlobNotFoundError: A value is missing from its storage.
        IntegrityError: It is not the one that was written.
        StorageError: A storage failed.
        SerializationError: The bytes cannot be read.
    """
    await together(partial(_load_one, engine, item) for item in loadings)


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
    if len(data) != blob.size:
        raise IntegrityError(f"{at} has changed: {len(data)} bytes, written were {blob.size}")
    if engine.verify_blobs:
        digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        if digest != blob.digest:
            raise IntegrityError(
                f"{at} has changed: its SHA-256 is {digest}, written was {blob.digest}"
            )
    return data


async def together(work: Iterable[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
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
