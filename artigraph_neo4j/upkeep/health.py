"""Facts about a server and a graph that show whether they are in order."""

from __future__ import annotations

import time
from dataclasses import dataclass

from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.graph.connection import Connection
from artigraph_neo4j.graph.cypher import blobs, delete, summaries

__all__ = ["ServerFacts", "count_unfinished_deletes", "read_server", "read_storage_names"]

_IDLE_SECONDS = 300
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The facts about a server that one connection sees.

    Attributes:
        version: The version of Neo4j.
        edition: ``"community"`` or ``"enterprise"``.
        skew: Seconds by which its clock is ahead of this machine's; negative if it is behind.
        seconds: Seconds that a round trip takes, the best of three.
    """

    version: str
    edition: str
    skew: float
    seconds: float


async def read_server() -> ServerFacts:
    """Read the facts about the server of the current engine. Four round trips.

    Raises:
        ConnectionFailed: The server is out of reach, or refuses the login.
    """
    return await get_engine().maintain(_ask)


async def _ask(connection: Connection) -> ServerFacts:
    await connection.run("RETURN 1", {}, "read", deadline=_CONNECT_SECONDS)
    best = ServerFacts("", "", 0.0, float("inf"))
    for _ in range(3):
        begin = time.time()
        ((version, edition, millis),) = await connection.run(summaries.SERVER, {}, "read")
        end = time.time()
        if end - begin < best.seconds:
            skew = millis / 1000 - (begin + end) / 2
            best = ServerFacts(version, edition, skew, end - begin)
    return best


async def read_storage_names() -> list[str]:
    """Read the names of all storages that the graph refers to, sorted. One round trip."""
    ((names,),) = await get_engine().ask(blobs.BLOB_STORAGES, {})
    return sorted(names)


async def count_unfinished_deletes() -> int:
    """Count the spans and artifacts at the top of abandoned deletes. One round trip."""
    rows = await get_engine().ask(delete.MARKED, {"idle": _IDLE_SECONDS})
    return sum(len(ids) for _, ids in rows)
