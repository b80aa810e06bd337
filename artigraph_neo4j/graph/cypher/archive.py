"""Statements that read everything below a span for an archive, and that write it back.

Spans are paged by the index on ``(root_id, node_id)``, so that a page costs the same wherever it
begins. Writes merge by id, so that a file can be imported again, in one transaction per batch. Each
is applied once: sent again or late, it would make nodes again that somebody has deleted since, or
refer to objects that garbage collection has taken.
"""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.once import ONCE, TURN, applied_if
from artigraph_neo4j.graph.cypher.parts import (
    DELETES,
    STORE_BLOB,
    artifact_rows,
    artifact_stays,
    blobs_stay,
    span_stays,
)

__all__ = [
    "EXPORT_ARTIFACTS",
    "EXPORT_ARTIFACT_IDS",
    "EXPORT_ROOT",
    "EXPORT_SPANS",
    "EXPORT_USED",
    "IMPORT_BATCH",
    "KNOWN_BLOBS",
    "NODE_ROWS",
    "PAGE",
    "SPAN_PROPERTIES",
    "said",
]

EXPORT_ROOT = f"""
{DELETES}
MATCH (s:ArtigraphNode {{node_id: $span}}) USING INDEX SEEK s:ArtigraphNode(node_id)
WHERE s:Span AND {span_stays("s")}
RETURN s.root_id, s.depth, [(p:Span)-[:PARENT_OF]->(s) | p.node_id][0]
"""


def _below(name: str) -> str:
    """Return a test whether a span is at or below the exported one, which walks up from it.

    From the exported span it would walk the whole tree; so it has no label here, and no index.
    """
    return f"EXISTS {{ ({name})<-[:PARENT_OF*0..]-(p) WHERE p.node_id = $span }}"


PAGE = f"""
{DELETES}
MATCH (s:Span) USING INDEX SEEK s:Span(root_id, node_id)
WHERE s.root_id = $root AND s.node_id > $after AND {span_stays("s")}
  AND ($span = $root OR {_below("s")})
WITH s ORDER BY s.root_id, s.node_id LIMIT $size
"""
"""Part that reads the next spans of a run.

It names all keys of the index in its order, though the first is the same for all spans: for
``s.node_id`` alone Neo4j sorts all spans of the run for each page.
"""


def said(name: str) -> str:
    """Return expressions for the tags and the note of a node."""
    return f"""[({name})-[t:TAGGED]->(g:ArtigraphTag) | [g.name, toStringOrNull(t.at)]],
    [({name})-[:HAS_NOTE]->(o:ArtigraphNote) | [o.text, toStringOrNull(o.written_at)]]"""


def _properties(name: str, *times: str) -> str:
    """Return the expression for the properties of a node, with the times of the library as text.

    What else users' own Cypher has put in their place stays as it is.
    """
    texts = [
        f"{time}: CASE WHEN {name}.{time} IS :: ZONED DATETIME THEN toString({name}.{time}) "
        f"ELSE {name}.{time} END"
        for time in times
    ]
    return f"{name}{{.*, {', '.join(texts)}}}"


SPAN_PROPERTIES = _properties("n", "opened_at", "closed_at")

EXPORT_SPANS = f"""
{PAGE}
WITH s AS n
RETURN collect([
  labels(n), {SPAN_PROPERTIES}, [(p:Span)-[:PARENT_OF]->(n) | p.node_id], {said("n")}
])
"""

EXPORT_ARTIFACT_IDS = f"""
{DELETES}
UNWIND $spans AS id
MATCH (s:ArtigraphNode {{node_id: id}}) USING INDEX SEEK s:ArtigraphNode(node_id)
MATCH (s)-[h:HAS_ARTIFACT|HAS_FIELD]->(a) WHERE {artifact_stays("a")}
CALL (s, a) {{
  MATCH (x:Span)-[k:HAS_ARTIFACT|HAS_FIELD]->(a)
  WHERE COUNT {{ ()-[:HAS_ARTIFACT|HAS_FIELD]->(a) }} = 1
    OR {_below("x")}
  WITH s, x ORDER BY k.linked_at IS NOT NULL, x.opened_at, x.node_id LIMIT 1
  RETURN x = s AS first
}}
WITH a WHERE first
WITH a, COUNT {{ (a)-[:HAS_FIELD*0..]->() }} AS nodes ORDER BY a.recorded_at, a.node_id
WITH collect([a.node_id, nodes]) AS found
UNWIND range(0, size(found), 1000) AS i
RETURN found[i..i + 1000]
"""
"""A statement that reads ids of artifacts and of parts of spans. An artifact that several exported
spans share comes once, with the span that made it. Older versions come before newer ones."""

NODE_ROWS = artifact_rows(
    "labels(x)",
    said("x"),
    "[(s:Span)-[f:HAS_FIELD]->(x) | [s.node_id, f.path]]",
    properties=_properties("x", "recorded_at"),
    blob_ids=True,
)

EXPORT_ARTIFACTS = f"""
UNWIND $ids AS id
MATCH (a:ArtigraphNode {{node_id: id}}) USING INDEX SEEK a:ArtigraphNode(node_id)
{NODE_ROWS}
RETURN collect([
  nodes,
  [(s:Span)-[h:HAS_ARTIFACT]->(a) | [s.node_id, h.label, h.key, toStringOrNull(h.linked_at)]],
  [(a)-[u:SUPERSEDES]->(o) | [o.node_id, toStringOrNull(u.at)]],
  [(o)-[u:SUPERSEDES]->(a) | [o.node_id, toStringOrNull(u.at)]],
  [(s:Span)-[u:USED]->(a)
    WHERE s.root_id <> $root
      OR $span <> $root AND NOT {_below("s")}
    | [s.node_id, toStringOrNull(u.at)]]
])
"""
"""A statement that reads artifacts with the links to them: newer versions, and spans that used
them."""

EXPORT_USED = f"""
{PAGE}
WITH collect(s) AS spans
WITH spans, CASE WHEN size(spans) = $size THEN spans[-1].node_id END AS last
UNWIND CASE WHEN size(spans) = 0 THEN [null] ELSE spans END AS s
OPTIONAL MATCH (s)-[u:USED]->(a:Artifact)
WITH last, s, u, a ORDER BY s.node_id, a.node_id
RETURN last, [row IN collect([s.node_id, a.node_id, toStringOrNull(u.at)]) WHERE row[1] IS NOT NULL]
"""

KNOWN_BLOBS = """
UNWIND $ids AS id
MATCH (b:Blob {blob_id: id})
RETURN collect([b.blob_id, b.storage, b.location])
"""

_ANNOTATE = """
CALL (written, fits) {
  UNWIND CASE WHEN fits THEN $tags ELSE [] END AS r
  MATCH (n:ArtigraphNode {node_id: r[0]})
  MERGE (t:ArtigraphTag {name: r[1]})
  MERGE (n)-[k:TAGGED]->(t)
    ON CREATE SET k.at = datetime(r[2])
  RETURN count(*) AS tagged
}
CALL (written, fits) {
  UNWIND CASE WHEN fits THEN $notes ELSE [] END AS r
  MATCH (n:ArtigraphNode {node_id: r[0]})
  MERGE (n)-[:HAS_NOTE]->(o:ArtigraphNote)
    ON CREATE SET o.text = r[1], o.written_at = datetime(r[2])
  RETURN count(*) AS noted
}"""

IMPORT_BATCH = f"""
{ONCE}
OPTIONAL MATCH (g:ArtigraphGraph {{name: 'artigraph'}}) WHERE g.graph_id <> $graph
WITH lane, turn, g.graph_id AS other
CALL () {{
  UNWIND $nodes AS r
  MATCH (was:ArtigraphNode {{node_id: r.id}})
  WHERE NOT r.kind IN labels(was)
    OR was.recorded_at <> coalesce(datetime(r.instants.recorded_at), r.properties.recorded_at)
  RETURN collect(r.id) AS wrong
}}
CALL () {{
{blobs_stay("$known")}
}}
WITH lane, turn, other, wrong, gone,
  turn = 'now' AND other IS NULL AND size(wrong) + size(gone) = 0 AS fits
CALL (fits) {{
  UNWIND CASE WHEN fits THEN $nodes ELSE [] END AS r
  OPTIONAL MATCH (was:ArtigraphNode {{node_id: r.id}})
  WITH r, was IS NULL AS new
  MERGE (n:ArtigraphNode {{node_id: r.id}})
    ON CREATE SET n = r.properties, n:$(r.labels)
  WITH r, n, new
  OPTIONAL MATCH (taken:Span {{key_: r.run}})
  FOREACH (_ IN CASE WHEN new AND taken IS NULL THEN [1] ELSE [] END | SET n.key_ = r.run)
  FOREACH (k IN CASE WHEN new THEN keys(r.instants) ELSE [] END |
    SET n[k] = datetime(r.instants[k]))
  FOREACH (_ IN CASE WHEN n.root_id <> r.properties.root_id THEN [1] ELSE [] END |
    SET n.root_id = r.properties.root_id, n.depth = r.properties.depth)
  RETURN collect(CASE WHEN new THEN r.id END) AS written
}}
CALL (written, fits) {{
  UNWIND CASE WHEN fits THEN $parents ELSE [] END AS r
  MATCH (c:ArtigraphNode {{node_id: r[1]}})
  OPTIONAL MATCH (p:ArtigraphNode {{node_id: r[0]}}) WHERE p:Span
  FOREACH (_ IN CASE WHEN p IS NULL OR EXISTS {{ ()-[:PARENT_OF]->(c) }} THEN [] ELSE [1] END |
    MERGE (p)-[:PARENT_OF]->(c))
  RETURN collect(CASE WHEN p IS NULL THEN r END) AS no_parent
}}
CALL (written, fits) {{
  UNWIND CASE WHEN fits THEN $fields ELSE [] END AS r
  MATCH (a:ArtigraphNode {{node_id: r[0]}})
  MATCH (b:ArtigraphNode {{node_id: r[1]}})
  MERGE (a)-[f:HAS_FIELD]->(b)
    ON CREATE SET f.path = r[2]
  RETURN count(*) AS nested
}}
CALL (written, fits) {{
  UNWIND CASE WHEN fits THEN $blobs ELSE [] END AS r
{STORE_BLOB}
  RETURN count(*) AS stored
}}
CALL (written, fits) {{
  UNWIND CASE WHEN fits THEN $supersedes ELSE [] END AS r
  OPTIONAL MATCH (n:ArtigraphNode {{node_id: r[0]}}) WHERE n:Artifact
  OPTIONAL MATCH (o:ArtigraphNode {{node_id: r[1]}}) WHERE o:Artifact
  WITH r, n, o, n IS NOT NULL AND o IS NOT NULL AS both
  FOREACH (_ IN CASE WHEN both THEN [1] ELSE [] END |
    MERGE (n)-[u:SUPERSEDES]->(o)
      ON CREATE SET u.at = datetime(r[2]))
  WITH r, o, both
  OPTIONAL MATCH (:Span)-[h:HAS_ARTIFACT]->(o) WHERE both
  REMOVE h.key
  WITH DISTINCT r, both
  RETURN collect(CASE WHEN NOT both THEN r END) AS not_both
}}
CALL (written, fits, not_both) {{
  UNWIND CASE WHEN fits THEN $has ELSE [] END AS r
  MATCH (a:ArtigraphNode {{node_id: r[1]}})
  OPTIONAL MATCH (s:ArtigraphNode {{node_id: r[0]}}) WHERE s:Span
  FOREACH (_ IN CASE WHEN s IS NULL THEN [] ELSE [1] END |
    MERGE (s)-[h:HAS_ARTIFACT]->(a)
      ON CREATE SET h.label = r[2], h.key = r[3], h.linked_at = datetime(r[4]))
  FOREACH (_ IN CASE WHEN s IS NULL OR r[4] IS NOT NULL THEN [] ELSE [1] END |
    MERGE (a)-[:MADE_BY]->(s))
  RETURN collect(CASE WHEN s IS NULL THEN r END) AS no_span
}}
CALL (written, fits) {{
  UNWIND CASE WHEN fits THEN $used ELSE [] END AS r
  OPTIONAL MATCH (s:ArtigraphNode {{node_id: r[0]}}) WHERE s:Span
  OPTIONAL MATCH (a:ArtigraphNode {{node_id: r[1]}}) WHERE a:Artifact
  FOREACH (_ IN CASE WHEN s IS NULL OR a IS NULL THEN [] ELSE [1] END |
    MERGE (s)-[u:USED]->(a)
      ON CREATE SET u.at = datetime(r[2]))
  RETURN collect(CASE WHEN s IS NULL OR a IS NULL THEN r END) AS no_artifact
}}
{_ANNOTATE}
{applied_if("fits")}
RETURN {TURN}, other, wrong, gone, written, no_parent, not_both, no_span, no_artifact
"""
"""A statement that writes a batch in one transaction. Existing nodes are not changed; ``written``
has the ids of new nodes. Records that link to a missing node are returned, to be tried again after
the others. Nothing is written if an id belongs to another thing here, or to one recorded at another
time: ``wrong``; or if a Blob node that was there before has been deleted since: ``gone``.

An older version loses its key, which makes labels unique, before the newer one gets it.
"""
