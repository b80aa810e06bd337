"""One content as an object of a storage, under the prefix of its graph."""

from __future__ import annotations

from weakref import WeakValueDictionary

from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import StorageError
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.storage.names import blob_name, graph_prefix, marker, marker_key
from artigraph_neo4j.values.moving import asked
from artigraph_neo4j.values.transfer import Content, put, storing

__all__ = ["upload"]

_marked: WeakValueDictionary[tuple[int, str], Storage] = WeakValueDictionary()
"""Storages known to have the marker of a graph, by the storage's identity and the graph's id."""


async def upload(
    engine: Engine, storage: Storage, content: Content, where: str, graph_id: str
) -> str:
    """Store one content under the prefix of a graph, which is marked first.

    Returns:
        The location of the content.

    Raises:
        StorageError: The storage failed; ``StalledError`` if it does not answer.
    """
    key = f"{graph_prefix(graph_id)}{blob_name(await content.digest())}"
    with storing(where, storage, content.size):
        await _mark(engine, storage, graph_id)
    return await put(engine, storage, content, key, where)


async def _mark(engine: Engine, storage: Storage, graph_id: str) -> None:
    """Put the marker object that names the graph of a prefix, unless it exists; gc checks it.

    Each process looks for it once. A storage that cannot list gets none, since nothing can be
    collected there. If listing is not permitted, the object is put again; it is always the same.
    """
    if type(storage).list is Storage.list or (id(storage), graph_id) in _marked:
        return
    await asked(engine, storage, lambda: _put_marker(storage, graph_id))
    _marked[id(storage), graph_id] = storage


async def _put_marker(storage: Storage, graph_id: str) -> None:
    key = marker_key(graph_id)
    try:
        found = [item async for item in storage.list(key)]
    except StorageError:
        found = []
    if not found:
        await storage.put(marker(graph_id), key=key)
