"""Statements about blobs: live references to a content, and what garbage collection asks.

A name of a stored value begins with its digest, so all look-ups go by the index on ``Blob.digest``,
and compare ends of locations: a location may be spelled otherwise by another storage object that
leads to the same place.
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
"""One node of each content that has any, at a location where one is given. Only of this graph's
own prefix: what a copy of a database still refers to belongs to the graph it was copied from."""

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
"""Every location that is referred to, of the digests that begin with ``$part``, and the ids of Blob
nodes there that no artifact seems to have.

Neo4j applies a commit record by record, so a node may be seen before it has its properties, and
before its relationship. What is behind the former is young, or named by another node as well; for
the latter ``UNOWNED`` looks again."""

UNOWNED = """
UNWIND $blob_ids AS blob_id
MATCH (b:Blob {blob_id: blob_id}) WHERE NOT EXISTS {()-[:STORED_IN]->(b)}
RETURN collect(b.blob_id)
"""
"""Those of some Blob nodes that no artifact has."""

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
"""Some Blob nodes of each location, with the artifacts whose values they are."""

NEW_GRAPH_ID = """
MATCH (g:ArtigraphGraph {name: 'artigraph'})
SET g.copied_from = CASE WHEN g.graph_id = $new THEN g.copied_from ELSE g.graph_id END,
  g.graph_id = $new
RETURN g.copied_from
"""
