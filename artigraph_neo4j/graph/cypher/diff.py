"""The statement that reads two runs to compare them: their spans, and artifacts made and used."""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.parts import DELETES, ROOTS_TO_ROWS, is_newest, span_stays

__all__ = ["TWO_RUNS"]

TWO_RUNS = f"""
{DELETES}
UNWIND [$first, $second] AS id
OPTIONAL MATCH (r:ArtigraphNode {{node_id: id}}) USING INDEX SEEK r:ArtigraphNode(node_id)
WHERE r:Span AND {span_stays("r")}
CALL (r) {{
  MATCH (r)-[:PARENT_OF*0..]->(s)
  WITH DISTINCT r, s
  RETURN collect([
    s{{.*, opened_at: toString(s.opened_at), closed_at: toString(s.closed_at)}}, labels(s),
    CASE WHEN s = r THEN null ELSE head([(p)-[:PARENT_OF]->(s) | p.node_id]) END,
    [(s)<-[:MADE_BY]-(x) WHERE {is_newest("x")} | x.node_id], [(s)-[:USED]->(x) | x.node_id]
  ]) AS told
}}
CALL (r) {{
  MATCH (r)-[:PARENT_OF*0..]->(s)
  WITH DISTINCT s
  CALL (s) {{
    MATCH (s)<-[:MADE_BY]-(a) WHERE {is_newest("a")}
    RETURN a
  UNION ALL
    MATCH (s)-[:USED]->(a)
    RETURN a
  }}
  WITH DISTINCT a
  {ROOTS_TO_ROWS}
  RETURN collect([nodes]) AS contents
}}
CALL (told, contents) {{
  UNWIND range(0, size(told), 1000) AS i
  RETURN told[i..i + 1000] AS spans_chunk, [] AS contents_chunk
UNION ALL
  UNWIND range(0, size(contents), 1000) AS i
  RETURN [] AS spans_chunk, contents[i..i + 1000] AS contents_chunk
}}
RETURN id, r IS NOT NULL, spans_chunk, contents_chunk
"""
"""A statement with rows of ``[id, whether it is a span, spans, contents]``, in chunks. A span is
``[properties, labels, parent, ids made, ids used]``: the newest versions of the artifacts it made,
and the very versions it used. Each content comes once per run."""
