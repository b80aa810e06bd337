"""What statements cost the database: hits in proportion to the results, and nothing held back."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    F,
    batch,
    create_span_artifact,
    create_span_artifacts,
    find_artifacts,
    read_child_artifacts,
    span_context,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.find.terms import artifact
from artigraph_neo4j.graph.attempts import Statement
from artigraph_neo4j.graph.cypher import lineage, read, span_tree, write
from artigraph_neo4j.graph.parameters import with_one_map
from tests.graph import plans

Profile = Callable[[str, dict[str, Any]], Awaitable[tuple[int, list[str]]]]

FEW, MANY = 20, 120


@dataclass
class CostPart(ArtifactModel, version=1):
    n: int


@dataclass
class CostWhole(ArtifactModel, version=1):
    n: int
    part: CostPart


@pytest.fixture
def profile(session: Any) -> Profile:
    """Runs a statement and tells its database hits and its operators."""

    async def run(text: str, parameters: dict[str, Any]) -> tuple[int, list[str]]:
        result = await session.run(*with_one_map("PROFILE " + text, parameters))
        plan = (await result.consume()).profile
        return plans.hits(plan), plans.operators(plan)

    return run


async def _wide(count: int) -> dict[str, Any]:
    """A span with so many children of one artifact each, and as many artifacts of its own."""
    async with span_context(label="wide") as top, batch():
        wholes = {str(i): CostWhole(i, CostPart(i)) for i in range(count)}
        await create_span_artifacts("current", wholes)
        for i in range(count):
            async with span_context(label="below"):
                await create_span_artifact("current", label="w", data=CostWhole(i, CostPart(i)))
    return {"span": top.node_id}


async def _deep(count: int) -> dict[str, Any]:
    """The lowest of so many spans in a chain."""
    contexts = [span_context(label="deep") for _ in range(count)]
    async with batch():
        spans = [await context.__aenter__() for context in contexts]
        for context in reversed(contexts):
            await context.__aexit__(None, None, None)
    return {"span": spans[-1].node_id}


async def _used(count: int) -> dict[str, Any]:
    """An artifact that so many spans read, each making another."""
    async with span_context(label="source") as source:
        artifact = await create_span_artifact("current", label="s", data=CostPart(0))
    for i in range(count):
        async with span_context(label="reader"):
            await read_child_artifacts(source.node_id)
            await create_span_artifact("current", label="r", data=CostPart(i))
    return {"node_id": artifact}


SHOWN = {"history": False, "limit": 10_000, "artifacts": True, "depth": 10, "links": True}

READS = {
    "children": (read.SPAN_CHILDREN, _wide, 21),
    "descendants": (read.SPANS_BELOW, _wide, 25),
    "ancestors": (read.SPANS_ABOVE, _deep, 23),
    "artifacts of a span": (read.ARTIFACTS_OF, _wide, 45),
    "artifacts below": (read.ARTIFACTS_BELOW, _wide, 105),
    "tree with artifacts": (span_tree.SPAN_TREE, _wide, 150),
    "lineage": (lineage.lineage("down", None), _used, 55),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.statements if n == "ancestors" else ()) for n in READS],
)
async def test_a_read_costs_hits_in_proportion_to_its_results(
    engine: Engine, profile: Profile, name: str
) -> None:
    text, make, most = READS[name]
    (few, _), (many, operators) = [
        await profile(text, SHOWN | await make(count)) for count in (FEW, MANY)
    ]
    each = (many - few) / (MANY - FEW)
    assert 1 <= each <= most, (few, many)
    assert few - each * FEW <= 200, "what does not grow with the results is little"
    assert "Eager" not in operators  # which would hold all rows back
    assert not [operator for operator in operators if "Scan" in operator]


def _spans(count: int, owner: str) -> dict[str, Any]:
    ids = [new_id() for _ in range(count)]
    rows = [[{"node_id": i, "status": "OK", "root_id": owner, "depth": 1}, AT, AT] for i in ids]
    return {"opened": [{"labels": ["Span"], "rows": rows}], "children": [[owner, ids]]}


def _artifacts(count: int, owner: str) -> dict[str, Any]:
    rows = [[{"node_id": new_id(), "n": i}, AT, f"{i}", new_id()] for i in range(count)]
    group = {
        "labels": ["Artifact", "CostPart"],
        "model": "CostPart",
        "model_version": 1,
        "codec": "{}",
        "spans": [[owner, rows]],
    }
    return {"owned": [group]}


AT = [1_700_000_000, 0]
WRITES = {"spans": (_spans, 13.5, 22), "artifacts": (_artifacts, 13.5, 28)}
"""What makes the rows, and the most hits of each: created, and merged by an import."""


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("name", WRITES)
async def test_a_write_costs_hits_in_proportion_to_its_rows(
    engine: Engine, profile: Profile, name: str, merge: bool
) -> None:
    make, *most = WRITES[name]
    async with span_context(label="owner") as span:
        pass
    costs = []
    for count in (FEW, MANY):
        once = [new_id(), 1, 2**62]
        parameters = {"owners": [span.node_id], "once": once} | make(count, span.node_id)
        hits, operators = await profile(write.statement(parameters, merge=merge), parameters)
        assert not [operator for operator in operators if "Scan" in operator]
        costs.append(hits)
    few, many = costs
    each = (many - few) / (MANY - FEW)
    assert 1 <= each <= most[merge], costs
    assert few - each * FEW <= 200, "what does not grow with the rows is little"


async def test_a_statement_is_planned_once_whatever_it_is_given(
    session: Any, statements: list[Statement]
) -> None:
    async def plans_kept() -> int:
        """The number of plans that the server has kept since it was asked last."""
        ((text,),) = await (await session.run("CALL db.clearQueryCaches()")).values()
        return int(re.findall(r"\d+", text)[0])

    await plans_kept()
    for count in (1, 3, 12, 120):
        async with span_context(label="l" * count) as span:
            wholes = {str(i): CostWhole(i, CostPart(i)) for i in range(count)}
            await create_span_artifacts("current", wholes)
        for label in (None, "0", "l" * count):
            query = find_artifacts(CostWhole, F("n") > count / 2)
            await (query if label is None else query.where(artifact.label == label)).count()
        await read_child_artifacts(span)
    texts = {statement.text for statement in statements}
    # The heartbeat has two, and may have begun.
    assert len(texts) <= await plans_kept() <= len(texts) + 3
