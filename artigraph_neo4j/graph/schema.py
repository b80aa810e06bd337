"""Constraints and indexes, and the one node that says which graph this is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from artigraph_neo4j._version import __version__
from artigraph_neo4j.errors import EngineError, SchemaError
from artigraph_neo4j.graph.connection import Connection
from artigraph_neo4j.ids import new_id

__all__ = ["SCHEMA_VERSION", "Graph", "create_schema", "read_graph"]

SCHEMA_VERSION = 1
"""The version of the layout that this library writes."""

_STATEMENTS = (
    # One base label on every span and artifact carries the one unique id: a look-up by another
    # label has no index and scans.
    "CREATE CONSTRAINT artigraph_node_id IF NOT EXISTS "
    "FOR (n:ArtigraphNode) REQUIRE n.node_id IS UNIQUE",
    # An artifact's label is unique within its span. The key is a hash of both, since a constraint
    # on the label would be global, and a long label would not fit into an index.
    "CREATE CONSTRAINT artigraph_artifact_key IF NOT EXISTS "
    "FOR ()-[h:HAS_ARTIFACT]-() REQUIRE h.key IS UNIQUE",
    "CREATE CONSTRAINT artigraph_blob_id IF NOT EXISTS FOR (b:Blob) REQUIRE b.blob_id IS UNIQUE",
    "CREATE CONSTRAINT artigraph_graph IF NOT EXISTS FOR (g:ArtigraphGraph) "
    "REQUIRE g.name IS UNIQUE",
    "CREATE INDEX artigraph_span_tree IF NOT EXISTS FOR (s:Span) ON (s.root_id, s.node_id)",
    "CREATE INDEX artigraph_span_opened IF NOT EXISTS "
    "FOR (s:Span) ON (s.depth, s.opened_at, s.node_id)",
    # Only open spans have the property, so this one stays small.
    "CREATE INDEX artigraph_span_writer IF NOT EXISTS FOR (s:Span) ON (s.writer_id)",
    "CREATE CONSTRAINT artigraph_writer_id IF NOT EXISTS "
    "FOR (w:ArtigraphWriter) REQUIRE w.writer_id IS UNIQUE",
    "CREATE INDEX artigraph_blob_digest IF NOT EXISTS FOR (b:Blob) ON (b.digest)",
)

_READ = (
    "OPTIONAL MATCH (g:ArtigraphGraph {name: 'artigraph'}) "
    "RETURN g.graph_id, g.schema_version, g.library_version"
)
_WRITE = (
    "MERGE (g:ArtigraphGraph {name: 'artigraph'}) "
    "ON CREATE SET g.graph_id = $graph_id, g.schema_version = $version, "
    "g.library_version = $library RETURN g.graph_id"
)


@dataclass(frozen=True, slots=True)
class Graph:
    """What the database says of itself.

    Attributes:
        graph_id: Tells this graph from all others; names of stored values begin with it.
        schema_version: The layout it was made with.
    """

    graph_id: str
    schema_version: int


async def read_graph(connection: Connection, *, deadline: float | None = None) -> Graph | None:
    """The graph in this database, or None where no schema was created. One round trip.

    Raises:
        SchemaError: A newer version of this library made it.
    """
    (row,) = await connection.run(_READ, {}, "read", deadline=deadline)
    graph_id, version, library = row
    if graph_id is None:
        return None
    if version > SCHEMA_VERSION:
        raise SchemaError(
            f"this graph has schema version {version}, made by artigraph-neo4j {library}; "
            f"version {__version__} knows {SCHEMA_VERSION} at the most: upgrade the library"
        )
    return Graph(graph_id, version)


async def create_schema(connection: Connection) -> Graph:
    """Create what is missing; safe when many processes start at once.

    Statements run one after the other, and a rule that another process made in the same moment is
    no error (``IF NOT EXISTS`` alone raises it on a fresh server). The node that names the graph
    comes last, so whoever sees it sees a whole schema.
    """
    for statement in _STATEMENTS:
        await _create(connection, statement)
    await connection.run("CALL db.awaitIndexes(60)", {}, "read")
    parameters: dict[str, Any] = {
        "graph_id": new_id(),
        "version": SCHEMA_VERSION,
        "library": __version__,
    }
    ((graph_id,),) = await connection.run(_WRITE, parameters, "write")
    return Graph(graph_id, SCHEMA_VERSION)


async def _create(connection: Connection, statement: str) -> None:
    try:
        await connection.run(statement, {}, "write")
    except EngineError as error:
        if "AlreadyExists" not in str(error):
            raise
