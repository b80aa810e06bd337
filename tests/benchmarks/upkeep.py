"""Workloads about what an operator does with many nodes: migrate, delete, move, collect, upgrade.

Each is beside the plainest Cypher that leads to the same graph. Exports and imports run in a
process of their own, which tells how much its memory grew.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from artigraph_neo4j import collect_garbage, delete_span, migrate_artifacts
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.storage.aws import S3Storage
from artigraph_neo4j.storage.names import graph_prefix, marker, marker_key
from artigraph_neo4j.upkeep.schema import upgrade_schema
from tests.benchmarks import machine, made_runs
from tests.benchmarks.harness import Bench, Numbers, Side, Workload, timed
from tests.benchmarks.models import BenchMoved
from tests.benchmarks.moving import moving

PAGE = 5_000
"""Rows of a statement by hand."""


def _port(bench: Bench) -> int:
    return int(bench.info.bolt_url.rpartition(":")[2])


def _side(name: str, run: Callable[[], Awaitable[Numbers]]) -> Side:
    """A side without a first turn that does not count: to make the graph has warmed the server."""
    return Side(name, run, warm=False)


async def _with_cpu(bench: Bench, work: Awaitable[Any]) -> Numbers:
    """Its seconds, and the seconds of processor time of this process and of the server."""
    before, own = machine.cpu_of(_port(bench)), time.process_time()
    seconds, _ = await timed(work)
    return {
        "seconds": seconds,
        "cpu": time.process_time() - own,
        "server_cpu": machine.cpu_of(_port(bench)) - before,
    }


_OLD = """
MATCH (a:ArtigraphNode) WHERE a.node_id STARTS WITH $run AND a:Artifact
CALL (a) {
  REMOVE a:BenchPair, a.score
  SET a:BenchMoved, a.model = 'BenchMoved', a.model_version = 1, a.codec = $codec,
    a.loss = a.step / 7.0
} IN TRANSACTIONS OF 10000 ROWS
"""

_OLD_ROWS = """
MATCH (a:BenchMoved) USING INDEX SEEK a:Artifact(model, model_version, recorded_at, node_id)
WHERE a:Artifact AND a.model = 'BenchMoved' AND a.model_version = 1
  AND a.recorded_at IS NOT NULL AND a.node_id IS NOT NULL
WITH a LIMIT $size
RETURN collect([a.node_id, a.step, a.loss])
"""

_NEW_ROWS = """
UNWIND $rows AS r
MATCH (a:ArtigraphNode {node_id: r[0]}) USING INDEX SEEK a:ArtigraphNode(node_id)
SET a.score = r[1], a.codec = $codec, a.model_version = 2
REMOVE a.loss
"""


async def migrate(bench: Bench, size: int) -> list[Side]:
    """A field computed anew by Python: both sides fetch each artifact and write it back."""
    root = await bench.once(("moved", size), lambda: made_runs.run_of(bench, size * 4 // 3))
    name = f"{BenchMoved.__module__}:{BenchMoved.__qualname__}"
    before = f'{{"class":"{name}","fields":{{"step":"int","loss":"float"}}}}'
    after = f'{{"class":"{name}","fields":{{"step":"int","score":"float"}}}}'

    async def made(work: Callable[[], Awaitable[Any]]) -> Numbers:
        await bench.cypher(_OLD, run=root[:-7], codec=before)
        found = await _with_cpu(bench, work())
        ((left, done),) = await bench.cypher(
            "MATCH (a:BenchMoved) RETURN sum(2 - a.model_version), count(a.score)"
        )
        assert (left, done >= size * 9 // 10) == (0, True), (left, done)
        return found

    async def library() -> Any:
        report = await migrate_artifacts(BenchMoved)
        assert not report.failures, report.failures[0]

    async def by_hand() -> Any:
        async with bench.driver.session(database=bench.database) as session:
            while True:
                result = await session.run(_OLD_ROWS, size=PAGE)
                rows = await result.single(strict=True)
                new = [[r[0], 1 / (1 + r[2])] for r in rows[0]]
                if not new:
                    return
                await (await session.run(_NEW_ROWS, rows=new, codec=after)).consume()

    return [_side("library", lambda: made(library)), _side("floor", lambda: made(by_hand))]


_DELETE = """
MATCH (:ArtigraphNode {node_id: $root})-[:PARENT_OF*0..]->(s)
WITH DISTINCT s
CALL (s) {
  OPTIONAL MATCH (s)-[:HAS_ARTIFACT]->(a)
  DETACH DELETE a, s
} IN TRANSACTIONS OF 2500 ROWS
"""


async def delete(bench: Bench, size: int) -> list[Side]:
    async def made(work: Callable[[str], Awaitable[Any]]) -> Numbers:
        root = await made_runs.run_of(bench, size)
        found = await _with_cpu(bench, work(root))
        ((left,),) = await bench.cypher(
            "MATCH (n:ArtigraphNode) WHERE n.node_id STARTS WITH $at RETURN count(n)", at=root[:-7]
        )
        assert left == 0
        return found

    return [
        _side("library", lambda: made(delete_span)),
        _side("floor", lambda: made(lambda root: bench.cypher(_DELETE, root=root))),
    ]


async def export(bench: Bench, size: int, *, what: str, path: str) -> list[Side]:
    """Into lines or tables, in a process of its own; by hand into plain lines, unchecked."""
    root = await bench.once(("run", size), lambda: made_runs.run_of(bench, size))
    directory = await _directory(bench)
    return [
        _moving(bench, "library", what, root, directory / path),
        _moving(bench, "floor", "read", root, directory / "floor.jsonl"),
    ]


def _moving(
    bench: Bench, name: str, what: str, root: str, path: Path, *, anew: bool = False
) -> Side:
    """A side that exports a run, or imports it after it was deleted."""

    async def run() -> Numbers:
        if anew:
            await made_runs.forget(bench, root)
        before = machine.cpu_of(_port(bench))
        found = await moving(bench.info, what, root, path)
        return {**found, "server_cpu": machine.cpu_of(_port(bench)) - before}

    return _side(name, run)


async def import_(bench: Bench, size: int) -> list[Side]:
    root = await bench.once(("run", size), lambda: made_runs.run_of(bench, size))
    directory = await _directory(bench)
    lines, plain = directory / "run.jsonl", directory / "floor.jsonl"
    for what, path in (("export", lines), ("read", plain)):
        if not path.exists():  # else an export was measured
            await moving(bench.info, what, root, path)

    return [
        _moving(bench, "library", "import", root, lines, anew=True),
        _moving(bench, "floor", "write", root, plain, anew=True),
    ]


async def _directory(bench: Bench) -> Path:
    async def make() -> Path:
        made = Path(tempfile.mkdtemp(prefix="artigraph-upkeep-"))

        async def remove() -> None:
            shutil.rmtree(made, ignore_errors=True)

        bench.at_end.append(remove)
        return made

    return await bench.once("directory", make)


_BLOBS = """
UNWIND $rows AS r
CREATE (:Blob {blob_id: r[0], digest: r[1], size: 1, storage: $storage, location: r[2]})
"""


async def collect(bench: Bench, size: int) -> list[Side]:
    """Of the objects nine in ten are referred to, the rest is too young; the floor only lists."""
    info = bench.info
    storage = S3Storage(
        info.s3_bucket, "upkeep", endpoint_url=info.s3_endpoint, region_name=info.s3_region,
        access_key=info.s3_access_key, secret_key=info.s3_secret_key,
    )  # fmt: skip
    graph_id = (await bench.engine.graph()).graph_id
    await _objects(bench, storage, graph_id, size)

    async def library() -> Numbers:
        async def work() -> None:
            (report,) = await collect_garbage(storage)
            assert report.live.count + report.young.count == size, report

        return await _with_cpu(bench, work())

    async def listing() -> Numbers:
        async def work() -> None:
            seen = 0
            async for _ in storage.list(graph_prefix(graph_id)):
                seen += 1
            assert seen >= size, seen

        return await _with_cpu(bench, bench.engine.call(work))

    return [_side("library", library), _side("floor", listing)]


async def _objects(bench: Bench, storage: S3Storage, graph_id: str, size: int) -> None:
    async def put_all() -> list[list[str]]:
        await storage.put(marker(graph_id), key=marker_key(graph_id))
        numbers = iter(range(size))
        done: list[list[str]] = []

        async def worker() -> None:
            for number in numbers:
                data = str(number).encode()
                digest = hashlib.sha256(data).hexdigest()
                key = f"{graph_prefix(graph_id)}{digest}-{new_id()}"
                done.append([new_id(), digest, await storage.put(data, key=key)])

        await asyncio.gather(*(worker() for _ in range(32)))
        return done

    done = await bench.engine.call(put_all)
    referred = done[: size * 9 // 10]
    for at in range(0, len(referred), PAGE):
        await bench.cypher(_BLOBS, rows=referred[at : at + PAGE], storage=storage.name)


_LAYOUT_3 = (
    "MATCH (n:ArtigraphNode) CALL (n) { REMOVE n:ArtigraphIndexed:ArtigraphUnindexed } "
    "IN TRANSACTIONS OF 10000 ROWS",
    "MATCH (:Artifact)-[m:MADE_BY]->() CALL (m) { DELETE m } IN TRANSACTIONS OF 10000 ROWS",
    "MATCH (g:ArtigraphGraph {name: 'artigraph'}) SET g.schema_version = 3",
)

_UPGRADE = """
MATCH (n:ArtigraphNode)
CALL (n) {
  SET n:ArtigraphIndexed
  WITH n
  MATCH (n)<-[h:HAS_ARTIFACT]-(s:Span) WHERE h.linked_at IS NULL
  CREATE (n)-[:MADE_BY]->(s)
} IN TRANSACTIONS OF 10000 ROWS
"""


async def upgrade(bench: Bench, size: int) -> list[Side]:
    """A whole graph from layout 3; both sides fill the index of full-text search anew."""
    await bench.once(("run", size), lambda: made_runs.run_of(bench, size))

    async def made(work: Callable[[], Awaitable[Any]]) -> Numbers:
        for statement in _LAYOUT_3:
            await bench.cypher(statement)
        found = await _with_cpu(bench, work())
        ((missing,),) = await bench.cypher(
            "MATCH (a)<-[h:HAS_ARTIFACT]-(s) WHERE h.linked_at IS NULL "
            "AND NOT EXISTS { (a)-[:MADE_BY]->(s) } RETURN count(*)"
        )
        assert missing == 0
        await bench.cypher("MATCH (g:ArtigraphGraph) SET g.schema_version = 4")
        return found

    return [
        _side("library", lambda: made(upgrade_schema)),
        _side("floor", lambda: made(lambda: bench.cypher(_UPGRADE))),
    ]


def _row(name: str, title: str, unit: str, size: int, quick: int, build: Any) -> Workload:
    return Workload(name, title, unit, size, quick, build, group="upkeep", rounds=1)


WORKLOADS = [
    _row("delete", "a run, deleted", "nodes", 1_000_000, 5000, delete),
    _row("export_lines", "a run, written as lines", "nodes", 1_000_000, 5000,
        partial(export, what="export", path="run.jsonl")),
    _row("export_tables", "a run, written as Parquet tables", "nodes", 1_000_000, 5000,
        partial(export, what="parquet", path="tables")),
    _row("import", "a run, read back from a file", "nodes", 1_000_000, 5000, import_),
    _row("upgrade", "a graph of layout 3, brought to layout 4", "nodes", 1_000_000, 5000, upgrade),
    _row("gc", "compared with what refers to them", "objects", 100_000, 2000, collect),
    _row("migrate", "rewritten as a newer class does", "artifacts", 1_000_000, 3000, migrate),
]  # fmt: skip
