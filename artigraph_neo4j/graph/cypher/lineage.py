"""Statements that read the lineage of an artifact: its ancestors or its descendants.

``MADE_BY`` leads from an artifact to the one span that made it, ``USED`` from a span to the
artifacts it read, so both point upstream and one pattern follows them at any length. Since it
returns distinct nodes with their least distance, it is planned as a breadth-first search that
visits each node once, however many paths lead there (40 fully linked layers have 2^40).
"""

from __future__ import annotations

from functools import lru_cache

from artigraph_neo4j.graph.cypher.parts import DELETES, artifact_stays, node_stays

__all__ = ["DERIVES", "UP", "WHOLE", "lineage"]

DERIVES = "MADE_BY|USED"
"""Relationship types of the derivation graph; both point from the later node to the earlier one."""

UP = {"up": ("-", "->"), "down": ("<-", "-")}
"""Arrow heads of a pattern over these relationships, by direction."""

WHOLE = f"""
OPTIONAL MATCH (s:ArtigraphNode {{node_id: $node_id}}) USING INDEX SEEK s:ArtigraphNode(node_id)
WHERE s:Artifact AND {artifact_stays("s")}
OPTIONAL MATCH (s)<-[:HAS_FIELD*0..]-(a) WHERE NOT EXISTS {{ (a)<-[:HAS_FIELD]-() }}"""
"""Part that finds the artifact ``a`` by id, or the whole it is nested in; null if there is none."""


@lru_cache(maxsize=128)
def lineage(direction: str, depth: int | None) -> str:
    """Return the statement for one direction, ``"up"`` or ``"down"``.

    Args:
        direction: ``"up"`` towards the artifact's ancestors, ``"down"`` towards its descendants.
        depth: Maximum number of relationships; it is part of the text, since Cypher does not accept
            a parameter there.

    Returns:
        A text whose rows are chunks of nodes with their distance, and the ids of the nodes one hop
        further from each; the first node is the start itself. One row ``[null]`` means that the
        artifact does not exist.
    """
    tail, head = UP[direction]
    return f"""
{DELETES}{WHOLE}
CALL (deletes, a) {{
  MATCH p = (a){tail}[:{DERIVES}*0..{depth or ""}]{head}(n)
  WITH deletes, n, min(length(p)) AS distance
  WHERE {node_stays("n")}
  RETURN collect([
    n.node_id, distance, n:Span, labels(n), coalesce(n.label, n.artifact_label), n.model,
    toStringOrNull(coalesce(n.opened_at, n.recorded_at)), n.status,
    CASE WHEN $links THEN [(n){tail}[:{DERIVES}]{head}(y) | y.node_id] ELSE [] END
  ]) AS found
}}
UNWIND CASE WHEN a IS NULL THEN [null] ELSE range(0, size(found), 1000) END AS i
RETURN found[i..i + 1000]
"""
