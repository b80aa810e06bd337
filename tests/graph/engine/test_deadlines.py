"""Each call ends within its deadline and a stated allowance, whatever does not answer."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    BatchError,
    Engine,
    batch,
    create_span_artifact,
    engine_context,
    find_spans,
    read_span,
    span_context,
)
from artigraph_neo4j.errors import ConnectionFailed, StorageError
from artigraph_neo4j.find import under
from artigraph_neo4j.graph.attempts import ALLOWANCE
from artigraph_neo4j.storage.memory import MemoryStorage
from tests.graph.engine.test_once import far_away

DEADLINE = 2.0


@dataclass
class Patient(ArtifactModel, version=1):
    n: int
    data: bytes = b""


@asynccontextmanager
async def in_time(seconds: float = DEADLINE + ALLOWANCE + 1) -> AsyncIterator[None]:
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < seconds


async def _read(span: Any) -> None:
    await read_span(span.node_id)


async def _create(span: Any) -> None:
    await create_span_artifact(span.node_id, data=Patient(1))


async def _open(span: Any) -> None:
    async with span_context(span), span_context(label="child"):
        pass


async def _stream(span: Any) -> None:
    async for _ in find_spans(under(span)).stream():
        pass


CALLS = [_create, *(pytest.param(call, marks=pytest.mark.long) for call in (_read, _open, _stream))]


@pytest.mark.parametrize("call", CALLS)
async def test_a_server_that_swallows_everything(
    call: Callable[[Any], Awaitable[None]], graph_service: Any
) -> None:
    # Not by the engine with the deadline: a server that has just started plans for longer.
    async with span_context(label="black hole") as span:
        pass
    await read_span(span.node_id)
    async with far_away(graph_service, DEADLINE) as (proxy, far):
        with engine_context(far):
            await read_span(span.node_id)
            proxy.stall()
            async with in_time():
                with pytest.raises(ConnectionFailed, match="did not answer"):
                    await call(span)
            proxy.heal()
            async with in_time():
                await read_span(span.node_id)


@asynccontextmanager
async def locked(session: Any, node_id: str) -> AsyncIterator[None]:
    transaction = await session.begin_transaction()
    result = await transaction.run("MATCH (s:Span {node_id: $id}) SET s.mine = 1", id=node_id)
    await result.consume()
    try:
        yield
    finally:
        await transaction.rollback()


async def test_a_lock_that_somebody_holds(graph_service: Any, session: Any) -> None:
    async with far_away(graph_service, DEADLINE) as (_, far):
        with engine_context(far):
            async with span_context(label="locked") as span:
                pass
            async with locked(session, span.node_id):
                async with in_time():
                    with pytest.raises(ConnectionFailed):
                        await _create(span)
                async with in_time():  # one that settles, too
                    with pytest.raises(TimeoutError):
                        async with asyncio.timeout(0.5):
                            await _open(span)
                async with in_time(DEADLINE + 2 * ALLOWANCE):
                    with pytest.raises(BatchError) as caught:
                        async with batch() as unit:
                            for i in range(16):
                                await Patient(i).create(str(i), span=span.node_id)
            # Nothing is wrong with the rows: none was refused, and the server said that it did
            # nothing.
            assert [lost.label for lost in caught.value.lost] == [str(i) for i in range(16)]
            assert all(isinstance(lost.cause, ConnectionFailed) for lost in caught.value.lost)
            assert unit.recorded == 0
            ((count,),) = await far.read(
                "MATCH (:Span {node_id: $id})-[h:HAS_ARTIFACT]->() RETURN count(h)",
                {"id": span.node_id},
            )
            assert count == 0


async def test_the_queue_behind_sixteen_writes(graph_service: Any, session: Any) -> None:
    async with far_away(graph_service, DEADLINE) as (_, far):
        with engine_context(far):
            async with span_context(label="locked") as span:
                pass
            async with locked(session, span.node_id), in_time():
                results = await asyncio.gather(
                    *(_create(span) for _ in range(40)), return_exceptions=True
                )
            assert all(isinstance(result, ConnectionFailed) for result in results)


class Silent(MemoryStorage):
    """A storage that does not answer."""

    async def put(self, data: bytes, /, *, key: str) -> str:
        await asyncio.sleep(3600)
        return ""


class Slow(MemoryStorage):
    """A storage that is slow, and moves all the time."""

    async def put_stream(self, chunks: Any, /, *, key: str) -> str:
        found = b""
        async for chunk in chunks:
            await asyncio.sleep(0.3)
            found += chunk
        return await super().put(found, key=key)


async def test_a_storage_that_does_not_answer(graph_service: Any) -> None:
    async with far_away(graph_service, DEADLINE) as (_, far):
        far.storage, far.offload_bytes = Silent("silent"), 10
        with engine_context(far):
            async with in_time():
                with pytest.raises(StorageError, match=r"Patient\.data.*nothing moved for 2 s"):
                    await Patient(1, os.urandom(100)).create()
            async with in_time(DEADLINE + 2 * ALLOWANCE):
                with pytest.raises(BatchError, match="nothing of a batch was written"):
                    async with batch():
                        await Patient(1, os.urandom(100)).create()


@pytest.mark.long
async def test_a_storage_that_is_slow_and_moves(graph_service: Any) -> None:
    data = os.urandom(17 * 1024 * 1024)  # not sent as a whole; takes 5 s
    storage = Slow("slow")
    async with far_away(graph_service, 60.0) as (_, patient):
        patient.storage, patient.offload_bytes = storage, 10
        with engine_context(patient):  # has the server plan the statements
            small = await Patient(1, data[:100]).create()
            await Patient.read(small)
    async with far_away(graph_service, 3.0) as (_, far):
        far.storage, far.offload_bytes = storage, 10
        with engine_context(far):
            node_id = await Patient(1, data).create()
            assert (await Patient.read(node_id)).data == data


async def test_a_transaction_does_not_outlive_its_call(graph_service: Any, session: Any) -> None:
    async with far_away(graph_service, DEADLINE) as (proxy, far):
        with engine_context(far):
            async with span_context(label="outlived") as span:
                pass
            async with locked(session, span.node_id):
                task = asyncio.create_task(_create(span))
                await asyncio.sleep(0.5)
                proxy.cut()
                with suppress(ConnectionFailed):
                    await task
                await asyncio.sleep(DEADLINE + 2.5)  # the server looks every two seconds
            running = await far.read(
                "SHOW TRANSACTIONS YIELD currentQuery WHERE currentQuery STARTS WITH "
                "'// artigraph-neo4j: write' RETURN count(*)",
                {},
            )
            assert running == [[0]]


def test_the_default_is_a_minute() -> None:
    assert inspect.signature(Engine).parameters["retry_seconds"].default == 60.0
