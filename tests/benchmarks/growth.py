"""What questions cost in graphs of different sizes: ``python -m tests.benchmarks.growth``.

Each graph is loaded by Neo4j's importer into a stack of its own, and then asked what the docs ask.
``--sizes`` are numbers of nodes; ``--output`` gets all numbers as JSON, and a table is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil

from artigraph_neo4j import (
    diff,
    find_artifacts,
    find_spans,
    impact,
    migration_backlog,
    read_child_spans,
    read_lineage,
    read_span,
    read_span_artifacts,
    read_span_tree,
    recipe,
    stale,
    why,
)
from artigraph_neo4j.find.terms import span, under
from artigraph_neo4j.graph import connection
from artigraph_neo4j.local import LocalStack, StackInfo
from artigraph_neo4j.local.record import Record
from artigraph_neo4j.local.s3 import PORTS
from tests.benchmarks import loading
from tests.benchmarks.harness import Bench, bench_on
from tests.benchmarks.models import BenchPair

ROUNDS = 5
Asked = dict[str, Callable[[], Awaitable[Any]]]


def questions(runs: int) -> Asked:
    """What the docs ask, of runs in the middle of the graph."""
    run = runs // 2 - runs // 2 % loading.PROJECTS + 3
    root, model = loading.root_of(run), loading.artifact_of(run, loading.STEPS - 1, 0)
    step = f"{root}s3"
    best = find_artifacts(BenchPair, lambda a: a.step > 3, under(root))
    newest = find_spans(span.depth == 0).order_by(span.opened_at.desc()).limit(20)
    labeled = find_spans(span.label == "project 3").order_by(span.opened_at.desc()).limit(20)
    failed = find_spans(span.status == "ERROR").order_by(span.opened_at.desc()).limit(20)
    latest = find_artifacts(BenchPair).limit(20)
    return {
        "one span": lambda: read_span(step),
        "the artifacts of a span": lambda: read_span_artifacts(step),
        "the spans below a run": lambda: read_child_spans(root),
        "a run as a tree": lambda: read_span_tree(root),
        "the 20 newest runs": newest.read,
        "the 20 newest runs with a label": labeled.read,
        "the 20 newest that failed": failed.read,
        "20 artifacts of a model": latest.read,
        "artifacts of a run by a field": best.read,
        "search for a word": find_spans(span.depth == 0).search("project 3").limit(20).read,
        "what a result came from": lambda: read_lineage(model, "up"),
        "what came of it": lambda: impact(model),
        "why it depends on another": lambda: why(model, loading.artifact_of(run, 0, 0)),
        "its recipe": lambda: recipe(model),
        "whether it is stale": lambda: stale(model),
        "how two runs differ": lambda: diff(root, loading.root_of(run + loading.PROJECTS)),
        "what is stored of each version": migration_backlog,
    }


async def measured(bench: Bench, ask: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
    """The time of a question, by the median, and the database hits of its statements."""
    sent: list[tuple[str, Any]] = []
    own = connection.Connection.run

    async def run(self: Any, text: str, parameters: Any, *args: Any, **kwargs: Any) -> Any:
        if "ArtigraphWriter" not in text:
            sent.append((text, parameters))
        return await own(self, text, parameters, *args, **kwargs)

    begin = time.perf_counter()
    connection.Connection.run = run  # type: ignore[method-assign]
    try:
        await ask()
    finally:
        connection.Connection.run = own  # type: ignore[method-assign]
    first = time.perf_counter() - begin
    seconds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        await ask()
        seconds.append(time.perf_counter() - begin)
    hits = 0
    for text, parameters in sent:
        if "$once" not in text:
            hits += await bench.hits(text, dict(parameters))
    return {"ms": statistics.median(seconds) * 1e3, "first_ms": first * 1e3, "hits": hits}


async def _ask_all(info: StackInfo, runs: int, report: Callable[[str], object]) -> dict[str, Any]:
    begin = time.perf_counter()
    async with bench_on(info, False, {}) as bench:
        await bench.cypher("CALL db.awaitIndexes(3600)")
        found: dict[str, Any] = {"indexes_s": time.perf_counter() - begin, "questions": {}}
        report(f"indexes ready after {found['indexes_s']:.0f} s")
        for name, ask in questions(runs).items():
            numbers = await measured(bench, ask)
            found["questions"][name] = numbers
            report(f"{name}: {numbers['ms']:.1f} ms, {numbers['hits']:,} hits")
    port = int(info.bolt_url.rpartition(":")[2])
    found["server_mb"] = _resident(port) / 1e6
    return found


def _resident(port: int) -> int:
    for found in psutil.net_connections("tcp"):
        if found.status == psutil.CONN_LISTEN and found.laddr[1] == port and found.pid:
            return int(psutil.Process(found.pid).memory_info().rss)
    return 0


def measure(
    nodes: int, where: Path | None, heap: str, report: Callable[[str], object]
) -> dict[str, Any]:
    """Load a graph of a size, and ask it; all that was written is removed."""
    runs = loading.runs_of(nodes)
    directory = Path(tempfile.mkdtemp(prefix="artigraph-growth-", dir=where))
    try:
        (directory / "stack").mkdir()
        Record(ports=dict.fromkeys(["bolt", "http", *PORTS], 0)).write(directory / "stack")
        stack = LocalStack(directory / "stack", heap=heap)
        version = stack.up(timeout=600).neo4j_version
        stack.down()
        begin = time.perf_counter()
        files = loading.write_files(directory / "csv", runs)
        wrote = time.perf_counter() - begin
        home = directory / "stack" / "neo4j"
        said = loading.load(home, version, files)
        loaded = time.perf_counter() - begin - wrote
        report(f"{nodes:,} nodes: files in {wrote:.0f} s, loaded in {loaded:.0f} s\n{said}")
        shutil.rmtree(directory / "csv")
        info = stack.up(timeout=600)
        try:
            found = asyncio.run(_ask_all(info, runs, report))
        finally:
            stack.down()
        store = home / "data" / "databases" / "neo4j"
        found |= {
            "nodes": runs * loading.NODES_EACH,
            "files_s": wrote,
            "load_s": loaded,
            "store_bytes": loading.bytes_in(store),
            "index_bytes": loading.bytes_in(store / "schema"),
        }
        return found
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def table(found: list[dict[str, Any]]) -> str:
    """Hits and times side by side, in Markdown."""
    if not found:
        return ""
    lines = ["| question | " + " | ".join(f"{f['nodes']:,} nodes" for f in found) + " |"]
    lines.append("|---" * (len(found) + 1) + "|")
    for name in found[0]["questions"]:
        numbers = [f["questions"][name] for f in found]
        cells = [f"{n['hits']:,} hits, {n['ms']:.1f} ms" for n in numbers]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for name, unit, by in (
        ("store_bytes", "bytes of store and indexes a node", "nodes"),
        ("index_bytes", "of these indexes", "nodes"),
        ("load_s", "seconds to load", ""),
        ("indexes_s", "seconds to build the indexes", ""),
        ("server_mb", "MB of memory of the server", ""),
    ):
        cells = [f"{f[name] / (f[by] if by else 1):,.0f}" for f in found]
        lines.append(f"| {unit} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--heap", default="2g")
    parser.add_argument("--where", type=Path, help="a directory with room; 6 GB for 10,000,000")
    parser.add_argument("--output", type=Path, default=Path(".benchmarks/growth.json"))
    options = parser.parse_args()
    found = []
    for size in options.sizes:
        found.append(measure(size, options.where, options.heap, print))
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
