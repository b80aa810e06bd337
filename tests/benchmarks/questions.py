"""Questions about origin, on a generated graph of training runs.

A run has 11 spans and 13 artifacts: it cleans a feed, fits eight folds and a final model. Every run
uses one calendar, the hub; most start from their project's last model, so that a model may come
from many runs before it. 22 of the 24 nodes of a run derive from the hub.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from artigraph_neo4j import (
    ArtifactModel,
    Policy,
    check_policies,
    contrast,
    diff,
    impact,
    read_lineage,
    recipe,
    replay_plan,
    stale,
    why,
)
from artigraph_neo4j.graph.cypher import ancestry
from artigraph_neo4j.graph.cypher import impact as impact_cypher
from artigraph_neo4j.graph.cypher.diff import TWO_RUNS
from artigraph_neo4j.graph.cypher.lineage import lineage
from artigraph_neo4j.graph.cypher.why import SHORTEST_WAY
from tests.benchmarks import machine
from tests.benchmarks.harness import Bench, Numbers, Side, Workload, timed

NODES_EACH = 24
FOLDS = 8
PROJECTS = 60
BATCH = 2000
TAG = "in production"

_FEEDS = """
UNWIND range(0, $feeds) AS i
CREATE (a:ArtigraphNode:Artifact:BenchFeed {node_id: 'feed' + i, artifact_label: 'feed ' + i,
  model: 'BenchFeed', model_version: 1, codec: $codec, n: i,
  recorded_at: datetime('2026-01-01T00:00:00Z') + duration({hours: i})})
"""
_RUNS = """
UNWIND $runs AS r
WITH r, 'run' + r AS p, datetime('2026-01-02T00:00:00Z') + duration({minutes: 2 * r}) AS at
CREATE (root:ArtigraphNode:Span {node_id: p, root_id: p, depth: 0, label: 'run', label_: 'run',
  status: CASE WHEN r % $failing = 0 THEN 'ERROR' ELSE 'OK' END, opened_at: at,
  closed_at: at + duration('PT1M'), git_commit: 'c' + (r / 500)})
CREATE (prep:ArtigraphNode:Span {node_id: p + 'prep', root_id: p, depth: 1, label: 'prep',
  status: 'OK', opened_at: at + duration('PT1S'), closed_at: at + duration('PT2S')})
CREATE (final:ArtigraphNode:Span {node_id: p + 'final', root_id: p, depth: 1, label: 'final',
  status: 'OK', opened_at: at + duration('PT20S'), closed_at: at + duration('PT30S')})
CREATE (root)-[:PARENT_OF]->(prep) CREATE (root)-[:PARENT_OF]->(final)
CREATE (clean:ArtigraphNode:Artifact:BenchTable {node_id: p + 'clean', artifact_label: 'clean',
  model: 'BenchTable', model_version: 1, codec: $codec, n: r, recorded_at: at + duration('PT2S')})
CREATE (prep)-[:HAS_ARTIFACT {label: 'clean'}]->(clean)-[:MADE_BY]->(prep)
CREATE (params:ArtigraphNode:Artifact:BenchParams {node_id: p + 'params', artifact_label: 'params',
  model: 'BenchParams', model_version: 1, codec: $codec, n: r % 7, recorded_at: at})
CREATE (root)-[:HAS_ARTIFACT {label: 'params'}]->(params)-[:MADE_BY]->(root)
FOREACH (k IN range(1, $folds) |
  CREATE (root)-[:PARENT_OF]->(f:ArtigraphNode:Span {node_id: p + 'fold' + k, root_id: p, depth: 1,
    label: 'fold', status: 'OK', opened_at: at + duration({seconds: 3 + k}),
    closed_at: at + duration({seconds: 4 + k})})
  CREATE (f)-[:USED]->(clean)
  CREATE (f)-[:HAS_ARTIFACT {label: 'model'}]->(m:ArtigraphNode:Artifact:BenchModel {
    node_id: p + 'fold' + k + 'm', artifact_label: 'model', model: 'BenchModel', model_version: 1,
    codec: $codec, n: k, recorded_at: at + duration({seconds: 4 + k})})-[:MADE_BY]->(f)
  CREATE (final)-[:USED]->(m))
FOREACH (name IN ['model', 'card', 'score'] |
  CREATE (final)-[:HAS_ARTIFACT {label: name}]->(:ArtigraphNode:Artifact:BenchModel {
    node_id: p + name, artifact_label: name, model: 'BenchModel', model_version: 1, codec: $codec,
    n: r, recorded_at: at + duration('PT30S')})-[:MADE_BY]->(final))
WITH r, prep
UNWIND [0, 1 + r % $feeds, 1 + (r * 7 + 3) % $feeds] AS i
MATCH (feed:ArtigraphNode {node_id: 'feed' + i})
MERGE (prep)-[:USED]->(feed)
"""
_WARM = """
UNWIND $runs AS r
WITH r WHERE r >= $projects AND (r / $projects) % 6 <> 0
MATCH (prep:ArtigraphNode {node_id: 'run' + r + 'prep'})
MATCH (model:ArtigraphNode {node_id: 'run' + (r - $projects) + 'model'})
CREATE (prep)-[:USED]->(model)
"""
_NEWER = """
MATCH (o:ArtigraphNode {node_id: 'feed1'})
CREATE (n:ArtigraphNode:Artifact:BenchFeed {node_id: 'feed1b', artifact_label: 'feed 1',
  model: 'BenchFeed', model_version: 1, codec: $codec, n: -1, recorded_at: datetime()})
CREATE (n)-[:SUPERSEDES {at: datetime()}]->(o)
"""
_TAGS = """
MERGE (t:ArtigraphTag {name: $tag})
WITH t UNWIND range(0, 49) AS i
MATCH (m:ArtigraphNode {node_id: 'run' + toInteger(i * $step) + 'model'})
CREATE (m)-[:TAGGED {at: datetime()}]->(t)
"""
_WIDE = """
CREATE (r:ArtigraphNode:Span {node_id: $p, root_id: $p, depth: 0, label: 'wide', status: 'OK',
  opened_at: datetime('2026-03-01T00:00:00Z'), closed_at: datetime('2026-03-02T00:00:00Z')})
WITH r UNWIND range(1, $spans) AS i
CREATE (r)-[:PARENT_OF]->(s:ArtigraphNode:Span {node_id: $p + 's' + i, root_id: $p, depth: 1,
  label: 'item', status: 'OK', closed_at: r.closed_at,
  opened_at: r.opened_at + duration({seconds: i})})
CREATE (s)-[:HAS_ARTIFACT {label: 'model'}]->(a:ArtigraphNode:Artifact:BenchModel {
  node_id: $p + 'a' + i, artifact_label: 'model', model: 'BenchModel', model_version: 1,
  codec: $codec, n: CASE WHEN i = $differs THEN -1 ELSE i END, recorded_at: s.opened_at})
CREATE (a)-[:MADE_BY]->(s)
WITH r, s
MATCH (feed:ArtigraphNode {node_id: 'feed0'})
CREATE (s)-[:USED]->(feed)
"""
"""A run of many spans, each of which uses one table and makes a model; one may differ."""

_BY_HAND = """
MATCH (a:ArtigraphNode {node_id: $start}) USING INDEX SEEK a:ArtigraphNode(node_id)
MATCH p = (a)<-[:MADE_BY|USED*1..]-(n)
WITH n, min(length(p)) AS distance
RETURN distance, n:Span AS span, count(*) AS number
"""
"""The plainest statement that counts by distance all that derives from an artifact."""

_CODEC = '{"class":"tests:Bench","fields":{"n":"int"}}'


async def _generate(bench: Bench, nodes: int) -> int:
    """Make the graph; returns the number of runs."""
    runs = max(2 * PROJECTS, nodes // NODES_EACH)
    feeds = max(10, runs // 10)
    # Filling indexes afterwards takes a fraction of keeping them up to date.
    indexes = await bench.cypher(_INDEXES) if nodes > BATCH * NODES_EACH else []
    for name, _ in indexes:
        await bench.cypher(f"DROP INDEX `{name}`")
    await bench.cypher(_FEEDS, feeds=feeds, codec=_CODEC)
    for start in range(0, runs, BATCH):
        some = list(range(start, min(start + BATCH, runs)))
        await bench.cypher(
            _RUNS, runs=some, feeds=feeds, folds=FOLDS, codec=_CODEC, failing=max(2, runs // 1000)
        )
        await bench.cypher(_WARM, runs=some, projects=PROJECTS)
    await bench.cypher(_NEWER, codec=_CODEC)
    await bench.cypher(_TAGS, tag=TAG, step=runs / 50)
    for _, create in indexes:
        await bench.cypher(create)
    await bench.cypher("CALL db.awaitIndexes(3600)")
    return runs


_INDEXES = """
SHOW INDEXES YIELD name, type, owningConstraint, createStatement
WHERE type <> 'LOOKUP' AND owningConstraint IS NULL
RETURN name, createStatement
"""


def _question(
    bench: Bench, name: str, ask: Callable[[], Awaitable[Any]], text: str = "", **parameters: Any
) -> Side:
    port = int(bench.info.bolt_url.rpartition(":")[2])

    async def run() -> Numbers:
        before = machine.cpu_of(port)
        seconds, _ = await timed(ask())
        found = {"seconds": seconds, "server_cpu": machine.cpu_of(port) - before}
        if text:
            hits, memory = await bench.profile(text, parameters)
            found |= {"hits": hits, "server_mb": memory / 1e6}
        return found

    return Side(name, run, 1)


async def questions(bench: Bench, size: int) -> list[Side]:
    runs = await _generate(bench, size)
    last = runs - 1 - (runs - 1) % PROJECTS - 1
    model = f"run{last}model"
    feed = f"feed{1 + runs // 20}"
    walk = impact_cypher.Walk()
    half = min(1000, runs // 3)
    chance = random.Random(1)
    ids = [f"run{r}" for r in chance.sample(range(runs), 2 * half)]
    one, other = f"run{last}", f"run{last - 1}"

    large = min(10_000, size)
    for name, differs in (("wide", 0), ("wider", large // 2)):
        await bench.cypher(_WIDE, p=name, spans=large, differs=differs, codec=_CODEC)

    async def tagged(start: str) -> list[str]:
        found = impact_cypher.tagged(walk)
        return await bench.engine.read(found, {"ids": [start], "tag": TAG})  # type: ignore[return-value]

    def ask(
        name: str, question: Callable[[], Awaitable[Any]], text: str = "", **parameters: Any
    ) -> Side:
        return _question(bench, name, question, text, **parameters)

    count, to_tag = impact_cypher.count(walk), impact_cypher.tagged(walk)
    policy = Policy("not from the hub", start=TAG, source=BenchFeed, through=[BenchModel])
    return [
        ask("impact_hub", lambda: impact("feed0"), count, ids=["feed0"]),
        ask("impact_hub by hand", lambda: bench.cypher(_BY_HAND, start="feed0"), _BY_HAND,
            start="feed0"),
        ask("impact_feed", lambda: impact(feed), count, ids=[feed]),
        ask("impact_tagged", lambda: tagged(feed), to_tag, ids=[feed], tag=TAG),
        ask("impact_hub_tagged", lambda: tagged("feed0"), to_tag, ids=["feed0"], tag=TAG),
        ask("why", lambda: why(model, "feed0"), SHORTEST_WAY, later=model, earlier="feed0"),
        ask("why_all", lambda: why(model, "feed0", all_ways=True),
            lineage("up", None), node_id=model, links=True),
        ask("recipe", lambda: recipe(model), ancestry.RECIPE, ids=[model]),
        ask("stale", lambda: stale(model), ancestry.STALE, ids=[model], code=False),
        ask("replay_plan", lambda: replay_plan(model)),
        ask("diff", lambda: diff(one, other), TWO_RUNS, first=one, second=other),
        ask("diff_large", lambda: diff("wide", "wider"), TWO_RUNS, first="wide", second="wider"),
        ask("policy", lambda: check_policies(policy)),
        ask("contrast_inputs",
            lambda: contrast(ids[:half], ids[half:], by=["inputs", "provenance"])),
        ask("contrast_ancestors",
            lambda: contrast(ids[:half], ids[half:], by=["ancestors"], sample=250)),
    ]  # fmt: skip


@dataclass
class BenchFeed(ArtifactModel, version=1):
    n: int


@dataclass
class BenchModel(ArtifactModel, version=1):
    n: int


_LADDER = """
UNWIND range(1, $layers) AS i UNWIND [1, 2] AS k
CREATE (:ArtigraphNode:Artifact:BenchModel {node_id: 'rung' + i + k, artifact_label: 'rung',
  model: 'BenchModel', model_version: 1, codec: $codec, n: i, recorded_at: datetime()})
  -[:MADE_BY]->(:ArtigraphNode:Span {node_id: 'step' + i + k, root_id: 'step' + i + k, depth: 0,
  label: 'step', status: 'OK', opened_at: datetime(), closed_at: datetime()})
"""
_RUNGS = """
UNWIND range(2, $layers) AS i UNWIND [1, 2] AS k UNWIND [1, 2] AS j
MATCH (s:ArtigraphNode {node_id: 'step' + i + k})
MATCH (a:ArtigraphNode {node_id: 'rung' + (i - 1) + j})
CREATE (s)-[:USED]->(a)
"""


async def ladder(bench: Bench, layers: int) -> list[Side]:
    """Layers of two spans, each of which uses both results of the layer before."""
    await bench.cypher(_LADDER, layers=layers, codec=_CODEC)
    await bench.cypher(_RUNGS, layers=layers)

    async def own() -> Numbers:
        seconds, found = await timed(read_lineage(f"rung{layers}1", "up"))
        return {"seconds": seconds, "rows": len(found.steps)}

    async def aiida() -> Numbers:
        return await bench.outside["aiida"].ask("ancestors", layers)

    sides = [Side("library", own, 1)]
    return [*sides, Side("aiida", aiida, 1, rounds=2)] if "aiida" in bench.outside else sides


WORKLOADS = [
    Workload("questions", "questions about origin", "nodes", 1_000_000, 10_000, questions,
        group="questions", rounds=5),
    Workload("ladder", "all that a result came from", "layers, fully linked", 16, 8, ladder,
        group="questions", rounds=5),
]  # fmt: skip
