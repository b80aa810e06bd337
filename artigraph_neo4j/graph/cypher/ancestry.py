"""Statements that read all ancestors of some artifacts, with the details to reproduce them.

One walk upstream visits each node once. From an artifact the distance to spans is odd and to
artifacts even, so that no look at a node tells which it is. Hops are told by element ids, and facts
about a run once for each run. So a node costs the walk, one look at its relationships and one at
each property that is returned.
"""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.lineage import DERIVES
from artigraph_neo4j.graph.cypher.parts import DELETES, ROOTS_TO_ROWS, artifact_stays, node_stays

__all__ = ["RECIPE", "STALE"]

_WALK = f"""
{DELETES}
CALL (deletes) {{
  UNWIND $ids AS id
  OPTIONAL MATCH (s:ArtigraphNode {{node_id: id}}) USING INDEX SEEK s:ArtigraphNode(node_id)
  WHERE s:Artifact AND {artifact_stays("s")}
  OPTIONAL MATCH (s)<-[:HAS_FIELD*0..]-(whole) WHERE NOT EXISTS {{ (whole)<-[:HAS_FIELD]-() }}
  RETURN collect(DISTINCT whole) AS starts, collect([id, whole.node_id]) AS wholes
}}
CALL (deletes, starts) {{
  UNWIND starts AS a
  MATCH p = (a)-[:{DERIVES}*0..]->(n)
  WITH deletes, n, min(length(p)) AS distance
  WHERE {node_stays("n")}"""

_GONE = "needs = [] AND EXISTS { (n)<-[:HAS_ARTIFACT]-() }"


def _rows(of_span: str, of_artifact: str) -> str:
    """Return the part that makes a row of each node ``n``, and its root if it is a span."""
    return f"""CALL (n, distance) {{
    WITH n, distance WHERE distance % 2 = 1
    {of_span}
    RETURN [elementId(n), needs, more, n.node_id, distance, true, labels(n), n.label, null,
      toStringOrNull(n.opened_at), n.status] AS row, n.root_id AS root
  UNION ALL
    WITH n, distance WHERE distance % 2 = 0
    WITH n, distance, [(n)-[:MADE_BY]->(y) | elementId(y)] AS needs
    {of_artifact}
    RETURN [elementId(n), needs, more, n.node_id, distance, false, labels(n), n.artifact_label,
      n.model, toStringOrNull(n.recorded_at), null] AS row, null AS root
  }}
  RETURN collect(row) AS found, collect(DISTINCT root) AS roots
}}
CALL (roots) {{
  UNWIND roots AS root
  MATCH (r:ArtigraphNode {{node_id: root}}) USING INDEX SEEK r:ArtigraphNode(node_id)
  RETURN collect([root, r.git_commit, r.git_dirty, r.program, r.python_version]) AS runs
}}
UNWIND CASE WHEN size(found) = 0 THEN [0] ELSE range(0, size(found), 1000) END AS i
RETURN CASE i WHEN 0 THEN wholes END, CASE i WHEN 0 THEN runs END, found[i..i + 1000]
"""


RECIPE = _WALK + _rows(
    """WITH n, distance, [(n)-[:USED]->(y) | elementId(y)] AS needs,
      head([(n)-[:HAS_ARTIFACT]->(c:CallArguments) | [c.function, c.values, c.node_id]]) AS call
    WITH n, distance, needs, [n.root_id, coalesce(n.gone_, []), call] AS more""",
    f"""WITH n, distance, needs, [
      {_GONE},
      CASE WHEN EXISTS {{ (n)-[:HAS_FIELD|STORED_IN]->() }}
        THEN [(n)-[:HAS_FIELD*0..]->(x)-[k:STORED_IN]->(b:Blob) |
          [x.node_id, k.field, b.digest, b.size, b.storage, b.location]] ELSE [] END
    ] AS more""",
)
"""A statement with chunks of rows, one for each node: element id, element ids of its direct inputs,
details, and the columns of a step. Details of a span are the id of the run, ids of deleted
artifacts that it used, and function, values and id of recorded arguments; of an artifact, whether
its maker is gone, and its stored values. The first row has, before them, pairs ``[id, id of the
whole]`` of the starts, null for one that does not exist, and ``[id, commit, dirty, program,
Python]`` of the runs."""

STALE = (
    _WALK
    + """
  WITH n, distance, CASE distance % 2 WHEN 0 THEN EXISTS { (n)<-[:SUPERSEDES]-() }
    OR NOT EXISTS { (n)-[:MADE_BY]->() } AND EXISTS { (n)<-[:HAS_ARTIFACT]-() }
    ELSE $code OR n.gone_ IS NOT NULL END AS suspect
  WITH collect([n, distance]) AS nodes, max(CASE WHEN suspect THEN 1 ELSE 0 END) AS suspects
  UNWIND CASE suspects WHEN 1 THEN nodes ELSE [] END AS pair
  WITH pair[0] AS n, pair[1] AS distance
  """
    + _rows(
        """WITH n, distance, [(n)-[:USED]->(y) | elementId(y)] AS needs, CASE WHEN $code
      THEN [(n)-[:HAS_ARTIFACT]->(c) WHERE c:CallArguments OR c:CallKey | [c.function, c.parts]]
      ELSE [] END AS calls
    WITH n, distance, needs, [n.root_id, n.gone_ IS NOT NULL, calls] AS more""",
        f"""OPTIONAL MATCH (n)<-[:SUPERSEDES*1..]-(newest)
    WHERE NOT EXISTS {{ (newest)<-[:SUPERSEDES]-() }}
    CALL (n, newest) {{
      UNWIND CASE WHEN newest IS NULL THEN [] ELSE [n, newest] END AS a
      {ROOTS_TO_ROWS}
      RETURN collect(nodes) AS versions
    }}
    WITH n, distance, needs, [{_GONE}, newest.node_id, versions] AS more""",
    )
)
"""The same, but without rows if nothing above is suspect: superseded, without its maker, a span
that used a deleted artifact, or any span if ``$code``. Details of a span are the id of the run,
whether it used a deleted artifact, and function and key parts of recorded calls; of an artifact,
whether its maker is gone, the id of its newest version, and both contents."""
