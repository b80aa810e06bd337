"""The floor writes what the library writes: else its times would say nothing."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from artigraph_neo4j import (
    batch,
    create_span_artifact,
    create_span_artifacts,
    get_engine,
    read_ancestor_spans,
    read_child_spans,
    read_descendant_spans,
    span_context,
)
from artigraph_neo4j.graph.cypher import read
from artigraph_neo4j.graph.names import SEARCH_LABELS
from artigraph_neo4j.local import StackInfo
from artigraph_neo4j.recording.work import (
    artifact_key,
)
from tests.benchmarks import floor, trees
from tests.benchmarks.harness import Bench, bench_on
from tests.benchmarks.models import BenchPair, pairs

OWN = ("node_id", "opened_at", "closed_at", "recorded_at", "duration_", "writer_id")
"""Properties that differ from one node to the next: compared by their types."""


@pytest.fixture
async def bench(stack_info: StackInfo) -> AsyncIterator[Bench]:
    async with bench_on(stack_info, True, {}) as found:
        yield found


async def graph_below(bench: Bench, root: str) -> Counter[Any]:
    """Relationships below a span, each with the labels and properties of the node it leads to."""
    rows = await bench.cypher(
        "MATCH (:ArtigraphNode {node_id: $root})-[:PARENT_OF|HAS_ARTIFACT|HAS_FIELD*0..]->(p) "
        "MATCH (p)-[r]->(n) "
        "RETURN p.node_id, type(r), properties(r), labels(n), properties(n)",
        root=root,
    )
    return Counter(_node(root, *row) for row in rows)


def _node(root: str, parent: str, link: str, of_link: Any, labels: Any, node: Any) -> Any:
    for name in OWN:
        if name in node:
            node[name] = type(node[name]).__name__
    if "root_id" in node:
        node["root_id"] = node["root_id"] == root
    if "key" in of_link:
        of_link["key"] = of_link["key"] == artifact_key(parent, of_link["label"])
    return (link, _frozen(of_link), frozenset(labels) - SEARCH_LABELS, _frozen(node))


def _frozen(properties: dict[str, Any]) -> Any:
    return frozenset((k, type(v).__name__, v) for k, v in properties.items())


async def test_artifacts(bench: Bench) -> None:
    by_library, by_hand = await bench.span(), await bench.span()
    await create_span_artifacts(by_library, pairs(20))
    await floor.write_artifacts(bench.driver, bench.database, by_hand, pairs(20))
    found = await graph_below(bench, by_hand)
    assert found == await graph_below(bench, by_library)
    assert found.total() == 40  # to each artifact, and back to its maker


async def test_spans(bench: Bench) -> None:
    labels = [f"span {i}" for i in range(10)]
    async with span_context(label="library") as root:
        for label in labels:
            async with span_context(label=label):
                pass
    by_hand = await bench.span()
    await floor.write_spans(bench.driver, bench.database, by_hand, labels)
    found = await graph_below(bench, by_hand)
    assert found == await graph_below(bench, root.node_id)
    assert found.total() == 10


@pytest.mark.parametrize("batched", [True, False])
async def test_spans_with_artifact(bench: Bench, batched: bool) -> None:
    async with span_context(label="library") as root:
        async with batch() if batched else contextlib.nullcontext():
            for i in range(5):
                async with span_context(label="work"):
                    await create_span_artifact("current", label="pair", data=BenchPair(i, 0.5))
    by_hand = await bench.span()
    data = [BenchPair(i, 0.5) for i in range(5)]
    to = (bench.driver, bench.database, by_hand)
    if batched:
        await floor.write_spans_with_artifact(*to, data)
    else:
        for pair in data:
            await floor.span_with_artifact(*to, "a writer", pair)
    found = await graph_below(bench, by_hand)
    assert found == await graph_below(bench, root.node_id)
    assert found.total() == 15


async def test_an_open_span_is_the_same(bench: Bench) -> None:
    by_hand = await bench.span()
    parameters = {"parent": by_hand, "id": "bench-open", "label": "work", "writer": "w"}
    await bench.cypher(floor.opening(floor.OURS), **parameters, at="2026-01-01T00:00:00Z")
    async with span_context(label="library") as root:
        async with span_context(label="work"):
            found = await graph_below(bench, root.node_id)
    assert await graph_below(bench, by_hand) == found
    assert found.total() == 1
    await bench.cypher("MATCH (n:ArtigraphNode {node_id: 'bench-open'}) DETACH DELETE n")


async def test_both_read_the_same(bench: Bench) -> None:
    root = await trees.tree(bench, 50, 3)
    leaf = trees.node_of(root, 50)
    span = await bench.span()
    await create_span_artifacts(span, pairs(10))

    async def by_hand(statement: str, span: str) -> Any:
        return await floor.read(bench.driver, bench.database, statement, span=span)

    async def by_library(statement: str, span: str) -> Any:
        rows = await get_engine().read(statement, {"span": span, "history": False})
        return [row for (chunk,) in rows for row in chunk]

    for statement, other, start in (
        (floor.READ_DESCENDANTS, read.SPANS_BELOW, root),
        (floor.READ_CHILDREN, read.SPAN_CHILDREN, root),
        (floor.READ_ANCESTORS, read.SPANS_ABOVE, leaf),
    ):
        found = sorted(await by_hand(statement, start), key=lambda row: row[2]["node_id"])
        theirs = sorted(await by_library(other, start), key=lambda row: row[2]["node_id"])
        for _, _, properties in theirs:
            assert properties.pop("log_") is None  # what a span logged is not read with it
        assert found == theirs
        assert found
    hand = {label: (set(labels) - SEARCH_LABELS, node) for label, labels, node in
        await by_hand(floor.READ_ARTIFACTS, span)}  # fmt: skip
    ours = {label: nodes[0][0] for _, label, nodes in await by_library(read.ARTIFACTS_OF, span)}
    assert {label: node for label, (_, node) in hand.items()} == ours
    assert all(labels == {"ArtigraphNode", "Artifact", "BenchPair"} for labels, _ in hand.values())


async def test_trees_are_what_the_library_reads(bench: Bench) -> None:
    root = await trees.tree(bench, 39, 3)
    below = await read_descendant_spans(root)
    assert len(below) == 39
    assert {span.depth for span in below} == {1, 2, 3}
    assert len(await read_child_spans(root)) == 3
    last = trees.node_of(root, 39)
    above = await read_ancestor_spans(last)
    assert [span.depth for span in above] == [2, 1, 0]
    assert {span.root_id for span in below} == {root}
    assert isinstance(below[0].opened_at, datetime)
