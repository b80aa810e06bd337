"""Stored bytes of fields: fetched, checked, made into values; many, not too many, at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, TypeVar

from artigraph_neo4j.engine import Engine
from artigraph_neo4j.handles import lazy_of, read_blob
from artigraph_neo4j.model.decode import Loading
from artigraph_neo4j.model.encode import TREE
from artigraph_neo4j.transfer import fetch

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
    lazy = [item for item in loadings if item.lazy]
    graph_id = (await engine.graph()).graph_id if lazy else ""
    for item in lazy:
        item.value = lazy_of(engine, graph_id, item)
        item.data = None
    await together(partial(_load_one, engine, item) for item in loadings if not item.lazy)


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


async def together(work: Iterable[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
    """Run all, a bounded number at once; the first error ends the others and is raised as it is."""
    starts = list(work)
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
