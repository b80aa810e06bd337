"""Constraints and indexes, and the one node that identifies the graph."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from artigraph_neo4j._version import __version__
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import SchemaError
from artigraph_neo4j.graph.connection import Connection
from artigraph_neo4j.graph.failures import AlreadyExistsError
from artigraph_neo4j.graph.names import (
    FAILED_LABEL,
    INDEXED_LABEL,
    OPEN_LABEL,
    STORED_LABEL,
    WORDS,
)

__all__ = [
    "INDEXES",
    "SCHEMA_VERSION",
    "UNIQUE",
    "Graph",
    "Index",
    "create_rules",
    "create_schema",
    "index_on",
    "missing_rules",
    "read_graph",
]

SCHEMA_VERSION = 4
"""Version of the layout that this library writes."""


class Index(NamedTuple):
    """An index on properties of the nodes of a label.

    Attributes:
        name: Its name in the database, after ``artigraph_``.
        label: The label.
        properties: The properties; a seek by the first returns nodes in the order of the others.
    """

    name: str
    label: str
    properties: tuple[str, ...]


INDEXES = (
    Index("span_tree", "Span", ("root_id", "node_id")),
    Index("span_opened", "Span", ("depth", "opened_at", "node_id")),
    Index("span_time", "Span", ("opened_at", "node_id")),
    # label_ is the first 256 characters of a label: an index takes no key over 8,160 bytes.
    Index("span_label", "Span", ("label_",)),
    Index("span_status", "Span", ("status", "opened_at", "node_id")),
    Index("span_duration", "Span", ("duration_",)),
    # Only open spans have the property, so this one stays small.
    Index("span_writer", "Span", ("writer_id",)),
    Index("artifact_time", "Artifact", ("recorded_at", "node_id")),
    Index("artifact_label", "Artifact", ("label_",)),
    Index("artifact_model", "Artifact", ("model", "model_version", "recorded_at", "node_id")),
    Index("blob_digest", "Blob", ("digest",)),
)
"""All indexes on properties; queries look here for an index to use."""

UNIQUE = (
    # The base label of every span and artifact has the index on the unique id; a look-up by another
    # label would not have an index, and scan.
    Index("node_id", "ArtigraphNode", ("node_id",)),
    # Of the attempts of a keyed run only the newest has it; see ``graph.cypher.runs``.
    Index("span_key", "Span", ("key_",)),
    Index("blob_id", "Blob", ("blob_id",)),
    Index("graph", "ArtigraphGraph", ("name",)),
    Index("tag", "ArtigraphTag", ("name",)),
    Index("writer_id", "ArtigraphWriter", ("writer_id",)),
    Index("lane_id", "ArtigraphLane", ("lane_id",)),
)
"""All properties that are unique among the nodes of a label; each has an index."""


def index_on(label: str, property_: str) -> tuple[str, str]:
    """Return the label and property to seek by.

    Raises:
        LookupError: No index begins with this property.
    """
    if any((i.label, i.properties[0]) == (label, property_) for i in (*INDEXES, *UNIQUE)):
        return label, property_
    raise LookupError(f"there is no index on {property_} of {label}")


_STATEMENTS = (
    *(
        f"CREATE CONSTRAINT artigraph_{name} IF NOT EXISTS "
        f"FOR (n:{label}) REQUIRE n.{property_} IS UNIQUE"
        for name, label, (property_,) in UNIQUE
    ),
    # An artifact's label is unique within its span. The key is a hash of both, since a constraint
    # on the label would be global, and a long label would not fit into an index.
    "CREATE CONSTRAINT artigraph_artifact_key IF NOT EXISTS "
    "FOR ()-[h:HAS_ARTIFACT]-() REQUIRE h.key IS UNIQUE",
    *(
        f"CREATE INDEX artigraph_{name} IF NOT EXISTS "
        f"FOR (n:{label}) ON ({', '.join(f'n.{property_}' for property_ in properties)})"
        for name, label, properties in INDEXES
    ),
    # Nodes get this label after they were recorded, many at once: after each commit that adds to
    # the index the server opens it anew, which costs more than a whole small write.
    "CREATE FULLTEXT INDEX artigraph_text IF NOT EXISTS "
    f"FOR (n:{INDEXED_LABEL}) ON EACH [{', '.join(f'n.{name}' for name in WORDS)}]",
)

_LABELS = f"""
UNWIND ['{FAILED_LABEL}', '{OPEN_LABEL}', '{STORED_LABEL}', 'Span', 'Artifact', 'Blob'] AS label
CALL db.createLabel(label)
"""
"""A statement that runs before all rules: the newer Neo4j Browser colors a node by the label of it
that the database knew first, and with ``ArtigraphNode`` spans and artifacts would look the same."""

_STATES = "SHOW INDEXES YIELD name, state WHERE name STARTS WITH 'artigraph' RETURN name, state"
_READ = (
    "OPTIONAL MATCH (g:ArtigraphGraph {name: 'artigraph'}) "
    "RETURN g.graph_id, g.schema_version, g.library_version, timestamp()"
)
_WRITE = (
    "MERGE (g:ArtigraphGraph {name: 'artigraph'}) "
    "ON CREATE SET g.graph_id = $graph_id, g.schema_version = $version, "
    "g.library_version = $library RETURN g.graph_id"
)


@dataclass(frozen=True, slots=True)
class Graph:
    """The identity and layout of a graph, as stored in the database.

    Attributes:
        graph_id: The graph's unique id; names of stored values begin with it.
        schema_version: The version of its layout.
        library_version: The version of this library that gave it that layout.
    """

    graph_id: str
    schema_version: int
    library_version: str


async def read_graph(connection: Connection, *, deadline: float | None = None) -> Graph | None:
    """Read the graph in this database; None if no schema was created. One round trip.

    Raises:
        SchemaError: A newer version of this library made the graph.
    """
    (row,) = await connection.run(_READ, {}, "read", deadline=deadline)
    graph_id, version, library, clock = row
    connection.lanes.heard(clock)
    if graph_id is None:
        return None
    if version > SCHEMA_VERSION:
        raise SchemaError(
            f"this graph has schema version {version}, made by artigraph-neo4j {library}; "
            f"version {__version__} knows {SCHEMA_VERSION} at the most: upgrade the library"
        )
    return Graph(graph_id, version, library)


async def create_schema(connection: Connection) -> Graph:
    """Create the parts of the schema that are missing; safe when many processes start at once.

    Statements run one after the other, and a rule that another process made at the same moment is
    not an error (``IF NOT EXISTS`` alone raises one on a fresh server). The node that identifies
    the graph comes last, so its presence means that the schema is complete.
    """
    await create_rules(connection)
    parameters: dict[str, Any] = {
        "graph_id": new_id(),
        "version": SCHEMA_VERSION,
        "library": __version__,
    }
    ((graph_id,),) = await connection.run(_WRITE, parameters, "write")
    return Graph(graph_id, SCHEMA_VERSION, __version__)


async def create_rules(connection: Connection) -> None:
    """Create the constraints and indexes that are missing, and wait until all are ready.

    Raises:
        SchemaError: Stored data violates a constraint, so it cannot be created.
    """
    await connection.run(_LABELS, {}, "write")
    for statement in _STATEMENTS:
        await _create(connection, statement)
    while True:
        states = dict(await connection.run(_STATES, {}, "read"))
        for name, state in states.items():
            if state == "FAILED":
                raise SchemaError(f"Neo4j could not build the index {name}; its log says why")
        if set(states.values()) <= {"ONLINE"}:
            return
        await asyncio.sleep(0.1)


async def missing_rules(connection: Connection) -> list[str]:
    """Return the names of constraints and indexes that are missing. One round trip."""
    there = dict(await connection.run(_STATES, {}, "read"))
    return [name for name in map(_name, _STATEMENTS) if name not in there]


def _name(statement: str) -> str:
    words = statement.split()
    return words[words.index("IF") - 1]


async def _create(connection: Connection, statement: str) -> None:
    with suppress(AlreadyExistsError):
        await connection.run(statement, {}, "write")
