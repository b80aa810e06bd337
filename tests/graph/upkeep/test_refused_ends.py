"""A span whose end the database refuses, in a process that lives on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    BatchError,
    Engine,
    Span,
    batch,
    close_lost_spans,
    create_span_artifact,
    delete_span,
    find_lost_spans,
    read_span,
    span_context,
    use,
)
from artigraph_neo4j.errors import ArtigraphError, SpanError


class RefusedSpan(Span):
    """A span class of a database that takes one end of it only."""


@dataclass
class Refusable(ArtifactModel, version=1):
    n: int


@pytest.fixture(autouse=True)
async def _constraint(engine: Engine) -> AsyncIterator[None]:
    await engine.write(
        "CREATE CONSTRAINT one_end IF NOT EXISTS FOR (s:RefusedSpan) REQUIRE s.status IS UNIQUE", {}
    )
    yield
    await engine.write("DROP CONSTRAINT one_end", {})
    await engine.write("MATCH (s:RefusedSpan) DETACH DELETE s", {})


async def refuse(engine: Engine, *, in_batch: bool) -> str:
    """Open a span whose end is refused, and return its id."""
    async with span_context(RefusedSpan(label="first")):
        pass
    span = RefusedSpan(label="second")
    context = span_context(span)
    await context.__aenter__()
    with pytest.raises((ArtigraphError, BatchError)):
        if in_batch:
            async with batch():
                await context.__aexit__(None, None, None)
        else:
            await context.__aexit__(None, None, None)
    return span.node_id


@pytest.mark.parametrize("in_batch", [False, True])
async def test_it_is_found_and_closed_although_the_process_is_alive(
    engine: Engine, in_batch: bool
) -> None:
    async with span_context(label="alive") as alive:
        span_id = await refuse(engine, in_batch=in_batch)
        for _ in range(400):
            found = {item.span.node_id: item for item in await find_lost_spans()}
            if span_id in found:
                break
            await asyncio.sleep(0.05)
        assert found[span_id].ended
        assert alive.node_id not in found
        closed = [item.span.node_id for item in await close_lost_spans()]
        assert span_id in closed
        assert (await read_span(span_id)).status == "ERROR"
        assert (await read_span(alive.node_id)).status == "UNSET"
    assert (await read_span(alive.node_id)).status == "OK"


async def test_an_end_is_written_though_a_batch_of_others_lost_something() -> None:
    async with span_context(label="doomed") as doomed:
        pass
    opened, used = asyncio.Event(), asyncio.Event()
    ids: list[str] = []

    async def others() -> None:
        with pytest.raises(BatchError):
            async with batch(seconds=60):
                ids.append(await Refusable(1).create("waits"))
                await create_span_artifact(doomed.node_id, label="x", data=Refusable(2))
                await delete_span(doomed.node_id)
                await create_span_artifact(doomed.node_id, label="y", data=Refusable(3))
                opened.set()
                await used.wait()

    task = asyncio.create_task(others())
    await opened.wait()
    span = Span(label="uses what waits")
    try:
        async with span_context(span):
            use(ids[0])
    except SpanError:
        pass  # says what the batch lost, at the latest after the end was written
    used.set()
    assert (await read_span(span.node_id)).status == "OK"
    await asyncio.gather(task, return_exceptions=True)
