"""Large trees of spans with artifacts, made by few statements."""

from __future__ import annotations

from artigraph_neo4j import Engine
from artigraph_neo4j.common.ids import new_id

NODES_EACH = 5
"""Nodes for each span: itself, two artifacts, a model nested in one, a blob of the other."""
BLOB_BYTES = 1000

_GROW = """
UNWIND $rows AS r
CREATE (s:ArtigraphNode:Span {
  node_id: $root + r[0], label: 'bulk', status: 'OK', depth: r[2], root_id: $root + '0',
  opened_at: datetime(), closed_at: datetime()
})
CREATE (s)-[:HAS_ARTIFACT]->(a:ArtigraphNode:Artifact:Bulk {node_id: $root + r[0] + 'a'})
CREATE (s)-[:HAS_ARTIFACT]->(b:ArtigraphNode:Artifact:Bulk {node_id: $root + r[0] + 'b'})
CREATE (a)-[:HAS_FIELD {path: 'x'}]->(:ArtigraphNode:Artifact:Bulk {node_id: $root + r[0] + 'c'})
CREATE (b)-[:STORED_IN {field: 'x'}]->(:Blob {
  blob_id: $root + r[0], digest: $root + r[0], size: $size, storage: 'none', location: ''
})
"""
_JOIN = """
UNWIND $rows AS r
MATCH (s:ArtigraphNode {node_id: $root + r[0]}) USING INDEX SEEK s:ArtigraphNode(node_id)
MATCH (p:ArtigraphNode {node_id: $root + r[1]}) USING INDEX SEEK p:ArtigraphNode(node_id)
CREATE (p)-[:PARENT_OF]->(s)
"""


async def grow(engine: Engine, spans: int, *, fanout: int = 8) -> str:
    """A tree of so many spans, each with ``fanout`` children; returns the root's id."""
    root = f"{new_id()}-"
    depths = [0]
    rows: list[list[int]] = [[0, -1, 0]]
    for i in range(1, spans):
        parent = (i - 1) // fanout
        depths.append(depths[parent] + 1)
        rows.append([i, parent, depths[i]])
    for statement, wanted in ((_GROW, rows), (_JOIN, rows[1:])):
        for start in range(0, len(wanted), 10_000):
            batch = wanted[start : start + 10_000]
            await engine.write(statement, {"rows": batch, "root": root, "size": BLOB_BYTES})
    return f"{root}0"
