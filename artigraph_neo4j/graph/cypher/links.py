"""Statements that link artifacts to spans that use or share them."""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.once import ONCE, TURN, applied_if
from artigraph_neo4j.graph.cypher.parts import DELETES, artifact_stays, lock, span_stays

__all__ = [
    "LINK_ARTIFACT",
    "USE_ARTIFACTS",
    "used_artifacts",
]


def used_artifacts(pairs: str, scope: str = "n") -> str:
    """Return the part of a statement that records artifacts as used by the span ``n``.

    Args:
        pairs: An expression: pairs of id and time, sorted so that all writers lock in one order.
        scope: The variables that it needs, ``n`` first.

    A nested artifact counts as the whole that it is part of. Artifacts deleted since are left out,
    and so are parts of spans, and those that the span made itself: reading them back is not a use.
    """
    return f"""\
CALL ({scope}) {{
  UNWIND {pairs} AS u
  MATCH (x:ArtigraphNode {{node_id: u[0]}}) WHERE x:Artifact
  MATCH (x)<-[:HAS_FIELD*0..]-(a:Artifact) WHERE NOT EXISTS {{ (a)<-[:HAS_FIELD]-() }}
  WITH n, a, min(u[1]) AS at
  WHERE NOT EXISTS {{ (n)-[h:HAS_ARTIFACT]->(a) WHERE h.linked_at IS NULL }}
  MERGE (n)-[r:USED]->(a)
    ON CREATE SET r.at = datetime(at)
  RETURN count(*) AS used
}}"""


USE_ARTIFACTS = f"""
MATCH (n:ArtigraphNode {{node_id: $node_id}}) WHERE n:Span
{used_artifacts("$used")}
RETURN n.node_id
"""


LINK_ARTIFACT = f"""
{DELETES}
{ONCE}
OPTIONAL MATCH (s:ArtigraphNode {{node_id: $span}}) WHERE s:Span
OPTIONAL MATCH (a:ArtigraphNode {{node_id: $node_id}}) WHERE a:Artifact
{lock("s", "Span")}
{lock("a", "Artifact")}
WITH DISTINCT deletes, lane, turn
OPTIONAL MATCH (s:ArtigraphNode {{node_id: $span}}) WHERE s:Span AND {span_stays("s")}
OPTIONAL MATCH (a:ArtigraphNode {{node_id: $node_id}}) WHERE a:Artifact AND {artifact_stays("a")}
OPTIONAL MATCH (whole)-[:HAS_FIELD]->(a)
OPTIONAL MATCH (newer)-[:SUPERSEDES]->(a)
WITH lane, turn, s, a, whole, newer,
  turn = 'now' AND s IS NOT NULL AND a IS NOT NULL AND whole IS NULL AND newer IS NULL AS fine
CALL (s, a, fine) {{
  WITH s, a WHERE fine
  MERGE (s)-[h:HAS_ARTIFACT]->(a)
    ON CREATE SET h.label = $label, h.key = $key, h.linked_at = datetime($at)
  RETURN collect(h.label) AS labels
}}
{applied_if("fine")}
RETURN {TURN}, s.node_id, a.node_id, whole.node_id, newer.node_id, labels
"""
"""A statement that shares an artifact. ``linked_at`` marks the relationship as sharing: the span
that made the artifact is the one whose relationship does not have it."""
