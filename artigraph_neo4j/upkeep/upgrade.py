"""Steps that bring a graph of an older layout to the present one.

One process at a time upgrades: it claims the node that names the graph and reports there, every
few seconds, that it is alive. Each transaction notes its progress on that node, so that after a
kill the next process continues where the last one stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from artigraph_neo4j._version import __version__
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import SchemaError
from artigraph_neo4j.graph.connection import Connection
from artigraph_neo4j.graph.cypher.parts import lock
from artigraph_neo4j.graph.names import INDEXED_LABEL, WORDS
from artigraph_neo4j.graph.schema import SCHEMA_VERSION, create_rules, read_graph

__all__ = ["STEPS", "Upgrade", "upgrade"]

LEASE_SECONDS = 20.0
"""Seconds without a heartbeat after which an upgrading process counts as dead."""

BATCH = 10_000
"""Maximum number of nodes in one transaction."""

# The write takes the node's lock; a match after it sees what others committed before.
_GRAPH = f"""
MATCH (l:ArtigraphGraph {{name: 'artigraph'}})
{lock("l", "ArtigraphGraph")}
WITH count(*) AS locked
MATCH (g:ArtigraphGraph {{name: 'artigraph'}})"""

_CLAIM = f"""
{_GRAPH}
WHERE g.upgrade_owner IS NULL OR g.upgrade_owner = $owner
  OR g.upgrade_seen < datetime.realtime() - duration({{seconds: $lease}})
SET g.upgrade_owner = $owner, g.upgrade_seen = datetime.realtime()
RETURN g.schema_version, coalesce(g.upgrade_after, ''), coalesce(g.upgrade_done, 0)
"""

_ALIVE = f"""
{_GRAPH}
WHERE g.upgrade_owner = $owner
SET g.upgrade_seen = datetime.realtime()
"""

_VERSION = f"""
{_GRAPH}
WHERE g.upgrade_owner = $owner
SET g.schema_version = $version, g.library_version = $library
REMOVE g.upgrade_after, g.upgrade_done
RETURN g.schema_version
"""

_RELEASE = f"""
{_GRAPH}
WHERE g.upgrade_owner = $owner
REMOVE g.upgrade_owner, g.upgrade_seen
"""

_COUNT = "MATCH (n:ArtigraphNode) RETURN count(n)"


def _pass(version: int, change: str) -> str:
    """Return the statement that changes the next nodes ``n``, in order of ids, for one version."""
    return f"""
{_GRAPH}
WHERE g.upgrade_owner = $owner AND g.schema_version = {version}
CALL () {{
  MATCH (n:ArtigraphNode) USING INDEX SEEK n:ArtigraphNode(node_id) WHERE n.node_id > $after
  WITH n ORDER BY n.node_id LIMIT $size
  {change}
  RETURN max(n.node_id) AS last, count(*) AS seen
}}
SET g.upgrade_after = coalesce(last, $after), g.upgrade_done = coalesce(g.upgrade_done, 0) + seen,
  g.upgrade_seen = datetime.realtime()
RETURN last, seen
"""


_MAKERS_AND_WORDS = _pass(
    3,
    f"""CALL (n) {{
    MATCH (n)<-[h:HAS_ARTIFACT]-(s:Span) WHERE h.linked_at IS NULL
    MERGE (n)-[:MADE_BY]->(s)
    RETURN count(*) AS makers
  }}
  FOREACH (_ IN CASE WHEN coalesce({", ".join(f"n.{name}" for name in WORDS)}) IS NULL
    THEN [] ELSE [1] END | SET n:{INDEXED_LABEL})""",
)

_OLD_TEXT_INDEX = "DROP INDEX artigraph_text IF EXISTS"

Progress = Callable[[int, int], object]


class Upgrade:
    """One upgrade under way.

    Args:
        connection: The graph.
        owner: Id of this process among those that want to upgrade.
        after: The last ``node_id`` that an earlier process finished.
        done: Number of nodes that it finished.
        progress: Called with the number of nodes done and of all nodes.
    """

    def __init__(
        self, connection: Connection, owner: str, after: str, done: int, progress: Progress | None
    ) -> None:
        self.connection = connection
        self.owner = owner
        self.after = after
        self.done = done
        self.progress = progress

    async def batches(self, statement: str) -> None:
        """Run a statement on all nodes in order of their ids, ``BATCH`` at a time.

        Raises:
            SchemaError: Another process took this one for dead and continues in its place.
        """
        ((total,),) = await self.connection.run(_COUNT, {}, "read")
        last: str | None = self.after
        while last is not None:
            self.after = last
            parameters = {"owner": self.owner, "after": last, "size": BATCH}
            rows = await self.connection.run(statement, parameters, "write")
            if not rows:
                raise SchemaError(_TAKEN_OVER)
            ((last, seen),) = rows
            self.done += seen
            if self.progress is not None:
                self.progress(min(self.done, total), total)

    async def finish(self, version: int) -> None:
        """Record that the graph has this version; the last action of a step."""
        parameters = {"owner": self.owner, "version": version, "library": __version__}
        if not await self.connection.run(_VERSION, parameters, "write"):
            raise SchemaError(_TAKEN_OVER)
        self.after, self.done = "", 0


_TAKEN_OVER = (
    "another process went on with this upgrade, since nothing was heard of this one for "
    f"{LEASE_SECONDS:.0f} s; nothing is lost: run the upgrade again to see it through"
)


async def _from_3(work: Upgrade) -> None:
    """Add ``MADE_BY`` from each artifact to the span that made it, and the label for search.

    Full-text search looked at all spans and artifacts before; its index is built anew, at once.
    """
    await work.batches(_MAKERS_AND_WORDS)
    await work.connection.run(_OLD_TEXT_INDEX, {}, "write")


STEPS: dict[int, Callable[[Upgrade], Awaitable[None]]] = {3: _from_3}
"""The step from each version to the next. A step may be run again, from its start or from where it
stopped: the result is the same."""


async def upgrade(connection: Connection, progress: Progress | None = None) -> int:
    """Bring the graph to ``SCHEMA_VERSION``, and create what is missing of constraints and indexes.

    Waits for another process that is upgrading.

    Returns:
        The version that the graph had.

    Raises:
        SchemaError: The database has no graph, or one of a newer version, or it cannot be upgraded.
    """
    graph = await read_graph(connection)
    if graph is None:
        raise SchemaError(
            "this database has no schema of this library yet; create it with: "
            "artigraph schema install"
        )
    if graph.schema_version < min(STEPS):
        raise SchemaError(
            f"this graph has schema version {graph.schema_version}, which no release of this "
            f"library wrote; upgrades begin at version {min(STEPS)}: export its spans with the "
            "version of the library that wrote it, and import the file into a new graph"
        )
    owner = new_id()
    version, after, done = await _claim(connection, owner)
    heart = asyncio.create_task(_beat(connection, owner))
    try:
        work = Upgrade(connection, owner, after, done, progress)
        for step in range(version, SCHEMA_VERSION):
            await STEPS[step](work)
            if step + 1 == SCHEMA_VERSION:
                await create_rules(connection)
            await work.finish(step + 1)
        if version == SCHEMA_VERSION:
            await create_rules(connection)
    finally:
        heart.cancel()
        with suppress(asyncio.CancelledError):
            await heart
        await connection.run(_RELEASE, {"owner": owner}, "write")
    return graph.schema_version


async def _claim(connection: Connection, owner: str) -> Any:
    parameters = {"owner": owner, "lease": LEASE_SECONDS}
    while True:
        rows = await connection.run(_CLAIM, parameters, "write")
        if rows:
            return rows[0]
        await asyncio.sleep(0.5)


async def _beat(connection: Connection, owner: str) -> None:
    while True:
        await asyncio.sleep(LEASE_SECONDS / 4)
        await connection.run(_ALIVE, {"owner": owner}, "write")
