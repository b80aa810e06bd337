"""Spans of other threads and processes are below the span that started them."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
import types
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j import (
    Engine,
    batch,
    carry_span,
    create_span_artifact,
    get_engine,
    parent_environment,
    read_child_spans,
    read_lineage,
    read_span_artifact,
    span_context,
    sync,
)
from artigraph_neo4j.engine.scope import current_cell, innermost_batch
from artigraph_neo4j.errors import NotFoundError, SpanError
from tests.graph.recording.nested_work import Done, step


def test_real_threads_pools_and_processes(graph_service: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.graph.recording.nesting"],
        env={**os.environ, **graph_service.environment, "ARTIGRAPH_PROVENANCE": "off"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    nodes = [node for _, node in sync.read_span_tree(done.stdout.strip()).walk()]
    assert not [node for node in nodes if node.span.status != "OK"]
    found = {
        node.span.label: sorted(child.span.label or "" for child in node.children)
        for node in nodes
        if node.children
    }
    threads = ["async", "bare thread", "thread a", "thread b"]
    processes = ["fork", "joblib", "spawn"]
    assert found.pop("root") == [
        "first", "fork too early", "forked process", "fourth", "second", "subprocess", "third",
    ]  # fmt: skip
    assert found == {"first": threads, "second": threads, "third": processes, "fourth": processes}
    depths = {node.span.depth for node in nodes if node.span.label == "spawn"}
    assert depths == {2}


async def test_the_environment_names_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parent_environment() == {}
    async with span_context(label="outer"), span_context(label="parent") as parent:
        data = await create_span_artifact("current", label="in", data=Done(1))
        environment = parent_environment()
    assert environment == {"ARTIGRAPH_PARENT": f"{parent.node_id}/{parent.root_id}/2"}
    monkeypatch.setenv("ARTIGRAPH_PARENT", environment["ARTIGRAPH_PARENT"])
    assert parent_environment() == environment
    async with span_context(label="child") as child:
        assert (child.root_id, child.depth) == (parent.root_id, 2)
        assert parent_environment() != environment
    assert await read_child_spans("current") == [child]
    other = await create_span_artifact("current", label="out", data=Done(2))
    await read_span_artifact("current", label="in")
    assert [s.node_id for s in (await read_lineage(other, "up")).steps if s.node_id == data] == []
    monkeypatch.setenv("ARTIGRAPH_PARENT", "a/b/3")
    with pytest.raises(NotFoundError, match="the parent of the one to open"):
        async with span_context(label="x"):
            pass
    monkeypatch.setenv("ARTIGRAPH_PARENT", "nonsense")
    with pytest.raises(SpanError, match="ARTIGRAPH_PARENT .*unset it"):
        parent_environment()


async def test_what_another_process_reads_is_used_by_the_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = await Done(1).create()
    async with span_context(label="parent") as parent:
        environment = parent_environment()
    made = await create_span_artifact(parent, data=Done(2))
    monkeypatch.setenv("ARTIGRAPH_PARENT", environment["ARTIGRAPH_PARENT"])
    await Done.read(data)
    assert data in {step.node_id for step in (await read_lineage(made, "up")).steps}


async def test_opentelemetry_is_carried_along(monkeypatch: pytest.MonkeyPatch) -> None:
    context = types.SimpleNamespace(is_valid=True, trace_id=0xABC, span_id=0xDEF, trace_flags=1)
    module: Any = types.ModuleType("opentelemetry.trace")
    module.get_current_span = lambda: types.SimpleNamespace(get_span_context=lambda: context)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", module)
    expected = {"TRACEPARENT": "00-00000000000000000000000000000abc-0000000000000def-01"}
    assert parent_environment() == expected
    async with span_context(label="both"):
        assert {*parent_environment()} == {"ARTIGRAPH_PARENT", "TRACEPARENT"}
    context.is_valid = False
    assert parent_environment() == {}


async def test_a_carried_async_function_has_span_engine_and_batch(engine: Engine) -> None:
    found: list[Any] = []

    async def work() -> None:
        found.append((current_cell(), get_engine(), innermost_batch()))

    async with batch(), span_context(label="outer"):
        carried = carry_span(work)
        await work()
        await asyncio.create_task(carried(), context=Context())
        await carried()
    assert found[0][2] is not None
    assert found == found[:1] * 3


async def test_a_carried_function_can_be_sent() -> None:
    async with span_context(label="outer") as outer:
        sent = pickle.loads(pickle.dumps(carry_span(step)))
    assert sent.parent == f"{outer.node_id}/{outer.node_id}/1"
    assert carry_span(step).__name__ == "step"  # type: ignore[attr-defined]
