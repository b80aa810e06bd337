"""Moving what was recorded into the index of full-text search, many nodes at once."""

from __future__ import annotations

from artigraph_neo4j.graph.connection import Connection
from artigraph_neo4j.graph.cypher import indexing

__all__ = ["count_unindexed", "index_words"]

NODES = 2_000
"""Maximum number of nodes in a transaction: writes to them wait for its end."""


async def count_unindexed(connection: Connection) -> int:
    """Count the nodes that full-text search may not find yet; 0 means that it finds all.

    One round trip.
    """
    ((found,),) = await connection.run(indexing.COUNT_UNINDEXED, {}, "read")
    return int(found)


async def index_words(connection: Connection, *, deadline: float | None = None) -> int:
    """Let full-text search find everything that was recorded before.

    What others record meanwhile may be found too, or later. One round trip for every 2,000 nodes,
    and one more.

    Args:
        connection: The graph.
        deadline: Maximum seconds of each statement; by default the connection's.

    Returns:
        The number of nodes that search finds from now on.

    Raises:
        As ``Connection.run``; what was moved before stays.
    """

    async def move() -> int:
        parameters = {"size": NODES}
        rows = await connection.run(indexing.INDEX_WORDS, parameters, "write", deadline=deadline)
        return int(rows[0][0]) if rows else 0

    total, moved = 0, NODES
    while moved == NODES:  # one that sees fewer has seen all that there was
        total += (moved := await move())
    if moved:
        total += await move()  # usually 0: now readers see that nothing waits
    return total
