"""Deletes of many nodes: on a bounded heap, and gone on with after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    DeleteReport,
    Engine,
    NotFoundError,
    create_span_artifacts,
    delete_span,
    engine_context,
    read_span,
    resume_deletes,
    span_context,
)
from artigraph_neo4j.graph.attempts import Statement
from artigraph_neo4j.upkeep import delete as upkeep_delete
from artigraph_neo4j.upkeep.delete import (
    BATCH,
)
from tests.graph.forest import BLOB_BYTES, NODES_EACH, grow
from tests.services import discard, new_stack

LEFT = """
MATCH (n:ArtigraphNode) WHERE n.node_id STARTS WITH $root RETURN count(n) AS n
UNION ALL MATCH (n:Blob) WHERE n.blob_id STARTS WITH $root RETURN count(n) AS n
"""


def _whole(spans: int) -> DeleteReport:
    return DeleteReport(spans, 2 * spans, spans, spans, BLOB_BYTES * spans)


async def _delete_and_check(engine: Engine, spans: int) -> dict[str, float]:
    seconds: dict[str, float] = {}
    begin = time.monotonic()
    root = await grow(engine, spans)
    seconds["grow"] = time.monotonic() - begin
    begin = time.monotonic()
    counted = await delete_span(root, dry_run=True)
    seconds["count"] = time.monotonic() - begin
    steps: list[int] = []
    begin = time.monotonic()
    report = await delete_span(root, progress=lambda done: steps.append(done.nodes))
    seconds["delete"] = time.monotonic() - begin
    assert report == _whole(spans)
    assert (counted.nodes, counted.bytes) == (report.nodes, report.bytes)
    # Blobs go with their artifacts, so they come on top of the nodes that a batch counts.
    assert max(b - a for a, b in zip([0, *steps], steps, strict=False)) <= 2 * BATCH
    assert await engine.read(LEFT, {"root": root[:-1]}) == [[0], [0]]
    return seconds


@pytest.mark.long
async def test_fifty_thousand_nodes(engine: Engine) -> None:
    await _delete_and_check(engine, 50_000 // NODES_EACH)


@pytest.mark.parametrize(
    ("spans", "fanout"), [(10_000, 1), (3000, 3000)], ids=["a chain", "all below one"]
)
async def test_shapes_that_are_no_trees_to_the_eye(
    spans: int, fanout: int, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep_delete, "BATCH", 1000)
    root = await grow(engine, spans, fanout=fanout)
    assert await delete_span(root) == _whole(spans)


@pytest.mark.large
@pytest.mark.timeout(3600)
async def test_a_million_nodes_on_a_heap_of_one_gigabyte() -> None:
    stack = new_stack("large", s3=False, heap="1g")
    try:
        info = stack.up(timeout=180)
        async with engine_context(
            info.bolt_url, username=info.username, password=info.password, create_schema=True
        ) as engine:
            print(await _delete_and_check(engine, 1_000_000 // NODES_EACH))
    finally:
        discard(stack)


@dataclass
class Fat(ArtifactModel, version=1):
    text: str


@pytest.mark.large
@pytest.mark.timeout(3600)
async def test_values_too_large_for_one_transaction() -> None:
    """A gigabyte of values in one span: Neo4j refuses the transaction until it is small enough."""
    stack = new_stack("large", s3=False, heap="1g")
    try:
        info = stack.up(timeout=180)
        async with engine_context(
            info.bolt_url, username=info.username, password=info.password, create_schema=True
        ) as engine:
            async with span_context() as span:
                for i in range(100):
                    data = {f"{i}-{j}": Fat(str(j) * 1_000_000) for j in range(10)}
                    await create_span_artifacts("current", data)
            tries: list[Statement] = []
            engine.observers.append(tries.append)
            assert (await delete_span(span.node_id)).artifacts == 1000
            assert any(attempt.rows is None for attempt in tries)
    finally:
        discard(stack)


DELETER = """
import asyncio, sys
from artigraph_neo4j import delete_span, set_engine
from artigraph_neo4j.upkeep import delete as upkeep_delete
upkeep_delete.BATCH = 500
set_engine()
asyncio.run(delete_span(sys.argv[1], progress=lambda done: print(done.nodes, flush=True)))
"""


async def test_a_killed_delete_is_finished_by_the_next(engine: Engine, graph_service: Any) -> None:
    spans = 4000
    root = await grow(engine, spans)
    process = subprocess.Popen(
        [sys.executable, "-c", DELETER, root],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | graph_service.environment,
    )
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if int(line) > spans * NODES_EACH / 3:
                os.kill(process.pid, signal.SIGKILL)
                break
    assert process.wait() == -signal.SIGKILL
    with pytest.raises(NotFoundError, match="is being deleted"):
        await read_span(root)
    left = await engine.read(LEFT, {"root": root[:-1]})
    assert 0 < left[0][0] < spans * NODES_EACH
    report = await resume_deletes()
    # Neo4j may have come to the end of what it was doing after the process had gone.
    assert (report.spans + report.artifacts + report.nested, report.blobs) <= (
        left[0][0], left[1][0],
    )  # fmt: skip
    assert await engine.read(LEFT, {"root": root[:-1]}) == [[0], [0]]
    with pytest.raises(NotFoundError, match="there is no span"):
        await read_span(root)
