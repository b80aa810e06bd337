"""A storage that does not answer is named by a warning long before the call gives up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j import ArtifactModel, Engine, Lazy, artifact_field, batch, engine_context
from artigraph_neo4j.cli import checks
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.gc import collect_garbage
from artigraph_neo4j.storage.aws import S3Storage
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.storage.memory import MemoryStorage
from artigraph_neo4j.values import moving
from tests.proxy import Proxy
from tests.services import GraphService, S3Service

DATA = b"0123456789" * 2_000_000

SILENCE = 0.3
"""Seconds of silence until the warning, in these tests."""


@dataclass
class Kept(ArtifactModel, version=1):
    data: Lazy[bytes]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "WARN_SECONDS", SILENCE)
    monkeypatch.setattr(moving, "_warned", {})


@pytest.fixture
async def far(
    s3_service: S3Service, graph_service: GraphService
) -> AsyncIterator[tuple[Proxy, S3Storage, Engine]]:
    """A real S3 behind a proxy, and an engine with it."""
    proxy = Proxy(s3_service.endpoint)
    with proxy.running() as endpoint:
        storage = s3_service.storage(f"tests/{new_id()}", endpoint_url=endpoint)
        async with engine_context(
            graph_service.uri,
            username=graph_service.username,
            password=graph_service.password,
            storage=storage,
            offload_bytes=1,
        ) as engine:
            yield proxy, storage, engine
            proxy.heal()
            await engine.call(storage.aclose)


async def told(
    caplog: pytest.LogCaptureFixture,
    work: Coroutine[Any, Any, object],
    *,
    heal: Callable[[], object] = lambda: None,
    seconds: float = 60,
) -> str:
    """Start some work, and wait for the warning of its silence; the work is given up."""
    task = asyncio.create_task(work)
    try:
        async with asyncio.timeout(seconds):
            while True:
                said = [r for r in caplog.records if r.name == "artigraph_neo4j.storage"]
                if said:
                    break
                assert not task.done(), task.result()
                await asyncio.sleep(0.05)
    finally:
        heal()  # the end of a batch waits for its values, even if it is cancelled
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    (record,) = said
    assert record.levelname == "WARNING"
    return record.getMessage()


Call = Callable[[str, Storage, Engine, Path], Coroutine[Any, Any, object]]

CALLS: dict[str, tuple[str, Call]] = {
    "write": (" with 6 bytes", lambda i, s, e, p: Kept(Lazy(b"second")).create()),
    "write in parts": (
        " with 84 MB", lambda i, s, e, p: Kept(Lazy(b"x" * 84_000_000)).create()
    ),
    "write again": ("", lambda i, s, e, p: Kept(Lazy(DATA)).create()),
    "load": (" with 20 MB", lambda i, s, e, p: _load(i)),
    "save": (" with 20 MB", lambda i, s, e, p: _save(i, p)),
    "range": (" with 10 bytes", lambda i, s, e, p: _range(i)),
    "gc": ("", lambda i, s, e, p: collect_garbage(s)),
    "doctor": ("", lambda i, s, e, p: checks._storage(e, s.name, s)),
}  # fmt: skip


async def _load(node_id: str) -> object:
    return await (await Kept.read(node_id)).data.load()


async def _save(node_id: str, path: Path) -> object:
    return await (await Kept.read(node_id)).data.save(path / "saved")


async def _range(node_id: str) -> object:
    return await (await Kept.read(node_id)).data.load_range(5, 15)


@pytest.mark.parametrize("call", CALLS)
async def test_a_storage_that_is_silent_is_told_of(
    call: str,
    far: tuple[Proxy, S3Storage, Engine],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """It accepts connections and never answers, so no attempt fails before the deadline."""
    proxy, storage, engine = far
    node_id = await Kept(Lazy(DATA)).create()
    caplog.clear()
    proxy.stall()
    busy, work = CALLS[call]
    said = await told(caplog, work(node_id, storage, engine, tmp_path))
    more = "" if call == "gc" else r"; waiting for (60|59|5\d) s more"
    assert re.fullmatch(
        rf"storage '{storage.name}' does not answer \(it is silent, or busy{busy}\){more}", said
    ), said


async def test_values_in_a_batch_and_many_at_once_are_told_of_once(
    far: tuple[Proxy, S3Storage, Engine], caplog: pytest.LogCaptureFixture
) -> None:
    proxy, _, _ = far
    await Kept(Lazy(DATA)).create()
    caplog.clear()
    proxy.stall()

    async def record() -> None:
        async with batch():
            for n in range(10):
                await Kept(Lazy(b"value %d" % n)).create()

    await told(caplog, record(), heal=proxy.heal)


async def test_the_doctor_looks_below_the_prefix_of_a_storage(
    far: tuple[Proxy, S3Storage, Engine],
) -> None:
    _, storage, engine = far
    found = await checks._storage(engine, storage.name, storage)
    assert (found.result, found.text) == ("ok", "answers")


class Slow(MemoryStorage):
    """A storage whose bytes move slowly, but do."""

    async def stream(self, location: str, /) -> AsyncGenerator[bytes]:
        data = await self.read(location)
        for start in range(0, len(data), 1_000_000):
            await asyncio.sleep(SILENCE / 4)
            yield data[start : start + 1_000_000]


async def test_bytes_that_move_are_not_silence(caplog: pytest.LogCaptureFixture) -> None:
    storage = Slow(new_id())

    @dataclass
    class Slowly(ArtifactModel, version=1):
        data: Lazy[bytes] = artifact_field(storage=storage)

    found = await Slowly.read(await Slowly(Lazy(DATA)).create())
    caplog.clear()
    assert await found.data.load() == DATA  # in 20 pieces, for five times as long as the limit
    assert not [r for r in caplog.records if r.name == "artigraph_neo4j.storage"]
