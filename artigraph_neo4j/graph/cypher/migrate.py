"""Statements that migrate stored artifacts in bulk.

Neo4j's readers may see a node half way through a commit: some properties old, some new. So each
node that is about to change has a *seal*, a hash of all values that belong together, from before
the change until after it; a reader that finds a wrong seal reads again. One statement sets the
seal and another makes the change: only a reader that pauses within one node for longer than both
take could miss the seal and see the change.
"""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.parts import ROOTS_TO_ROWS, STORE_BLOB, artifact_rows, lock
from artigraph_neo4j.graph.names import INDEXED_LABEL, UNINDEXED_LABEL

__all__ = ["ARTIFACTS_AGAIN", "BACKLOG", "OLD_ARTIFACTS", "OLD_PAGE", "REWRITE", "SEAL", "SHAPES"]

ARTIFACTS_AGAIN = f"""
UNWIND $ids AS id
MATCH (a:ArtigraphNode {{node_id: id}}) USING INDEX SEEK a:ArtigraphNode(node_id)
{ROOTS_TO_ROWS}
RETURN collect(nodes)
"""

BACKLOG = """
MATCH (a:Artifact) USING INDEX a:Artifact(model, model_version, recorded_at, node_id)
WHERE a.model IS NOT NULL AND a.model_version IS NOT NULL AND a.recorded_at IS NOT NULL
  AND a.node_id IS NOT NULL
WITH a.model AS model, a.model_version AS version, count(*) AS artifacts
ORDER BY model, version
RETURN collect([model, version, artifacts])
"""
"""A statement that counts artifacts by model and version, from the index alone, reading no node."""

SHAPES = """
UNWIND $models AS m
CALL (m) {
  MATCH (a:Artifact) USING INDEX SEEK a:Artifact(model, model_version, recorded_at, node_id)
  WHERE a.model = m[0] AND a.model_version = m[1] AND a.recorded_at IS NOT NULL
    AND a.node_id IS NOT NULL
  WITH a ORDER BY a.recorded_at DESC, a.node_id DESC LIMIT $size
  CALL (a) {
    MATCH (a)-[f:HAS_FIELD]->(x)
    RETURN collect(DISTINCT [f.path, x.model])[..20] AS inside
  }
  RETURN collect(DISTINCT a.codec) AS codecs, collect(inside) AS groups
}
RETURN collect([m[0], m[1], codecs, reduce(all = [], g IN groups | all + g)])
"""
"""A statement that reads how the newest artifacts of some versions of models are stored."""

OLD_PAGE = """
MATCH (a:Artifact) USING INDEX SEEK a:Artifact(model, model_version, recorded_at, node_id)
WHERE a.model = $model AND a.model_version = $version AND a.recorded_at >= datetime($at)
  AND a.node_id IS NOT NULL AND (a.recorded_at > datetime($at) OR a.node_id > $after)
WITH a ORDER BY a.model, a.model_version, a.recorded_at, a.node_id LIMIT $size
CALL (a) {
  MATCH (a)-[:HAS_FIELD*0..]->(x)
  OPTIONAL MATCH (x)-[:STORED_IN]->(b:Blob)
  RETURN count(DISTINCT x) AS nodes, sum(b.size) AS bytes
}
RETURN collect([a.node_id, toStringOrNull(a.recorded_at), nodes, bytes])
"""
"""A statement that reads the next artifacts after a cursor, and the size of each with its nested
models, so that no more is read at once than fits into memory.

With all properties of the index in the order, the index gives it, and each page reads only its own
artifacts instead of all that are left."""

OLD_ARTIFACTS = f"""
UNWIND $ids AS id
MATCH (a:ArtigraphNode {{node_id: id}}) USING INDEX SEEK a:ArtigraphNode(node_id)
WHERE a.model = $model AND a.model_version = $version
{artifact_rows("labels(x)", blob_ids=True)}
RETURN collect(nodes)
"""

_LOCK = f"""
CALL () {{
  UNWIND $locks AS id
  MATCH (a:ArtigraphNode {{node_id: id}})
  {lock("a", "Artifact")}
  RETURN count(*) AS locked
}}
"""
"""Part that locks; nodes matched after it are as others have committed them."""

SEAL = f"""
{_LOCK}
CALL (locked) {{
  UNWIND $unseal AS r
  MATCH (a:ArtigraphNode {{node_id: r[0]}}) WHERE a.seal_ = r[1]
  REMOVE a.seal_
  RETURN count(*) AS unsealed
}}
CALL (unsealed) {{
  UNWIND $seal AS r
  MATCH (a:ArtigraphNode {{node_id: r[0]}}) WHERE a.model = r[1] AND a.model_version = r[2]
  SET a.seal_ = r[3]
  RETURN count(*) AS sealed
}}
RETURN unsealed, sealed
"""

_CHANGE = f"""
CALL (locked) {{
  UNWIND $units AS u
  CALL (u) {{
    UNWIND u.guard AS g
    MATCH (a:ArtigraphNode {{node_id: g[0]}})
    WHERE a.model = g[1] AND a.model_version = g[2]
    RETURN count(*) AS same
  }}
  WITH u WHERE same = size(u.guard)
  RETURN collect(u) AS held
}}
CALL (held) {{
  UNWIND held AS u
  UNWIND u.nodes AS r
  MERGE (a:ArtigraphNode {{node_id: r.id}})
    ON CREATE SET a.recorded_at = datetime(r.at)
  SET a += r.properties, a:$(r.labels)
  REMOVE a:$(r.unlabel)
  FOREACH (_ IN CASE WHEN a.search_ IS NULL OR a:{INDEXED_LABEL} THEN [] ELSE [1] END |
    SET a:{UNINDEXED_LABEL})
  RETURN count(*) AS written
}}
CALL (held, written) {{
  UNWIND held AS u
  UNWIND u.unlink AS r
  MATCH (:ArtigraphNode {{node_id: r[0]}})-[f:HAS_FIELD]->(:ArtigraphNode {{node_id: r[1]}})
  DELETE f
  RETURN count(*) AS unlinked
}}
CALL (held, unlinked) {{
  UNWIND held AS u
  UNWIND u.links AS r
  MATCH (a:ArtigraphNode {{node_id: r[0]}})
  MATCH (b:ArtigraphNode {{node_id: r[1]}})
  MERGE (a)-[f:HAS_FIELD]->(b)
  SET f.path = r[2]
  RETURN count(*) AS linked
}}
CALL (held, linked) {{
  UNWIND held AS u
  UNWIND u.unstore AS id
  MATCH (b:Blob {{blob_id: id}})<-[k:STORED_IN]-()
  DELETE k
  RETURN count(*) AS unstored
}}
CALL (held, unstored) {{
  UNWIND held AS u
  UNWIND u.blobs AS r
{STORE_BLOB}
  RETURN count(*) AS stored
}}
CALL (held, stored) {{
  UNWIND held AS u
  UNWIND u.unstore AS id
  MATCH (b:Blob {{blob_id: id}}) WHERE NOT EXISTS {{ (b)<-[:STORED_IN]-() }}
  DELETE b
  RETURN count(*) AS freed
}}
CALL (held, freed) {{
  UNWIND held AS u
  UNWIND u.drop AS id
  MATCH (x:ArtigraphNode {{node_id: id}})-[:HAS_FIELD*0..]->(y)
  WITH x, collect(DISTINCT y) AS ys
  WHERE NOT EXISTS {{ (x)<-[:HAS_FIELD]-() }} AND none(y IN ys WHERE EXISTS {{
    (y)-[r]-() WHERE NOT type(r) IN ['HAS_FIELD', 'STORED_IN']
  }})
  UNWIND ys AS y
  OPTIONAL MATCH (y)-[:STORED_IN]->(b:Blob)
  WITH y, collect(b) AS bs
  FOREACH (b IN bs | DETACH DELETE b)
  DETACH DELETE y
  RETURN count(*) AS dropped
}}
RETURN [u IN held | u.root]
"""

REWRITE = f"{_LOCK}{_CHANGE}"
"""A statement that rewrites artifacts that have not changed since they were read, and returns their
ids.

Locks are taken first, in one order, so that of two migrators one waits and then finds the work
done. A nested node that its model no longer contains is deleted with everything nested in it,
unless a span or anything except the model refers to a part of it: then it is only unlinked.
"""
