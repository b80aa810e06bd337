"""Statements that find artifacts with an origin that a policy forbids."""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.lineage import DERIVES
from artigraph_neo4j.graph.cypher.parts import DELETES, artifact_stays

__all__ = ["broken", "broken_by_write"]

_STEP = (
    "[n.node_id, i, n:Span, labels(n), coalesce(n.label, n.artifact_label), n.model, "
    "toStringOrNull(coalesce(n.opened_at, n.recorded_at)), n.status]"
)


def broken(*, ids: bool, source: str, through: str, inside: str) -> str:
    """Return the statement that finds artifacts that break a policy.

    Args:
        ids: Whether the artifacts are those of ``$ids``; otherwise those with the tag ``$tag``.
        source: A condition on an artifact ``f`` that none may derive from; the empty string if
            each must derive from a node that is ``through``.
        through: A condition on a node ``n`` that makes a path through it allowed, or required;
            ``false`` for none.
        inside: The same condition on a node ``y``.

    Returns:
        A text whose rows are chunks of ``[id of the artifact, id of the source, path]``: one path
        for each artifact that breaks the policy, as rows of steps; source and path are null if a
        required path is missing.
    """
    start = (
        "UNWIND $ids AS id\n"
        "MATCH (d:ArtigraphNode {node_id: id}) USING INDEX SEEK d:ArtigraphNode(node_id)\n"
        "WHERE d:Artifact"
        if ids
        else "MATCH (:ArtigraphTag {name: $tag})<-[:TAGGED]-(d:Artifact)\nWHERE true"
    )
    return f"""
{DELETES}
{start} AND {artifact_stays("d")}
WITH DISTINCT d ORDER BY d.node_id
{_forbidden(source, through, inside) if source else _demanded(through)}
WITH collect([d.node_id, source, way]) AS found
UNWIND range(0, size(found), 1000) AS i
RETURN found[i..i + 1000]
"""


def broken_by_write(*, source: str, through: str, inside: str) -> str:
    """Return the statement that tells whether artifacts of spans would break a policy.

    The artifacts do not have to exist yet. ``$writes`` holds pairs of a span's id and ids of
    artifacts of which the span's end will record that it used them; an artifact of the span derives
    from these, and from all that the span used before.

    Args:
        source: As for ``broken``.
        through: As for ``broken``.
        inside: As for ``broken``.

    Returns:
        A text whose rows are ``[id of the span, id of the source, path, step of the span]``: a
        forbidden path for the span and each of the artifacts used that has one, from there; or one
        row with nulls if a required path is missing.
    """
    look = f"""CALL (starts) {{
  UNWIND starts AS d
  MATCH p = (d)-[:{DERIVES}*0..]->(n)
  WITH n, min(length(p)) AS distance WHERE {through}
  RETURN count(n) AS ways
}}
WITH ways WHERE ways = 0
RETURN null AS source, null AS way"""
    if source:
        look = f"UNWIND starts AS d\n{_forbidden(source, through, inside, 0)}\nRETURN source, way"
    return f"""
UNWIND $writes AS w
CALL (w) {{
  OPTIONAL MATCH (n:ArtigraphNode {{node_id: w[0]}}) USING INDEX SEEK n:ArtigraphNode(node_id)
  RETURN coalesce({through}, false) AS passed, {_STEP.replace(" i,", " 0,", 1)} AS step
}}
WITH w, step WHERE NOT passed
CALL (w) {{
  UNWIND [w[0]] + w[1] AS id
  MATCH (d:ArtigraphNode {{node_id: id}}) USING INDEX SEEK d:ArtigraphNode(node_id)
  RETURN collect(DISTINCT d) AS starts
}}
CALL (starts) {{
{look}
}}
RETURN w[0], source, way, step
"""


def _forbidden(source: str, through: str, inside: str, least: int = 1) -> str:
    return f"""CALL (d) {{
  MATCH p = (d)-[:{DERIVES}*{least}..]->(f) WHERE none(n IN nodes(p) WHERE {through})
  WITH f, min(length(p)) AS distance WHERE f:Artifact AND ({source})
  RETURN f ORDER BY f.node_id LIMIT 1
}}
CALL (d, f) {{
  MATCH p = ANY SHORTEST (d)((x)-[:{DERIVES}]->(y) WHERE NOT ({inside})){{{least},}}(f)
  UNWIND range(0, length(p)) AS i
  WITH i, nodes(p)[i] AS n
  RETURN collect({_STEP}) AS way
}}
WITH d, f.node_id AS source, way"""


def _demanded(through: str) -> str:
    return f"""CALL (d) {{
  MATCH p = (d)-[:{DERIVES}*1..]->(n)
  WITH n, min(length(p)) AS distance WHERE {through}
  RETURN count(n) AS ways
}}
WITH d, null AS source, null AS way, ways WHERE ways = 0"""
