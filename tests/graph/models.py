"""Models, spans and statements that the tests of several rooms use."""

from __future__ import annotations

from dataclasses import dataclass, field

from neomodel import IntegerProperty

from artigraph_neo4j import ArtifactModel, Engine, Span, delete_artifacts, engine_context
from artigraph_neo4j.graph.cypher import parts as cypher_parts


@dataclass
class Part(ArtifactModel, version=1):
    n: int


@dataclass
class Whole(ArtifactModel, version=1):
    n: int
    parts: list[Part] = field(default_factory=list)
    text: str = ""


class EpochSpan(Span):
    epochs = IntegerProperty()


LINK = (
    "MATCH (s:ArtigraphNode {node_id: $span}) MATCH (a:ArtigraphNode {node_id: $artifact}) "
    f"{cypher_parts.lock('a', 'Artifact')} "
    f"WITH s, a {cypher_parts.DELETES} WITH s, a, deletes "
    f"WHERE {cypher_parts.artifact_stays('a')} "
    "MERGE (s)-[:HAS_ARTIFACT]->(a) RETURN a.node_id"
)
"""Gives one more span an artifact, unless it is being deleted."""


async def delete(engine: Engine, node_id: str) -> None:
    """Delete an artifact and its Blob nodes."""
    with engine_context(engine):
        await delete_artifacts(node_id)
