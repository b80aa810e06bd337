"""What a batch loses, how it is told, and what is recorded all the same."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any

import pytest

from artigraph_neo4j import (
    BatchError,
    Engine,
    NotFoundError,
    batch,
    create_span_artifact,
    delete_span,
    read_descendant_artifacts,
    read_descendant_spans,
    read_span_artifacts,
    span_context,
)
from artigraph_neo4j.errors import DuplicateLabelError, SpanError
from tests.graph.models import EpochSpan
from tests.graph.recording.batches import InBatch, InBatchKey, InBatchLarge, storage


async def test_a_label_that_waits_already_is_refused_at_once(query: Any) -> None:
    async with batch(seconds=60) as unit, span_context() as span:
        await create_span_artifact("current", label="a", data=InBatch(1))
        with pytest.raises(DuplicateLabelError, match="'a' already"):
            await create_span_artifact("current", label="a", data=InBatch(2))
        await unit.flush()
        await create_span_artifact("current", label="b", data=InBatch(2))
    assert await read_span_artifacts(span.node_id) == {"a": InBatch(1), "b": InBatch(2)}


async def test_a_label_that_is_there_is_lost_and_the_rest_is_not() -> None:
    async with span_context() as span:
        await create_span_artifact("current", label="a", data=InBatch(1))
    with pytest.raises(BatchError) as caught:
        async with batch(seconds=60) as unit:
            for label in ("b", "a", "c"):
                await create_span_artifact(span.node_id, label=label, data=InBatch(2))
    error = caught.value
    assert [(lost.kind, lost.label) for lost in error.lost] == [("artifact", "a")]
    assert isinstance(error.lost[0].cause, DuplicateLabelError)
    assert error.__cause__ is error.lost[0].cause
    assert error.recorded == unit.recorded == 2
    assert str(error).startswith("1 writes of a batch were lost, 2 others were recorded: artifact")
    assert list(await read_span_artifacts(span.node_id)) == ["a", "b", "c"]


async def test_what_hangs_on_a_deleted_span_is_lost() -> None:
    async with span_context(label="doomed") as doomed:
        pass
    async with span_context(label="kept") as kept:
        pass
    with pytest.raises(BatchError) as caught:
        async with batch(seconds=60):
            async with span_context(doomed), span_context(label="child") as child:
                await InBatch(1).create("below", span="current")
                async with span_context(label="grandchild") as grandchild:
                    pass
            await InBatch(2).create("kept", span=kept.node_id)
            await asyncio.to_thread(copy_outside, delete_span, doomed.node_id)
    lost = [(item.kind, item.label) for item in caught.value.lost]
    assert lost == [("span", "child"), ("artifact", "below"), ("span", "grandchild")]
    assert all(isinstance(item.cause, NotFoundError) for item in caught.value.lost)
    assert [child.is_recorded, grandchild.is_recorded] == [False, False]
    assert await read_span_artifacts(kept.node_id) == {"kept": InBatch(2)}


def copy_outside(function: Any, *args: Any) -> None:
    """Call it as another program would: with this engine, but not in the batch."""
    from artigraph_neo4j.engine.scope import enter_batch

    enter_batch(None)  # in the context of this thread
    asyncio.run(function(*args))


async def test_the_end_of_a_deleted_span_is_lost() -> None:
    with pytest.raises(BatchError, match="deleted before it was closed"):
        async with batch(seconds=60) as unit:
            async with span_context(label="short") as span:
                await unit.flush()
                await asyncio.to_thread(copy_outside, delete_span, span.node_id)


async def test_the_next_call_tells_of_a_loss_and_does_nothing_itself() -> None:
    async with span_context() as span:
        await create_span_artifact("current", label="a", data=InBatch(1))
    async with batch(seconds=60) as unit:
        await create_span_artifact(span.node_id, label="a", data=InBatch(2))
        with pytest.raises(BatchError):
            await unit.flush()
        await create_span_artifact(span.node_id, label="a", data=InBatch(2))
        await unit.engine.call(lambda: unit._write_soon(unit._queue.number))
        with pytest.raises(BatchError):
            await create_span_artifact(span.node_id, label="b", data=InBatch(2))
        await create_span_artifact(span.node_id, label="a", data=InBatch(2))
        await unit.engine.call(lambda: unit._write_soon(unit._queue.number))
        entered = span_context(label="never")
        with pytest.raises(BatchError):
            await entered.__aenter__()
        await create_span_artifact(span.node_id, label="c", data=InBatch(3))
    assert len(unit.lost) == 3
    assert list(await read_span_artifacts(span.node_id)) == ["a", "c"]


async def test_a_row_that_no_database_takes_does_not_hold_up_the_rest(engine: Engine) -> None:
    await engine.write("CREATE INDEX in_batch_key IF NOT EXISTS FOR (n:InBatchKey) ON (n.text)", {})
    await engine.write("CALL db.awaitIndexes()", {})
    with pytest.raises(BatchError, match="too large to index") as caught:
        async with batch(seconds=60), span_context() as root:
            for i in range(20):
                text = "x" * 40_000 if i == 7 else "x"
                async with span_context(label=str(i)):
                    await InBatchKey(text).create(str(i), span="current")
    assert [(lost.kind, lost.label) for lost in caught.value.lost] == [("artifact", "7")]
    assert len(await read_descendant_spans(root.node_id)) == 20
    assert len(await read_descendant_artifacts(root.node_id)) == 19


async def test_a_span_that_no_database_takes_is_refused_at_once() -> None:
    async with batch(seconds=60) as unit:
        with pytest.raises(SpanError, match=r"EpochSpan\.epochs: a int cannot be stored"):
            async with span_context(EpochSpan(label="big", epochs=2**70)):
                pass
    assert (unit.recorded, unit.lost) == (0, [])


async def test_the_users_error_goes_first() -> None:
    async with span_context() as span:
        await create_span_artifact("current", label="a", data=InBatch(1))
    with pytest.raises(ZeroDivisionError) as caught:
        async with batch(seconds=60):
            await create_span_artifact(span.node_id, label="a", data=InBatch(2))
            await create_span_artifact(span.node_id, label="b", data=InBatch(2))
            raise ZeroDivisionError
    assert "1 writes of a batch were lost" in caught.value.__notes__[0]
    assert list(await read_span_artifacts(span.node_id)) == ["a", "b"]


async def test_a_storage_that_fails_loses_its_artifact_only(monkeypatch: Any) -> None:
    async def refuse(*_: Any, **__: Any) -> str:
        raise OSError("the disk is full")

    with pytest.raises(BatchError, match="the disk is full") as caught:
        async with batch(), span_context() as span:
            await InBatch(1).create("before", span="current")
            with monkeypatch.context() as broken:
                broken.setattr(storage, "put", refuse)
                await InBatchLarge(os.urandom(100)).create("large", span="current")
                with contextlib.suppress(BatchError):
                    await asyncio.sleep(0.5)
            await InBatch(1).create("after", span="current")
    assert [lost.label for lost in caught.value.lost] == ["large"]
    del span
