"""Differences of two runs: planted ones are found, and where the runs parted."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from neomodel import IntegerProperty

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Span,
    create_span_artifact,
    diff,
    revise_artifact,
    span_context,
    spanned,
    use,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import NotFoundError
from artigraph_neo4j.graph.cypher.diff import TWO_RUNS
from artigraph_neo4j.graph.parameters import with_one_map
from tests.graph import plans


@dataclass
class DiffItem(ArtifactModel, version=1):
    n: int
    name: str = "x"


class DiffTrial(Span):
    epochs = IntegerProperty()


@spanned(label="fit", arguments=["rate"], result="score")
async def fit(rate: float, noise: int) -> DiffItem:
    return DiffItem(noise)


async def run(raw: str, *, rate: float = 0.1, noise: int = 0, fail: bool = False) -> Span:
    span: Span = DiffTrial(label="run", epochs=3)
    try:
        async with span_context(span):
            async with span_context(label="clean"):
                use(raw)
                await create_span_artifact("current", label="clean", data=DiffItem(1))
            await fit(rate, noise)
            if fail:
                raise ValueError("too bad")
            async with span_context(label="end"):
                pass
    except ValueError:
        pass
    return span


class DiffTraining(Span):
    params: dict[str, float]
    metrics: dict[str, float]


async def trial(rate: float, loss: float) -> Span:
    async with span_context(DiffTraining(label="trial", params={"lr": rate})) as span:
        span.metrics = {"loss": loss}
        await create_span_artifact("current", label="score", data=DiffItem(int(loss * 10)))
    return span


async def test_params_of_a_training_are_arguments() -> None:
    base = await trial(0.1, 1.0)
    rated = (await diff(base, await trial(0.2, 2.0))).divergence
    lucky = (await diff(base, await trial(0.1, 2.0))).divergence
    assert rated is not None
    assert (rated.cause, rated.inputs) == ("arguments", ())
    assert lucky is not None
    assert lucky.cause == "nondeterminism"


async def test_each_kind_of_difference(statements: list[Any]) -> None:
    async with span_context(label="load"):
        raw = await create_span_artifact("current", label="raw", data=DiffItem(1))
        copy = await create_span_artifact("current", label="copy", data=DiffItem(1))
    base, same = await run(raw), await run(copy)
    statements.clear()
    equal = await diff(base, same)
    assert [s.access for s in statements] == ["read"]
    assert not equal
    assert equal.differences == []
    assert equal.divergence is None
    assert len(equal.durations) == 4
    assert "equal" in equal._repr_html_()

    noisy = await diff(base, await run(raw, noise=9))
    ((found,), parted) = noisy.differences, noisy.divergence
    assert (found.kind, found.place, found.name) == ("output", "fit", "score.n")
    assert (found.first, found.second) == (0, 9)
    assert parted is not None
    assert (parted.cause, parted.place) == ("nondeterminism", "fit")
    assert "fit" in noisy.to_mermaid()

    rated = await diff(base, await run(raw, rate=0.5, noise=9))
    assert {d.kind for d in rated.differences} == {"arguments", "output"}
    assert rated.divergence is not None
    assert (rated.divergence.cause, rated.divergence.place) == ("arguments", "fit")

    newer = await revise_artifact(raw, DiffItem(2))
    other = await diff(base, await run(newer))
    assert [(d.kind, d.place, d.first, d.second) for d in sorted(
        other.differences, key=lambda d: d.first is None
    )] == [("input", "clean", raw, None), ("input", "clean", None, newer)]  # fmt: skip
    assert other.divergence is not None
    assert (other.divergence.cause, set(other.divergence.inputs)) == ("input", {raw, newer})

    failed = await diff(base, await run(raw, fail=True))
    assert {(d.kind, d.place) for d in failed.differences} == {("status", ""), ("only", "end")}
    assert failed.divergence is not None
    assert failed.divergence.place == ""
    with pytest.raises(NotFoundError, match="'nope'"):
        await diff(base, "nope")


_GROW = """
UNWIND $rows AS r
CREATE (s:ArtigraphNode:Span {node_id: r.id, label: r.label, status: r.status, depth: r.depth,
  root_id: $root, opened_at: datetime(r.at), closed_at: datetime(r.at)})
FOREACH (o IN r.made | CREATE (s)-[:HAS_ARTIFACT {label: o[1]}]->(:ArtigraphNode:Artifact:Grown {
  node_id: o[0], artifact_label: o[1], n: o[2], model: 'Grown', model_version: 1, codec: $codec,
  recorded_at: datetime(r.at)})-[:MADE_BY]->(s))
"""
_JOIN = """
UNWIND $rows AS r
MATCH (s:ArtigraphNode {node_id: r.id}) USING INDEX SEEK s:ArtigraphNode(node_id)
CALL (s, r) { WITH s, r WHERE r.parent IS NOT NULL
  MATCH (p:ArtigraphNode {node_id: r.parent}) CREATE (p)-[:PARENT_OF]->(s) }
UNWIND r.used AS u
MATCH (a:ArtigraphNode {node_id: u}) CREATE (s)-[:USED]->(a)
"""
_CODEC = '{"class":"tests:Grown","fields":{"n":"int"}}'


@dataclass
class Planned:
    """A run in plain Python: spans by position, the parent's before the child's."""

    labels: list[str]
    parents: list[int]
    outputs: list[dict[str, int]]
    inside: list[set[tuple[int, str]]]
    outside: list[set[int]]
    status: list[str]


def plan(chance: random.Random, spans: int) -> Planned:
    found = Planned([], [], [], [], [], [])
    for i in range(spans):
        found.labels.append(chance.choice("abc"))
        found.parents.append(chance.randrange(i) if i else -1)
        found.outputs.append({f"o{k}": chance.randrange(100) for k in range(chance.randrange(3))})
        made = [(j, o) for j in range(i) for o in found.outputs[j]]
        found.inside.append(set(chance.sample(made, min(len(made), chance.randrange(3)))))
        found.outside.append(set(chance.sample(range(5), chance.randrange(2))))
        found.status.append("OK")
    return found


def descendants(run: Planned, span: int) -> set[int]:
    found = {span}
    for i, parent in enumerate(run.parents):
        if parent in found:
            found.add(i)
    return found


async def store(engine: Engine, run: Planned, outside: list[str], chance: random.Random) -> str:
    p = new_id()
    rows = [
        {
            "id": f"{p}{i}",
            "label": run.labels[i],
            "status": run.status[i],
            "depth": 0 if i == 0 else 1,
            "parent": f"{p}{run.parents[i]}" if i else None,
            # Equal labels keep their order, whatever else is opened between.
            "at": f"2026-01-01T00:{i // 60:02}:{i % 60:02}Z",
            "made": [[f"{p}{i}{o}", o, n] for o, n in run.outputs[i].items()],
            "used": [f"{p}{j}{o}" for j, o in run.inside[i]] + [outside[x] for x in run.outside[i]],
        }
        for i in range(len(run.labels))
    ]
    chance.shuffle(rows)
    parameters = {"rows": rows, "root": f"{p}0", "codec": _CODEC}
    await engine.write(_GROW, parameters)
    await engine.write(_JOIN, parameters)
    return f"{p}0"


class DiffLogged(Span):
    params: dict[str, Any] = field(default_factory=dict[str, Any])


@pytest.mark.statements
async def test_what_runs_logged_is_told_by_its_summaries_and_dicts_by_their_entries() -> None:
    made: list[Span] = []
    for number in (1, 2):
        params = {"lr": number, "kept": 3}
        async with span_context(DiffLogged(label="logged", params=params)) as run:
            run.log(step=0, loss=number / 3)
        made.append(run)
    names = [found.name for found in (await diff(*made)).of_kind("property")]
    assert names == ["log.loss.last", "log.loss.max", "log.loss.mean", "log.loss.min", "params.lr"]
    async with span_context(DiffLogged(label="logged", params={"lr": [1], "kept": 3})) as other:
        pass
    async with span_context(DiffLogged(label="logged", params={"lr": [2], "kept": 3})) as last:
        pass
    assert [found.name for found in (await diff(other, last)).of_kind("property")] == ["params"]


async def test_planted_divergences_are_named(engine: Engine) -> None:
    async with span_context(label="outside"):
        outside = [
            await create_span_artifact("current", label=f"{i}", data=DiffItem(i)) for i in range(6)
        ]
    for seed in range(100):
        chance = random.Random(seed)
        base = plan(chance, chance.randrange(2, 25))
        state = chance.getstate()
        other = plan(random.Random(seed), 0)
        other = Planned(
            list(base.labels), list(base.parents), [dict(o) for o in base.outputs],
            [set(u) for u in base.inside], [set(u) for u in base.outside], list(base.status),
        )  # fmt: skip
        chance.setstate(state)
        kind = chance.choice(["none", "nondeterminism", "status", "input"])
        at = 0
        candidates = [i for i, o in enumerate(base.outputs) if o]
        if kind == "nondeterminism" and candidates:
            at = chance.choice(candidates)
            label = chance.choice(list(base.outputs[at]))
            other.outputs[at][label] += 1000
            # What used it came out differently too.
            for i, used in enumerate(other.inside):
                if (at, label) in used:
                    for name in other.outputs[i]:
                        other.outputs[i][name] += 1000
                    break
        elif kind == "status":
            at = chance.randrange(len(base.labels))
            other.status[at] = "ERROR"
        elif kind == "input":
            at = chance.randrange(len(base.labels))
            other.outside[at] ^= {5}
        else:
            kind = "none"
        ids = [await store(engine, r, outside, chance) for r in (base, other)]
        found, back = await diff(*ids), await diff(*reversed(ids))
        parted, again = found.divergence, back.divergence
        if kind == "none":
            assert (found.differences, parted) == ([], None), seed
            continue
        assert parted is not None, (seed, kind)
        assert again is not None
        assert (parted.cause, parted.place) == (again.cause, again.place), seed
        assert len(found.differences) == len(back.differences)
        expected = "input" if kind == "input" else "nondeterminism"
        assert parted.cause == expected, (seed, kind, parted)
        assert parted.first == ids[0][:-1] + str(at), (seed, kind, parted)


async def test_two_large_runs(engine: Engine, session: Any) -> None:
    chance = random.Random(1)
    n = 2000
    base = Planned(
        ["root", *("item" for _ in range(n))], [-1, *(0 for _ in range(n))],
        [{}, *({"x": i} for i in range(n))], [set() for _ in range(n + 1)],
        [set() for _ in range(n + 1)], ["OK"] * (n + 1),
    )  # fmt: skip
    first = await store(engine, base, [], chance)
    base.outputs[1500] = {"x": -1}
    second = await store(engine, base, [], chance)
    found = await diff(first, second)
    ((only,), parted) = found.differences, found.divergence
    assert (only.place, only.name) == ("item#1500", "x.n")
    assert parted is not None
    assert parted.place == "item#1500"
    result = await session.run(
        *with_one_map("PROFILE " + TWO_RUNS, {"first": first, "second": second})
    )
    profile = (await result.consume()).profile
    rows = 2 * 2 * n  # a span and an artifact each, and each comes back with all its properties
    assert 0 < plans.hits(profile) < 200 + (7 + 10) * rows
    assert profile["args"]["GlobalMemory"] < 50_000_000
