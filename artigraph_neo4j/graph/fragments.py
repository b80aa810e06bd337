"""Parts that several statements about artifacts have in common."""

from __future__ import annotations

__all__ = ["OWNER", "ROOTS_TO_ROWS", "STORE_BLOB", "is_newest"]

ROOTS_TO_ROWS = """
CALL (a) {
  MATCH (a)-[:HAS_FIELD*0..]->(x)
  RETURN collect([
    x{.*, recorded_at: toString(x.recorded_at)},
    CASE WHEN x = a THEN [] ELSE [(y)-[f:HAS_FIELD]->(x) | [y.node_id, f.path]] END,
    [(x)-[k:STORED_IN]->(b:Blob) | [k.field, b.storage, b.location, b.digest, b.size]]
  ]) AS nodes
}
"""
"""The artifact ``a`` with all that is nested in it, itself first (a breadth or depth first walk
starts there); ``HAS_FIELD`` is a tree, so no node comes twice."""

OWNER = """
CALL (a) {
  OPTIONAL MATCH (s:Span)-[h:HAS_ARTIFACT]->(a)
  WITH s, h ORDER BY h.linked_at IS NOT NULL, s.opened_at, s.node_id LIMIT 1
  RETURN s.node_id AS owner, coalesce(h.label, a.artifact_label) AS label
}
"""
"""The span that made the artifact ``a``, and its label there."""


STORE_BLOB = """\
  MATCH (a:ArtigraphNode {node_id: r.owner})
  MERGE (b:Blob {blob_id: r.properties.blob_id})
    ON CREATE SET b = r.properties
  MERGE (a)-[k:STORED_IN]->(b)
    ON CREATE SET k.field = r.field"""
"""One value in a storage: ``r`` is ``{owner, field, properties}``; each reference has a Blob node
of its own."""


def is_newest(name: str) -> str:
    """The condition that an artifact has no newer version."""
    return f"NOT EXISTS {{ ({name})<-[:SUPERSEDES]-() }}"
