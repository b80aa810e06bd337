"""The statement that finds one shortest path from an artifact to one of its ancestors.

A walk upstream visits each node once and puts it into a layer by its distance. Then the path is
followed back from its end through one node of each layer. With both ends bound, ``ANY SHORTEST``
would search from both, but among several shortest paths it returns any; and from an ancestor that
everything uses it meets all its users.
"""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.lineage import DERIVES
from artigraph_neo4j.graph.cypher.parts import DELETES, artifact_stays, node_stays

__all__ = ["SHORTEST_WAY"]


def _whole(parameter: str, name: str, condition: str) -> str:
    return f"""OPTIONAL MATCH ({name}_:ArtigraphNode {{node_id: ${parameter}}})
  USING INDEX SEEK {name}_:ArtigraphNode(node_id)
WHERE {condition}
OPTIONAL MATCH ({name}_)<-[:HAS_FIELD*0..]-({name})
WHERE NOT EXISTS {{ ({name})<-[:HAS_FIELD]-() }}"""


_TIME = "coalesce({0}.opened_at, {0}.recorded_at)"

_LATEST = f"""reduce(latest = null,
    y IN [y IN layers[i] WHERE EXISTS {{ (y)-[:{DERIVES}]->(z) WHERE z = last(way) }}] |
    CASE WHEN {_TIME.format("y")} <= {_TIME.format("latest")} THEN latest ELSE y END)"""

SHORTEST_WAY = f"""
{DELETES}
{_whole("later", "a", f"a_:Artifact AND {artifact_stays('a_')}")}
{_whole("earlier", "b", f"(b_:Span OR b_:Artifact) AND {node_stays('b_')}")}
CALL (deletes, a) {{
  MATCH p = (a)-[:{DERIVES}*1..]->(n)
  WITH deletes, n, min(length(p)) AS distance
  WHERE {node_stays("n")}
  WITH distance, collect(n) AS layer ORDER BY distance
  RETURN collect(layer) AS layers
}}
WITH a, b, layers, head([i IN range(0, size(layers) - 1) WHERE b IN layers[i]]) AS end
WITH a, b, CASE WHEN end IS NULL THEN [null]
  ELSE reduce(way = [b], i IN range(end - 1, 0, -1) | way + [{_LATEST}]) END AS way
CALL (a, way) {{
  WITH [a] + reverse(way) AS nodes WHERE all(n IN way WHERE n IS NOT NULL)
  UNWIND range(0, size(nodes) - 1) AS i
  WITH i, nodes[i] AS n
  RETURN collect([n.node_id, i, n:Span, labels(n), coalesce(n.label, n.artifact_label), n.model,
    toStringOrNull(coalesce(n.opened_at, n.recorded_at)), n.status]) AS steps
}}
RETURN a.node_id, b.node_id, steps
"""
"""A statement with one row: the ids of the whole artifacts or spans, null for one that does not
exist, and the nodes of the path in order, empty if there is no path. Of several shortest paths it
is the one whose nodes are the latest, from the earlier end."""
