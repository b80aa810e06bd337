"""Statements that let full-text search find what was recorded.

A new node with words has the label ``ArtigraphUnindexed``; the index covers ``ArtigraphIndexed``.
So a write does not touch the index, and a later statement moves many nodes into it at once.
"""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.parts import lock
from artigraph_neo4j.graph.names import INDEXED_LABEL, UNINDEXED_LABEL

__all__ = ["COUNT_UNINDEXED", "INDEX_WORDS"]

COUNT_UNINDEXED = f"MATCH (n:{UNINDEXED_LABEL}) RETURN count(n) AS unindexed"
"""A statement that counts, by one look at the count store. 0 means that search finds everything
that was recorded before."""

INDEX_WORDS = f"""
MATCH (l:ArtigraphGraph {{name: 'artigraph'}})
{lock("l", "ArtigraphGraph")}
WITH count(*) AS locked
CALL (locked) {{
  MATCH (n:{UNINDEXED_LABEL}) WHERE NOT 'ArtigraphGraph' IN labels(n)
  WITH n LIMIT $size
  {lock("n", UNINDEXED_LABEL)}
  WITH n, CASE WHEN n:{UNINDEXED_LABEL} THEN [n] ELSE [] END AS waiting
  FOREACH (w IN waiting | SET w:{INDEXED_LABEL} REMOVE w:{UNINDEXED_LABEL})
  RETURN count(*) AS seen
}}
MATCH (g:ArtigraphGraph {{name: 'artigraph'}})
FOREACH (_ IN CASE WHEN seen > 0 THEN [1] ELSE [] END | SET g:{UNINDEXED_LABEL})
FOREACH (_ IN CASE WHEN seen = 0 THEN [1] ELSE [] END | REMOVE g:{UNINDEXED_LABEL})
RETURN seen
"""
"""A statement that moves up to ``$size`` nodes into the index, and returns their number. It may be
run at any time and by many at once: all but one wait, and then find nothing to do.

Readers may see the parts of a commit one after the other. So a statement that moves nodes gives
``ArtigraphUnindexed`` to the node of the graph, and the next one, which finds none, takes it away:
while the index may lag behind the labels, the count is not 0."""
