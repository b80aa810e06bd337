"""Atomic batches: one statement, or nothing."""

from __future__ import annotations

import os
from typing import Any

import pytest

from artigraph_neo4j import (
    BatchError,
    NotFoundError,
    batch,
    create_span_artifact,
    read_span,
    read_span_artifacts,
    span_context,
)
from artigraph_neo4j.errors import EngineError
from artigraph_neo4j.recording import queue
from tests.graph.recording.batches import InBatch, InBatchLarge, storage, study


async def test_an_atomic_batch_is_one_statement(written: Any, query: Any) -> None:
    async with batch(atomic=True, rows=10, seconds=0) as unit:
        await study("atomic root", read=False)
        async with span_context(label="second root") as second:
            artifact = await create_span_artifact("current", label="x", data=InBatch(1))
        assert not written
        with pytest.raises(NotFoundError, match="only at its end"):
            await read_span(second.node_id)
        with pytest.raises(NotFoundError, match="only at its end"):
            await InBatch.read(artifact)
    assert len(written) == 1
    assert unit.recorded > 10
    assert await read_span_artifacts(second.node_id) == {"x": InBatch(1)}


async def test_an_atomic_batch_that_fails_records_nothing(written: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with batch(atomic=True):
            async with span_context() as span:
                await InBatchLarge(b"x").create(span="current")
            raise ZeroDivisionError
    assert not written
    assert not span.is_recorded
    with pytest.raises(NotFoundError):
        await read_span(span.node_id)


async def test_an_atomic_batch_with_one_refused_row_records_nothing() -> None:
    async with span_context() as there:
        await create_span_artifact("current", label="a", data=InBatch(1))
    with pytest.raises(BatchError, match="nothing was recorded") as caught:
        async with batch(atomic=True) as unit:
            async with span_context(label="new") as new:
                pass
            await create_span_artifact(there.node_id, label="a", data=InBatch(1))
    assert {(lost.kind, lost.label) for lost in caught.value.lost} == {
        ("span", "new"),
        ("artifact", "a"),
    }
    assert unit.recorded == 0
    with pytest.raises(NotFoundError):
        await read_span(new.node_id)


async def test_an_atomic_batch_whose_value_cannot_be_stored_records_nothing(
    monkeypatch: Any, written: Any
) -> None:
    async def refuse(*_: Any, **__: Any) -> str:
        raise OSError("the disk is full")

    monkeypatch.setattr(storage, "put", refuse)
    with pytest.raises(BatchError, match="nothing was recorded.*the disk is full"):
        async with batch(atomic=True), span_context() as span:
            await InBatchLarge(os.urandom(100)).create("large", span="current")
            await InBatch(1).create("small", span="current")
    assert not written
    assert not span.is_recorded


async def test_an_atomic_batch_is_limited(monkeypatch: Any, written: Any) -> None:
    monkeypatch.setattr(queue, "ATOMIC_ROWS", 10)
    with pytest.raises(EngineError, match="at most 10 spans and artifacts"):
        async with batch(atomic=True), span_context():
            for i in range(20):
                await InBatch(i).create(span="current")
    assert not written


async def test_an_atomic_block_inside_stands_alone(written: Any) -> None:
    async with batch(seconds=60) as outer, span_context() as root:
        with pytest.raises(ZeroDivisionError):
            async with batch(atomic=True) as inner:
                assert inner is not outer
                async with batch() as innermost:
                    assert innermost is inner
                await InBatch(1).create("lost", span="current")
                raise ZeroDivisionError
        async with batch(atomic=True):
            await InBatch(1).create("kept", span="current")
    assert list(await read_span_artifacts(root.node_id)) == ["kept"]
