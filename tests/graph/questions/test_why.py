"""The ways from one artifact to another: against a plain walk, and on the shapes that explode."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    create_span_artifact,
    span_context,
    use,
    why,
)
from artigraph_neo4j.errors import NotFoundError
from artigraph_neo4j.graph.cypher.why import SHORTEST_WAY
from artigraph_neo4j.graph.parameters import with_one_map
from tests.examples import few
from tests.graph import plans
from tests.graph.questions.graphs import Derivations, ladder, random_graphs, reached


@dataclass
class WhyItem(ArtifactModel, version=1):
    n: int


@settings(max_examples=few(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=random_graphs(), data=st.data())
async def test_as_a_plain_walk_finds_it(engine: Engine, graph: Derivations, data: Any) -> None:
    await graph.load(engine)
    a = data.draw(st.sampled_from(list(graph.models)))
    b = data.draw(st.sampled_from([*graph.models, *graph.spans]))
    up = graph.up()
    above = set(reached([a], up))
    circle = any(a in up.get(n, []) for n in above)
    expected = b in above or (a == b and circle)
    one = await why(graph.name(a), graph.name(b))
    every = await why(graph.name(a), graph.name(b), all_ways=True)
    assert (one is not None) == (every is not None) == expected
    if one is None or every is None:
        return
    ids = [s.node_id.removeprefix(graph.prefix) for s in one.steps]
    assert (ids[0], ids[-1]) == (a, b)
    assert all(y in up[x] for x, y in pairwise(ids))
    if a != b:
        assert len(ids) - 1 == reached([a], up)[b]
    on_a_way = {a} | {n for n in above if n == b or b in reached([n], up)}
    if a != b:
        assert {s.node_id.removeprefix(graph.prefix) for s in every.steps} == on_a_way
    links = {(k.target, k.source) for k in every.links}
    assert links == {
        (graph.name(x), graph.name(y)) for x in on_a_way for y in up.get(x, []) if y in on_a_way
    }


async def test_one_way_and_none(statements: list[Any]) -> None:
    async with span_context(label="load"):
        raw = await create_span_artifact("current", label="raw", data=WhyItem(1))
        other = await create_span_artifact("current", label="other", data=WhyItem(1))
    async with span_context(label="train") as train:
        use(raw)
        model = await create_span_artifact("current", label="model", data=WhyItem(2))
    statements.clear()
    way = await why(model, raw)
    assert [s.access for s in statements] == ["read"]
    assert way is not None
    assert [s.label for s in way.steps] == ["model", "train", "raw"]
    assert [(k.source, k.type) for k in way.links] == [
        (train.node_id, "HAS_ARTIFACT"), (raw, "USED")
    ]  # fmt: skip
    assert [s.label for s in way.spans] == ["train"]
    assert [s.label for s in way.artifacts] == ["model", "raw"]
    assert "raw" in way._repr_html_()
    assert "train" in way.to_mermaid()
    assert await why(model, other) is None
    assert await why(model, other, all_ways=True) is None
    assert await why(raw, model) is None
    assert (await why(model, train)) is not None
    for pair in ((model, "nope"), ("nope", model)):
        for every in (False, True):
            with pytest.raises(NotFoundError, match="'nope'"):
                await why(*pair, all_ways=every)
    for every in (False, True):
        with pytest.raises(NotFoundError, match="is the id of a span, not of an artifact"):
            await why(train.node_id, raw, all_ways=every)


@pytest.mark.statements
@pytest.mark.parametrize(("layers", "width"), [(41, 2), (1000, 2)])
async def test_many_ways_cost_what_one_does(
    engine: Engine, session: Any, layers: int, width: int
) -> None:
    p = await ladder(engine, layers, width)
    ends = {"later": f"{p}a{layers - 1}-0", "earlier": f"{p}a0-0"}
    result = await session.run(*with_one_map("PROFILE " + SHORTEST_WAY, ends))
    profile = (await result.consume()).profile
    links = width * width * (layers - 1) + width * layers
    assert 0 < plans.hits(profile) < 200 + 12 * links
    assert "VarLengthExpand(Pruning,BFS,All)" in plans.walks(profile, "USED")
    one = await why(ends["later"], ends["earlier"])
    every = await why(ends["later"], ends["earlier"], all_ways=True)
    assert one is not None
    assert every is not None
    assert len(one.steps) == 2 * layers - 1
    assert len(every.steps) == 4 * layers - 5


async def test_of_several_shortest_ways_the_latest(engine: Engine) -> None:
    for latest in ("s2", "s3"):
        graph = Derivations(models=dict.fromkeys(("raw", "x", "y", "model"), "GraphX"))
        others = [s for s in ("s2", "s3") if s != latest]
        graph.spans = dict.fromkeys(["s1", *others, latest, "s4"])
        graph.made = [("s1", "raw"), ("s2", "x"), ("s3", "y"), ("s4", "model")]
        graph.used = [("s2", "raw"), ("s3", "raw"), ("s4", "x"), ("s4", "y")]
        await graph.load(engine)
        way = await why(graph.name("model"), graph.name("raw"))
        assert way is not None
        assert [s.label for s in way.spans] == ["s4", latest]
