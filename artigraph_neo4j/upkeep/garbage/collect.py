"""Garbage collection: stored values without a reference in the graph, and missing values.

A stored value may be deleted when no Blob node names it and it is older than ``min_age``: by then
its writer has committed or given up, and a value that no committed Blob node names is never used
again (see ``values/upload.py``). Only names of the library's own form below the graph's own prefix
are looked at, and only where an object in that prefix says that it belongs to this graph.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import StorageError
from artigraph_neo4j.graph.cypher import blobs as cypher
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.storage.known import find_storage, how_to_name
from artigraph_neo4j.upkeep.garbage.scan import BlobReference, Collection, GarbageReport, Tally
from artigraph_neo4j.values.upload import MIN_AGE

__all__ = [
    "BlobReference",
    "GarbageReport",
    "Tally",
    "collect_garbage",
    "take_new_graph_id",
]


async def collect_garbage(
    storage: Storage | None = None,
    *,
    dry_run: bool = True,
    min_age: timedelta = MIN_AGE,
    progress: Callable[[GarbageReport], None] | None = None,
) -> list[GarbageReport]:
    """Find stored values that nothing in the graph refers to, and delete them if asked to.

    Programs may go on writing. Only this graph's values are looked at: names of the form
    ``ag/<graph id>/<SHA-256>-<UUIDv7>``, where an object in that prefix names this graph.

    One round trip for every 100,000 Blob nodes and one for every 1,000 objects that seem to be
    garbage, plus the requests that list the storage.

    Args:
        storage: The storage to look at; by default the engine's and all that Blob nodes name.
        dry_run: Whether to delete nothing.
        min_age: The minimum age of values to delete. With less than the default of a day, you have
            to be sure that no program takes longer than half of it from the upload of a value to
            its commit, even if the machine sleeps.
        progress: Called with the report after each batch.

    Returns:
        A report for each storage, in order of their names.

    Raises:
        StorageError: A storage failed, cannot list, was not named by this process, or does not say
            that the prefix belongs to this graph; nothing more was deleted then.
        ValueError: ``min_age`` is negative.
        ConnectionFailed: The database stayed out of reach.
    """
    if min_age < timedelta(0):
        raise ValueError(f"min_age must not be negative, as {min_age} is")
    engine = get_engine()
    graph = await engine.graph()
    reports: list[GarbageReport] = []
    for place in [storage] if storage is not None else await _storages(engine):
        report = GarbageReport(place.name, graph.graph_id, min_age, dry_run)
        await Collection(engine, place, report, progress).run()
        reports.append(report)
    return reports


async def _storages(engine: Engine) -> list[Storage]:
    ((names,),) = await engine.ask(cypher.BLOB_STORAGES, {})
    found = {} if engine.storage is None else {engine.storage.name: engine.storage}
    unknown: list[str] = []
    for name in names:
        place = found.get(name) or find_storage(name)
        if place is None:
            unknown.append(name)
        else:
            found[name] = place
    if unknown:
        first = min(unknown)
        raise StorageError(
            f"this graph has values in {', '.join(map(repr, sorted(unknown)))}, which neither this "
            f"program nor its environment named; {how_to_name(first)}, or say which storage to "
            "look in"
        )
    return [found[name] for name in sorted(found)]


async def take_new_graph_id() -> str:
    """Give the graph a new id, which a copy of a database needs before it collects garbage.

    The copy refers to values that belong to the graph it was copied from. With a new id it has its
    own prefix, so that values which the original has stored since do not count as its garbage. Stop
    the programs that write to the copy first: a connected program keeps the old id, and may not
    store values any more. One round trip, and another to connect again.

    Returns:
        The new id. The old one stays at the graph's node, as ``copied_from``.

    Raises:
        ConnectionFailed: The database stayed out of reach.
    """
    engine = get_engine()
    await engine.ready()
    await engine.write(cypher.NEW_GRAPH_ID, {"new": new_id()})
    await engine.aclose()
    return (await engine.graph()).graph_id
