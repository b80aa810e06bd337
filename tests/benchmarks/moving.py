"""Exports and imports in a process of its own, which tells its time and how much it grew.

``python -m tests.benchmarks.moving`` with what to do, the run and the file; the graph comes by
environment variables.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from neo4j import AsyncDriver, AsyncGraphDatabase

from artigraph_neo4j import export_graph, import_graph, read_span, set_engine
from artigraph_neo4j.graph.properties import from_json, to_json
from artigraph_neo4j.local import StackInfo
from tests.benchmarks.machine import resident

ROWS = 5_000
"""Rows of a statement by hand."""


async def moving(info: StackInfo, what: str, root: str, path: Path) -> dict[str, float]:
    """What such a process saw: seconds, and MiB that it grew at most."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.moving", what, root, str(path),
        stdout=subprocess.PIPE, env={**os.environ, **info.environment()},
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{what} ended with code {process.returncode}")
    found: dict[str, float] = json.loads(out)
    return found


_SPANS = """
MATCH (s:Span) USING INDEX SEEK s:Span(root_id, node_id)
WHERE s.root_id = $root AND s.node_id > ''
RETURN labels(s),
  s{.*, opened_at: toStringOrNull(s.opened_at), closed_at: toStringOrNull(s.closed_at)},
  [(p)-[:PARENT_OF]->(s) | p.node_id], [(s)-[u:USED]->(a) | a.node_id]
"""

_ARTIFACTS = """
MATCH (s:Span) USING INDEX SEEK s:Span(root_id, node_id)
WHERE s.root_id = $root AND s.node_id > ''
MATCH (s)-[h:HAS_ARTIFACT]->(a)
RETURN labels(a), a{.*, recorded_at: toStringOrNull(a.recorded_at)}, s.node_id, properties(h)
"""


async def _read(driver: AsyncDriver, root: str, path: Path) -> None:
    async with driver.session(database=os.environ["NEO4J_DATABASE"]) as session:
        with path.open("w") as file:
            for text in (_SPANS, _ARTIFACTS):
                async for row in await session.run(text, root=root):
                    labels, properties, *rest = row.values()
                    found = {name: to_json(value) for name, value in properties.items()}
                    file.write(json.dumps([labels, found, *rest]) + "\n")


_WRITE_SPANS = """
UNWIND $rows AS r
CREATE (n:ArtigraphNode:$(r[0])) SET n = r[1], n.opened_at = datetime(r[1].opened_at),
  n.closed_at = datetime(r[1].closed_at)
"""

_WRITE_LINKS = """
UNWIND $rows AS r
MATCH (n:ArtigraphNode {node_id: r[1].node_id})
MATCH (p:ArtigraphNode {node_id: r[2][0]})
CREATE (p)-[:PARENT_OF]->(n)
"""

_WRITE_ARTIFACTS = """
UNWIND $rows AS r
MATCH (s:ArtigraphNode {node_id: r[2]})
CREATE (s)-[h:HAS_ARTIFACT]->(n:ArtigraphNode:$(r[0]))-[:MADE_BY]->(s)
SET n = r[1], n.recorded_at = datetime(r[1].recorded_at), h = r[3]
"""

_WRITE_USED = """
UNWIND $rows AS r
MATCH (s:ArtigraphNode {node_id: r[0]})
MATCH (a:ArtigraphNode {node_id: r[1]})
CREATE (s)-[:USED]->(a)
"""


async def _write(driver: AsyncDriver, root: str, path: Path) -> None:
    used: list[list[str]] = []

    async with driver.session(database=os.environ["NEO4J_DATABASE"]) as session:

        async def send(text: str, rows: list[Any]) -> None:
            await (await session.run(text, rows=rows)).consume()  # type: ignore[arg-type]

        async def flush(spans: list[Any], artifacts: list[Any]) -> None:
            if spans:
                await send(_WRITE_SPANS, spans)
            links.extend([[None, {"node_id": r[1]["node_id"]}, r[2]] for r in spans if r[2]])
            if artifacts:
                if links:
                    await send(_WRITE_LINKS, links)
                    links.clear()
                await send(_WRITE_ARTIFACTS, artifacts)

        links: list[Any] = []
        spans: list[Any] = []
        artifacts: list[Any] = []
        with path.open() as file:
            for line in file:
                labels, properties, *rest = json.loads(line)
                row = [labels, {k: from_json(v) for k, v in properties.items()}, *rest]
                if "Span" in labels:
                    used += [[properties["node_id"], a] for a in rest[1]]
                    spans.append(row)
                else:
                    artifacts.append(row)
                if len(spans) + len(artifacts) == ROWS:
                    await flush(spans, artifacts)
                    spans, artifacts = [], []
        await flush(spans, artifacts)
        for at in range(0, len(used), ROWS):
            await send(_WRITE_USED, used[at : at + ROWS])


async def _main(what: str, root: str, path: Path) -> None:
    set_engine()
    env = os.environ
    driver = AsyncGraphDatabase.driver(
        env["NEO4J_URI"], auth=(env["NEO4J_USERNAME"], env["NEO4J_PASSWORD"]),
        notifications_min_severity="OFF",
    )  # fmt: skip

    works: dict[str, Callable[[], Awaitable[Any]]] = {
        "export": lambda: export_graph(root, path),
        "parquet": lambda: export_graph(root, path, format="parquet"),
        "import": lambda: import_graph(path),
        "read": lambda: _read(driver, root, path),
        "write": lambda: _write(driver, root, path),
    }
    async with driver:
        if what not in ("import", "write"):
            await read_span(root)  # connections, imports
        if what == "parquet":
            import artigraph_neo4j.exchange.archive.parquet  # noqa: F401
        gc.collect()
        before, most, over = resident(), 0, False

        async def watch() -> None:
            nonlocal most
            while not over:
                most = max(most, resident())
                await asyncio.sleep(0.05)

        watching = asyncio.create_task(watch())
        begin, cpu = time.perf_counter(), time.process_time()
        await works[what]()
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        over = True
        await watching
    grown = (max(most, resident()) - before) / 2**20
    print(json.dumps({"seconds": seconds, "cpu": cpu, "grown_mib": grown}))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
