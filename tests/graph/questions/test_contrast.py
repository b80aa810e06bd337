"""Contrast: a planted cause comes first, chance is not taken for a cause."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Span,
    contrast,
    create_span_artifact,
    span_context,
    use,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import NotFoundError
from artigraph_neo4j.graph.cypher import contrast as cypher
from artigraph_neo4j.graph.parameters import with_one_map
from tests.graph import plans

_RUNS = """
CALL () { UNWIND $feeds AS f
  CREATE (:ArtigraphNode:Artifact:Feed {node_id: f, model: 'Feed', model_version: 1, codec: '{}',
    artifact_label: f, recorded_at: datetime('2026-01-01T00:00:00Z')}) }
UNWIND $runs AS r
CREATE (s:ArtigraphNode:Span {node_id: r.id, root_id: r.id, label: 'run', depth: 0, status: 'OK',
  opened_at: datetime(), git_commit: r.commit})
CREATE (s)-[:HAS_ARTIFACT {label: 'p'}]->(:ArtigraphNode:Artifact:ContrastParams {
  node_id: r.id + 'p', model: 'ContrastParams', model_version: 1, codec: '{}', rate: r.rate,
  recorded_at: datetime()})-[:MADE_BY]->(s)
WITH s, r UNWIND r.used AS f MATCH (x:ArtigraphNode {node_id: f}) CREATE (s)-[:USED]->(x)
"""


_WITH_STEPS = """
CREATE (feed:ArtigraphNode:Artifact:Feed {node_id: $p + 'feed', model: 'Feed', model_version: 1,
  codec: '{}', recorded_at: datetime('2026-01-01T00:00:00Z')})
WITH feed UNWIND $runs AS id
CREATE (r:ArtigraphNode:Span {node_id: id, root_id: id, label: 'run', depth: 0, status: 'OK',
  opened_at: datetime()})
CREATE (own:ArtigraphNode:Artifact:Feed {node_id: id + 'own', model: 'Feed', model_version: 1,
  codec: '{}', recorded_at: datetime()})-[:MADE_BY]->(r)
WITH feed, r, own, id UNWIND range(1, 10) AS k
CREATE (r)-[:PARENT_OF]->(s:ArtigraphNode:Span {node_id: id + 's' + k, root_id: id, label: 'step',
  depth: 1, status: 'OK', opened_at: datetime()})
CREATE (s)-[:USED]->(own) CREATE (s)-[:USED]->(feed)
"""


@dataclass
class ContrastParams(ArtifactModel, version=1):
    rate: float


async def graph(engine: Engine, chance: random.Random, cause: bool) -> tuple[Any, Any, str]:
    """Runs that use some of 30 feeds; with a cause the first feed makes most of its runs fail."""
    p = new_id()
    feeds = [f"{p}f{i}" for i in range(30)]
    runs, failed, good = [], list[str](), list[str]()
    for i in range(120):
        used = chance.sample(feeds, 5)
        bad = cause and feeds[0] in used
        (failed if chance.random() < (0.9 if bad else 0.25) else good).append(f"{p}r{i}")
        runs.append(
            {
                "id": f"{p}r{i}",
                "used": used,
                "rate": chance.choice([0.1, 0.2, 0.3]),
                "commit": chance.choice("abc"),
            }
        )
    await engine.write(_RUNS, {"feeds": feeds, "runs": runs})
    return failed, good, feeds[0]


@pytest.mark.parametrize("graphs", [8, pytest.param(100, marks=pytest.mark.long)])
async def test_a_planted_cause_is_first_and_chance_is_silent(engine: Engine, graphs: int) -> None:
    first = silent = 0
    for seed in range(graphs):
        chance = random.Random(seed)
        failed, good, bad = await graph(engine, chance, cause=True)
        found = await contrast(failed, good, models=[ContrastParams])
        first += bool(found.suspects) and found.suspects[0].key == bad
        failed, good, _ = await graph(engine, chance, cause=False)
        silent += not (await contrast(failed, good, models=[ContrastParams])).suspects
    print(f"{graphs} graphs with a cause: first in {first}; {graphs} without: silent in {silent}")
    assert min(first, silent) >= 0.95 * graphs


async def test_only_what_enough_runs_have_is_looked_at(engine: Engine, session: Any) -> None:
    """Most of what a run uses it has made itself, or no other run uses it."""
    p = new_id()
    runs = [[f"{p}r{i}", i % 2, 1] for i in range(20)]
    await engine.write(_WITH_STEPS, {"p": p, "runs": [node_id for node_id, *_ in runs]})
    parameters = {"runs": runs, "least": 5}
    result = await session.run(*with_one_map("PROFILE " + cypher.contrast(("inputs",)), parameters))
    rows = await result.values()
    profile = (await result.consume()).profile
    found = {row[1]: tuple(row[4:6]) for (chunk,) in rows for row in chunk}
    assert found == {"": (10, 10), f"{p}feed": (10, 10)}
    # A run has 10 steps, 20 uses and a table of its own; a look at each table would double it.
    assert plans.hits(profile) <= 200 + 110 * len(runs)


async def test_parts_of_one_run_and_what_another_part_made() -> None:
    parts: list[Span] = []
    async with span_context(label="study"):
        async with span_context(label="load"):
            raw = await create_span_artifact("current", label="raw", data=ContrastParams(0))
        async with span_context(label="clean"):
            use(raw)
            bad = await create_span_artifact("current", label="bad", data=ContrastParams(0))
        for i in range(12):
            async with span_context(label="night") as night:
                own = await create_span_artifact("current", label="own", data=ContrastParams(i))
                async with span_context(label="inner"):
                    use(own)
                    if i % 2:
                        use(bad)
            parts.append(night)
    for by, cause in (("inputs", bad), ("ancestors", raw)):
        found = await contrast(parts[1::2], parts[::2], by=[by])  # type: ignore[list-item]
        (suspect,) = found.suspects
        assert (suspect.key, suspect.failed, suspect.good, suspect.same) == (cause, 6, 0, ())


@pytest.mark.statements
async def test_parameters_ancestors_and_what_the_same_runs_have(statements: list[Any]) -> None:
    async with span_context(label="far"):
        far = await create_span_artifact("current", label="far", data=ContrastParams(0))
    async with span_context(label="near"):
        use(far)
        near = await create_span_artifact("current", label="near", data=ContrastParams(0))
    runs: list[Span] = []
    for i in range(12):
        async with span_context(label="run") as run:
            await create_span_artifact("current", label="p", data=ContrastParams(0.5 * (i % 2)))
            if i % 2:
                use(near)
        runs.append(run)
    statements.clear()
    found = await contrast(
        runs[1::2], runs[::2], by=["inputs", "ancestors", "parameters"], models=[ContrastParams]
    )
    assert [s.access for s in statements] == ["read"]
    (suspect,) = found.suspects
    told = {(suspect.kind, suspect.key, suspect.value), *suspect.same}
    assert told == {
        ("ancestor", far, "far"), ("input", near, "near"),
        ("parameter", "ContrastParams.rate", "0.5"),
    }  # fmt: skip
    assert (suspect.key, suspect.failed, suspect.good) == (far, 6, 0)
    assert "1 suspect in" in str(found)
    assert "far" in found._repr_html_()
    none = await contrast(runs[:6], runs[6:])
    assert none.suspects == []
    assert "nothing tells" in str(none)
    sampled = await contrast(runs[1::2], runs[::2], sample=4, models=[ContrastParams])
    assert (sampled.failed, sampled.good, sampled.given) == (4, 4, (6, 6))
    assert "a sample of" in str(sampled)
    with pytest.raises(NotFoundError, match="1 of the runs"):
        await contrast(["nope"], runs)
    with pytest.raises(ValueError, match="in both"):
        await contrast(runs, runs)
    with pytest.raises(ValueError, match="colour"):
        await contrast(runs[:1], runs[1:], by=["colour"])  # type: ignore[list-item]
