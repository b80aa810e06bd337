"""Work in processes of its own: writers at once, and a stream whose memory is looked at.

``python -m tests.benchmarks.children`` with what to do; the graph comes by environment variables.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from neo4j import AsyncGraphDatabase

from artigraph_neo4j import create_span_artifacts, find_spans, set_engine, span_context
from artigraph_neo4j.find.terms import (
    under,
)
from artigraph_neo4j.local import StackInfo
from tests.benchmarks import floor
from tests.benchmarks.machine import resident
from tests.benchmarks.models import pairs

CALL = 100
"""Artifacts that a writer records in one call."""

STREAM_SECONDS = 300
"""After that a stream is given up."""


class Writers:
    """Processes that wait for a word, write, and say that they have."""

    def __init__(self, info: StackInfo, side: str, processes: int, calls: int) -> None:
        self._info = info
        self._arguments = ["write", side, str(calls)]
        self._number = processes
        self._processes: list[asyncio.subprocess.Process] = []

    async def start(self) -> None:
        self._processes = [await spawn(self._info, *self._arguments) for _ in range(self._number)]
        await self._all_said()

    async def round(self) -> float:
        """Seconds from the word to the last one's answer."""
        begin = time.perf_counter()
        for process in self._processes:
            assert process.stdin
            process.stdin.write(b"go\n")
        await self._all_said()
        return time.perf_counter() - begin

    async def _all_said(self) -> None:
        for process in self._processes:
            assert process.stdout
            if not await process.stdout.readline():
                raise RuntimeError(f"a writer ended with code {await process.wait()}")

    async def stop(self) -> None:
        for process in self._processes:
            assert process.stdin
            process.stdin.close()
        for process in self._processes:
            await process.wait()


async def spawn(info: StackInfo, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmarks.children",
        *arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **info.environment()},
        cwd=Path(__file__).parents[2],
    )


async def stream_in_child(info: StackInfo, root: str, count: int) -> dict[str, float]:
    """What a process saw that streamed so many spans."""
    process = await spawn(info, "stream", root, str(count))
    try:
        out, _ = await asyncio.wait_for(process.communicate(), STREAM_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise RuntimeError(f"the stream took longer than {STREAM_SECONDS} s") from None
    if process.returncode:
        raise RuntimeError(f"the stream ended with code {process.returncode}")
    found: dict[str, float] = json.loads(out)
    return found


async def _write(side: str, calls: int) -> None:
    set_engine()
    env = os.environ
    driver = AsyncGraphDatabase.driver(
        env["NEO4J_URI"],
        auth=(env["NEO4J_USERNAME"], env["NEO4J_PASSWORD"]),
        notifications_min_severity="OFF",
    )

    async def call(data: dict[str, Any]) -> None:
        if side == "library":
            async with span_context(label="writer") as span:
                pass
            await create_span_artifacts(span.node_id, data)
        else:
            to = (driver, env["NEO4J_DATABASE"])
            await floor.write_artifacts(*to, await floor.root(*to), data, floor.LEAST)

    async with driver:
        await call(pairs(CALL))
        print("ready", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            for _ in range(calls):
                await call(pairs(CALL))
            print("done", flush=True)


async def _stream(root: str, count: int) -> None:
    set_engine()
    query = find_spans(under(root))
    async for _ in query.limit(2000).stream():  # connections, imports
        pass
    gc.collect()
    before, most, seen, first = resident(), 0, 0, 0.0
    begin = time.perf_counter()
    async for _ in query.limit(count).stream():
        if not seen:
            first = time.perf_counter() - begin
        seen += 1
        if seen % 1000 == 0:
            most = max(most, resident())
    seconds = time.perf_counter() - begin
    assert seen == count, f"{seen} of {count}"
    grown = (max(most, resident()) - before) / 2**20
    print(json.dumps({"seconds": seconds, "first_ms": first * 1e3, "grown_mib": grown}))


if __name__ == "__main__":
    what, one, other = sys.argv[1:]
    asyncio.run({"write": _write, "stream": _stream}[what](one, int(other)))
