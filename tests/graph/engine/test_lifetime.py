"""Loops, threads, forks, signals: no open connection, no warning, no span without an end.

Each case is a program of its own, run with warnings as errors: what it prints on standard error at
the end of the process counts too.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from artigraph_neo4j import Engine, read_descendant_spans
from tests.examples import few

HEAD = """
import asyncio, json, os, sys, threading
from dataclasses import dataclass
from artigraph_neo4j import *
from artigraph_neo4j import get_engine

@dataclass
class Thing(ArtifactModel, version=1):
    n: int

engine = set_engine({uri!r}, username={username!r}, password=os.environ["TEST_PASSWORD"],
                    database={database!r})

async def work(n=0):
    async with span_context(label=str(n)):
        await create_span_artifact("current", label="t", data=Thing(n))

async def under(parent, n=0):
    async with span_context(parent):
        await work(n)

async def root():
    async with span_context(label="root") as span:
        return span

def established():
    # Connections of this process to the database.
    import psutil

    port = int({uri!r}.rpartition(":")[2])
    return [c for c in psutil.Process().net_connections() if c.raddr and c.raddr.port == port]

def report(**facts):
    print(json.dumps(facts), flush=True)
"""

CASES = {
    "many asyncio.run": """
span = asyncio.run(root())
for n in range(RUNS):
    asyncio.run(under(span, n))
report(root=span.node_id, spans=RUNS)
""",
    "threads with loops of their own": """
span = asyncio.run(root())
threads = [threading.Thread(target=lambda n=n: asyncio.run(under(span, n))) for n in range(20)]
[t.start() for t in threads]
[t.join() for t in threads]
report(root=span.node_id, spans=20)
""",
    "fork": """
import warnings
span = asyncio.run(root())
asyncio.run(under(span))
pid = os.fork()
if pid == 0:
    assert not established(), "the parent's connections are released"
    asyncio.run(under(span, 1))
    sys.exit(0)
_, status = os.waitpid(pid, 0)
asyncio.run(under(span, 2))
report(root=span.node_id, spans=3, child=status)
""",
    "a task forgotten in a span": """
async def main():
    span = await root()
    ready = asyncio.Event()
    async def forgotten():
        async with span_context(span):
            async with span_context(label="forgotten"):
                ready.set()
                await asyncio.sleep(60)
    task = asyncio.create_task(forgotten())
    await ready.wait()
    return span
span = asyncio.run(main())
report(root=span.node_id, spans=1)
""",
    "another task in its exit write when the loop ends": """
async def main():
    span = await root()
    leaving = asyncio.Event()
    async def slow():
        async with span_context(span):
            async with span_context(label="leaving"):
                leaving.set()
    task = asyncio.create_task(slow())
    await leaving.wait()
    return span
span = asyncio.run(main())
report(root=span.node_id, spans=1)
""",
    "a generator that is never finished": """
async def main():
    span = await root()
    async def numbers():
        async with span_context(span):
            async with span_context(label="generator"):
                yield 1
                yield 2
    stream = numbers()
    await anext(stream)
    return span, stream
span, stream = asyncio.run(main())
report(root=span.node_id, spans=1)
""",
    "KeyboardInterrupt": """
async def main():
    global span
    span = await root()
    async with span_context(span):
        async with span_context(label="interrupted"):
            print("ready", flush=True)
            await asyncio.sleep(60)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    report(root=span.node_id, spans=1, interrupted=True)
""",
    "KeyboardInterrupt in sync code": """
import time
async def main():
    global span
    span = await root()
    async with span_context(span):
        async with span_context(label="interrupted"):
            print("ready", flush=True)
            for _ in range(100):
                time.sleep(0.1)
                await asyncio.sleep(0)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    report(root=span.node_id, spans=1, interrupted=True)
""",
    "a loop that is never closed": """
loop = asyncio.new_event_loop()
span = loop.run_until_complete(root())
loop.run_until_complete(under(span))
report(root=span.node_id, spans=1)
loop.close()
""",
    "closed by hand and used again": """
async def main():
    span = await root()
    await under(span)
    assert established()
    await engine.aclose()
    assert not established()
    await engine.aclose()
    await under(span, 1)
    with engine_context(engine):
        await under(span, 2)
    return span
span = asyncio.run(main())
report(root=span.node_id, spans=3)
""",
    "never used": "report(root=None, spans=0)",
}


@pytest.mark.parametrize("case", CASES)
async def test_nothing_is_left_open(case: str, graph_service: Any, engine: Engine) -> None:
    await engine.graph()
    source = (
        HEAD.format(
            uri=graph_service.uri,
            username=graph_service.username,
            database=graph_service.database,
        )
        + f"RUNS = {few(200, 10)}\n"
        + CASES[case]
    )
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", source],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TEST_PASSWORD": graph_service.password or ""},
    )
    assert process.stdout is not None
    if "KeyboardInterrupt" in case:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    out, err = process.communicate(timeout=120)
    # asyncio's debug mode reports slow callbacks on this channel; nothing else may be there.
    noise = [line for line in err.splitlines() if not line.startswith("Executing <")]
    assert noise == []
    assert process.returncode == 0
    facts = json.loads(out.splitlines()[-1])
    assert facts.get("child", 0) == 0
    if "KeyboardInterrupt" in case:
        assert facts["interrupted"]
        assert time.monotonic() - begin < 20
    if facts["root"]:
        spans = await read_descendant_spans(facts["root"])
        assert len(spans) == facts["spans"]
        assert all(span.closed_at is not None for span in spans)
        assert all(span.status != "UNSET" for span in spans)
