"""Streams: what they give is what a read gives; they hold little, and end early when left."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Span,
    artifact_info,
    batch,
    create_span_artifacts,
    find_artifacts,
    find_spans,
    link_artifact,
    span_context,
    sync,
)
from artigraph_neo4j.find.terms import (
    span,
    under,
)
from tests.examples import few
from tests.graph.forest import grow


@dataclass
class Streamed(ArtifactModel, version=1):
    number: int


async def plant(shape: Any, path: str = "") -> Span:
    """A list is a span with its children, a number so many artifacts."""
    async with span_context(label=path) as root:
        for i, item in enumerate(shape):
            if isinstance(item, int):
                await create_span_artifacts(
                    "current", {f"{i}.{k}": Streamed(k) for k in range(item)}
                )
            else:
                await plant(item, f"{path}/{i}")
    return root


def id_of(item: Any) -> str:
    return item.node_id if isinstance(item, Span) else artifact_info(item).node_id


Shapes = st.recursive(
    st.integers(0, 3), lambda inner: st.lists(inner, max_size=4), max_leaves=20
).filter(lambda shape: isinstance(shape, list))


@settings(max_examples=few(15), suppress_health_check=list(HealthCheck))
@given(shape=Shapes, levels=st.sampled_from([None, 1, 2]))
async def test_a_stream_gives_what_a_read_gives(shape: Any, levels: int | None) -> None:
    async with batch():
        root = await plant(shape)
    for query in (
        find_spans(under(root, levels=levels)),
        find_spans(under(root, levels=levels), span.label.startswith("/1")),
        find_artifacts(under(root, levels=levels)),
        find_artifacts(Streamed, lambda m: (m.number > 0) & under(root, levels=levels)),
    ):
        read = await query.read()
        streamed = [item async for item in query.stream()]
        assert sorted(map(id_of, streamed)) == sorted(map(id_of, read))


@pytest.mark.statements
async def test_what_spans_share_comes_once() -> None:
    async with span_context(label="root") as root:
        async with span_context(label="a"):
            made = await Streamed(1).create("x", span="current")
        async with span_context(label="b") as b:
            pass
        await link_artifact(b.node_id, made, label="y")
    found = [item async for item in find_artifacts(under(root)).stream()]
    assert found == [Streamed(1)]


async def test_a_stream_is_one_statement_of_few_fat_rows(
    engine: Engine, statements: list[Any]
) -> None:
    root = await grow(engine, 3000, fanout=3000)
    statements.clear()
    found = {item.node_id async for item in find_spans(under(root)).stream()}
    assert len(found) == 2999
    assert [s.rows for s in statements] == [3]


async def test_a_limit_and_an_early_exit_end_it(engine: Engine, statements: list[Any]) -> None:
    root = await grow(engine, 9_000, fanout=30)
    query = find_spans(under(root))
    assert len([item async for item in query.limit(7).stream()]) == 7
    assert len([item async for item in query.limit(2500).stream()]) == 2500
    statements.clear()
    stream = query.stream()
    async for _ in stream:
        break
    await stream.aclose()
    (statement,) = statements
    assert statement.rows * 30 < 2000  # of 1,000 rows
    running = await engine.read(
        "SHOW TRANSACTIONS YIELD currentQuery WHERE currentQuery CONTAINS $id RETURN count(*)",
        {"id": "RETURN chunk"},
    )
    assert running == [[0]]


async def test_slow_readers_are_waited_for(engine: Engine) -> None:
    root = await grow(engine, 5000, fanout=10)
    count = 0
    async for _ in find_spans(under(root)).stream():
        count += 1
        if count % 1000 == 0:
            await asyncio.sleep(0.2)
    assert count == 4999


async def test_other_queries_and_orders_come_in_pages(statements: list[Any]) -> None:
    async with span_context(label="ordered") as root:
        await create_span_artifacts("current", {str(i): Streamed(i) for i in range(20)})
    query = find_artifacts(Streamed, under(root)).order_by("number")
    assert [item.number async for item in query.stream()] == list(range(20))
    by_label = find_spans(span.label == "ordered", span.node_id == root.node_id)
    assert [item.node_id async for item in by_label.stream()] == [root.node_id]


def test_without_await() -> None:
    with sync.span_context() as root:
        for i in range(5):
            sync.create_artifact(Streamed(i), span="current")
    query = sync.find_artifacts(Streamed, under(root))
    assert {item.number for item in query.stream()} == set(range(5))
    for item in query.stream():
        assert item.number in range(5)
        break


@pytest.mark.large
async def test_a_million_results_take_little_memory(engine: Engine) -> None:
    """Run it alone: what other tests left in memory would hide what this one takes."""
    import time

    import psutil

    root = await grow(engine, 1_000_000, fanout=10)
    process = psutil.Process()
    query = find_spans(under(root))
    async for _ in query.limit(2000).stream():  # warm
        pass
    before, most, first, count = process.memory_info().rss, 0, None, 0
    begin = time.perf_counter()
    async for _ in query.stream():
        if first is None:
            first = time.perf_counter() - begin
        count += 1
        if count % 5000 == 0:
            most = max(most, process.memory_info().rss - before)
    took = time.perf_counter() - begin
    print(f"{count} in {took:.1f} s, first after {1000 * (first or 0):.0f} ms, +{most >> 20} MiB")
    assert count == 999_999
    assert most < 150 << 20
