"""When a batch writes: few statements, in time, and within bounds."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from artigraph_neo4j import (
    Engine,
    batch,
    create_span_artifact,
    read_descendant_artifacts,
    read_descendant_spans,
    span_context,
)
from artigraph_neo4j.recording import queue
from tests.graph.recording.batches import InBatch


async def test_statements_are_few_whatever_the_order(written: Any) -> None:
    async with batch(rows=1000, seconds=60) as unit, span_context() as root:
        for i in range(2000):
            async with span_context(label=str(i)):
                await create_span_artifact("current", label="x", data=InBatch(i))
    # 4,000 nodes and the root; the end of a span that was just being written is one of its own.
    assert 4001 <= unit.recorded <= 4100
    assert 4 <= len(written) <= 6
    assert all(statement.rows == 1 for statement in written)
    assert len(await read_descendant_spans(root.node_id)) == 2000
    assert {a.number for a in await read_descendant_artifacts(root.node_id)} == set(range(2000))


async def test_what_waits_is_written_in_time_however_it_came(query: Any) -> None:
    """Also what came behind a full statement, when the time of what was before it was over."""
    async with batch(rows=100, seconds=0.3), span_context(label="behind") as span:
        for i in range(5):
            await asyncio.sleep(0.1)
            for j in range(70):
                await InBatch(70 * i + j).create(span="current")
        for _ in range(100):
            ((count,),) = await query(
                "MATCH (:ArtigraphNode {node_id: $id})-[:HAS_ARTIFACT]->() RETURN count(*)",
                id=span.node_id,
            )
            if count == 350:
                break
            await asyncio.sleep(0.05)
        else:
            pytest.fail(f"{count} of 350 were written")


async def test_what_waits_is_bounded() -> None:
    most = 0
    async with batch(rows=50) as unit, span_context():
        for i in range(2000):
            await InBatch(i).create(span="current")
            most = max(most, unit._queue.rows)
    assert most <= queue.WAITING * 50
    assert unit._queue.rows == unit._queue.bytes == 0
    left = unit._queue
    assert [*left._keys, *left._opening, *left._waiting, *left._uploading] == []


async def test_large_rows_are_written_earlier(written: Any) -> None:
    text = "x" * 60_000
    async with batch(seconds=60) as unit, span_context():
        for i in range(500):
            await InBatch(i, text).create(span="current")
            assert unit._queue.bytes <= queue.WAITING * queue.ROW_BYTES
    assert len(written) >= 500 * len(text) // queue.ROW_BYTES


async def test_it_is_written_after_some_time(query: Any) -> None:
    async with batch(seconds=0.1), span_context(label="waits") as span:
        for _ in range(100):
            if await query("MATCH (s:ArtigraphNode {node_id: $id}) RETURN 1", id=span.node_id):
                break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("it was not written")


async def test_it_drains_while_the_program_computes(engine: Engine) -> None:
    async with batch(seconds=0.05) as unit, span_context():
        for _ in range(200):
            if unit.recorded:
                break
            threading.Event().wait(0.05)  # the loop of this test does not run meanwhile
        else:
            pytest.fail("it was not written")


async def test_a_write_is_asked_for_once_however_much_is_added_meanwhile(
    engine: Engine, monkeypatch: Any
) -> None:
    asked: list[object] = []
    start = engine.start

    def count(work: Any) -> None:
        asked.append(work)
        start(work)

    monkeypatch.setattr(engine, "start", count)
    async with span_context(label="busy"), batch(rows=500):
        for number in range(4_000):
            await create_span_artifact("current", data=InBatch(number))
    assert len(asked) < 100
