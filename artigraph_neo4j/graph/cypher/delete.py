"""Statements that delete, and the rules that hide nodes being deleted from all others.

A tree is deleted in many transactions. The first detaches its root and gives it the label
``ArtigraphDeleting``; from then on nothing of the tree is found. The following ones work from the
bottom up, so that all nodes left can be reached from a marked root, and a delete that was killed
can be continued later.

Spans and artifacts are deleted by ``DELETE``, never ``DETACH DELETE``: at the commit, Neo4j refuses
to delete a node that got a relationship in the meantime, where ``DETACH`` would cut off nodes that
another transaction has just put below it. The refusal is a ``ConflictError``, after which the
delete reads the tree again.
"""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.once import ONCE, TURN, applied_if
from artigraph_neo4j.graph.cypher.parts import _DOOMED_SPAN, lock

__all__ = [
    "COUNT_DOOMED",
    "DELETE_ARTIFACTS",
    "DELETE_SPANS",
    "MARKED",
    "MARK_ARTIFACTS",
    "MARK_SPANS",
    "SPANS_TO_DELETE",
    "SPANS_TO_RETIRE",
    "UNLINK_ARTIFACTS",
]

MAX_GONE = 1000
"""Maximum number of deleted artifacts, besides the last, whose ids a span that used them keeps."""

_WRONG_SPANS = """
  OPTIONAL MATCH (s:ArtigraphNode {node_id: id})
  WITH id, s WHERE s IS NULL OR NOT s:Span
  RETURN collect([id, coalesce(s:Artifact, false)]) AS wrong
"""
_WRONG_ARTIFACTS = """
  OPTIONAL MATCH (a:ArtigraphNode {node_id: id})
  OPTIONAL MATCH (owner)-[:HAS_FIELD]->(a)
  WITH id, a, owner WHERE a IS NULL OR NOT a:Artifact OR owner IS NOT NULL
  RETURN collect([id, coalesce(a:Span, false) OR owner IS NOT NULL, owner.node_id]) AS wrong
"""

_MAY = "turn = 'now' AND ($lenient OR size(wrong) = 0)"

MARK_SPANS = f"""
{ONCE}
CALL () {{ UNWIND $ids AS id {_WRONG_SPANS} }}
CALL (turn, wrong) {{
  UNWIND CASE WHEN {_MAY} THEN $ids ELSE [] END AS id
  MATCH (s:ArtigraphNode {{node_id: id}}) WHERE s:Span
  SET s:ArtigraphDeleting, s.marked_at_ = datetime()
  WITH s
  OPTIONAL MATCH (s)<-[r:PARENT_OF]-()
  DELETE r
  RETURN collect(DISTINCT s.node_id) AS marked
}}
{applied_if(_MAY)}
RETURN {TURN}, wrong, marked
"""

MARK_ARTIFACTS = f"""
{ONCE}
CALL () {{ UNWIND $ids AS id {_WRONG_ARTIFACTS} }}
CALL (turn, wrong) {{
  UNWIND CASE WHEN {_MAY} THEN $ids ELSE [] END AS id
  MATCH (a:ArtigraphNode {{node_id: id}}) WHERE a:Artifact AND NOT EXISTS {{ ()-[:HAS_FIELD]->(a) }}
  SET a:ArtigraphDeleting, a.marked_at_ = datetime()
  WITH a
  CALL (a) {{
    OPTIONAL MATCH (newer)-[x:SUPERSEDES]->(a)
    OPTIONAL MATCH (a)-[y:SUPERSEDES]->(older)
    FOREACH (_ IN CASE WHEN newer IS NULL OR older IS NULL THEN [] ELSE [1] END |
      MERGE (newer)-[z:SUPERSEDES]->(older)
        ON CREATE SET z.at = x.at)
    DELETE x, y
    WITH a, newer, older WHERE newer IS NULL AND older IS NOT NULL
    MATCH (s)-[h:HAS_ARTIFACT]->(a)
    MATCH (s)-[g:HAS_ARTIFACT]->(older)
    WITH h, g, h.key AS key
    DELETE h
    SET g.key = key
    RETURN count(*) AS restored
  }}
  WITH a
  OPTIONAL MATCH (a)<-[h:HAS_ARTIFACT]-()
  DELETE h
  RETURN collect(DISTINCT a.node_id) AS marked
}}
{applied_if(_MAY)}
RETURN {TURN}, wrong, marked
"""
"""A statement that marks artifacts. If the newest version of an artifact is deleted, the one before
becomes the newest and gets its label; if one in the middle is, its neighbours are linked."""

MARKED = """
MATCH (n:ArtigraphDeleting)
WHERE $idle IS NULL OR n.marked_at_ < datetime() - duration({seconds: $idle})
WITH n:Span AS is_span, n.node_id AS id ORDER BY id
RETURN is_span, collect(id)
"""
"""A statement that reads the roots of killed deletes: they were not touched for some seconds."""

SPANS_TO_DELETE = """
UNWIND $ids AS id
MATCH (r:ArtigraphNode {node_id: id})
SET r.marked_at_ = datetime()
WITH r
MATCH (r)-[:PARENT_OF*0..]->(s)
WITH DISTINCT s
WHERE NOT $leaves OR NOT EXISTS { (s)-[:PARENT_OF]->() }
WITH s ORDER BY s.depth DESC LIMIT $limit
WITH collect(s.node_id) AS found
UNWIND range(0, size(found) - 1, 1000) AS i
RETURN found[i..i + 1000]
"""
"""A statement that reads the deepest spans below marked roots; with ``$leaves``, spans without
children of any depth.

``DISTINCT`` drops the paths, which Neo4j 5.26 would keep through a sort: for the last span of a
chain of 10,000 spans a path has 10,000 relationships."""

_NOTE_USE = f"""
  FOREACH (_ IN CASE WHEN used THEN [1] ELSE [] END |
    SET other.gone_ = coalesce(other.gone_, [])[..{MAX_GONE}] + [x.node_id])
  DELETE r"""
"""Part that deletes a relationship ``r`` of an artifact ``x``; a remaining span that used the
artifact keeps its id."""

_USED_BY = f"type(r) = 'USED' AND NOT {_DOOMED_SPAN.format('other', '')}"

UNLINK_ARTIFACTS = f"""
CALL () {{
  UNWIND $ids AS id
  MATCH (:ArtigraphNode {{node_id: id}})-[u:USED]->()
  WITH u LIMIT $links
  DELETE u
  RETURN count(*) AS own
}}
CALL (own) {{
  UNWIND $ids AS id
  MATCH (:ArtigraphNode {{node_id: id}})-[h:HAS_ARTIFACT|HAS_FIELD]->(a)
  WITH h, a, a.node_id AS id LIMIT $limit
  {lock("a", "Artifact")}
  DELETE h
  RETURN collect(DISTINCT id) AS ids, count(*) AS unlinked
}}
CALL (ids) {{
  UNWIND ids AS id
  MATCH (a:ArtigraphNode {{node_id: id}})
  WITH a, CASE WHEN COUNT {{ (a)--() }} <= $each THEN [(a)-[r]-(other) | [r, type(r), other]] END
    AS links
  WITH a, links, links IS NOT NULL
    AND none(link IN links WHERE link[1] IN ['HAS_ARTIFACT', 'HAS_FIELD']) AS is_small
  RETURN collect(CASE WHEN is_small THEN [a, links] END) AS small,
    collect(CASE WHEN NOT is_small THEN a END) AS others
}}
CALL (others) {{
  UNWIND others AS a
  WITH a WHERE NOT EXISTS {{ (a)<-[:HAS_ARTIFACT|HAS_FIELD]-() }}
  SET a:ArtigraphDeleting, a.marked_at_ = datetime()
  RETURN collect(a.node_id) AS doomed
}}
CALL (others) {{
  UNWIND others AS a
  MATCH (a) WHERE EXISTS {{ (a)<-[:HAS_ARTIFACT|HAS_FIELD]-() }} AND NOT EXISTS {{
    MATCH (a)<-[:HAS_ARTIFACT]-(holder) WHERE {_DOOMED_SPAN.format("holder", "")}
  }}
  RETURN count(a) AS kept
}}
CALL (small) {{
  UNWIND small AS found
  UNWIND found[1] AS link
  WITH found[0] AS x, link[0] AS r, link[1] AS kind, link[2] AS other
  WITH x, r, other, kind = 'STORED_IN' AS is_blob, kind IN ['STORED_IN', 'HAS_NOTE'] AS goes,
    CASE kind WHEN 'STORED_IN' THEN other.size END AS size,
    CASE kind WHEN 'USED' THEN NOT {_DOOMED_SPAN.format("other", "")} ELSE false END AS used
  {_NOTE_USE}
  FOREACH (_ IN CASE WHEN goes THEN [1] ELSE [] END | DETACH DELETE other)
  RETURN sum(CASE WHEN is_blob THEN 1 ELSE 0 END) AS blobs, coalesce(sum(size), 0) AS bytes,
    sum(CASE WHEN used THEN 1 ELSE 0 END) AS uses
}}
CALL (small, blobs) {{
  UNWIND small AS found
  WITH found[0] AS a
  DELETE a
  RETURN count(*) AS artifacts
}}
RETURN doomed, kept, own = $links OR unlinked = $limit AS more, artifacts, blobs, bytes, uses
"""
"""A statement that unlinks artifacts and parts from spans, and spans from what they used. What no
span has any more is deleted, if it has few relationships and no models nested in it; else it
becomes a marked root itself, and its id is returned. What only spans outside of all deletes still
have counts as kept.

What spans of the same tree used is gone before, so that artifacts need not look for it."""

DELETE_ARTIFACTS = f"""
UNWIND $ids AS id
MATCH (a:ArtigraphNode {{node_id: id}})
{lock("a", "Artifact")}
WITH id
MATCH p = (:ArtigraphNode {{node_id: id}})-[:HAS_FIELD*0..]->(x)
WITH x, min(length(p)) AS height ORDER BY height DESC LIMIT $limit
WITH collect(x) AS nodes
CALL (nodes) {{
  UNWIND nodes AS x
  MATCH (x)-[:STORED_IN|HAS_NOTE]->(b)
  WITH b, b:Blob AS is_blob, b.size AS size
  DETACH DELETE b
  RETURN sum(CASE WHEN is_blob THEN 1 ELSE 0 END) AS blobs,
    sum(CASE WHEN is_blob THEN size ELSE 0 END) AS bytes
}}
CALL (nodes) {{
  UNWIND nodes AS x
  MATCH (x)-[r]-(other) WHERE type(r) <> 'HAS_FIELD'
  WITH DISTINCT r, x, other LIMIT $links
  WITH r, x, other, {_USED_BY} AS used
  {_NOTE_USE}
  RETURN count(*) AS links, sum(CASE WHEN used THEN 1 ELSE 0 END) AS uses
}}
CALL (nodes, links) {{
  UNWIND CASE WHEN links < $links THEN nodes ELSE [] END AS x
  OPTIONAL MATCH (x)<-[f:HAS_FIELD]-()
  WITH x, f, f IS NULL AS is_whole
  DELETE f
  DELETE x
  RETURN sum(CASE WHEN is_whole THEN 1 ELSE 0 END) AS artifacts,
    sum(CASE WHEN is_whole THEN 0 ELSE 1 END) AS nested
}}
RETURN artifacts, nested, blobs, bytes, uses, size(nodes) = $limit OR links = $links AS more
"""
"""A statement that deletes artifacts with their nested models, at most ``$limit`` nodes, the
deepest first. Spans that used one and stay keep its id in ``gone_``.

It locks nodes and matches them again, so that it does not count nodes that another delete deleted
while this one waited for the lock."""

DELETE_SPANS = f"""
UNWIND $ids AS id
MATCH (s:ArtigraphNode {{node_id: id}})
{lock("s", "Span")}
WITH id
MATCH (s:ArtigraphNode {{node_id: id}})
WITH collect(s) AS nodes
CALL (nodes) {{
  UNWIND nodes AS s
  MATCH (s)-[r]-(other) WHERE NOT type(r) IN ['PARENT_OF', 'HAS_ARTIFACT', 'HAS_FIELD']
  WITH DISTINCT r, other LIMIT $links
  WITH r, other, type(r) = 'HAS_NOTE' AS is_note
  DELETE r
  FOREACH (_ IN CASE WHEN is_note THEN [1] ELSE [] END | DETACH DELETE other)
  RETURN count(*) AS links
}}
CALL (nodes, links) {{
  UNWIND CASE WHEN links < $links THEN nodes ELSE [] END AS s
  OPTIONAL MATCH (s)<-[r:PARENT_OF]-()
  DELETE r
  DELETE s
  RETURN count(*) AS spans
}}
RETURN spans, links = $links AS more
"""
"""A statement that deletes spans; it is refused as a whole if one of them has an artifact, or a
child that is not among them."""

_DOOMED_ROOTS = """
  UNWIND $spans AS id
  MATCH (r:ArtigraphNode {node_id: id})
  WHERE r:Span AND NOT EXISTS { (r)<-[:PARENT_OF*1..]-(above) WHERE above.node_id IN $spans }
  MATCH (r)-[:PARENT_OF*0..]->(s)
"""
_OUTSIDE = "NOT EXISTS {{ ({0})<-[:PARENT_OF*0..]-(t) WHERE t.node_id IN $spans }}"

COUNT_DOOMED = f"""
CALL () {{ UNWIND $spans AS id {_WRONG_SPANS.replace("wrong", "wrong_spans")} }}
CALL () {{ UNWIND $artifacts AS id {_WRONG_ARTIFACTS.replace("wrong", "wrong_artifacts")} }}
CALL () {{
  {_DOOMED_ROOTS}
  RETURN count(s) AS spans
}}
CALL () {{
  CALL () {{
    {_DOOMED_ROOTS}
    MATCH (s)-[:HAS_ARTIFACT|HAS_FIELD]->(a)
    RETURN a
  UNION
    UNWIND $artifacts AS id
    MATCH (a:ArtigraphNode {{node_id: id}}) WHERE a:Artifact
    RETURN a
  }}
  WITH a, COUNT {{ (a)<-[:HAS_ARTIFACT]-() }} AS holders
  WITH a, holders <= 1 OR a.node_id IN $artifacts OR NOT EXISTS {{
    MATCH (a)<-[:HAS_ARTIFACT]-(holder) WHERE {_OUTSIDE.format("holder")}
  }} AS goes
  CALL (a, goes) {{
    WITH a WHERE goes
    MATCH (a)-[:HAS_FIELD*0..]->(x)
    CALL (x) {{
      MATCH (x)-[:STORED_IN]->(b:Blob)
      RETURN count(b) AS blobs, sum(b.size) AS bytes
    }}
    CALL (x) {{
      MATCH (x)<-[:USED]-(user) WHERE {_OUTSIDE.format("user")}
      RETURN count(user) AS uses
    }}
    RETURN count(x) AS nodes, sum(blobs) AS blobs, sum(bytes) AS bytes, sum(uses) AS uses
  }}
  RETURN sum(CASE WHEN goes THEN 1 ELSE 0 END) AS artifacts,
    sum(CASE WHEN goes THEN nodes - 1 ELSE 0 END) AS nested,
    sum(blobs) AS blobs, sum(bytes) AS bytes, sum(uses) AS uses,
    sum(CASE WHEN goes THEN 0 ELSE 1 END) AS kept
}}
RETURN wrong_spans, wrong_artifacts,
  [spans, artifacts, nested, blobs, bytes, kept, uses] AS counts
"""
"""A statement that counts the nodes that a delete of some ids would delete; it only reads."""

SPANS_TO_RETIRE = """
MATCH (r:Span) USING INDEX r:Span(depth, opened_at, node_id)
WHERE r.depth = 0 AND r.opened_at IS NOT NULL AND r.node_id IS NOT NULL
  AND ($label IS NULL OR r.label = $label) AND NOT 'ArtigraphDeleting' IN labels(r)
WITH r ORDER BY r.depth DESC, r.opened_at DESC, r.node_id DESC
WITH r.label AS label, collect(r) AS newest_first
UNWIND newest_first[$keep_last..] AS r
WITH r WHERE ($before IS NULL OR r.opened_at < datetime($before))
  AND ($open_too OR NOT EXISTS {
    MATCH (r)-[:PARENT_OF*0..]->(open) WHERE open.closed_at IS NULL
  })
WITH r ORDER BY r.opened_at, r.node_id
WITH collect(r.node_id) AS found
UNWIND range(0, size(found) - 1, 1000) AS i
RETURN found[i..i + 1000]
"""
