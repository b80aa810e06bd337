"""The statement that finds the results of an earlier call with the same key."""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.parts import DELETES, ROOTS_TO_ROWS, is_newest, span_stays

__all__ = ["CALLS_OF", "RESULTS_OF"]

RESULTS_OF = f"""
{DELETES}
MATCH (k:CallKey {{key: $key}})-[:MADE_BY]->(s:Span)
WHERE s.status = 'OK' AND {span_stays("s")}
WITH s, k ORDER BY s.closed_at DESC LIMIT 5
CALL (s) {{
  MATCH (s)-[h:HAS_ARTIFACT]->(a)
  WHERE NOT a:CallKey AND NOT a:CallArguments AND {is_newest("a")}
  {ROOTS_TO_ROWS}
  RETURN collect([s.node_id, h.label, nodes]) AS found
}}
RETURN k{{.*, recorded_at: null}}, s.node_id, found
"""
"""A statement that reads the newest five successful calls, each with all artifacts of its span; the
first one whose results all still exist is used."""

CALLS_OF = f"""
{DELETES}
MATCH (k:CallKey {{function: $function}})-[:MADE_BY]->(s:Span) WHERE {span_stays("s")}
WITH k, s ORDER BY k.recorded_at DESC LIMIT 100
RETURN s.node_id, s.status, k.key, k.parts
"""
