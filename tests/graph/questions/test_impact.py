"""Impact: against a plain walk on random graphs, and what it costs on the shapes that explode."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    F,
    add_tags,
    create_span_artifact,
    delete_span,
    impact,
    link_artifact,
    revise_artifact,
    span_context,
    use,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import NotFoundError
from artigraph_neo4j.graph.cypher import impact as cypher
from artigraph_neo4j.graph.parameters import with_one_map
from tests.examples import few
from tests.graph import plans
from tests.graph.questions.graphs import Derivations, ladder, random_graphs, reached


@dataclass
class ImpactTable(ArtifactModel, version=1):
    rows: int


_MARK = "MATCH (s:ArtigraphNode {node_id: $id}) SET s:ArtigraphDeleting"
_UNMARK = "MATCH (s:ArtigraphNode {node_id: $id}) REMOVE s:ArtigraphDeleting"


@settings(max_examples=few(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=random_graphs(), data=st.data())
async def test_as_a_plain_walk_finds_it(engine: Engine, graph: Derivations, data: Any) -> None:
    await graph.load(engine)
    given_ = data.draw(st.lists(st.sampled_from(list(graph.models)), min_size=1, max_size=3))
    tree = data.draw(st.booleans())
    found = await impact(
        *map(graph.name, given_), through="tree" if tree else "span", versions="this"
    )
    expected = reached(given_, graph.down(tree=tree))
    steps = {s.node_id.removeprefix(graph.prefix): s.distance for s in await found.read_steps()}
    assert steps == expected
    artifacts = [n for n in expected if n in graph.models]
    assert (found.artifacts, found.total) == (len(artifacts), len(expected))
    assert found.by_model == Counter(graph.models[a] for a in artifacts)
    assert {d: s + a for d, (s, a) in found.by_depth.items()} == Counter(expected.values())
    runs = {r.span.node_id.removeprefix(graph.prefix): r.spans for r in await found.read_runs()}
    assert runs == Counter(graph.root(n) for n in expected if n in graph.spans)

    chain = [a for pair in graph.revised for a in pair]
    starts = {*given_, *(chain if set(chain) & set(given_) else ())}
    united = await impact(*map(graph.name, given_), versions="all")
    assert united.total == len(reached(starts, graph.down()))

    until = data.draw(st.sampled_from([*graph.spans, *graph.models]).map(graph.at))
    then = {
        node: [n for n in others if graph.at(n) <= until]
        for node, others in graph.down(tree=tree).items()
    }
    before = await impact(*map(graph.name, given_), through="tree" if tree else "span", until=until)
    old = [a for a in given_ if graph.at(a) <= until]
    expected_then = reached(old, then).keys() - set(given_)
    steps_then = {s.node_id.removeprefix(graph.prefix) for s in await before.read_steps()}
    assert steps_then == expected_then

    doomed = data.draw(st.sampled_from(list(graph.spans)))
    gone = graph.doomed(doomed)
    if not gone & set(given_):
        await engine.write(_MARK, {"id": graph.name(doomed)})
        try:
            left = await impact(*map(graph.name, given_), through="tree" if tree else "span")
        finally:
            await engine.write(_UNMARK, {"id": graph.name(doomed)})
        assert left.total == len(expected.keys() - gone)

    tagged = data.draw(st.sets(st.sampled_from(list(graph.models)), min_size=1, max_size=4))
    tag = graph.prefix
    for node in tagged:
        await add_tags(graph.name(node), tag)
    wanted = sorted(graph.name(a) for a in tagged & expected.keys())
    assert await found.read_tagged(tag) == wanted
    text = cypher.tagged(found.walk, at_most=0)  # from the other end
    rows = await engine.ask(text, found.parameters | {"tag": tag})
    assert [node_id for (chunk,) in rows for node_id in chunk] == wanted


@pytest.mark.statements
async def test_filters_time_and_what_is_deleted(statements: list[Any]) -> None:
    async with span_context(label="load") as load:
        raw = await create_span_artifact("current", label="raw", data=ImpactTable(1))
    async with span_context(label="clean") as clean:
        use(raw)
        small = await create_span_artifact("current", label="small", data=ImpactTable(10))
        large = await create_span_artifact("current", label="large", data=ImpactTable(1000))
    async with span_context(label="share"):
        await link_artifact("current", small)
    async with span_context(label="train") as train:
        use(large)
        await create_span_artifact("current", label="model", data=ImpactTable(7))
    statements.clear()
    found = await impact(raw)
    assert [s.access for s in statements] == ["read"]
    assert (found.spans, found.artifacts) == (2, 3)
    assert found.by_depth == {1: (1, 0), 2: (0, 2), 3: (1, 0), 4: (0, 1)}
    assert found.by_class == {"ImpactTable": 3, "Span": 2}
    assert [s.label for s in await found.read_steps(limit=1)] == ["clean"]
    assert [(r.span.label, r.spans) for r in await found.read_runs()] == [
        ("train", 1),
        ("clean", 1),
    ]

    big = await impact(raw, model=ImpactTable, where=lambda t: t.rows > 9)
    assert (big.spans, big.artifacts) == (0, 2)
    assert {s.node_id for s in await big.read_steps()} == {small, large}
    assert (await impact(raw, where=F("rows") == 7, model=ImpactTable)).by_depth == {4: (0, 1)}

    then = train.opened_at - timedelta(microseconds=1)
    assert (await impact(raw, until=then)).artifacts == 2
    assert (await impact(raw, until=load.opened_at)).total == 0

    newer = await revise_artifact(raw, ImpactTable(2))
    assert (await impact(newer)).total == 0
    assert (await impact(newer, versions="all")).total == 5
    assert "derive from" in found._repr_html_()
    assert found.to_mermaid().startswith("flowchart LR")

    await delete_span(clean.node_id)
    assert (await impact(raw)).total == 0


@pytest.mark.statements
@pytest.mark.parametrize("through", ["span", "tree"])
async def test_tagged_ones_from_either_end(engine: Engine, through: Any) -> None:
    tag = new_id()
    async with span_context(label="load"):
        starts = [
            await create_span_artifact("current", label=label, data=ImpactTable(1))
            for label in ("raw", "more")
        ]
    async with span_context(label="outer"):
        async with span_context(label="inner"):
            use(starts[0])
            near = await create_span_artifact("current", label="near", data=ImpactTable(2))
        far = await create_span_artifact("current", label="far", data=ImpactTable(3))
    for node_id in (near, far):
        await add_tags(node_id, tag)
    found = await impact(*starts, through=through, versions="this")
    wanted = [near] if through == "span" else sorted([near, far])
    assert await found.read_tagged(tag) == wanted
    rows = await engine.ask(cypher.tagged(found.walk, at_most=0), found.parameters | {"tag": tag})
    assert [node_id for (chunk,) in rows for node_id in chunk] == wanted
    distances = [step.distance for step in await found.read_steps()]
    assert distances == ([1, 2] if through == "span" else [1, 2, 2, 3])


async def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="one artifact"):
        await impact()
    with pytest.raises(NotFoundError, match="'nope'"):
        await impact("nope")
    with pytest.raises(ValueError, match="versions"):
        await impact("x", versions="none")  # type: ignore[arg-type]


@pytest.mark.parametrize("tree", [False, True])
@pytest.mark.parametrize(("layers", "width"), [(40, 2), (1000, 2), (5, 60)])
async def test_hits_are_bounded_by_what_is_reached(
    engine: Engine, session: Any, layers: int, width: int, tree: bool
) -> None:
    p = await ladder(engine, layers, width)
    start = {"ids": [f"{p}a0-0"]}
    nodes = 2 * width * (layers - 1)
    links = width * width * (layers - 1) + width * layers
    walk = cypher.Walk(tree=tree)
    for text, more in ((cypher.count(walk), 0), (cypher.runs(walk), 16 * nodes // 2)):
        result = await session.run(*with_one_map("PROFILE " + text, start))
        profile = (await result.consume()).profile
        assert plans.walks(profile, "USED") == ["VarLengthExpand(Pruning,BFS,All)"]
        assert "NodeUniqueIndexSeek" in plans.operators(profile)
        assert plans.hits(profile) <= 200 + 5 * nodes + links + more
        # Each node that is reached passes one step that asks for deletes, not one for each case.
        asked = [
            step["operatorType"]
            for step in plans.steps(profile)
            if "SemiApply" in step["operatorType"] and step["args"].get("Rows", 0) >= nodes
        ]
        assert len(asked) <= 1, asked
        if width == 2 and not more:
            assert plans.hits(profile) <= 200 + 7 * nodes
            # A set of ids, and no list for each node: 841,000 fit into 50 MB.
            assert profile["args"]["GlobalMemory"] < 1_000_000 + 60 * nodes
    found = await impact(f"{p}a0-0")
    assert found.total == 2 * width * (layers - 1)
