"""A TCP proxy before Neo4j or S3 that counts turn-arounds and plays faults of the network.

It looks at bytes only as far as it has to: a statement that writes is a Bolt ``RUN`` without
``mode: "r"``, a request that writes is an HTTP ``PUT``, ``POST`` or ``DELETE``.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

Direction = Literal["up", "down", "both"]

PIECE = 256 * 1024
"""Maximum bytes that are passed on at once."""

ANSWER_SECONDS = 5.0
"""Seconds until the proxy no longer waits for the rest of an answer that it swallows."""

_RUN = b"\xb3\x10"
_READS = b"\x84mode\x81r"
_METHODS = (b"PUT ", b"POST ", b"DELETE ")


@dataclass(eq=False)
class _Pair:
    """One connection of a client and the one to the server that belongs to it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    wrote: bool = False
    asked: bool = False

    def abort(self) -> None:
        """Reset both sides."""
        self.client.transport.abort()
        self.server.transport.abort()


class Proxy:
    """Forwards bytes both ways; attributes and methods may be used from any thread.

    Args:
        url: The server: a ``bolt`` or ``http`` URL.
        tls: Speak TLS to clients; to the server it goes on as plain text.

    Attributes:
        turns: Number of times bytes went to the server after bytes had come from it.
        writes: Number of requests that write.
        losing: While this is positive, the next answer to a request that writes is dropped, both
            sides are disconnected, and the number goes down by one. The server has then done the
            work, up to the commit: the answer is dropped as a whole.
        lost: Number of answers that were dropped.
        holding: While this is positive, the client is disconnected at the next request that writes,
            and the server gets the request ``hold_seconds`` later; the number goes down by one.
        hold_seconds: Seconds until a held request is delivered.
        held: Number of requests that were held.
        refusing: Whether connections are refused.
        delay: Seconds that each piece waits.
        on_write: Called with the number of each request that writes, before it is passed on.
    """

    def __init__(self, url: str, *, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._host, self._port = parts.hostname, parts.port
        self._tls = tls
        self.turns = 0
        self.writes = 0
        self.losing = 0
        self.lost = 0
        self.holding = 0
        self.hold_seconds = 0.0
        self.held = 0
        self.refusing = False
        self.delay = 0.0
        self.on_write: Callable[[int], None] | None = None
        self._pairs: set[_Pair] = set()
        self._deliveries: set[asyncio.Task[None]] = set()
        self._go: dict[str, asyncio.Event] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    # -- faults --------------------------------------------------------------------------------

    def cut(self) -> None:
        """Reset all connections now."""

        def work() -> None:
            for pair in list(self._pairs):
                pair.abort()

        self._soon(work)

    def refuse(self) -> None:
        """Reset all connections, and refuse new ones until ``heal``."""
        self.refusing = True
        self.cut()

    def half_close(self) -> None:
        """Tell the server that its clients wrote their last; they are not told."""

        def work() -> None:
            for pair in list(self._pairs):
                with suppress(OSError, RuntimeError, NotImplementedError):
                    pair.server.write_eof()

        self._soon(work)

    def stall(self, direction: Direction = "both") -> None:
        """Pass nothing on in one direction, or both, until ``heal``; connections stay open."""
        for side in ("up", "down"):
            if direction in (side, "both"):
                self._soon(self._go[side].clear)

    def heal(self) -> None:
        """End all faults that last; requests that are held are still delivered in their time."""
        self.losing = self.holding = 0
        self.refusing = False
        self.delay = 0.0
        for event in self._go.values():
            self._soon(event.set)

    def settle(self, timeout: float = 60) -> None:
        """Wait until no request is held any more."""

        async def work() -> None:
            if self._deliveries:
                await asyncio.wait(self._deliveries)

        asyncio.run_coroutine_threadsafe(work(), self._loop).result(timeout)

    def _soon(self, work: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(work)

    # -- work ----------------------------------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve; yields the URL to connect to."""
        self._thread.start()
        url = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)
        try:
            yield url
        finally:
            asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()

    async def _serve(self) -> str:
        for side in ("up", "down"):
            self._go[side] = asyncio.Event()
            self._go[side].set()
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        safe = {"bolt": "bolt+ssc", "neo4j": "neo4j+ssc", "http": "https"}
        scheme = self._scheme if self._tls is None else safe[self._scheme]
        return f"{scheme}://127.0.0.1:{port}"

    async def _connect(  # noqa: C901 - both directions share what they know of each other
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        try:
            up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        pair = _Pair(writer, up_writer)
        self._pairs.add(pair)
        handed_over = False

        async def up() -> None:
            nonlocal handed_over
            while data := await reader.read(PIECE):
                await self._pass(data, "up")
                if not pair.asked:
                    self.turns += 1
                pair.asked = True
                if self._is_write(data):
                    pair.wrote = True
                    self.writes += 1
                    if self.on_write is not None:
                        self.on_write(self.writes)
                    if self.holding > 0:
                        self.holding -= 1
                        self.held += 1
                        handed_over = True
                        self._keep(self._deliver(up_reader, up_writer, data))
                        return
                up_writer.write(data)
                await up_writer.drain()

        async def down() -> None:
            while data := await up_reader.read(PIECE):
                await self._pass(data, "down")
                pair.asked = False
                if pair.wrote and self.losing > 0:
                    self.losing -= 1
                    await self._swallow(up_reader, data)
                    self.lost += 1
                    return
                pair.wrote = False
                writer.write(data)
                await writer.drain()

        tasks = [asyncio.create_task(up()), asyncio.create_task(down())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # the proxy ends; asyncio would print it
        finally:
            for task in tasks:
                task.cancel()
            self._pairs.discard(pair)
            writer.transport.abort()
            if not handed_over:
                up_writer.transport.abort()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass(self, data: bytes, side: str) -> None:
        await self._go[side].wait()
        if self.delay:
            await asyncio.sleep(self.delay)

    def _is_write(self, data: bytes) -> bool:
        if self._scheme == "http":
            return data.startswith(_METHODS)
        return data.find(_RUN, 0, 64) >= 0 and _READS not in data

    async def _swallow(self, reader: asyncio.StreamReader, data: bytes) -> None:
        """Read an answer to its end: Bolt may answer ``RUN`` before the commit, and ends with a
        bookmark (or a failure) after it."""
        ends = (b"\r\n",) if self._scheme == "http" else (b"bookmark", b"\xb1\x7f")
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                while not any(end in data for end in ends):
                    more = await reader.read(PIECE)
                    if not more:
                        return
                    data += more

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    async def _deliver(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes
    ) -> None:
        """Send a request whose client is long gone; nobody hears the answer."""
        try:
            await asyncio.sleep(self.hold_seconds)
            writer.write(data)
            await writer.drain()
            first = await asyncio.wait_for(reader.read(PIECE), ANSWER_SECONDS)
            await self._swallow(reader, first)
        except (OSError, TimeoutError):
            pass
        finally:
            writer.transport.abort()

    async def _shut(self) -> None:
        self._server.close()
        await asyncio.sleep(0.05)  # for who is being accepted, whose socket nobody has yet
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=5) if others else None
        await asyncio.sleep(0.05)  # transports close in the next turn of the loop
