"""The statement that reads a span with all spans below it, and short forms of their artifacts."""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.parts import DELETES, SPAN_MAP, is_newest, span_stays
from artigraph_neo4j.graph.names import ARTIFACT_PROPERTIES

__all__ = ["SHOWN_CHARACTERS", "SHOWN_ITEMS", "SPAN_TREE"]

SHOWN_CHARACTERS = 200
"""Maximum characters of a text that are returned."""

SHOWN_ITEMS = 20
"""Maximum number of items of a list, or of bytes, that are returned."""

_OURS = str(sorted(ARTIFACT_PROPERTIES))

_VALUE = f"""
    CASE WHEN a[k] IS :: STRING THEN [k, left(a[k], {SHOWN_CHARACTERS}), size(a[k])]
      WHEN a[k] IS :: LIST<ANY> THEN [
        k,
        [x IN a[k][..{SHOWN_ITEMS}] |
          CASE WHEN x IS :: STRING THEN left(x, {SHOWN_CHARACTERS}) ELSE x END],
        size(a[k])]
      ELSE [k, a[k], null] END"""

SPAN_TREE = f"""
{DELETES}
OPTIONAL MATCH (s:ArtigraphNode {{node_id: $span}}) USING INDEX SEEK s:ArtigraphNode(node_id)
WHERE s:Span AND {span_stays("s")}
CALL (s) {{
  MATCH (s)-[:PARENT_OF*0..]->(d:Span)
  WITH DISTINCT d ORDER BY d.depth, d.opened_at, d.node_id LIMIT $limit
  RETURN collect(d) AS shown
}}
CALL (s, shown) {{
  WITH s WHERE size(shown) >= $limit
  MATCH (s)-[:PARENT_OF*0..]->(d:Span)
  RETURN count(DISTINCT d) AS total
}}
CALL (shown) {{
  UNWIND range(0, size(shown) - 1) AS i
  WITH i, shown[i] AS d
  OPTIONAL MATCH (p:Span)-[:PARENT_OF]->(d)
  WITH i, d, p.node_id AS parent ORDER BY i
  RETURN collect([
    {SPAN_MAP.format("d")}, parent, COUNT {{ (d)-[:PARENT_OF]->() }},
    CASE WHEN $artifacts
      THEN COUNT {{ MATCH (d)-[:HAS_ARTIFACT]->(a) WHERE {is_newest("a")} }} ELSE 0 END
  ]) AS spans
}}
CALL (shown) {{
  UNWIND CASE WHEN $artifacts THEN range(0, size(shown) - 1) ELSE [] END AS i
  WITH i, shown[i] AS d
  CALL (d) {{
    MATCH (d)-[h:HAS_ARTIFACT]->(a) WHERE {is_newest("a")}
    WITH h, a ORDER BY a.recorded_at, a.node_id LIMIT $limit
    RETURN collect([h, a]) AS own
  }}
  UNWIND range(0, size(own) - 1) AS rank
  WITH i, rank, own[rank][0] AS h, own[rank][1] AS a ORDER BY rank, i LIMIT $limit
  CALL (a) {{
    MATCH (a)-[f:HAS_FIELD]->(x)
    WITH split(f.path, '/')[0] AS field, x.model AS model, count(*) AS number
    RETURN collect([field, model, number]) AS nested
  }}
  CALL (a) {{
    MATCH (a)-[:HAS_FIELD*0..]->(x)-[:STORED_IN]->(b:Blob)
    RETURN sum(b.size) AS size
  }}
  RETURN collect([
    i, a.node_id, h.label, h.linked_at IS NOT NULL, a.model, a.model_version,
    toStringOrNull(a.recorded_at), a.codec,
    [k IN keys(a) WHERE NOT k IN {_OURS} AND NOT k CONTAINS '.' | {_VALUE}],
    [(a)-[k:STORED_IN]->(b:Blob) | [k.field, b.blob_id, b.storage, b.location, b.digest, b.size]],
    nested, size
  ]) AS found
}}
UNWIND CASE WHEN s IS NULL THEN [null]
  ELSE range(0, CASE WHEN size(found) > size(spans) THEN size(found) ELSE size(spans) END, 1000)
  END AS i
RETURN total, spans[i..i + 1000], found[i..i + 1000]
"""
"""A statement whose rows are the number of spans (0 if all are returned), a chunk of spans and a
chunk of artifacts; the chunk of spans is null if the span does not exist.

Spans are ordered by depth, so that the parent of each is returned, too, and the deepest are left
out. The first artifact of every span comes before the second one of any span. ``PARENT_OF`` and
``HAS_FIELD`` are trees, so no ``*`` here reaches a node twice; ``DISTINCT`` is for Neo4j 5.26,
which keeps whole paths otherwise. For an index and for ``IS ::``, bytes are a list of integers."""
