"""Statements that read spans and artifacts.

Their texts are constant, with values only as parameters: no label, id or value of a user becomes
Cypher. Each works on Neo4j 5.26 and 2026. They return chunks of 1,000 plain values, since every row
costs the driver time, and every node more. ``USING INDEX SEEK`` is there because, soon after a bulk
load, the planner may scan instead. Nodes that are being deleted are not found: see ``delete``.
"""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.parts import (
    DELETES,
    ROOTS_TO_ROWS,
    SPAN_MAP,
    artifact_stays,
    is_newest,
    span_stays,
)

__all__ = [
    "ARTIFACTS_BELOW",
    "ARTIFACTS_OF",
    "ARTIFACT_BY_ID",
    "ARTIFACT_BY_LABEL",
    "SPANS_ABOVE",
    "SPANS_BELOW",
    "SPAN_BY_ID",
    "SPAN_CHILDREN",
    "SPAN_PARENT",
    "SPAN_ROOTS",
]

ARTIFACT_BY_ID = f"""
{DELETES}
MATCH (a:ArtigraphNode {{node_id: $node_id}}) USING INDEX SEEK a:ArtigraphNode(node_id)
WHERE {artifact_stays("a")}
{ROOTS_TO_ROWS}
OPTIONAL MATCH (s:Span)-[h:HAS_ARTIFACT]->(a) WHERE {span_stays("s")}
WITH a, nodes, s, h ORDER BY h.linked_at IS NOT NULL, s.opened_at, s.node_id LIMIT 1
RETURN [[s.node_id, h.label, nodes]], labels(a)
"""

ARTIFACT_BY_LABEL = f"""
{DELETES}
MATCH (s:ArtigraphNode {{node_id: $span}}) USING INDEX SEEK s:ArtigraphNode(node_id)
WHERE {span_stays("s")}
OPTIONAL MATCH (s)-[h:HAS_ARTIFACT {{key: $key}}]->(a)
CALL (s, a) {{
  WITH s, a WHERE a IS NULL
  MATCH (s)-[other:HAS_ARTIFACT]->() WHERE other.label IS NOT NULL
  WITH other.label AS label LIMIT 1000
  RETURN collect(label) AS others
UNION
  WITH s, a WHERE a IS NOT NULL
  RETURN [] AS others
}}
{ROOTS_TO_ROWS}
RETURN [[s.node_id, h.label, nodes]], others, s:Span
"""


_CHUNKS = """
UNWIND CASE WHEN s IS NULL THEN [null] ELSE range(0, size(found), 1000) END AS i
RETURN found[i..i + 1000]
"""
"""Part that returns chunks. One row ``[null]`` means that the span does not exist, an empty list
that nothing was found."""

_SPAN = f"""
{DELETES}
OPTIONAL MATCH (s:ArtigraphNode {{node_id: $span}}) USING INDEX SEEK s:ArtigraphNode(node_id)
WHERE s:Span AND {span_stays("s")}
"""

ARTIFACTS_OF = f"""
{_SPAN}
CALL (s) {{
  MATCH (s)-[h:HAS_ARTIFACT]->(a)
  WHERE $history OR {is_newest("a")}
  WITH a, s.node_id AS owner, h.label AS label ORDER BY a.recorded_at, a.node_id
  {ROOTS_TO_ROWS}
  RETURN collect([owner, label, nodes]) AS found
}}
{_CHUNKS}
"""

ARTIFACTS_BELOW = f"""
{_SPAN}
CALL (s) {{
  MATCH (s)-[:PARENT_OF*0..]->(p)
  WITH DISTINCT p
  MATCH (p)-[h:HAS_ARTIFACT]->(a)
  WHERE $history OR {is_newest("a")}
  WITH a, p, h ORDER BY h.linked_at IS NOT NULL, p.opened_at, p.node_id
  WITH a, collect([p.node_id, h.label])[0] AS first
  WITH a, first[0] AS owner, first[1] AS label ORDER BY a.recorded_at, a.node_id
  {ROOTS_TO_ROWS}
  RETURN collect([owner, label, nodes]) AS found
}}
{_CHUNKS}
"""
"""A statement that reads artifacts below a span. One that several spans share comes once, with the
span that made it."""


def _spans(match: str) -> str:
    return f"""
{_SPAN}
CALL (s) {{
  {match}
  RETURN collect({SPAN_MAP.format("d")}) AS found
}}
{_CHUNKS}
"""


SPAN_BY_ID = _spans("WITH s AS d WHERE d IS NOT NULL")
SPAN_PARENT = _spans("MATCH (d:Span)-[:PARENT_OF]->(s)")
SPAN_CHILDREN = _spans("MATCH (s)-[:PARENT_OF]->(d:Span) WITH d ORDER BY d.opened_at, d.node_id")
SPANS_BELOW = _spans(
    "MATCH (s)-[:PARENT_OF*1..]->(d:Span) WITH DISTINCT d ORDER BY d.opened_at, d.node_id"
)
SPANS_ABOVE = _spans(
    # Sorting by the length of each path would keep all paths in memory; the minimum per node
    # keeps the pruning walk.
    "MATCH p = (s)<-[:PARENT_OF*1..]-(d:Span) WITH d, min(length(p)) AS height ORDER BY height"
)
SPAN_ROOTS = f"""
{DELETES}
MATCH (d:Span) USING INDEX d:Span(depth, opened_at, node_id)
WHERE d.depth = 0 AND d.opened_at IS NOT NULL AND d.node_id IS NOT NULL AND {span_stays("d")}
WITH d ORDER BY d.depth DESC, d.opened_at DESC, d.node_id DESC LIMIT $limit
RETURN collect({SPAN_MAP.format("d")})
"""
