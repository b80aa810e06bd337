"""Statements about what artifacts came from: ``USED``, shared artifacts, lineage.

``USED`` and ``HAS_ARTIFACT`` both start at the span, so a way back through the graph changes its
direction at every hop. No ``*`` pattern can say that, and a quantified one enumerates all ways (40
fully linked layers have 2^40). So lineage is walked breadth first, layer by layer, inside one
statement: each round of ``reduce`` takes the nodes beside the last layer that no earlier one had.
"""

from __future__ import annotations

from artigraph_neo4j.graph.deleting import DELETES, LOCK_ARTIFACT, artifact_stays, span_stays

__all__ = ["LINEAGE_DOWN", "LINEAGE_UP", "LINK_ARTIFACT", "USE_ARTIFACTS", "used_artifacts"]


def used_artifacts(pairs: str, scope: str = "n") -> str:
    """The part of a statement by which the span ``n`` used artifacts.

    Args:
        pairs: An expression: pairs of id and time, sorted so that writers lock in one order.
        scope: The variables that it needs, ``n`` first.

    A nested artifact counts as the whole that it is part of. One that is gone meanwhile is left
    out, and so is what the span made itself: to read it back is not to use it.
    """
    return f"""\
CALL ({scope}) {{
  UNWIND {pairs} AS u
  MATCH (x:ArtigraphNode {{node_id: u[0]}}) WHERE x:Artifact
  MATCH (x)<-[:HAS_FIELD*0..]-(a) WHERE NOT EXISTS {{ (a)<-[:HAS_FIELD]-() }}
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
OPTIONAL MATCH (s:ArtigraphNode {{node_id: $span}}) WHERE s:Span
OPTIONAL MATCH (a:ArtigraphNode {{node_id: $node_id}}) WHERE a:Artifact
SET s:Span
{LOCK_ARTIFACT}
WITH DISTINCT deletes
OPTIONAL MATCH (s:ArtigraphNode {{node_id: $span}}) WHERE s:Span AND {span_stays("s")}
OPTIONAL MATCH (a:ArtigraphNode {{node_id: $node_id}}) WHERE a:Artifact AND {artifact_stays("a")}
OPTIONAL MATCH (whole)-[:HAS_FIELD]->(a)
OPTIONAL MATCH (newer)-[:SUPERSEDES]->(a)
CALL (s, a, whole, newer) {{
  WITH s, a, whole, newer
  WHERE s IS NOT NULL AND a IS NOT NULL AND whole IS NULL AND newer IS NULL
  MERGE (s)-[h:HAS_ARTIFACT]->(a)
    ON CREATE SET h.label = $label, h.key = $key, h.linked_at = datetime($at)
  RETURN collect(h.label) AS labels
}}
RETURN s.node_id, a.node_id, whole.node_id, newer.node_id, labels
"""
"""``linked_at`` tells sharing from producing: an artifact comes from the one span without it."""


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
