"""The statement that reads two runs to compare them: their spans, and artifacts made and used.

A run is a tree, so a plain walk meets each span once and knows its parent. One look at a span's
relationships tells what it made and what it used: ``MADE_BY`` only ends at spans, and ``USED`` only
starts there. Hops are element ids, which cost no look at the node.
"""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.parts import DELETES, ROOTS_TO_ROWS, is_newest, span_stays

__all__ = ["TWO_RUNS"]

TWO_RUNS = f"""
{DELETES}
UNWIND [$first, $second] AS id
OPTIONAL MATCH (r:ArtigraphNode {{node_id: id}}) USING INDEX SEEK r:ArtigraphNode(node_id)
WHERE r:Span AND {span_stays("r")}
CALL (r) {{
  MATCH (r)-[below:PARENT_OF*0..]->(s)
  WITH s, elementId(startNode(last(below))) AS parent
  CALL (s) {{
    OPTIONAL MATCH (s)-[k:MADE_BY|USED]-(a)
    RETURN collect(CASE WHEN startNode(k) = s THEN a END) AS used,
      collect(CASE WHEN endNode(k) = s AND {is_newest("a")} THEN a END) AS made
  }}
  RETURN collect([
    elementId(s), s{{.*, opened_at: toString(s.opened_at), closed_at: toString(s.closed_at)}},
    labels(s), parent, [a IN made | elementId(a)], [a IN used | elementId(a)]
  ]) AS told, collect(made + used) AS around
}}
CALL (around) {{
  UNWIND around AS some
  UNWIND some AS a
  WITH DISTINCT a
  {ROOTS_TO_ROWS}
  RETURN collect([elementId(a), nodes]) AS contents
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
``[element id, properties, labels, parent, made, used]``: element ids of the newest versions of the
artifacts it made, and of the very versions it used. A content is ``[element id, nodes]``, and comes
once per run."""
