"""Stored bytes of fields: fetched, checked and deserialized, a bounded number at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import ArtigraphError, ConnectionFailed
from artigraph_neo4j.model.decode import Loading
from artigraph_neo4j.model.encode import TREE
from artigraph_neo4j.values.stored_value import lazy_of, read_blob
from artigraph_neo4j.values.transfer import fetch, together

__all__ = ["load"]

SMALL_BYTES = 64 * 1024
"""Maximum size of values that are fetched in groups: of larger ones, some are deserialized while
others are on their way."""

GROUP_BYTES = 16 * 1024 * 1024
"""Bytes in memory at which a group of small values is complete."""


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
    rest = [item for item in loadings if not item.lazy and not _is_small(item)]
    for group in _groups(item for item in loadings if not item.lazy and _is_small(item)):
        get = _get_or_note if keep_errors else _get
        await together((partial(get, engine, item) for item in group), engine)
        await together(partial(one, engine, item) for item in group if item.error is None)
    await together(partial(one, engine, item) for item in rest)


def _is_small(item: Loading) -> bool:
    return item.blob is not None and item.blob.size <= SMALL_BYTES


def _groups(items: Iterable[Loading]) -> Iterator[list[Loading]]:
    group, held = list[Loading](), 0
    for item in items:
        group.append(item)
        held += 0 if item.blob is None else item.blob.size
        if held >= GROUP_BYTES:
            yield group
            group, held = [], 0
    if group:
        yield group


async def _get_or_note(engine: Engine, item: Loading) -> None:
    with _noted(item):
        await _get(engine, item)


async def _load_or_note(engine: Engine, item: Loading) -> None:
    with _noted(item):
        await _load_one(engine, item)


@contextmanager
def _noted(item: Loading) -> Generator[None]:
    try:
        yield
    except ConnectionFailed:  # nothing else can be read either
        raise
    except ArtigraphError as error:
        item.error = error


async def _get(engine: Engine, item: Loading) -> None:
    if item.blob is not None:
        item.data = await fetch(engine, item.storage(engine.storage), item.blob, item.where)


async def _load_one(engine: Engine, item: Loading) -> None:
    if item.blob is None or item.data is not None:
        if item.heavy:
            await asyncio.to_thread(item.work)
        else:
            item.work()
    elif item.serializer == TREE:
        await _get(engine, item)
    else:
        storage, serializer = item.storage(engine.storage), item.find_serializer()
        item.value = await read_blob(engine, storage, item.blob, item.where, serializer)
