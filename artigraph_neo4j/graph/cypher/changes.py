"""Statements that add to a record: versions, tags, notes."""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.once import ONCE, TURN, applied_if
from artigraph_neo4j.graph.cypher.parts import (
    DELETES,
    OWNER,
    ROOTS_TO_ROWS,
    artifact_stays,
    is_newest,
    lock,
    span_stays,
)

__all__ = ["ANNOTATIONS", "NOTE", "REVISIONS", "TAG", "UNTAG"]

REVISIONS = f"""
{DELETES}
MATCH (x:ArtigraphNode {{node_id: $node_id}}) USING INDEX SEEK x:ArtigraphNode(node_id)
WHERE x:Artifact AND {artifact_stays("x")}
MATCH (x)<-[:SUPERSEDES*0..]-(newest)
WHERE {is_newest("newest")}
MATCH p = (newest)-[:SUPERSEDES*0..]->(a)
WITH a, length(p) AS age ORDER BY age
{OWNER}
{ROOTS_TO_ROWS}
WITH collect([owner, label, nodes]) AS found
UNWIND range(0, size(found), 1000) AS i
RETURN found[i..i + 1000]
"""
"""A statement that reads versions. They form a chain: each has at most one newer and one older."""

_FOUND = f"""
{DELETES}
MATCH (n:ArtigraphNode {{node_id: $node_id}}) USING INDEX SEEK n:ArtigraphNode(node_id)
WHERE n:Span AND {span_stays("n")} OR n:Artifact AND {artifact_stays("n")}
"""

_TAGS = "[(n)-[:TAGGED]->(t:ArtigraphTag) | t.name]"


def _change(parts: str, result: str) -> str:
    """Return a statement that changes the node ``n`` once; ``found`` is null if it is missing."""
    return f"""
{DELETES}
{ONCE}
OPTIONAL MATCH (n:ArtigraphNode {{node_id: $node_id}}) USING INDEX SEEK n:ArtigraphNode(node_id)
WHERE n:Span AND {span_stays("n")} OR n:Artifact AND {artifact_stays("n")}
WITH lane, turn, n, n IS NOT NULL AND turn = 'now' AS fine
CALL (n, fine) {{
  WITH n WHERE fine
  {parts}
}}
{applied_if("fine")}
RETURN {TURN}, n.node_id AS found, {result}
"""


TAG = _change(
    """UNWIND $names AS name
  MERGE (t:ArtigraphTag {name: name})
  MERGE (n)-[k:TAGGED]->(t)
    ON CREATE SET k.at = datetime($at)
  RETURN count(*) AS tagged""",
    _TAGS,
)

UNTAG = _change(
    """MATCH (n)-[k:TAGGED]->(t:ArtigraphTag)
  WHERE t.name IN $names
  DELETE k
  RETURN count(*) AS untagged""",
    _TAGS,
)

NOTE = _change(
    f"""{lock("n", "ArtigraphNode")}
  WITH n
  OPTIONAL MATCH (n)-[:HAS_NOTE]->(old:ArtigraphNote)
  CALL (old) {{
    WITH old WHERE $text IS NULL
    DETACH DELETE old
  }}
  CALL (n) {{
    WITH n WHERE $text IS NOT NULL
    MERGE (n)-[:HAS_NOTE]->(o:ArtigraphNote)
    SET o.text = $text, o.written_at = datetime($at)
  }}
  RETURN count(*) AS changed""",
    "null",
)
"""A statement that writes a note. It locks first, so that two writers cannot make two notes."""

ANNOTATIONS = f"""
{_FOUND}
OPTIONAL MATCH (n)-[:HAS_NOTE]->(o:ArtigraphNote)
RETURN {_TAGS}, o.text, toStringOrNull(o.written_at)
"""
