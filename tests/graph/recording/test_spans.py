"""Spans: status, errors, cancellation, parents under every kind of concurrency."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from datetime import UTC
from typing import Any

import pytest

from artigraph_neo4j import (
    Engine,
    Span,
    batch,
    engine_context,
    get_current_span_id,
    read_ancestor_spans,
    read_child_spans,
    read_descendant_spans,
    read_parent_span,
    read_root_spans,
    read_span,
    span_context,
)
from artigraph_neo4j.errors import NotFoundError, SpanError


async def test_a_span_has_a_start_an_end_and_a_status() -> None:
    async with span_context(label="work") as span:
        inside = await read_span("current")
        assert (inside.status, inside.closed_at) == ("UNSET", None)
        assert inside.opened_at == span.opened_at
    after = await read_span(span.node_id)
    assert after.status == "OK" == span.status
    assert after.closed_at == span.closed_at
    assert after.opened_at <= after.closed_at
    assert (after.root_id, after.depth) == (span.node_id, 0)
    assert after.exception_type is None


async def test_an_exception_is_recorded_and_passes_through_untouched() -> None:
    class OddError(ValueError):
        pass

    error = OddError("quote ' backtick ` surrogate \udc80")
    with pytest.raises(OddError) as caught:
        async with span_context(label="fails") as span:
            raise error
    assert caught.value is error
    assert not hasattr(error, "__notes__")
    found = await read_span(span.node_id)
    assert found.status == "ERROR"
    assert found.exception_type.endswith("OddError")
    assert found.exception_message == "quote ' backtick ` surrogate \\udc80"
    assert "raise error" in found.exception_stacktrace


async def test_an_error_without_text_is_recorded() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with pytest.raises(Broken):
        async with span_context() as span:
            raise Broken
    assert (await read_span(span.node_id)).exception_message == "<no text: RuntimeError>"


@pytest.mark.parametrize("times", [1, 3])
async def test_cancellation_is_recorded(times: int) -> None:
    entered = asyncio.Event()
    span = Span(label="cancelled")

    async def work() -> None:
        async with span_context(span):
            entered.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await entered.wait()
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    found = await read_span(span.node_id)
    assert (found.status, found.exception_type) == ("ERROR", "asyncio.exceptions.CancelledError")
    assert found.closed_at is not None


@pytest.mark.parametrize("steps", range(12))
async def test_a_task_cancelled_at_any_moment_leaves_no_open_span(steps: int) -> None:
    span = Span(label="cancelled early or late")

    async def work() -> None:
        async with span_context(span):
            await asyncio.sleep(0)

    task = asyncio.create_task(work())
    for _ in range(steps):
        await asyncio.sleep(0.001 if steps > 6 else 0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    with contextlib.suppress(NotFoundError):  # cancelled before it was opened
        assert (await read_span(span.node_id)).closed_at is not None


async def test_a_timeout_and_a_failing_sibling_are_recorded() -> None:
    slow, sibling = Span(label="slow"), Span(label="sibling")

    async def wait(span: Span) -> None:
        async with span_context(span):
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await wait(slow)

    async def fail() -> None:
        await asyncio.sleep(0.2)
        raise ValueError

    with pytest.raises(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(wait(sibling))
            group.create_task(fail())
    for span in (slow, sibling):
        assert (await read_span(span.node_id)).status == "ERROR"


async def test_entering_an_existing_span_again_changes_nothing() -> None:
    async with span_context(label="first") as span:
        pass
    before = await read_span(span.node_id)
    with pytest.raises(ValueError, match="inside"):
        async with span_context(label="other"), span_context(before) as again:
            assert get_current_span_id() == span.node_id
            async with span_context(label="child") as child:
                pass
            raise ValueError("inside")
    after = await read_span(again.node_id)
    assert (after.status, after.closed_at) == ("OK", before.closed_at)
    assert await read_parent_span(after.node_id) is None
    assert await read_parent_span(child.node_id) == before


async def test_one_context_entered_twice_closes_its_span_once() -> None:
    context = span_context(label="twice")
    async with context as first:
        pass
    closed = (await read_span(first.node_id)).closed_at
    with pytest.raises(ValueError, match="second"):
        async with context as second:
            raise ValueError("second")
    assert second is first
    found = await read_span(first.node_id)
    assert (found.status, found.closed_at) == ("OK", closed)


async def test_gather_and_task_groups_give_the_right_parents() -> None:
    async def branch(name: str) -> None:
        async with span_context(label=name):
            await asyncio.sleep(0)
            async with span_context(label=f"{name}/leaf"):
                await asyncio.sleep(0)

    async with span_context(label="root") as root:
        await asyncio.gather(*(branch(f"g{i}") for i in range(20)))
        async with asyncio.TaskGroup() as group:
            for i in range(20):
                group.create_task(branch(f"t{i}"))
    children = await read_child_spans(root.node_id)
    assert len(children) == 40
    for child in children:
        (leaf,) = await read_child_spans(child.node_id)
        assert leaf.label == f"{child.label}/leaf"


async def test_a_thread_with_its_own_loop_inherits_the_current_span_when_told_to() -> None:
    async def work() -> str:
        async with span_context(label="in a thread") as span:
            return str(span.node_id)

    async with span_context(label="root") as root:
        inherited = await asyncio.to_thread(lambda: asyncio.run(work()))
    assert [s.node_id for s in await read_child_spans(root.node_id)] == [inherited]


async def test_a_plain_thread_starts_without_a_current_span(engine: Engine) -> None:
    seen: list[Any] = []

    async def work() -> None:
        with engine_context(engine):
            async with span_context(label="thread root") as span:
                seen.append(await read_parent_span(span.node_id))

    async with span_context(label="root"):
        thread = threading.Thread(target=lambda: asyncio.run(work()))
        thread.start()
        await asyncio.to_thread(thread.join)
    assert seen == [None]


async def test_contexts_closed_out_of_order_leave_no_stale_current_span() -> None:
    outer, inner = span_context(label="outer"), span_context(label="inner")
    outer_span = await outer.__aenter__()
    inner_span = await inner.__aenter__()
    await outer.__aexit__(None, None, None)
    assert get_current_span_id() == inner_span.node_id
    await inner.__aexit__(None, None, None)
    with pytest.raises(SpanError, match="no span is current"):
        get_current_span_id()
    assert (await read_parent_span(inner_span.node_id)) == outer_span


async def test_a_task_that_outlives_its_span_starts_at_the_one_above() -> None:
    go = asyncio.Event()

    async def late() -> str:
        await go.wait()
        async with span_context(label="late") as span:
            return str(span.node_id)

    async with span_context(label="root") as root:
        async with span_context(label="short"):
            task = asyncio.create_task(late())
        go.set()
        assert await read_parent_span(await task) == root


async def test_an_async_generator_closed_early_ends_its_span() -> None:
    span = Span(label="generator")

    async def numbers() -> Any:
        async with span_context(span):
            for i in range(10):
                yield i

    stream = numbers()
    assert await anext(stream) == 0
    await stream.aclose()
    assert (await read_span(span.node_id)).status == "OK"


async def test_two_hundred_levels() -> None:
    async with contextlib.AsyncExitStack() as stack:
        for i in range(200):
            last = await stack.enter_async_context(span_context(label=str(i)))
    above = await read_ancestor_spans(last.node_id)
    assert [s.label for s in above] == [str(i) for i in range(198, -1, -1)]
    assert [s.depth for s in above] == list(range(198, -1, -1))
    below = await read_descendant_spans(above[-1].node_id)
    assert [s.label for s in below] == [str(i) for i in range(1, 200)]


@pytest.mark.long
async def test_a_thousand_concurrent_spans_and_two_thousand_children() -> None:
    async def pair(i: int) -> None:
        async with span_context(label=f"a{i}"), span_context(label=f"b{i}"):
            pass

    async def leaf() -> None:
        async with span_context():
            pass

    async with span_context(label="root") as root:
        await asyncio.gather(*(pair(i) for i in range(500)))
        await asyncio.gather(*(leaf() for _ in range(1500)))
    children = await read_child_spans(root.node_id)
    assert len(children) == 2000
    below = await read_descendant_spans(root.node_id)
    assert len(below) == 2500
    parents = {s.label: s for s in children}
    for span in below:
        assert span.status == "OK"
        assert span.root_id == root.node_id
        if span.label and span.label.startswith("b"):
            assert span.depth == 2
            assert f"a{span.label[1:]}" in parents
    order = [(s.opened_at, s.node_id) for s in below]
    assert order == sorted(order)


async def test_root_spans_come_newest_first() -> None:
    made = []
    for i in range(3):
        async with span_context(label=f"root{i}") as span, span_context(label="below"):
            made.append(span)
    assert await read_root_spans(limit=3) == made[::-1]
    assert await read_root_spans(limit=0) == []
    with pytest.raises(ValueError, match="-1"):
        await read_root_spans(limit=-1)


@pytest.mark.parametrize(
    "read",
    [read_span, read_child_spans, read_descendant_spans, read_ancestor_spans, read_parent_span],
)
async def test_an_unknown_span_is_an_error(read: Any) -> None:
    with pytest.raises(NotFoundError, match="'no such id'"):
        await read("no such id")
    with pytest.raises(SpanError, match="no span is current"):
        await read("current")


async def test_wrong_arguments_say_what_is_right() -> None:
    with pytest.raises(SpanError, match="not both"):
        span_context(Span(), label="x")  # type: ignore[call-overload]
    with pytest.raises(SpanError, match="takes a Span"):
        span_context("training")  # type: ignore[type-var]
    with pytest.raises(SpanError, match="label is a str or a path, not a"):
        span_context(label=3)  # type: ignore[call-overload]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
async def test_times_of_other_cypher_that_name_a_zone(zone: str, engine: Engine) -> None:
    async with span_context() as span:
        pass
    await engine.write(
        "MATCH (s:ArtigraphNode {node_id: $id}) "
        "SET s.opened_at = datetime({datetime: s.opened_at, timezone: $zone})",
        {"id": span.node_id, "zone": zone},
    )
    found = await read_span(span.node_id)
    assert found.opened_at == span.opened_at
    assert found.opened_at.tzinfo is UTC


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("inside", [contextlib.nullcontext, batch])
async def test_an_object_knows_the_labels_that_its_node_has(inside: Any, fails: bool) -> None:
    async def stored() -> set[str]:
        return set((await read_span(span.node_id)).node_labels)

    async with span_context(label="above"), inside():
        with contextlib.suppress(ZeroDivisionError):
            async with span_context(label="labels") as span:
                assert "ArtigraphOpen" in span.node_labels
                assert set(span.node_labels) == await stored()
                if fails:
                    raise ZeroDivisionError
        assert ("ArtigraphFailed" in span.node_labels) is fails
        assert "ArtigraphOpen" not in span.node_labels
        assert set(span.node_labels) == await stored()
