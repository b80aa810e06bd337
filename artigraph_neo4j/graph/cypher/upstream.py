"""Statements of the import from Artigraph's own databases; ``write`` writes the artifacts.

Ids are made from the old ones, so nodes that were imported before are found again.
"""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.once import ONCE, TURN, applied_if
from artigraph_neo4j.graph.names import OPEN_LABEL

__all__ = ["IMPORT_SPANS", "KNOWN"]

KNOWN = """
CALL () {
  UNWIND $ids AS id
  MATCH (n:ArtigraphNode {node_id: id}) USING INDEX SEEK n:ArtigraphNode(node_id)
  RETURN collect(id) AS found
}
CALL () {
  UNWIND $keys AS key
  MATCH ()-[h:HAS_ARTIFACT {key: key}]->() USING INDEX SEEK h:HAS_ARTIFACT(key)
  RETURN collect(key) AS taken
}
RETURN found, taken
"""
"""A statement that reads which nodes exist, and which labels of spans are taken. Nodes that are
being deleted count as existing: nothing should be added to them."""

IMPORT_SPANS = f"""
{ONCE}
CALL (turn) {{
  UNWIND CASE WHEN turn = 'now' THEN $spans ELSE [] END AS r
  MERGE (n:ArtigraphNode {{node_id: r.id}})
    ON CREATE SET n = r.properties, n.opened_at = datetime(r.opened_at), n:$(r.labels)
  SET n.closed_at = coalesce(n.closed_at, datetime(r.closed_at)),
    n.duration_ = coalesce(n.duration_, r.duration)
  REMOVE n:{OPEN_LABEL}
  SET n:$(CASE WHEN n.closed_at IS NULL THEN ['{OPEN_LABEL}'] ELSE [] END)
  RETURN count(*) AS written
}}
CALL (written) {{
  UNWIND CASE WHEN written > 0 THEN $links ELSE [] END AS r
  MATCH (p:ArtigraphNode {{node_id: r[0]}}) WHERE p:Span
  SET p:Span
  WITH r
  MATCH (p:ArtigraphNode {{node_id: r[0]}}) WHERE p:Span
  MATCH (n:ArtigraphNode {{node_id: r[1]}})
  MERGE (p)-[:PARENT_OF]->(n)
  RETURN count(*) AS linked
}}
{applied_if("turn = 'now'")}
RETURN {TURN}, written, linked
"""
"""A statement that imports spans, applied once: sent again or late, it would make spans again that
somebody has deleted since. A span that was open when it was imported gets its end from a
later import. Setting a label that the parent already has locks it, as in ``write``."""
