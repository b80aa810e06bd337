"""Statements about blobs: live references to a content, and look-ups of garbage collection.

The name of a stored value begins with its digest, so all look-ups use the index on ``Blob.digest``
and compare the ends of locations: another storage object for the same place may spell the location
differently.
"""

from __future__ import annotations

__all__ = [
    "BLOB_COUNT",
    "BLOB_STORAGES",
    "LIVE_BLOBS",
    "NAMES_REFERRED_TO",
    "NEW_GRAPH_ID",
    "REFERENCES",
    "REFERENCES_TO",
    "UNOWNED",
]

LIVE_BLOBS = """
UNWIND $contents AS c
CALL (c) {
  MATCH (b:Blob {digest: c.digest}) USING INDEX SEEK b:Blob(digest)
  WHERE b.size = c.size AND b.storage = c.storage AND b.location CONTAINS $prefix + c.digest
    AND (c.location IS NULL OR b.location = c.location)
  RETURN b LIMIT 1
}
RETURN collect([c.storage, c.digest, b.size, b.blob_id, b.location])
"""
"""A statement that finds one Blob node of each content, at the given location if there is one. It
looks at this graph's own prefix only: a copy of a database still refers to objects of the graph it
was copied from, which do not belong to it."""

BLOB_COUNT = "MATCH (b:Blob) RETURN count(b)"
BLOB_STORAGES = "MATCH (b:Blob) RETURN collect(DISTINCT b.storage)"

REFERENCES = """
MATCH (b:Blob) USING INDEX b:Blob(digest)
WHERE b.digest STARTS WITH $part
  AND b.storage IS NOT NULL AND b.location IS NOT NULL AND b.size IS NOT NULL
WITH b.storage AS storage, b.digest AS digest, b.location AS location, min(b.size) AS size,
  collect(CASE WHEN EXISTS {()-[:STORED_IN]->(b)} THEN null ELSE b.blob_id END) AS unowned
WITH collect([storage, digest, location, size, unowned]) AS found
UNWIND range(0, size(found), 1000) AS i
RETURN found[i..i + 1000]
"""
"""A statement that reads every location in use whose digest begins with ``$part``, and the ids of
Blob nodes there that do not seem to belong to an artifact.

Neo4j applies a commit record by record, so a node may be visible before its properties, and before
its relationship. An object behind a node without properties is young, or named by another node as
well; nodes without a relationship are checked again by ``UNOWNED``."""

UNOWNED = """
UNWIND $blob_ids AS blob_id
MATCH (b:Blob {blob_id: blob_id}) WHERE NOT EXISTS {()-[:STORED_IN]->(b)}
RETURN collect(b.blob_id)
"""
"""A statement that returns which of some Blob nodes do not belong to an artifact."""

NAMES_REFERRED_TO = """
UNWIND $names AS n
CALL (n) {
  MATCH (b:Blob {digest: n.digest}) USING INDEX SEEK b:Blob(digest)
  WHERE b.location ENDS WITH n.name
  RETURN b LIMIT 1
}
RETURN collect(n.name)
"""

REFERENCES_TO = """
UNWIND $locations AS l
CALL (l) {
  MATCH (b:Blob {digest: l.digest}) USING INDEX SEEK b:Blob(digest)
  WHERE b.storage = $storage AND b.location = l.location
  WITH b LIMIT 10
  OPTIONAL MATCH (a:Artifact)-[k:STORED_IN]->(b)
  RETURN collect([b.location, b.size, b.blob_id, a.node_id, a.model, k.field]) AS found
}
RETURN collect(found)
"""
"""A statement that reads some Blob nodes of each location, with the artifacts they belong to."""

NEW_GRAPH_ID = """
MATCH (g:ArtigraphGraph {name: 'artigraph'})
SET g.copied_from = CASE WHEN g.graph_id = $new THEN g.copied_from ELSE g.graph_id END,
  g.graph_id = $new
RETURN g.copied_from
"""
