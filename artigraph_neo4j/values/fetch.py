"""Stored bytes of fields: fetched, checked and deserialized, a bounded number at a time."""

from __future__ import annotations

import asyncio
from functools import partial

from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import ArtigraphError, ConnectionFailed
from artigraph_neo4j.model.decode import Loading
from artigraph_neo4j.model.encode import TREE
from artigraph_neo4j.values.stored_value import lazy_of, read_blob
from artigraph_neo4j.values.transfer import fetch, together

__all__ = [
    "load",
]


async def load(engine: Engine, loadings: list[Loading], *, keep_errors: bool = False) -> None:
    """Fetch values from their storages, and deserialize all bytes.

    Args:
        engine: The graph.
        loadings: The fields.
        keep_errors: Whether an error is noted on its field, whose ``finish`` raises it, and the
            others are loaded.

    Raises:
        BlobNotFoundError: A value is missing from its storage.
        IntegrityError: The stored bytes are not those that were written.
        StorageError: A storage failed.
        SerializationError: The bytes cannot be read.
    """
    lazy = [item for item in loadings if item.lazy]
    graph_id = (await engine.graph()).graph_id if lazy else ""
    for item in lazy:
        item.value = lazy_of(engine, graph_id, item)
        item.data = None
    one = _load_or_note if keep_errors else _load_one
    await together(partial(one, engine, item) for item in loadings if not item.lazy)


async def _load_or_note(engine: Engine, item: Loading) -> None:
    try:
        await _load_one(engine, item)
    except ConnectionFailed:  # nothing else can be read either
        raise
    except ArtigraphError as error:
        item.error = error


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
