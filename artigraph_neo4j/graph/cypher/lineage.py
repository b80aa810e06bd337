"""Statements about what artifacts came from: ``USED``, shared artifacts, lineage.

``USED`` and ``HAS_ARTIFACT`` both start at the span, so a way back through the graph changes its
direction at every hop. No ``*`` pattern can say that, and a quantified one enumerates all ways (40
fully linked layers have 2^40). So lineage is walked breadth first, layer by layer, inside one
statement: each round of ``reduce`` takes the nodes beside the last layer that no earlier one had.
"""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.parts import (
    DELETES,
    artifact_stays,
    span_stays,
)

__all__ = [
    "LINEAGE_DOWN",
    "LINEAGE_UP",
]


def _lineage(made: str, used: str) -> str:
    step = f"""
          UNWIND walk.last AS x MATCH {made.format("x")}
          WHERE h.linked_at IS NULL AND NOT y IN walk.seen RETURN DISTINCT y
          UNION
          UNWIND walk.last AS x MATCH {used.format("x")}
          WHERE NOT y IN walk.seen RETURN DISTINCT y"""
    return f"""
{DELETES}
OPTIONAL MATCH (s:ArtigraphNode {{node_id: $node_id}}) USING INDEX SEEK s:ArtigraphNode(node_id)
WHERE s:Artifact AND {artifact_stays("s")}
OPTIONAL MATCH (s)<-[:HAS_FIELD*0..]-(a) WHERE NOT EXISTS {{ (a)<-[:HAS_FIELD]-() }}
WITH a, deletes, reduce(
  outer = {{seen: [a], last: CASE WHEN a IS NULL THEN [] ELSE [a] END, layers: []}},
  _ IN range(1, 1000) |
    reduce(
      walk = outer,
      _ IN CASE WHEN outer.last = [] THEN [] ELSE range(1, 1000) END |
      CASE WHEN walk.last = [] OR size(walk.layers) >= $depth THEN walk
      ELSE head([next IN [COLLECT {{{step}
        }}] | {{seen: walk.seen + next, last: next, layers: walk.layers + [next]}}])
      END
    )
  ).layers AS layers
CALL (deletes, a, layers) {{
  UNWIND range(0, size(layers)) AS i
  UNWIND CASE WHEN i = 0 THEN [a] ELSE layers[i - 1] END AS n
  WITH deletes, i, n WHERE deletes = 0
    OR n:Span AND {span_stays("n")} OR n:Artifact AND {artifact_stays("n")}
  RETURN collect([
    n.node_id, i, n:Span, labels(n), coalesce(n.label, n.artifact_label), n.model,
    toString(coalesce(n.opened_at, n.recorded_at)), n.status,
    CASE WHEN $links THEN
      [{made.format("n")} WHERE h.linked_at IS NULL | y.node_id] + [{used.format("n")} | y.node_id]
      ELSE [] END
  ]) AS found
}}
UNWIND CASE WHEN a IS NULL THEN [null] ELSE range(0, size(found), 1000) END AS i
RETURN found[i..i + 1000]
"""


LINEAGE_UP = _lineage("({0})<-[h:HAS_ARTIFACT]-(y)", "({0})-[:USED]->(y)")
LINEAGE_DOWN = _lineage("({0})-[h:HAS_ARTIFACT]->(y)", "({0})<-[:USED]-(y)")
"""Chunks of nodes with their distance, and the ids of what the walk goes on to from each; the one
it starts at comes too. One row ``[null]`` says that the artifact does not exist.

Two rounds of 1,000 in each other cost a short walk 2,000 idle steps, where one of a million would
cost it half a second."""
