"""What an export costs the database."""

from __future__ import annotations

from typing import Any

import pytest

from artigraph_neo4j import batch, span_context
from artigraph_neo4j.graph.cypher import archive
from artigraph_neo4j.graph.parameters import with_one_map
from tests.graph import plans


@pytest.mark.statements
@pytest.mark.parametrize("statement", ["EXPORT_SPANS", "EXPORT_USED"])
async def test_a_page_costs_the_same_however_long_the_run(statement: str, session: Any) -> None:
    costs = []
    for spans in (100, 1000):
        async with batch(), span_context(label="exported") as root:
            for _ in range(spans):
                async with span_context(label="step"):
                    pass
        given = {"root": root.node_id, "span": root.node_id, "after": "", "size": 20}
        text = "PROFILE " + getattr(archive, statement)
        result = await session.run(*with_one_map(text, given))
        costs.append(plans.hits((await result.consume()).profile))
    assert costs[1] < 1.2 * costs[0], costs
