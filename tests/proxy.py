"""A TCP proxy before Neo4j that counts network turn-arounds and can lose an answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


class Proxy:
    """Forwards bytes both ways.

    Attributes:
        turns: How often bytes went to the server after bytes had come from it.
        cut: While this is positive, the next answer to a statement is dropped, both sides are
            disconnected, and the number goes down by one. The server has then done the work.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self.turns = 0
        self.cut = 0
        self.lost = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    async def _serve(self) -> str:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return f"bolt://127.0.0.1:{port}"

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        last = {"side": "server", "statement": ""}

        async def up() -> None:
            while data := await reader.read(65536):
                if last["side"] == "server":
                    self.turns += 1
                last["side"] = "client"
                if b"CALL (" in data or b"SET n +=" in data:
                    last["statement"] = "write"
                up_writer.write(data)

        async def down() -> None:
            while data := await up_reader.read(65536):
                last["side"] = "server"
                if last["statement"] and self.cut > 0:
                    self.cut -= 1
                    self.lost += 1
                    return  # the answer is not passed on
                last["statement"] = ""
                writer.write(data)

        tasks = [asyncio.create_task(up()), asyncio.create_task(down())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for side in (writer, up_writer):
                side.transport.abort()
            await asyncio.gather(*tasks, return_exceptions=True)

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

    async def _shut(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=5) if others else None
        await asyncio.sleep(0.05)  # transports close in the next turn of the loop
