"""What each question costs, on 1,000 fully linked layers and on a circle: hits grow with nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from artigraph_neo4j import Engine, add_tags
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.graph.cypher import ancestry, impact, policy
from artigraph_neo4j.graph.cypher.lineage import lineage
from artigraph_neo4j.graph.cypher.why import SHORTEST_WAY
from artigraph_neo4j.graph.parameters import with_one_map
from tests.graph import plans
from tests.graph.questions.graphs import circle, ladder

LAYERS = 1000
SHAPES: dict[str, tuple[Callable[[Engine], Any], int]] = {
    "ladder": (lambda engine: ladder(engine, LAYERS, 2), 4 * LAYERS),
    "circle": (lambda engine: circle(engine, 2 * LAYERS), 4 * LAYERS),
}
"""Graphs, and about how many nodes are reached in them from one end to the other."""


@pytest.fixture(params=SHAPES)
async def graph(request: Any, engine: Engine) -> tuple[str, str, int]:
    """A graph: its first artifact, one far above which it is not, and the number of nodes."""
    make, nodes = SHAPES[request.param]
    p = await make(engine)
    return f"{p}a0-0", f"{p}a{LAYERS - 1}-0", nodes


async def test_hits_for_each_node(graph: tuple[str, str, int], session: Any) -> None:
    first, last, nodes = graph
    tag = new_id()
    await add_tags(last, tag)
    rules = {"source": "f:PolicyRaw", "through": "n:Nothing", "inside": "false"}
    asked: dict[str, tuple[str, dict[str, Any], int]] = {
        "impact": (impact.count(impact.Walk()), {"ids": [first]}, 7),
        # From the start, where more than 1,000 have the tag: a look at each artifact's tags.
        "tagged": (impact.tagged(impact.Walk(), 0), {"ids": [first], "tag": tag}, 9),
        "policy": (policy.broken(ids=True, **rules), {"ids": [last]}, 7),
        "required": (policy.broken(ids=True, **{**rules, "source": ""}), {"ids": [last]}, 7),
        "stale": (ancestry.STALE, {"ids": [last], "code": False}, 7),
        # A row for each step of the way, with what is shown of it.
        "why": (SHORTEST_WAY, {"later": last, "earlier": first}, 15),
        # A row for each node.
        "lineage": (lineage("up", None), {"node_id": last, "links": True}, 21),
        "recipe": (ancestry.RECIPE, {"ids": [last], "code": False}, 24),
    }
    found: dict[str, float] = {}
    for name, (text, parameters, _) in asked.items():
        result = await session.run(*with_one_map("PROFILE " + text, parameters))
        profile = (await result.consume()).profile
        assert "VarLengthExpand(Pruning,BFS,All)" in plans.walks(profile, "USED"), name
        found[name] = (plans.hits(profile) - 200) / nodes
    assert all(hits > 0 for hits in found.values()), found
    assert {name: hits for name, hits in found.items() if hits > asked[name][2]} == {}
