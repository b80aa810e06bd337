"""Statements that read all ancestors of some artifacts, with the details to reproduce them.

One walk upstream for each start visits each node once; each node reached costs a constant number of
look-ups, and the few that a newer version replaced cost more.
"""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.lineage import DERIVES
from artigraph_neo4j.graph.cypher.parts import DELETES, ROOTS_TO_ROWS, artifact_stays, span_stays

__all__ = ["RECIPE", "STALE"]


def _above(details: str) -> str:
    return f"""
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
  WHERE deletes = 0 OR n:Span AND {span_stays("n")} OR n:Artifact AND {artifact_stays("n")}
  {details}
  RETURN collect([
    n.node_id, distance, n:Span, labels(n), coalesce(n.label, n.artifact_label), n.model,
    toString(coalesce(n.opened_at, n.recorded_at)), n.status,
    [(n)-[:{DERIVES}]->(y) | y.node_id], more
  ]) AS found
}}
UNWIND CASE WHEN size(found) = 0 THEN [0] ELSE range(0, size(found), 1000) END AS i
RETURN CASE i WHEN 0 THEN wholes END, found[i..i + 1000]
"""


_MAKER_GONE = "NOT EXISTS { (n)-[:MADE_BY]->() } AND EXISTS { (n)<-[:HAS_ARTIFACT]-() }"

RECIPE = _above(
    f"""CALL (n) {{
    WITH n WHERE n:Span
    OPTIONAL MATCH (r:ArtigraphNode {{node_id: n.root_id}})
    OPTIONAL MATCH (n)-[:HAS_ARTIFACT]->(c:CallArguments)
    WITH n, r, head(collect(c)) AS c
    RETURN {{root: r.node_id, commit: r.git_commit, dirty: r.git_dirty, remote: r.git_remote,
      program: r.program, python: r.python_version, function: c.function, arguments: c.values,
      arguments_id: c.node_id}} AS more
  UNION
    WITH n WHERE n:Artifact
    RETURN {{gone: {_MAKER_GONE},
      blobs: [(n)-[:HAS_FIELD*0..]->(x)-[k:STORED_IN]->(b:Blob) |
        [x.node_id, k.field, b.digest, b.size, b.storage, b.location]]}} AS more
  }}"""
)
"""A statement whose first row has pairs ``[id, id of the whole]`` of the starts, null for none; the
other rows are chunks of nodes, each with its direct inputs and a map of details."""

STALE = _above(
    f"""CALL (n) {{
    WITH n WHERE n:Span
    OPTIONAL MATCH (r:ArtigraphNode {{node_id: n.root_id}})
    OPTIONAL MATCH (n)-[:HAS_ARTIFACT]->(c:CallArguments)
    WITH n, r, head(collect(c)) AS c
    RETURN {{commit: r.git_commit, dirty: r.git_dirty, function: c.function}} AS more
  UNION
    WITH n WHERE n:Artifact
    OPTIONAL MATCH (n)<-[:SUPERSEDES*1..]-(newest)
    WHERE NOT EXISTS {{ (newest)<-[:SUPERSEDES]-() }}
    CALL (n, newest) {{
      UNWIND CASE WHEN newest IS NULL THEN [] ELSE [n, newest] END AS a
      {ROOTS_TO_ROWS}
      RETURN collect(nodes) AS versions
    }}
    RETURN {{gone: {_MAKER_GONE}, newest: newest.node_id, versions: versions}} AS more
  }}"""
)
"""The same, with the newest version of each superseded artifact, and the content of both."""
