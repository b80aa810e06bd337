"""The statement that finds one shortest path from an artifact to one of its ancestors."""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.lineage import DERIVES
from artigraph_neo4j.graph.cypher.parts import DELETES, artifact_stays, span_stays

__all__ = ["SHORTEST_WAY"]


def _stays(name: str) -> str:
    return f"({name}:Span AND {span_stays(name)} OR {name}:Artifact AND {artifact_stays(name)})"


def _whole(parameter: str, name: str) -> str:
    return f"""OPTIONAL MATCH ({name}_:ArtigraphNode {{node_id: ${parameter}}})
  USING INDEX SEEK {name}_:ArtigraphNode(node_id)
WHERE {_stays(name + "_")}
OPTIONAL MATCH ({name}_)<-[:HAS_FIELD*0..]-({name})
WHERE NOT EXISTS {{ ({name})<-[:HAS_FIELD]-() }}"""


SHORTEST_WAY = f"""
{DELETES}
{_whole("later", "a")}
{_whole("earlier", "b")}
CALL (deletes, a, b) {{
  OPTIONAL MATCH p = ANY SHORTEST (a)(()-[:{DERIVES}]->())+(b)
  WITH deletes, CASE WHEN p IS NULL THEN [] ELSE nodes(p) END AS way
  WHERE deletes = 0 OR all(n IN way WHERE {_stays("n")})
  UNWIND range(0, size(way) - 1) AS i
  WITH i, way[i] AS n
  RETURN collect([n.node_id, i, n:Span, labels(n), coalesce(n.label, n.artifact_label), n.model,
    toString(coalesce(n.opened_at, n.recorded_at)), n.status]) AS way
}}
RETURN a.node_id, b.node_id, way
"""
"""A statement with one row: the ids of the whole artifacts or spans, null for one that does not
exist, and the nodes of the path in order, empty if there is no path. Both ends are bound, so the
search starts from both and never lists all paths."""
