"""The layout of the graph: its version, constraints and indexes; checked, created, upgraded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.graph.connection import Connection
from artigraph_neo4j.graph.schema import SCHEMA_VERSION, create_schema, missing_rules, read_graph
from artigraph_neo4j.upkeep.upgrade import upgrade

__all__ = ["SchemaState", "check_schema", "install_schema", "upgrade_schema"]


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The state of this library's schema in a database.

    Attributes:
        version: The version of its layout; None where it does not have one yet.
        needed: The version that this library reads and writes.
        library: The version of the library that created or upgraded the layout, or None.
        missing: Constraints and indexes of ``needed`` that do not exist.
    """

    version: int | None
    needed: int
    library: str | None
    missing: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        """True where this library can use the graph, with all its indexes."""
        return self.version == self.needed and not self.missing


async def check_schema() -> SchemaState:
    """Tell which layout the graph has. Two round trips, on a connection of its own.

    Raises:
        SchemaError: The graph is of a newer version of this library.
        ConnectionFailed: The database stayed out of reach.
    """
    return await get_engine().maintain(_check)


async def install_schema() -> SchemaState:
    """Create constraints and indexes, and the graph's id, where they are missing.

    Many processes may do this at once. It does not change what exists, and does not upgrade.

    Returns:
        The state afterwards.

    Raises:
        SchemaError: The graph is of a newer version of this library.
        ConnectionFailed: The database stayed out of reach.
    """

    async def work(connection: Connection) -> SchemaState:
        if await read_graph(connection) is None:
            await create_schema(connection)
        return await _check(connection)

    return await get_engine().maintain(work)


async def upgrade_schema(*, progress: Callable[[int, int], object] | None = None) -> int:
    """Bring the graph to the layout of this version of the library, in place.

    Make a backup first, and end all programs that use the graph: data that older programs write
    during the upgrade would lack what newer ones look for. It works on 10,000 nodes at a time, may
    be killed and started again, and where two processes do it, one waits for the other. On a graph
    that is up to date it only creates missing constraints and indexes.

    Args:
        progress: Called after every batch, on the library's I/O thread, with the number of nodes
            done and the number of all nodes.

    Returns:
        The version that the graph had.

    Raises:
        SchemaError: The database has no graph, or one of a newer version, or it cannot be upgraded.
        ConnectionFailed: The database stayed out of reach. Batches done so far stay.
    """
    return await get_engine().maintain(lambda connection: upgrade(connection, progress))


async def _check(connection: Connection) -> SchemaState:
    graph = await read_graph(connection)
    return SchemaState(
        graph.schema_version if graph else None,
        SCHEMA_VERSION,
        graph.library_version if graph else None,
        tuple(await missing_rules(connection)),
    )
