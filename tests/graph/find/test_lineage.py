"""Lineage: on random graphs against plain Python, on the shapes that explode, and at size."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Lineage,
    create_span_artifact,
    link_artifact,
    read_lineage,
    read_span_artifact,
    span_context,
    use,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import NotFoundError
from artigraph_neo4j.graph.cypher import lineage
from artigraph_neo4j.graph.parameters import with_one_map
from tests.examples import few
from tests.graph import plans


@dataclass
class Base(ArtifactModel, version=1, name="LineageBase"):
    n: int


@dataclass
class Table(Base, version=2, name="LineageTable"):
    pass


async def test_lineage_up_and_down(statements: list[Any]) -> None:
    async with span_context(label="load") as load:
        await create_span_artifact("current", label="raw", data=Table(1))
    async with span_context(label="clean"):
        raw = await read_span_artifact(load.node_id, label="raw")
        cleaned = Table(2)
        await create_span_artifact("current", label="clean", data=cleaned)
    async with span_context(label="train") as train:
        use(cleaned)
        await create_span_artifact("current", label="model", data=Base(3))
    statements.clear()
    model = await read_span_artifact(train.node_id, label="model")
    up = await read_lineage(model, "up")
    assert len(statements) == 2
    assert [(s.kind, s.label, s.distance) for s in up.steps] == [
        ("span", "train", 1),
        ("artifact", "clean", 2),
        ("span", "clean", 3),
        ("artifact", "raw", 4),
        ("span", "load", 5),
    ]
    assert up.spans[0].node_id == train.node_id
    assert up.spans[0].at == train.opened_at
    assert up.spans[0].classes == ("Span",)
    assert [s.label for s in up.artifacts] == ["clean", "raw"]
    assert up.artifacts[0].model == "LineageTable"
    assert set(up.artifacts[0].classes) == {"LineageTable", "LineageBase"}
    assert {s.status for s in up.spans} == {"OK"}
    assert up.start is not None
    assert (up.start.node_id, up.start.label, up.start.distance) == (up.node_id, "model", 0)
    names = {s.node_id: f"{s.kind} {s.label}" for s in (up.start, *up.steps)}
    assert {(names[k.source], k.type, names[k.target]) for k in up.links} == {
        ("span load", "HAS_ARTIFACT", "artifact raw"),
        ("artifact raw", "USED", "span clean"),
        ("span clean", "HAS_ARTIFACT", "artifact clean"),
        ("artifact clean", "USED", "span train"),
        ("span train", "HAS_ARTIFACT", "artifact model"),
    }
    down = await read_lineage(raw, "down")
    assert set(down.links) == set(up.links) - {
        link for link in up.links if names[link.source] == "span load"
    }
    assert [(s.label, s.distance) for s in down.steps] == [
        ("clean", 1), ("clean", 2), ("train", 3), ("model", 4),
    ]  # fmt: skip
    assert (await read_lineage(raw, "up", depth=1)).spans[0].node_id == load.node_id
    short = await read_lineage(model, "up", depth=2)
    assert short == Lineage(up.node_id, "up", up.steps[:2])
    assert await read_lineage(cleaned, "up", depth=10) == Lineage(
        up.artifacts[0].node_id, "up",
        [replace(s, distance=s.distance - 2) for s in up.steps[2:]],
    )  # fmt: skip


async def test_sharing_takes_no_part() -> None:
    async with span_context(label="maker"):
        shared = await Base(1).create(span="current")
        other = await Base(2).create(span="current")
    async with span_context(label="sharer") as sharer:
        await Base.read(other)
        await link_artifact("current", shared)
    assert [s.label for s in (await read_lineage(shared, "up")).steps] == ["maker"]
    assert (await read_lineage(shared, "down")).steps == []
    assert [s.node_id for s in (await read_lineage(other, "down")).steps] == [sharer.node_id]


async def test_an_artifact_without_span_or_use_has_no_lineage() -> None:
    alone = await Base(1).create()
    for direction in ("up", "down"):
        assert (await read_lineage(alone, direction)).steps == []  # type: ignore[arg-type]


async def test_wrong_arguments() -> None:
    async with span_context() as span:
        pass
    for node_id, said in (("nope", "no artifact"), (span.node_id, "is the id of a span")):
        with pytest.raises(NotFoundError, match=said):
            await read_lineage(node_id, "up")
    with pytest.raises(NotFoundError, match="create it first"):
        await read_lineage(Base(1), "up")
    with pytest.raises(ValueError, match="'sideways'"):
        await read_lineage("x", "sideways")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="depth"):
        await read_lineage("x", "up", depth=0)
    with pytest.raises(ValueError, match="depth must be an integer of 1 or more, not 2.5"):
        await read_lineage("x", "up", depth=2.5)  # type: ignore[arg-type]


async def test_a_cycle_ends() -> None:
    async with span_context(label="a") as a:
        first = await Base(1).create(span="current")
    async with span_context(label="b") as b:
        await Base.read(first)
        second = await Base(2).create(span="current")
    async with span_context(a):
        await Base.read(second)
    for start, spans in ((first, (a, b)), (second, (b, a))):
        found = await read_lineage(start, "up")
        assert [s.distance for s in found.steps] == [1, 2, 3]
        assert [s.node_id for s in found.spans] == [s.node_id for s in spans]


_LOAD = """
UNWIND $spans AS id
MERGE (s:ArtigraphNode {node_id: id}) SET s:Span, s.opened_at = datetime(), s.label = id
WITH count(*) AS _
UNWIND $artifacts AS id
MERGE (a:ArtigraphNode {node_id: id}) SET a:Artifact, a.recorded_at = datetime(), a.model = 'M'
RETURN count(*)
"""
_LINK = """
CALL () {
  UNWIND $made AS e
  MATCH (s:ArtigraphNode {node_id: e[0]}) MATCH (a:ArtigraphNode {node_id: e[1]})
  CREATE (s)-[:HAS_ARTIFACT]->(a)-[:MADE_BY]->(s) RETURN count(*) AS m
}
CALL () {
  UNWIND $used AS e
  MATCH (s:ArtigraphNode {node_id: e[0]}) MATCH (a:ArtigraphNode {node_id: e[1]})
  CREATE (s)-[:USED]->(a) RETURN count(*) AS u
}
RETURN m, u
"""


async def _load(engine: Engine, made: list[Any], used: list[Any]) -> None:
    edges = [*made, *used]
    await engine.write(
        _LOAD, {"spans": [*{e[0] for e in edges}], "artifacts": [*{e[1] for e in edges}]}
    )
    await engine.write(_LINK, {"made": made, "used": used})


def _bfs(start: str, onward: dict[str, list[str]], depth: int) -> dict[str, int]:
    distance, queue = {start: 0}, deque([start])
    while queue:
        node = queue.popleft()
        if distance[node] == depth:
            continue
        for following in onward.get(node, []):
            if following not in distance:
                distance[following] = distance[node] + 1
                queue.append(following)
    del distance[start]
    return distance


N = 8


@settings(max_examples=few(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    makers=st.lists(st.integers(0, N - 1), min_size=N, max_size=N),
    used=st.sets(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)), max_size=20),
    start=st.integers(0, N - 1),
    depth=st.sampled_from([1, 2, 3, 4, 100]),
)
async def test_random_graphs(
    engine: Engine, makers: list[int], used: set[tuple[int, int]], start: int, depth: int
) -> None:
    p = new_id()
    made = [[f"{p}s{s}", f"{p}a{a}"] for a, s in enumerate(makers)]
    uses = [[f"{p}s{s}", f"{p}a{a}"] for s, a in used]
    await _load(engine, made, uses)
    up: dict[str, list[str]] = {}
    down: dict[str, list[str]] = {}
    for span, artifact in made:
        up.setdefault(artifact, []).append(span)
        down.setdefault(span, []).append(artifact)
    for span, artifact in uses:
        up.setdefault(span, []).append(artifact)
        down.setdefault(artifact, []).append(span)
    for direction, onward in (("up", up), ("down", down)):
        found = await read_lineage(f"{p}a{start}", direction, depth=depth)  # type: ignore[arg-type]
        expected = _bfs(f"{p}a{start}", onward, depth)
        assert {s.node_id: s.distance for s in found.steps} == expected
        assert len(found.steps) == len(expected)
        order = [(s.distance, s.at, s.node_id) for s in found.steps]
        assert order == sorted(order)
        walked = {found.node_id, *expected}
        assert len(found.links) == len(set(found.links))
        assert {(k.source, k.target, k.type) for k in found.links} == {
            *((s, a, "HAS_ARTIFACT") for s, a in made if {s, a} <= walked),
            *((a, s, "USED") for s, a in uses if {s, a} <= walked),
        }


_MAKE_LAYERS = """
UNWIND range(0, $layers - 1) AS i
UNWIND range(0, $width - 1) AS k
CREATE (s:ArtigraphNode:Span {node_id: $p + 's' + i + '-' + k, opened_at: datetime()})
CREATE (a:ArtigraphNode:Artifact {node_id: $p + 'a' + i + '-' + k, recorded_at: datetime()})
CREATE (s)-[:HAS_ARTIFACT]->(a)-[:MADE_BY]->(s)
"""
_LINK_LAYER = """
UNWIND range(0, $width - 1) AS j
MATCH (a:ArtigraphNode {node_id: $p + 'a' + ($i - 1) + '-' + j})
WITH collect(a) AS artifacts
UNWIND range(0, $width - 1) AS k
MATCH (s:ArtigraphNode {node_id: $p + 's' + $i + '-' + k})
UNWIND artifacts AS a
CREATE (s)-[:USED]->(a)
"""


async def _layers(engine: Engine, layers: int, width: int) -> str:
    """Layers of spans, each with an artifact, each using every artifact of the layer before."""
    p = new_id()
    await engine.write(_MAKE_LAYERS, {"p": p, "layers": layers, "width": width})
    for i in range(1, layers):
        await engine.write(_LINK_LAYER, {"p": p, "i": i, "width": width})
    return p


async def test_forty_layers_fully_linked(engine: Engine, session: Any) -> None:
    """2^40 ways lead from one end to the other; each node is visited once."""
    p = await _layers(engine, 41, 2)
    up = await read_lineage(f"{p}a40-0", "up")
    assert (len(up.steps), up.steps[-1].distance) == (161, 81)
    down = await read_lineage(f"{p}a0-0", "down")
    assert (len(down.steps), down.steps[-1].distance) == (160, 80)
    for direction, depth, start in (
        ("up", None, "a40-0"),
        ("down", None, "a0-0"),
        ("up", 80, "a40-0"),
    ):
        parameters = {"node_id": p + start, "links": False}
        text = lineage.lineage(direction, depth)
        result = await session.run(*with_one_map("PROFILE " + text, parameters))
        profile = (await result.consume()).profile
        assert profile is not None
        # One walk, which prunes: a node is visited once, by whatever way it is reached.
        assert plans.walks(profile, "USED") == ["VarLengthExpand(Pruning,BFS,All)"]
        assert "NodeUniqueIndexSeek" in plans.operators(profile)
        assert 0 < plans.hits(profile) < 200 + 14 * len(up.steps)


@pytest.mark.long
async def test_a_million_uses(engine: Engine) -> None:
    p = await _layers(engine, 5, 500)
    begin = time.monotonic()
    up = await read_lineage(f"{p}a4-0", "up", links=False)
    down = await read_lineage(f"{p}a0-0", "down", links=False)
    seconds = time.monotonic() - begin
    assert (len(up.steps), up.steps[-1].distance) == (4001, 9)
    assert (len(down.steps), down.steps[-1].distance) == (4000, 8)
    assert up.links == down.links == []
    assert seconds < 30, seconds


async def test_a_deep_chain(engine: Engine) -> None:
    p = new_id()
    n = 1000
    made = [[f"{p}s{i}", f"{p}a{i}"] for i in range(n)]
    await _load(engine, made, [[f"{p}s{i}", f"{p}a{i - 1}"] for i in range(1, n)])
    up = await read_lineage(f"{p}a{n - 1}", "up")
    assert [s.distance for s in up.steps] == list(range(1, 2 * n))
