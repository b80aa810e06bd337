"""The functions without ``await``: the same names, results and current span."""

from __future__ import annotations

import asyncio
import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass

import pytest

import artigraph_neo4j
from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    F,
    Lazy,
    NotFoundError,
    Span,
    engine_context,
    find,
    get_current_span_id,
    sync,
)
from artigraph_neo4j import span_context as async_span_context
from artigraph_neo4j.errors import FilterError, SpanError


@dataclass
class Note(ArtifactModel, version=1):
    text: str
    lazy: Lazy[str] | None = None


def test_nothing_async_is_missing() -> None:
    names = {
        name
        for name in artigraph_neo4j.__all__
        if inspect.iscoroutinefunction(getattr(artigraph_neo4j, name))
    }
    assert names <= set(sync.__all__)
    for name in names - {"read_span_artifact"}:
        ours = inspect.signature(getattr(sync, name))
        assert ours == inspect.signature(getattr(artigraph_neo4j, name)), name
    queries = {
        name
        for cls in (find.SpanQuery, find.ArtifactQuery)
        for name, value in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
    }
    assert queries == {
        n for n, _ in inspect.getmembers(sync.Results, inspect.isfunction) if n[0] != "_"
    }
    for name in queries:
        theirs = getattr(find.ArtifactQuery, name)
        assert list(inspect.signature(getattr(sync.Results, name)).parameters) == list(
            inspect.signature(theirs).parameters
        ), name


def test_a_script() -> None:
    with sync.span_context(label="top") as top:
        assert get_current_span_id() == top.node_id
        first = sync.create_span_artifact("current", label="n", data=Note("a", Lazy("later")))
        with sync.span_context(label="inner") as inner:
            sync.create_artifact(Note("b"), "m", span="current")
        assert get_current_span_id() == top.node_id
    with pytest.raises(SpanError):
        get_current_span_id()
    assert sync.read_parent_span(inner.node_id) == top
    note = sync.read_artifact(Note, first)
    assert sync.read_span_artifact(top.node_id, label="n", model=Note) == note
    assert note.lazy is not None
    assert sync.run(note.lazy.load()) == "later"
    assert sync.add_tags(top, "good") == {"good"}
    notes = sync.find_artifacts(Note, find.under(top)).order_by(F("text").desc())
    assert [n.text for n in notes] == ["b", "a"]
    assert [n.text for n in notes.limit(1)] == ["b"]
    assert notes.where(lambda n: n.text == "a").read_one() == note
    assert (notes.count(), notes.exists(), len(notes.read_ids())) == (2, True, 2)
    page = notes.read_page(1)
    assert [n.text for n in notes.read_page(1, after=page.cursor).items] == ["a"]
    assert list(sync.find_spans(find.under(top))) == [inner]
    assert (
        sync.find_artifacts(Note, find.under(top)).search("a").with_history().read_first() is None
    )
    with pytest.raises(FilterError, match="only artifacts have versions"):
        sync.find_spans().with_history()
    second = sync.revise_artifact(first, Note("c"))
    assert sync.read_revisions(second) == [Note("c"), note]
    assert sync.find_spans(find.under(top)).delete().spans == 1
    with pytest.raises(NotFoundError):
        sync.read_span(inner.node_id)


def test_an_error_ends_the_span() -> None:
    with pytest.raises(ValueError, match="wrong"), sync.span_context(label="fails") as span:
        raise ValueError("wrong")
    found = sync.read_span(span.node_id)
    assert (found.status, found.exception_type) == ("ERROR", "ValueError")
    assert "test_sync.py" in (found.exception_stacktrace or "")


async def test_inside_a_running_loop_and_both_ways() -> None:
    async with async_span_context(label="outer") as outer:
        with sync.span_context(label="middle") as middle:
            assert sync.read_parent_span("current") == outer
            async with async_span_context(label="inner") as inner:
                assert sync.read_parent_span("current") == middle
            task = asyncio.create_task(_parent_of_a_new_span())
        assert get_current_span_id() == outer.node_id
        # Left meanwhile, so the task opens below what is still open around it.
        assert await task in (middle, outer)
    assert sync.read_ancestor_spans(inner.node_id) == [middle, outer]
    assert sync.read_descendant_spans(outer.node_id)[:2] == [middle, inner]
    with sync.span_context(outer):
        assert get_current_span_id() == outer.node_id


async def _parent_of_a_new_span() -> Span | None:
    async with async_span_context(label="task"):
        return sync.read_parent_span("current")


def test_reading_is_recorded_as_use() -> None:
    node_id = sync.create_artifact(Note("used"))
    with sync.span_context(label="reader") as span:
        sync.read_artifact(Note, node_id)
    lineage = sync.read_lineage(node_id, "down")
    assert [step.node_id for step in lineage.spans] == [span.node_id]


def test_many_threads(engine: Engine) -> None:
    def work(i: int) -> str:
        with engine_context(engine), sync.span_context(label=f"thread {i}") as span:
            sync.create_span_artifact("current", label="n", data=Note(str(i)))
            assert get_current_span_id() == span.node_id
        return span.node_id

    with sync.span_context(label="top") as top, ThreadPoolExecutor(8) as pool:
        contexts = [copy_context() for _ in range(40)]
        ids = [pool.submit(c.run, work, i) for i, c in enumerate(contexts)]
        found = [future.result() for future in ids]
    assert {s.node_id for s in sync.read_child_spans(top.node_id)} == set(found)
    assert len(sync.read_descendant_artifacts(top.node_id)) == 40


def test_the_thread_of_the_coroutines_does_not_wait_for_itself() -> None:
    async def work() -> str:
        return sync.create_artifact(Note("never"))

    with pytest.raises(RuntimeError, match="artigraph-sync cannot wait for itself"):
        sync.run(work())
    names = {thread.name for thread in threading.enumerate()}
    assert "artigraph-sync" in names
