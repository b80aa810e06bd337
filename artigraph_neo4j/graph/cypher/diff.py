"""The statement that reads two runs to compare them: their spans, and artifacts made and used.

A run is a tree, so a plain walk meets each span once and knows its parent. One look at a span's
relationships tells what it made and what it used: ``MADE_BY`` only ends at spans, and ``USED`` only
starts there. Hops are element ids, which cost no look at the node. Most artifacts are one node,
which is read without a walk.
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
  WITH s, elementId(startNode(last(below))) AS parent,
    [(s)-[k:MADE_BY|USED]-(a) WHERE startNode(k) = s OR {is_newest("a")}
      | [startNode(k) = s, a]] AS hops
  WITH s, parent, [h IN hops WHERE h[0] | h[1]] AS used, [h IN hops WHERE NOT h[0] | h[1]] AS made
  RETURN collect([
    elementId(s),
    s{{.*, opened_at: toStringOrNull(s.opened_at), closed_at: toStringOrNull(s.closed_at)}},
    labels(s), parent, [a IN made | elementId(a)], [a IN used | elementId(a)]
  ]) AS told, collect(made + used) AS around
}}
CALL (around) {{
  UNWIND around AS some
  UNWIND some AS a
  WITH DISTINCT a
  WITH a, EXISTS {{ (a)-[:HAS_FIELD|STORED_IN]->() }} AS has_more
  CALL (a, has_more) {{
    WITH a WHERE NOT has_more
    RETURN [[a{{.*, recorded_at: toStringOrNull(a.recorded_at)}}, [], []]] AS nodes
  UNION ALL
    WITH a WHERE has_more
    {ROOTS_TO_ROWS}
    RETURN nodes
  }}
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
