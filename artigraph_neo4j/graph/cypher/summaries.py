"""Statements for overviews: counts of nodes below spans, and facts about the server."""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.parts import DELETES, artifact_stays, is_newest, span_stays

__all__ = ["COUNTS_BELOW", "SERVER"]

COUNTS_BELOW = f"""
{DELETES}
UNWIND $ids AS id
MATCH (s:ArtigraphNode {{node_id: id}}) USING INDEX SEEK s:ArtigraphNode(node_id)
WHERE s:Span AND {span_stays("s")}
CALL (s) {{
  MATCH (s)-[:PARENT_OF*0..]->(d:Span)
  RETURN count(d) AS spans, count(CASE d.status WHEN 'ERROR' THEN 1 END) AS failed,
    count(CASE WHEN d.closed_at IS NULL THEN 1 END) AS open
}}
CALL (deletes, s) {{
  MATCH (s)-[:PARENT_OF*0..]->(:Span)-[:HAS_ARTIFACT]->(a)
  WHERE {is_newest("a")} AND {artifact_stays("a")}
  RETURN count(DISTINCT a) AS artifacts
}}
RETURN collect([id, spans, failed, open, artifacts])
"""
"""A statement that counts nodes below spans; ``spans`` includes the span itself."""

SERVER = """
CALL dbms.components() YIELD name, versions, edition
WITH name, versions, edition WHERE name = 'Neo4j Kernel'
RETURN versions[0], edition, datetime.realtime().epochMillis
"""
