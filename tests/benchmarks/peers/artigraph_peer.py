"""Artigraph 0.0.5 on a SQLite file. Runs in its own environment; see ``outside.py``."""

import asyncio
import json
import os
import sqlite3
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version

ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

from artigraph import (  # noqa: E402
    ArtifactModel,
    create_span_artifact,
    create_span_artifacts,
    read_span_artifacts,
    read_span_descendants,
    span_context,
)
from artigraph.db import set_engine  # noqa: E402
from sqlalchemy.ext.asyncio import create_async_engine  # noqa: E402

FILE = f"{sys.argv[1]}/artigraph.db"


@dataclass(frozen=True)
class BenchPair(ArtifactModel, version=1):
    step: int
    loss: float


def pairs(count):
    return {f"pair {i}": BenchPair(i, i / 7) for i in range(count)}


async def one_by_one(count):
    begin = time.perf_counter()
    for i in range(count):
        async with span_context():
            await create_span_artifact("current", label="pair", artifact=BenchPair(i, i / 7))
    return time.perf_counter() - begin


async def write(count):
    data = pairs(count)
    async with span_context() as span:
        begin = time.perf_counter()
        await create_span_artifacts(span.node_id, data)
        return time.perf_counter() - begin


async def write_spans(count):
    begin = time.perf_counter()
    for _ in range(count):
        async with span_context():
            pass
    return time.perf_counter() - begin


async def read(count):
    async with span_context() as span:
        await create_span_artifacts(span.node_id, pairs(count))
        begin = time.perf_counter()
        found = await read_span_artifacts(span.node_id)
        seconds = time.perf_counter() - begin
    assert len(found) == count
    return seconds


roots = {}


async def descendants(count):
    """Of a tree in which every span has ten children."""
    if count not in roots:
        async with span_context() as root:
            roots[count] = root.node_id
        await asyncio.to_thread(grow, root.node_id, count)
    begin = time.perf_counter()
    found = await read_span_descendants(roots[count])
    seconds = time.perf_counter() - begin
    assert len(found) == count
    return seconds


def grow(root, count):
    with sqlite3.connect(FILE) as db:
        (last,) = db.execute("SELECT max(node_id) FROM artigraph_node").fetchone()
        db.executemany(
            "INSERT INTO artigraph_node (node_id, node_parent_id, node_type, node_created_at, "
            "node_updated_at, span_opened_at, span_closed_at) "
            "SELECT ?, ?, node_type, node_created_at, node_updated_at, span_opened_at, "
            f"span_closed_at FROM artigraph_node WHERE node_id = {root:d}",
            (
                (last + i, root if i <= 10 else last + (i - 1) // 10)
                for i in range(1, count + 1)
            ),
        )  # fmt: skip
    db.close()


WORK = {
    "one_by_one": one_by_one,
    "write": write,
    "write_spans": write_spans,
    "read": read,
    "descendants": descendants,
}


def answer(told):
    print(json.dumps(told), file=ANSWERS, flush=True)


async def main():
    # It writes all artifacts of a call at once; SQLite's own 5 s for a lock are not enough then.
    patient = create_async_engine(f"sqlite+aiosqlite:///{FILE}", connect_args={"timeout": 120})
    set_engine(patient, create_tables=True)
    answer({name: version(name) for name in ("artigraph", "sqlalchemy", "aiosqlite")})
    while line := await asyncio.to_thread(sys.stdin.readline):
        what, count = json.loads(line)
        answer({"seconds": await WORK[what](count)})


asyncio.run(main())
