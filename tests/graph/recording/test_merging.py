"""The statement that merges: what is written twice is there once."""

from __future__ import annotations

from typing import Any

import pytest

from artigraph_neo4j import Engine, span_context
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.graph.cypher import write

AT = [1_700_000_000, 0]


@pytest.mark.statements
async def test_every_part_that_merges(engine: Engine, query: Any) -> None:
    async with span_context(label="owner") as owner:
        pass
    child, grandchild, whole, part, alone = (new_id() for _ in range(5))
    group = {"labels": ["Artifact", "Part"], "model": "Part", "model_version": 1, "codec": "{}"}
    opened = {"node_id": child, "status": "OK", "root_id": owner.node_id, "depth": 1}
    below = opened | {"node_id": grandchild, "depth": 2}
    parameters = {
        "owners": [owner.node_id],
        "opened": [{"labels": ["Span"], "rows": [[opened, AT, AT], [below, AT, AT]]}],
        "parents": [[owner.node_id, [child]]],
        "children": [[child, [grandchild]]],
        "owned": [
            group | {"spans": [[owner.node_id, [[{"node_id": whole, "n": 1}, AT, "w", new_id()]]]]}
        ],
        "others": [
            group
            | {
                "spans": [
                    [None, [[{"node_id": node_id, "n": 2}, AT, None, None]]]
                    for node_id in (part, alone)
                ]
            }
        ],
        "fields": [[whole, part, "parts/0"]],
    }
    for _ in range(2):
        await engine.once(write.statement(parameters, merge=True), parameters)
    rows = await query(
        "MATCH (o:Span {node_id: $owner}) "
        "RETURN COUNT { (o)-[:PARENT_OF]->(:Span {node_id: $child}) }, "
        "COUNT { ({node_id: $child})-[:PARENT_OF]->(:Span {node_id: $grandchild}) }, "
        "COUNT { (o)-[:HAS_ARTIFACT {label: 'w'}]->({node_id: $whole}) }, "
        "COUNT { ({node_id: $whole})-[:HAS_FIELD {path: 'parts/0'}]->({node_id: $part}) }, "
        "COUNT { (n:ArtigraphNode) WHERE n.node_id IN [$child, $whole, $part, $alone] }",
        owner=owner.node_id, child=child, grandchild=grandchild, whole=whole, part=part,
        alone=alone,
    )  # fmt: skip
    assert rows == [[1, 1, 1, 1, 4]]
