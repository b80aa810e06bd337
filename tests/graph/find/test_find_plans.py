"""How the database finds things among 100,000: by an index, touching little but the results."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from neo4j import Driver, GraphDatabase

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    F,
    Span,
    add_tags,
    artifact_field,
    create_span_artifact,
    engine_context,
    find_artifacts,
    find_spans,
    span_context,
)
from artigraph_neo4j.find.query import Query
from artigraph_neo4j.find.terms import (
    above,
    artifact,
    has_artifact,
    in_span,
    span,
    tagged,
    under,
)
from artigraph_neo4j.graph.parameters import with_one_map
from tests.graph import plans

MANY = 20_000
AT = datetime(2001, 1, 1, tzinfo=UTC)  # before all that other tests record

_FILL = """
UNWIND range(0, $many - 1) AS i
CALL (i) {
  CREATE (s:ArtigraphNode:Span:ArtigraphIndexed {
    node_id: 'plan-span-' + i, label: 'plan ' + i, label_: 'plan ' + i, depth: 0,
    status: CASE i % 200 WHEN 0 THEN 'PLAN' ELSE 'OK' END, root_id: 'plan-root-' + (i % 3),
    opened_at: $at + duration({seconds: i}), closed_at: $at + duration({seconds: i + 1}),
    duration_: 1000000.0 + i})
  CREATE (a:ArtigraphNode:Artifact:PlanModel:ArtigraphIndexed {
    node_id: 'plan-artifact-' + i, model: 'PlanModel',
    model_version: CASE i % 200 WHEN 0 THEN 1 ELSE 2 END,
    artifact_label: 'plan ' + i, label_: 'plan ' + i, recorded_at: $at + duration({seconds: i}),
    code: 'code ' + i, number: i, codec: $codec})
  CREATE (s)-[:HAS_ARTIFACT {label: 'plan ' + i, key: 'plan ' + i}]->(a)
} IN TRANSACTIONS OF 20000 ROWS
"""


@dataclass
class PlanModel(ArtifactModel, version=2):
    code: str = artifact_field(indexed=True)
    number: int = 0


class PlanSpan(Span):
    pass


@dataclass
class Crowd:
    """A small tree among many unrelated spans."""

    top: Span
    leaf: Span
    driver: Driver
    database: str | None

    def profile(self, query: Query[Any]) -> tuple[int, int, set[str]]:
        """Results, database hits, and the operators that read nodes."""
        statement, parameters = query.explain().statement, query.explain().parameters
        with self.driver.session(database=self.database) as session:
            result = session.run(*with_one_map("PROFILE " + statement, parameters))  # type: ignore[arg-type]
            found = sum(len(record[0]) for record in result)
            profile = result.consume().profile
        assert profile is not None
        reading = {name for name in plans.operators(profile) if "Scan" in name or "Seek" in name}
        return found, plans.hits(profile), reading


@pytest.fixture(scope="module")
def crowd(session_engine: Engine, graph_service: Any) -> Iterator[Crowd]:
    codec = '{"class":"x:PlanModel","fields":{"code":"str","number":"int"}}'

    async def make() -> tuple[Span, Span]:
        with engine_context(session_engine):
            async with span_context(label="plan top") as top:
                await create_span_artifact("current", data=PlanModel("mine", -5))
                async with span_context(PlanSpan(label="plan leaf")) as leaf:
                    await create_span_artifact("current", data=PlanModel("mine", -4))
            await add_tags(leaf, "plan tag")
        return top, leaf

    top, leaf = asyncio.run(make())
    auth = (graph_service.username or "", graph_service.password or "")
    with GraphDatabase.driver(graph_service.uri, auth=auth) as driver:
        with driver.session(database=graph_service.database) as session:
            session.run(_FILL, many=MANY, at=AT, codec=codec).consume()
        yield Crowd(top, leaf, driver, graph_service.database)
        with driver.session(database=graph_service.database) as session:
            session.run(
                "MATCH (n:ArtigraphNode) WHERE n.node_id STARTS WITH 'plan-' "
                "CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 20000 ROWS"
            ).consume()


def at(seconds: int) -> datetime:
    return AT + timedelta(seconds=seconds)


SPANS = {
    "id": (lambda c: find_spans(span.node_id == "plan-span-7"), 1),
    "ids": (lambda c: find_spans(span.node_id.one_of(["plan-span-7", "plan-span-8"])), 2),
    "label": (lambda c: find_spans(span.label == "plan 77"), 1),
    "labels": (lambda c: find_spans(span.label.one_of(["plan 77", "plan 78"])), 2),
    "prefix": (lambda c: find_spans(span.label.startswith("plan 1777")), 11),
    "status": (lambda c: find_spans(span.status == "PLAN"), 100),
    "status and time": (lambda c: find_spans(span.status == "OK", span.opened_at < at(100)), 99),
    "time": (lambda c: find_spans(span.opened_at < at(100)), 100),
    "range": (lambda c: find_spans(span.opened_at >= at(50), span.opened_at < at(100)), 50),
    "duration": (lambda c: find_spans(span.duration >= timedelta(seconds=1_019_990)), 10),
    "root": (lambda c: find_spans(span.root_id == c.top.node_id), 2),
    "class": (lambda c: find_spans(PlanSpan), 1),
    "tag": (lambda c: find_spans(tagged("plan tag")), 1),
    "under": (lambda c: find_spans(under(c.top)), 1),
    "above": (lambda c: find_spans(above(c.leaf)), 1),
    "across": (lambda c: find_spans(under(c.top), has_artifact(PlanModel, F("number") < 0)), 1),
    "first": (lambda c: find_spans().limit(5), 5),
    "last": (lambda c: find_spans().order_by(span.opened_at.desc()).limit(5), 5),
}
ARTIFACTS = {
    "id": (lambda c: find_artifacts(artifact.node_id == "plan-artifact-7"), 1),
    "label": (lambda c: find_artifacts(artifact.label == "plan 77"), 1),
    "prefix": (lambda c: find_artifacts(PlanModel, artifact.label.startswith("plan 1777")), 11),
    "time": (lambda c: find_artifacts(artifact.recorded_at < at(100)), 100),
    "version": (
        lambda c: find_artifacts(artifact.model == "PlanModel", artifact.model_version == 1),
        100,
    ),
    "field": (lambda c: find_artifacts(PlanModel, lambda m: m.code == "code 7"), 1),
    "fields": (lambda c: find_artifacts(PlanModel, lambda m: m.code.startswith("mine")), 2),
    "field range": (lambda c: find_artifacts(PlanModel, lambda m: m.code > "code 9998"), 3),
    "under": (lambda c: find_artifacts(PlanModel, under(c.top), F("number") < 0), 2),
    "above": (lambda c: find_artifacts(above(c.leaf)), 1),
    "across": (lambda c: find_artifacts(under(c.top), in_span(PlanSpan)), 1),
    "search": (lambda c: find_artifacts().search("plan 77"), 1),
    "first": (lambda c: find_artifacts(PlanModel).limit(5), 5),
    "last": (lambda c: find_artifacts().order_by(artifact.recorded_at.desc()).limit(5), 5),
}
CASES = [
    *((f"span {k}", *v) for k, v in SPANS.items()),
    *((f"artifact {k}", *v) for k, v in ARTIFACTS.items()),
]


@pytest.mark.parametrize(("name", "make", "results"), CASES, ids=[case[0] for case in CASES])
async def test_documented_filters_seek(crowd: Crowd, name: str, make: Any, results: int) -> None:
    query = make(crowd)
    found, hits, operators = crowd.profile(query)
    assert found == results
    assert hits <= 80 * results + 300, (hits, query.explain())
    # Of a class the database knows the nodes; a limit in the index's order reads the index.
    allowed = {"NodeByLabelScan"} if name == "span class" else set()
    if name.endswith(("first", "last")):
        allowed = {"NodeIndexScan"}
    scans = {operator for operator in operators if "Scan" in operator} - allowed
    assert not scans, query.explain()


async def test_each_page_costs_the_same(crowd: Crowd) -> None:
    for query in (
        find_spans(span.opened_at < at(MANY)),
        find_spans(span.opened_at < at(MANY)).order_by(span.opened_at.desc()),
        find_artifacts(PlanModel, artifact.recorded_at < at(MANY)),
    ):
        costs = []
        after = None
        for _ in range(3):
            found, hits, _ = crowd.profile(_page(query, after))
            assert found == 100
            costs.append(hits)
            after = (await query.read_page(100, after=after)).cursor
        assert max(costs) < 1.2 * min(costs), costs


@pytest.mark.parametrize(
    "query",
    [
        find_spans(span.root_id == "plan-root-0").order_by(span.node_id),
        find_spans(span.status == "OK"),
        # Only the crowd: spans of other tests are newer and have more properties to read.
        find_spans(span.status == "OK", span.opened_at < at(MANY)).order_by(span.opened_at.desc()),
        find_spans(),
    ],
    ids=["run", "status", "status, newest first", "all"],
)
async def test_a_page_costs_the_same_however_far(crowd: Crowd, query: Query[Any]) -> None:
    costs = []
    for skipped in (0, 3_000, 6_000):
        after = (await query.read_page(skipped)).cursor if skipped else None
        found, hits, _ = crowd.profile(_page(query, after))
        assert found == 100
        costs.append(hits)
    assert max(costs) < 1.2 * min(costs) + 100 < 10_000, costs


def _page(query: Query[Any], after: str | None) -> Query[Any]:
    """What ``read_page`` reads."""
    return type(query)(replace(query._plan, limit=100, after=after))


async def test_a_field_without_an_index_is_looked_for_among_its_model(crowd: Crowd) -> None:
    query = find_artifacts(PlanModel, lambda m: m.number == 5)
    found, hits, operators = crowd.profile(query)
    assert found == 1
    assert operators == {"NodeByLabelScan"}
    assert hits < 8 * MANY  # by the order in which the planner puts the tests
