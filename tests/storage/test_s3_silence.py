"""An S3 that stops answering, at any point: each call ends with an error within its bound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import StorageError
from artigraph_neo4j.storage.aws import S3Storage, close_clients
from tests.services import S3Service

MIB = 1024 * 1024
TIMEOUT = 2.0
ALLOWANCE = 20.0
"""Seconds beyond the timeout in which a call of a busy machine still has to end."""


class Muffled:
    """A way to a service that can be closed: bytes are taken, or not even that, and none come back.

    Attributes:
        swallow: Take what comes, and give nothing back.
        stop: Take nothing: the sender's buffers fill up.
        after: Let so many bytes of answers through, then nothing.
    """

    def __init__(self, service: S3Service) -> None:
        parts = urlsplit(service.endpoint)
        self._host, self._port = parts.hostname, parts.port
        self.swallow = self.stop = False
        self.after: int | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        self._tasks: set[asyncio.Task[Any]] = set()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1024)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._up(reader, up_writer))
                group.create_task(self._down(up_reader, writer))
        except* (ConnectionError, EOFError):
            pass
        finally:
            writer.transport.abort()
            up_writer.transport.abort()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            if self.stop:
                await asyncio.sleep(3600)
            data = await reader.read(65536)
            if not data:
                raise EOFError
            if not self.swallow:
                writer.write(data)
                await writer.drain()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self.after is not None:
                data, self.after = data[: self.after], max(0, self.after - len(data))
            if self.swallow or self.stop or not data:
                continue
            writer.write(data)
            await writer.drain()
        raise EOFError


@pytest.fixture
async def muffled(s3_service: S3Service) -> AsyncIterator[tuple[Muffled, S3Storage]]:
    way = Muffled(s3_service)
    async with way.running() as endpoint:
        yield (
            way,
            s3_service.storage(
                f"tests/{new_id()}",
                endpoint_url=endpoint,
                multipart_threshold=20 * MIB,
                max_concurrency=4,
                timeout=TIMEOUT,
            ),
        )
        await close_clients()


async def ends_in_time(work: Awaitable[object]) -> None:
    began = time.monotonic()
    with pytest.raises(StorageError, match=r"stopped answering|Timeout|timeout"):
        await work
    assert time.monotonic() - began < TIMEOUT + ALLOWANCE


async def _list(storage: S3Storage) -> list[object]:
    return [item async for item in storage.list()]


CALLS: dict[str, Callable[[S3Storage, str], Awaitable[object]]] = {
    "put": lambda storage, _: storage.create(b"x" * 1000),
    "put of much": lambda storage, _: storage.create(b"x" * 16 * MIB),
    "put in parts": lambda storage, _: storage.create(b"x" * 40 * MIB),
    "read": lambda storage, location: storage.read(location),
    "range": lambda storage, location: storage.read_range(location, 0, 10),
    "exists": lambda storage, location: storage.exists(location),
    "holds": lambda storage, at: storage.holds(at, size=1, digest="0" * 64),
    "delete": lambda storage, location: storage.delete(location),
    "delete many": lambda storage, location: storage.delete_many([location]),
    "list": lambda storage, _: _list(storage),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("how", ["swallow", "stop"])
async def test_each_call_ends(muffled: tuple[Muffled, S3Storage], how: str, call: str) -> None:
    way, storage = muffled
    location = await storage.create(b"content")
    setattr(way, how, True)
    await ends_in_time(CALLS[call](storage, location))


async def test_a_download_that_stops_in_the_middle(muffled: tuple[Muffled, S3Storage]) -> None:
    way, storage = muffled
    location = await storage.create(b"x" * 8 * MIB)
    way.after = 3 * MIB
    await ends_in_time(storage.read(location))


async def test_those_that_wait_for_their_turn_end_too(muffled: tuple[Muffled, S3Storage]) -> None:
    way, storage = muffled
    location = await storage.create(b"content")
    way.swallow = True
    calls = [storage.exists(location) for _ in range(40)]  # ten times as many as may run at once
    began = time.monotonic()
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(error, StorageError) for error in found)
    assert time.monotonic() - began < TIMEOUT + ALLOWANCE


async def test_a_slow_reader_and_a_slow_upload_are_not_silence(
    muffled: tuple[Muffled, S3Storage],
) -> None:
    """As long as bytes move, there is no limit."""
    _, storage = muffled

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 16 * MIB
            await asyncio.sleep(TIMEOUT * 0.8)

    location = await storage.put_stream(slow(), key="slow")
    size = 0
    async for chunk in storage.stream(location):
        size += len(chunk)
        if size in (MIB, 20 * MIB):
            await asyncio.sleep(TIMEOUT * 1.5)
    assert size == 48 * MIB


async def test_it_goes_on_when_the_service_is_back(muffled: tuple[Muffled, S3Storage]) -> None:
    way, storage = muffled
    location = await storage.create(b"content")
    way.swallow = True
    reading = asyncio.create_task(storage.read(location))
    await asyncio.sleep(0.3)
    way.swallow = False  # the connections stay dead, and new ones work
    with suppress(StorageError):
        assert await reading == b"content"
    assert await storage.read(location) == b"content"


async def test_the_lost_answer_of_a_finished_upload(
    muffled: tuple[Muffled, S3Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service has put the parts together, and knows nothing of the upload when asked again."""
    _, storage = muffled
    done: list[str] = []
    send = S3Storage._complete

    async def twice(self: S3Storage, target: Any, upload: Any, size: int) -> None:
        await send(self, target, upload, size)
        done.append(target["Key"])
        await send(self, target, upload, size)

    monkeypatch.setattr(S3Storage, "_complete", twice)
    data = b"x" * 20 * MIB
    location = await storage.create(data)
    assert done == [location]
    assert await storage.size(location) == len(data)
