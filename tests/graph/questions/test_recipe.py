"""Recipes: everything above, in an order in which it can be made, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    artifact_field,
    create_span_artifact,
    delete_artifacts,
    delete_span,
    link_artifact,
    read_lineage,
    read_span,
    recipe,
    span_context,
    spanned,
    stale,
    use,
)
from artigraph_neo4j.errors import NotFoundError
from artigraph_neo4j.graph.cypher.ancestry import RECIPE, STALE
from artigraph_neo4j.graph.parameters import with_one_map
from artigraph_neo4j.storage.memory import MemoryStorage
from tests.examples import few
from tests.graph import plans
from tests.graph.questions.graphs import Derivations, ladder, random_graphs, reached

storage = MemoryStorage(name="recipe-tests").register()


@dataclass
class RecipeTable(ArtifactModel, version=1):
    rows: bytes = artifact_field(storage=storage)


@settings(max_examples=few(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=random_graphs(), data=st.data())
async def test_all_above_and_each_after_what_it_needs(
    engine: Engine, graph: Derivations, data: Any
) -> None:
    await graph.load(engine)
    start = data.draw(st.sampled_from(list(graph.models)))
    found = await recipe(graph.name(start))
    up = graph.up()
    above = {start, *reached([start], up)}
    name = graph.prefix
    ids = [s.step.node_id.removeprefix(name) for s in found.steps]
    without_maker = {n for n in above if n in graph.models and not up.get(n)}
    assert sorted(ids) == sorted({n for n in above if n in graph.spans} | without_maker)
    assert {a.node_id.removeprefix(name) for a in found.artifacts} == above & graph.models.keys()
    made: set[str] = set()
    for step in found.steps:
        needs = [u.removeprefix(name) for u in step.uses]
        if step.step.kind == "span":
            assert set(needs) == set(up.get(step.step.node_id.removeprefix(name), []))
        assert step.early or set(needs) <= made or step.step.kind == "artifact"
        made |= {m.removeprefix(name) for m in step.makes}
    shared = {a for _, a in graph.shared}
    assert {m.node_id.removeprefix(name) for m in found.missing} == without_maker & shared
    circle = any(n == m or n in reached([m], up) for n in above for m in up.get(n, []))
    assert any(step.early for step in found.steps) == circle


@spanned(arguments=["rounds"], result="model")
async def train(rounds: int) -> RecipeTable:
    return RecipeTable(b"model" * rounds)


async def test_what_it_takes(statements: list[Any]) -> None:
    async with span_context(label="load") as load:
        raw = await create_span_artifact("current", label="raw", data=RecipeTable(b"raw"))
    async with span_context(label="study") as study:
        use(raw)
        model = await train(3)
        async with span_context(label="last"):
            use(raw)
            last = await create_span_artifact("current", label="last", data=RecipeTable(b"last"))
    statements.clear()
    found = await recipe(last)
    assert [s.access for s in statements] == ["read"]
    assert [s.step.label for s in found.steps] == ["load", "last"]
    assert {s.program is not None for s in found.steps} == {True}
    assert {s.field for s in found.stored} == {"rows"}
    assert len({s.digest for s in found.stored}) == 2
    assert found.missing == []
    assert "load" in found._repr_html_()
    assert "raw" in found.to_mermaid()

    trained = await recipe(model)
    (step,) = trained.steps
    assert step.function is not None
    assert step.function.endswith("train")
    assert step.arguments_id is not None

    location = next(s.location for s in found.stored if s.artifact == raw)
    await storage.delete(location)
    (gone,) = (await recipe(last)).missing
    assert (gone.reason, gone.node_id) == ("bytes gone", raw)
    assert (await recipe(last, check_bytes=False)).missing == []
    async with span_context(study):
        await link_artifact("current", raw)
    await delete_span(load.node_id)
    assert {m.reason for m in (await recipe(last)).missing} == {"maker deleted", "bytes gone"}
    await delete_artifacts(raw)
    used = {s.node_id for s in (await read_lineage(last, "up")).spans}
    assert [(m.reason, m.node_id) for m in (await recipe(last)).missing] == [("input deleted", raw)]
    (cause,) = (await stale(last))[0].causes
    assert (cause.kind, {cause.step.node_id}) == ("GONE", used)
    assert (await read_span(cause.step.node_id)).extra == {}
    with pytest.raises(NotFoundError, match="'nope'"):
        await recipe("nope")


@pytest.mark.statements
@pytest.mark.parametrize(("layers", "width"), [(40, 2), (1000, 2)])
async def test_hits_are_bounded_by_what_is_above(
    engine: Engine, session: Any, layers: int, width: int
) -> None:
    p = await ladder(engine, layers, width)
    last = f"{p}a{layers - 1}-0"

    async def hits(text: str, *, code: bool = False) -> int:
        result = await session.run(*with_one_map("PROFILE " + text, {"ids": [last], "code": code}))
        profile = (await result.consume()).profile
        assert "VarLengthExpand(Pruning,BFS,All)" in plans.walks(profile, "USED")
        return plans.hits(profile)

    found = await recipe(last)
    assert len(found.steps) == width * (layers - 1) + 1
    nodes = width * (layers - 1) * 2 + 2
    rows = nodes + nodes // 2  # each span of a ladder is a run, which is a row too
    assert await hits(RECIPE) < 200 + 7 * nodes + 13 * rows
    assert await hits(STALE) < 200 + 7 * nodes  # fresh: no rows
    assert await hits(STALE, code=True) < 200 + 7 * nodes + 13 * rows
    await engine.write(_REVISE, {"id": f"{p}a0-0", "new": f"{p}new"})
    assert await hits(STALE) < 200 + 7 * nodes + 13 * rows
    (answer,) = await stale(last)
    assert [len(cause.way) for cause in answer.causes] == [2 * layers - 1]


_REVISE = """
MATCH (o:ArtigraphNode {node_id: $id})
CREATE (:ArtigraphNode:Artifact:Rung {node_id: $new, recorded_at: datetime(), model: 'Rung', n: 1,
  model_version: 1, codec: '{"class":"tests:None","fields":{"n":"int"}}'})-[:SUPERSEDES]->(o)
"""
