"""Steps that bring a graph of an older layout to today's.

One process at a time upgrades: it claims the node that names the graph and says now and then that
it is alive. What it did so far is noted there, in the same transaction, so that whoever comes after
one that was killed goes on where that was.
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
from artigraph_neo4j.graph.names import FAILED_LABEL, OPEN_LABEL, STORED_LABEL
from artigraph_neo4j.graph.schema import SCHEMA_VERSION, create_rules, read_graph

__all__ = ["STEPS", "Upgrade", "upgrade"]

LEASE_SECONDS = 20.0
"""After so long without a word from it, a process that was upgrading is taken for dead."""

BATCH = 10_000
"""Nodes in one transaction."""

# The write takes the node's lock; what is matched after it reads what others committed before.
_GRAPH = """
MATCH (l:ArtigraphGraph {name: 'artigraph'})
SET l.lock_ = true
REMOVE l.lock_
WITH count(*) AS locked
MATCH (g:ArtigraphGraph {name: 'artigraph'})"""

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

_TAKEN = """
MATCH (s:Span) WHERE s.label_ IS NOT NULL OR s.duration_ IS NOT NULL
RETURN count(s), head(collect(s.node_id))
"""


def _pass(version: int, change: str) -> str:
    """The statement that does the next nodes ``n`` of a graph of a version, in order of ids."""
    return f"""
{_GRAPH}
WHERE g.upgrade_owner = $owner AND g.schema_version = {version}
CALL () {{
  MATCH (n:ArtigraphNode) USING INDEX SEEK n:ArtigraphNode(node_id) WHERE n.node_id > $after
  WITH n ORDER BY n.node_id LIMIT $size
  SET {change}
  RETURN max(n.node_id) AS last, count(*) AS seen
}}
SET g.upgrade_after = coalesce(last, $after), g.upgrade_done = coalesce(g.upgrade_done, 0) + seen,
  g.upgrade_seen = datetime.realtime()
RETURN last, seen
"""


# left() counts characters, as Python does, not units of UTF-16.
_SHADOWS = _pass(
    1,
    """n += CASE
    WHEN n:Span THEN {
      label_: left(n.label, 256),
      duration_: ((n.closed_at.epochSeconds - n.opened_at.epochSeconds) * 1000000
        + n.closed_at.microsecond - n.opened_at.microsecond) / 1000000.0
    }
    WHEN n:Artifact AND n.artifact_label IS NOT NULL THEN {label_: left(n.artifact_label, 256)}
    ELSE {} END""",
)

_MARKS = _pass(
    2,
    f"""n:$(CASE
    WHEN n:Span AND n.status = 'ERROR' THEN ['{FAILED_LABEL}']
    WHEN n:Span AND n.closed_at IS NULL THEN ['{OPEN_LABEL}']
    WHEN n:Artifact AND EXISTS {{ (n)-[:STORED_IN]->() }} THEN ['{STORED_LABEL}']
    ELSE [] END)""",
)

Progress = Callable[[int, int], object]


class Upgrade:
    """One upgrade under way.

    Args:
        connection: The graph.
        owner: Tells this process from others that would upgrade.
        after: How far an earlier process came, by ``node_id``.
        done: How many nodes it did.
        progress: Called with nodes done and all nodes.
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
            SchemaError: Another process took this one for dead, and goes on in its place.
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
        """Say that the graph has this version, the last thing that a step does."""
        parameters = {"owner": self.owner, "version": version, "library": __version__}
        if not await self.connection.run(_VERSION, parameters, "write"):
            raise SchemaError(_TAKEN_OVER)
        self.after, self.done = "", 0


_TAKEN_OVER = (
    "another process went on with this upgrade, since nothing was heard of this one for "
    f"{LEASE_SECONDS:.0f} s; nothing is lost: run the upgrade again to see it through"
)


async def _from_1(work: Upgrade) -> None:
    """Shadows for the new indexes: the beginning of labels, how long spans took."""
    if not work.after:
        ((count, node_id),) = await work.connection.run(_TAKEN, {}, "read")
        if count:
            raise SchemaError(
                f"{count} spans, {node_id} for one, have properties label_ or duration_ of a class "
                "of yours; version 2 of the layout uses these names: rename the properties in the "
                "class and in the graph, then upgrade"
            )
    await work.batches(_SHADOWS)


async def _from_2(work: Upgrade) -> None:
    """Labels for what stands out in Neo4j Browser: spans that are open or failed, stored values."""
    await work.batches(_MARKS)


STEPS: dict[int, Callable[[Upgrade], Awaitable[None]]] = {1: _from_1, 2: _from_2}
"""What leads from each version to the next. A step may be run again, from the start or from where
it was: it ends in the same."""


async def upgrade(connection: Connection, progress: Progress | None = None) -> int:
    """Bring the graph to ``SCHEMA_VERSION``, and create what is missing of constraints and indexes.

    Waits for another process that is at it.

    Returns:
        The version that the graph had.

    Raises:
        SchemaError: There is no graph here, or one of a newer version, or the upgrade cannot be.
    """
    graph = await read_graph(connection)
    if graph is None:
        raise SchemaError(
            "this database has no schema of this library yet; create it with: "
            "artigraph schema install"
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
