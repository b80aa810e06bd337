"""What is stale and what runs again: against a plain evaluation, and told cause by cause."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    cached,
    create_span_artifact,
    delete_span,
    link_artifact,
    replay_plan,
    revise_artifact,
    span_context,
    stale,
    use,
)
from artigraph_neo4j.errors import NotFoundError, SpanError
from tests.examples import few
from tests.graph.questions.graphs import Derivations, random_graphs, reached

SET_CONTENT = """
UNWIND $values AS r MATCH (a:ArtigraphNode {node_id: r[0]})
SET a.n = r[1], a.codec = '{"class":"tests:None","fields":{"n":"int"}}'
"""


@dataclass
class StaleItem(ArtifactModel, version=1):
    n: int


@settings(max_examples=few(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=random_graphs(), data=st.data())
async def test_as_a_plain_evaluation_finds_it(
    engine: Engine, graph: Derivations, data: Any
) -> None:
    await graph.load(engine)
    content = {a: data.draw(st.integers(0, 1)) for a in graph.models}
    await engine.write(SET_CONTENT, {"values": [[graph.name(a), n] for a, n in content.items()]})
    up, name = graph.up(), graph.prefix
    newer = {old: new for new, old in graph.revised}
    superseded = dict[str, str]()
    for old in newer:
        newest = old
        while newest in newer:
            newest = newer[newest]
        superseded[old] = newest
    data_causes = {
        old
        for old, new in superseded.items()
        if (content[old], graph.models[old]) != (content[new], graph.models[new])
    }
    gone = {a for _, a in graph.shared} - {a for _, a in graph.made} - superseded.keys()

    asked = data.draw(st.lists(st.sampled_from(list(graph.models)), min_size=1, unique=True))
    for answer, a in zip(await stale(*map(graph.name, asked)), asked, strict=True):
        above = reached([a], up)
        expected = {(n, "DATA") for n in data_causes & above.keys()}
        expected |= {(n, "GONE") for n in gone & above.keys()}
        found = {(c.step.node_id.removeprefix(name), c.kind) for c in answer.causes}
        assert found == expected
        assert bool(answer) == bool(expected)
        for cause in answer.causes:
            node = cause.step.node_id.removeprefix(name)
            assert len(cause.way) - 1 == above[node]
            if cause.kind == "DATA":
                assert cause.newest == graph.name(superseded[node])

        plan = await replay_plan(graph.name(a))
        live = {a, *reached([a], {n: v for n, v in up.items() if n not in data_causes - {a}})}
        causes = ((data_causes | gone) - {a}) & live
        again = {n for n in live if causes & ({n} | reached([n], up).keys())}
        spans = [s.node_id.removeprefix(name) for s in plan.spans]
        assert set(spans) == again & graph.spans.keys()
        assert len(spans) == len(set(spans))


@pytest.mark.statements
async def test_causes_and_what_runs_again(statements: list[Any]) -> None:
    async with span_context(label="load") as load:
        raw = await create_span_artifact("current", label="raw", data=StaleItem(1))
    async with span_context(label="clean"):
        use(raw)
        clean = await create_span_artifact("current", label="clean", data=StaleItem(2))
    async with span_context(label="other"):
        other = await create_span_artifact("current", label="other", data=StaleItem(3))
    async with span_context(label="train") as train:
        use(clean, other)
        model = await create_span_artifact("current", label="model", data=StaleItem(4))

    assert [bool(s) for s in await stale(model, clean)] == [False, False]
    assert (await replay_plan(model)).spans == []
    same = await revise_artifact(raw, StaleItem(1))
    assert not (await stale(model))[0]
    assert (await replay_plan(model)).cut == [raw]
    newer = await revise_artifact(same, StaleItem(100))
    statements.clear()
    (answer,) = await stale(model)
    assert [s.access for s in statements] == ["read"]
    (cause,) = answer.causes
    assert (cause.kind, cause.step.node_id, cause.newest) == ("DATA", raw, newer)
    assert [s.label for s in cause.way] == ["model", "train", "clean", "clean", "raw"]
    plan = await replay_plan(model)
    assert [s.label for s in plan.spans] == ["clean", "train"]
    assert plan.inputs == {raw: newer}
    assert "clean" in plan.to_mermaid()
    assert "2 spans" in plan._repr_html_()
    assert "stale" in answer._repr_html_()

    # What was corrected by hand is used as it is: nothing above it runs.
    await revise_artifact(clean, StaleItem(200))
    assert [s.label for s in (await replay_plan(model)).spans] == ["train"]

    commit: str | None = train.git_commit
    if commit is not None:
        assert not any(c.kind == "CODE" for c in (await stale(model, code=commit))[0].causes)
    coded = (await stale(model, code="another"))[0].causes
    assert {c.kind for c in coded} == ({"DATA", "CODE"} if commit else {"DATA"})

    async with span_context(label="keeps"):
        await link_artifact("current", other)
    await delete_span(await _maker(other))
    kinds = {(c.kind, c.step.label) for c in (await stale(model))[0].causes}
    assert ("GONE", "other") in kinds
    assert load.node_id
    with pytest.raises(NotFoundError, match="'nope'"):
        await stale("nope")
    with pytest.raises(ValueError, match="one artifact"):
        await stale()


def doubling(version: int) -> Callable[[StaleItem], Awaitable[StaleItem]]:
    """One function, as it was and as it is today."""

    @cached(version=version)
    async def double(item: StaleItem) -> StaleItem:
        return StaleItem(item.n * 2)

    return double


async def test_another_version_of_a_function() -> None:
    double, today = doubling(1), doubling(2)
    made = await double(StaleItem(int(time.time() * 1e6)))
    maker = await _maker(made.node_id)
    assert [bool(s) for s in await stale(made, code=[double])] == [False]
    (found,) = await stale(made, code=[today])
    assert [(c.kind, c.step.node_id, len(c.way)) for c in found.causes] == [("CODE", maker, 2)]
    assert [s.node_id for s in (await replay_plan(made, code=[today])).spans] == [maker]
    with pytest.raises(SpanError, match="has no cache"):
        await stale(made, code=[print])


async def _maker(artifact: str) -> str:
    from artigraph_neo4j import read_lineage

    return (await read_lineage(artifact, "up", depth=1)).spans[0].node_id
