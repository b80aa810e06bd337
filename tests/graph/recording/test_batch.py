"""``batch``: what it records is what is recorded without it; its blocks, tasks, threads and end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import textwrap
import threading
from contextvars import copy_context
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j import (
    Batch,
    Engine,
    Span,
    add_tags,
    batch,
    create_span_artifact,
    delete_span,
    read_annotations,
    read_child_spans,
    read_lineage,
    read_span,
    read_span_artifact,
    read_span_artifacts,
    revise_artifact,
    span_context,
    sync,
)
from artigraph_neo4j.graph.names import SEARCH_LABELS
from tests.examples import few
from tests.graph.models import EpochSpan
from tests.graph.recording.batches import InBatch, InBatchLarge, InBatchPart, study


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


# -- blocks, tasks, threads --------------------------------------------------------------------


async def test_a_block_inside_joins_and_its_end_writes(written: Any) -> None:
    async with batch(seconds=60) as outer, span_context():
        async with batch() as inner:
            assert inner is outer
            await InBatch(1).create(span="current")
        assert len(written) == 1
        await InBatch(2).create(span="current")
    assert len(written) == 2


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
