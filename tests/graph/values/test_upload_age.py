"""A value that was uploaded long ago is not referred to: garbage collection may have taken it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    batch,
    delete_span,
    engine_context,
    export_graph,
    import_graph,
    read_span_artifact,
    revise_artifact,
    span_context,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.engine.target import choose_target
from artigraph_neo4j.gc import collect_garbage
from artigraph_neo4j.storage.memory import MemoryStorage
from tests.proxy import Proxy

DATA = b"a value that goes to the storage" * 100
NIGHT = 13 * 3600.0


@dataclass
class Aged(ArtifactModel, version=1):
    n: int
    data: bytes = b""


class Sleeper:
    """A machine that falls asleep in the middle of a commit, for 13 hours of its clock."""

    def __init__(self, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
        self._proxy = proxy
        self.asleep = 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.asleep)

    def sleep_at_next_write(self, *, sent: bool) -> None:
        """Sleep when the next write was sent: the network holds it, or only its answer is lost."""

        def fall_asleep(_: int) -> None:
            self._proxy.on_write = None
            if sent:
                self._proxy.losing = 1
            else:
                self._proxy.hold_seconds, self._proxy.holding = 0.5, 1
            self.asleep += NIGHT

        self._proxy.on_write = fall_asleep


async def write_alone(n: int) -> str:
    return await Aged(n, DATA).create()


async def write_in_batch(n: int) -> str:
    async with batch():
        return await Aged(n, DATA).create()


async def write_revision(n: int) -> str:
    return await revise_artifact(await Aged(n - 1).create(), Aged(n, DATA))


async def test_an_import_after_a_long_sleep_refers_to_nothing_old(
    graph_service: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    storage = MemoryStorage(new_id())
    path = tmp_path / "tree.jsonl"
    options: Any = {"storage": storage, "offload_bytes": 1000, "create_schema": True}
    options |= {"username": graph_service.username, "password": graph_service.password}
    options |= {"database": graph_service.database}
    with engine_context(graph_service.uri, **options):
        async with span_context(label="aged") as span:
            await Aged(1, DATA).create("a", span="current")
        await export_graph(span.node_id, path, blobs=True)
        await delete_span(span.node_id)
        await collect_garbage(storage, dry_run=False, min_age=timedelta(0))
    proxy = Proxy(graph_service.uri)
    sleeper = Sleeper(proxy, monkeypatch)
    with proxy.running() as url, engine_context(url, **options) as through:
        await through.graph()
        sleeper.sleep_at_next_write(sent=False)
        await import_graph(path)
        await asyncio.to_thread(proxy.settle)  # what was held has arrived by now
        assert proxy.held == 1
        await collect_garbage(storage, dry_run=False, min_age=timedelta(0))
        assert await read_span_artifact(span.node_id, label="a") == Aged(1, DATA)


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize("write", [write_alone, write_in_batch, write_revision])
async def test_a_commit_after_a_long_sleep_uploads_anew(
    graph_service: Any, query: Any, monkeypatch: pytest.MonkeyPatch, write: Any, sent: bool
) -> None:
    storage = MemoryStorage(new_id())
    proxy = Proxy(graph_service.uri)
    sleeper = Sleeper(proxy, monkeypatch)
    n = 2 if write is write_revision else 1
    with proxy.running() as url:
        target = choose_target(
            url,
            username=graph_service.username,
            password=graph_service.password,
            database=graph_service.database,
        )
        engine = Engine(target, create_schema=True, storage=storage, offload_bytes=1000)
        with engine_context(engine):
            await engine.graph()
            revising = write is write_revision
            task = asyncio.create_task(write(n))
            if revising:
                while proxy.writes < 1:
                    await asyncio.sleep(0.001)
            sleeper.sleep_at_next_write(sent=sent)
            node_id = await task
            await asyncio.to_thread(proxy.settle)  # what was held has arrived by now
            assert proxy.held + proxy.lost == 1
            assert await Aged.read(node_id) == Aged(n, DATA)
            rows = await query(
                "MATCH (a {node_id: $id})-[:STORED_IN]->(b) RETURN count(b)", id=node_id
            )
            assert rows == [[1]]
            # Of two uploads one has a node; the other is what the night's collection may take.
            (report,) = await collect_garbage(storage, dry_run=False, min_age=timedelta(0))
            assert (report.live.count, report.dangling) == (1, 0)
            assert report.deleted.count == 1
            assert await Aged.read(node_id) == Aged(n, DATA)
        await engine.aclose()
