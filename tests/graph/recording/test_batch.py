"""``batch``: what it records is what is recorded without it; its costs, its errors, its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j import (
    ArtifactModel,
    Batch,
    BatchError,
    Engine,
    NotFoundError,
    Span,
    add_tags,
    artifact_field,
    batch,
    create_span_artifact,
    create_span_artifacts,
    delete_span,
    read_annotations,
    read_child_spans,
    read_descendant_artifacts,
    read_descendant_spans,
    read_lineage,
    read_span,
    read_span_artifact,
    read_span_artifacts,
    revise_artifact,
    span_context,
    sync,
)
from artigraph_neo4j.errors import DuplicateLabelError, EngineError, SpanError
from artigraph_neo4j.graph.cypher.write import is_write
from artigraph_neo4j.graph.names import SEARCH_LABELS
from artigraph_neo4j.recording import queue
from artigraph_neo4j.storage.memory import MemoryStorage
from tests.examples import few
from tests.graph.models import EpochSpan

storage = MemoryStorage("batches").register()


@dataclass
class InBatch(ArtifactModel, version=1):
    number: int
    text: str = ""
    inner: list[InBatchPart] = field(default_factory=list)


@dataclass
class InBatchKey(ArtifactModel, version=1):
    text: str


@dataclass
class InBatchPart(ArtifactModel, version=1):
    number: int


@dataclass
class InBatchLarge(ArtifactModel, version=1):
    data: bytes = artifact_field(storage=storage)
    items: list[int] | None = artifact_field(storage=storage, default=None)


async def shape(query: Any, root: str) -> list[Any]:
    """All that is recorded below a root, but for ids and times."""
    spans = await query(
        "MATCH p = (:ArtigraphNode {node_id: $root})-[:PARENT_OF*0..]->(s) "
        "RETURN [n IN nodes(p)[1..] | n.label], [l IN labels(s) WHERE NOT l IN $search], "
        "s{.*, node_id: 0, root_id: s.root_id = $root, "
        "opened_at: s.opened_at IS NOT NULL, closed_at: s.closed_at >= s.opened_at, "
        "duration_: s.duration_ >= 0, writer_id: s.writer_id IS NULL, pid: 0, "
        "exception_stacktrace: s.exception_stacktrace IS NULL}",
        root=root,
        search=sorted(SEARCH_LABELS),
    )
    artifacts = await query(
        "MATCH p = (:ArtigraphNode {node_id: $root})-[:PARENT_OF*0..]->(s)-[h:HAS_ARTIFACT]->(a)"
        "-[:HAS_FIELD*0..]->(x) "
        "RETURN [n IN nodes(p)[1..] | coalesce(n.label, n.model)], h.label, "
        "size(h.key), [l IN labels(x) WHERE NOT l IN $search], "
        "x{.*, node_id: 0, recorded_at: x.recorded_at IS NOT NULL}, "
        "[(x)-[f:STORED_IN]->(b) | [f.field, b.digest, b.size, b.storage]]",
        root=root,
        search=sorted(SEARCH_LABELS),
    )
    used = await query(
        "MATCH (:ArtigraphNode {node_id: $root})-[:PARENT_OF*0..]->(s)-[u:USED]->(a) "
        "RETURN s.label, a.artifact_label, u.at IS NOT NULL",
        root=root,
    )
    return [sorted(repr(_sorted(row)) for row in found) for found in (spans, artifacts, used)]


def _sorted(value: Any) -> Any:
    """Neo4j returns maps and labels in any order."""
    if isinstance(value, dict):
        return sorted((key, _sorted(item)) for key, item in value.items())
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return sorted(value)
    if isinstance(value, list):
        items = [_sorted(item) for item in value]
        return sorted(items, key=repr) if all(isinstance(x, list) for x in items) else items
    return value


@pytest.fixture
def written(engine: Engine) -> Any:
    """The statements that write spans and artifacts during the test."""
    seen: list[Any] = []

    def observe(statement: Any) -> None:
        if is_write(statement.text):
            seen.append(statement)

    engine.observers.append(observe)
    yield seen
    engine.observers.remove(observe)


async def study(root: str, *, read: bool = True) -> None:
    """Some of everything."""
    async with span_context(label=root):
        first = await create_span_artifact("current", label="first", data=InBatch(1, "a"))
        for i in range(3):
            with contextlib.suppress(ZeroDivisionError):
                async with span_context(EpochSpan(label=f"step {i}", epochs=i)) as step:
                    await create_span_artifacts(
                        "current",
                        {
                            "tree": InBatch(i, "b", [InBatchPart(1), InBatchPart(2)]),
                            "large": InBatchLarge(bytes([i]) * 1000, [1, 2]),
                        },
                    )
                    if read:
                        await InBatch.read(first)
                    step.epochs = 10 * i
                    if i == 2:
                        raise ZeroDivisionError("as it happens")
        await InBatch(3).create(span="current")


async def test_it_records_what_is_recorded_without_it(query: Any) -> None:
    roots = []
    for context in (contextlib.AsyncExitStack(), batch(), batch(rows=1), batch(seconds=0)):
        async with context, span_context(label="above") as above:
            await study("root")
        roots.append(above.node_id)
    plain, *others = [await shape(query, root) for root in roots]
    assert [len(found) for found in plain] == [5, 14, 3]
    for other in others:
        assert other == plain


Op = st.recursive(
    st.sampled_from(["artifact", "unlabeled", "nested", "read"]),
    lambda inner: st.lists(inner, max_size=4).map(tuple),
    max_leaves=25,
)


async def perform(ops: Any, path: str, made: list[str]) -> None:
    """A tuple is a span, what is in it happens inside."""
    if isinstance(ops, tuple):
        async with span_context(label=path):
            for i, op in enumerate(ops):
                await perform(op, f"{path}/{i}", made)
    elif ops == "read" and made:
        await InBatch.read(made[-1])
    elif ops == "nested":
        made.append(await InBatch(1, path, [InBatchPart(1)]).create(path, span="current"))
    else:
        label = path if ops == "artifact" else None
        made.append(await InBatch(2, path).create(label, span="current"))


@settings(max_examples=few(15), suppress_health_check=list(HealthCheck))
@given(ops=st.lists(Op, max_size=6).map(tuple), rows=st.sampled_from([1, 2, 3, 7, 1000]))
async def test_any_tree_is_the_same(query: Any, ops: Any, rows: int) -> None:
    async with span_context() as plain:
        await perform(ops, "", [])
    async with batch(rows=rows), span_context() as batched:
        await perform(ops, "", [])
    assert await shape(query, batched.node_id) == await shape(query, plain.node_id)


async def test_ids_parents_and_times_are_right_before_anything_is_sent(written: Any) -> None:
    async with span_context(label="outside") as outside:
        written.clear()
        async with batch(seconds=60):
            async with span_context(EpochSpan(label="a", epochs=3)) as a:
                async with span_context(label="b") as b:
                    artifact = await InBatch(1).create(span="current")
            assert not written
            assert (a.root_id, a.depth) == (outside.node_id, 1)
            assert (b.root_id, b.depth) == (outside.node_id, 2)
            assert a.is_recorded
            assert a.opened_at <= b.opened_at <= b.closed_at <= a.closed_at
            assert a.status == "OK"
            assert set(a.node_labels) == {"ArtigraphNode", "Span", "EpochSpan"}
    assert len(written) == 2, "one for the batch; and the end of the span around it"
    assert a.element_id_property is not None
    (found,) = await read_child_spans(a.node_id)
    assert (found.node_id, found.depth, found.root_id) == (b.node_id, b.depth, b.root_id)
    assert found.opened_at == b.opened_at
    assert await InBatch.read(artifact) == InBatch(1)


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


async def test_reads_inside_see_what_was_recorded(written: Any) -> None:
    async with batch(seconds=60), span_context() as span:
        artifact = await create_span_artifact("current", label="a", data=InBatch(7))
        assert await InBatch.read(artifact) == InBatch(7)
        assert await read_span_artifact("current", label="a") == InBatch(7)
        assert (await read_span(span.node_id)).closed_at is None
        assert len(written) == 1
        await add_tags(span.node_id, "mine")
        newer = await revise_artifact(artifact, InBatch(8))
        assert await read_span_artifacts("current") == {"a": InBatch(8)}
    assert (await read_annotations(span.node_id)).tags == {"mine"}
    assert newer != artifact


async def test_uses_go_along() -> None:
    async with span_context():
        source = await create_span_artifact("current", label="source", data=InBatch(1))
    async with batch():
        async with span_context(label="user"):
            await InBatch.read(source)
            made = await create_span_artifact("current", label="made", data=InBatch(2))
    lineage = await read_lineage(made, "up")
    assert source in {step.node_id for step in lineage.steps}


async def test_what_was_given_may_be_changed_afterwards() -> None:
    large, small = InBatchLarge(b"x" * 10, [1]), InBatch(1, "a", [InBatchPart(1)])
    async with batch(seconds=60):
        ids = [await large.create(), await small.create()]
        large.items.append(2)  # type: ignore[union-attr]
        large.data = b""
        small.text = "b"
        small.inner[0].number = 2
        small.inner.append(InBatchPart(3))
    assert await InBatchLarge.read(ids[0]) == InBatchLarge(b"x" * 10, [1])
    assert await InBatch.read(ids[1]) == InBatch(1, "a", [InBatchPart(1)])


# -- errors ------------------------------------------------------------------------------------


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


# -- atomic ------------------------------------------------------------------------------------


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


# -- blocks, tasks, threads --------------------------------------------------------------------


async def test_a_block_inside_joins_and_its_end_writes(written: Any) -> None:
    async with batch(seconds=60) as outer, span_context():
        async with batch() as inner:
            assert inner is outer
            await InBatch(1).create(span="current")
        assert len(written) == 1
        await InBatch(2).create(span="current")
    assert len(written) == 2


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


async def test_tasks_take_part_and_may_outlive_the_block(written: Any) -> None:
    go_on = asyncio.Event()

    async def late(span_id: str) -> str:
        await InBatch(1).create("early", span=span_id)
        await go_on.wait()
        return await InBatch(2).create("late", span=span_id)

    async with span_context() as span:
        pass
    written.clear()
    async with batch(seconds=60):
        task = asyncio.create_task(late(span.node_id))
        await asyncio.gather(*(InBatch(i).create(str(i), span=span.node_id) for i in range(100)))
    assert len(written) == 1
    go_on.set()
    await task
    assert len(written) == 2
    assert len(await read_span_artifacts(span.node_id)) == 102


def test_threads_and_the_functions_without_await(engine: Engine) -> None:
    with sync.batch(rows=50) as unit, sync.span_context(label="root") as root:
        contexts = [copy_context() for _ in range(4)]

        def work(number: int) -> None:
            with sync.span_context(label=str(number)):
                for i in range(100):
                    sync.create_span_artifact("current", label=str(i), data=InBatch(i))

        threads = [
            threading.Thread(target=context.run, args=(work, i))
            for i, context in enumerate(contexts)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sync.run(unit.flush())
        assert len(sync.read_descendant_artifacts(root.node_id)) == 400
    assert isinstance(unit, Batch)
    assert not unit.alive
    assert {s.label for s in sync.read_child_spans(root.node_id)} == set("0123")


async def test_a_block_that_is_cancelled_writes_what_it_had() -> None:
    spans: list[Span] = []
    recorded = asyncio.Event()

    async def work() -> None:
        async with batch(seconds=60), span_context(label="cancelled") as span:
            spans.append(span)
            await InBatch(1).create("kept", span="current")
            recorded.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await recorded.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await read_span(spans[0].node_id)).status == "ERROR"
    assert await read_span_artifacts(spans[0].node_id) == {"kept": InBatch(1)}


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="rows"):
        batch(rows=0)
    with pytest.raises(ValueError, match="seconds"):
        batch(seconds=-1)


# -- a process that dies -----------------------------------------------------------------------


def test_a_process_that_is_killed_leaves_nothing_half(graph_service: Any, query: Any) -> None:
    program = textwrap.dedent(
        """
        import asyncio, sys
        from dataclasses import dataclass, field
        from artigraph_neo4j import *

        @dataclass
        class KilledPart(ArtifactModel, version=1):
            x: int

        @dataclass
        class Killed(ArtifactModel, version=1):
            parts: list[KilledPart] = field(default_factory=list)

        async def main():
            set_engine(sys.argv[1], username=sys.argv[2], password=sys.argv[3])
            async with batch(rows=200):
                async with span_context(label="killed") as root:
                    print(root.node_id, flush=True)
                    for i in range(100_000):
                        async with span_context(label=str(i)):
                            parts = [KilledPart(1), KilledPart(2)]
                            await create_span_artifact("current", label="x", data=Killed(parts))

        asyncio.run(main())
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, graph_service.uri, graph_service.username or "",
         graph_service.password or ""],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    root = process.stdout.readline().strip()

    def ask(text: str) -> Any:
        return asyncio.run(query(text, root=root))[0][0]

    below = "MATCH (:ArtigraphNode {node_id: $root})-[:PARENT_OF]->(s)"
    try:
        while ask(f"{below} RETURN count(s)") < 500:
            assert process.poll() is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    spans = ask(f"{below} RETURN count(s)")
    assert spans >= 500
    whole = ask(
        "MATCH (s:Span {root_id: $root})-[h:HAS_ARTIFACT {label: 'x'}]->(a) "
        "WHERE COUNT { (a)-[:HAS_FIELD]->() } = 2 AND EXISTS { (s)<-[:PARENT_OF]-() } "
        "RETURN count(DISTINCT s)"
    )
    artifacts = ask("MATCH (s:Span {root_id: $root})-[:HAS_ARTIFACT]->(a) RETURN count(a)")
    orphans = ask(
        "MATCH (s:Span {root_id: $root}) WHERE s.depth > 0 AND NOT EXISTS { (s)<-[:PARENT_OF]-() } "
        "RETURN count(s)"
    )
    assert (whole, orphans) == (artifacts, 0)
    asyncio.run(delete_span(root))  # else it is found as lost from now on
