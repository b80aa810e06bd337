"""Workloads about runs: many of them as one table, and the series that one of them logs."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

from artigraph_neo4j import Span, batch, read_series, span_context
from artigraph_neo4j.find import find_spans, span, under
from tests.benchmarks import floor
from tests.benchmarks.harness import Bench, Numbers, Side, Workload, timed

METRICS = 20
PARAMETERS = 10
SCORES = 5
PEER_POINTS = 20_000
"""Number of values that MLflow logs, and that it reads; its time is divided by it."""

READ_RUNS = """
MATCH (:ArtigraphNode {node_id: $span})-[:PARENT_OF]->(n:Span)
WITH collect([n.node_id, n.label, $columns, n.duration_]) AS found
UNWIND range(0, size(found), 1000) AS i
RETURN found[i..i + 1000]
"""


class BenchRun(Span):
    """A run with parameters and metrics, as ``autolog`` records them."""

    params: dict[str, float]
    metrics: dict[str, float]


def _numbers(kind: str, count: int, i: int) -> dict[str, float]:
    return {f"{kind}{k}": (i * 31 + k * 7) % 1000 / 7 for k in range(count)}


async def table(bench: Bench, size: int) -> list[Side]:
    """All parameters and metrics of all runs: a row for each run."""
    async with span_context(label="sweep") as sweep, batch():
        for i in range(size):
            made = BenchRun(
                label=f"run {i}",
                params=_numbers("p", PARAMETERS, i),
                metrics=_numbers("m", SCORES, i),
            )
            async with span_context(made):
                pass
    names = [f"params.p{k}" for k in range(PARAMETERS)]
    names += [f"metrics.m{k}" for k in range(SCORES)]

    async def library() -> float:
        query = find_spans(BenchRun, under(sweep)).table(*names, span.duration)
        seconds, found = await timed(query)
        assert len(found) == size
        assert found["params.p1"].count(None) == 0
        return seconds

    async def by_hand() -> float:
        columns = ", ".join(f"n.`{name}`" for name in names)
        text = READ_RUNS.replace("$columns", columns)
        work = floor.read(bench.driver, bench.database, text, span=sweep.node_id)
        seconds, found = await timed(work)
        assert len(found) == size
        return seconds

    return [Side("library", library), Side("floor", by_hand), *_mlflow(bench, "table", size)]


async def log(bench: Bench, size: int) -> list[Side]:
    """A call for each row, until all rows are in the graph."""
    rows = _rows()
    calls = size // METRICS

    async def library() -> Numbers:
        async def work() -> str:
            async with span_context(label="logging") as run:
                for step in range(calls):
                    run.log(rows[step % len(rows)], step=step)
            return run.node_id

        seconds, run_id = await timed(work())
        ((nodes,),) = await bench.cypher(
            "MATCH (s:ArtigraphNode {node_id: $id}) RETURN COUNT { (s)-[:HAS_FIELD*]->() }",
            id=run_id,
        )
        return {"seconds": seconds, "nodes": nodes}

    points = calls * METRICS
    return [Side("library", library, points), *_mlflow(bench, "log", bench.capped(PEER_POINTS))]


async def read(bench: Bench, size: int) -> list[Side]:
    """All values of all metrics of one run."""
    calls = size // METRICS
    rows = _rows()
    async with span_context(label="logged") as run:
        for step in range(calls):
            run.log(rows[step % len(rows)], step=step)

    async def library() -> float:
        seconds, found = await timed(read_series(run))
        assert found.points == calls * METRICS
        return seconds

    items = bench.capped(PEER_POINTS)
    return [Side("library", library, calls * METRICS), *_mlflow(bench, "history", items)]


def _rows() -> list[dict[str, float]]:
    made = random.Random(0)
    return [{f"metric {k}": made.random() for k in range(METRICS)} for _ in range(1000)]


def _mlflow(bench: Bench, what: str, items: int) -> list[Side]:
    peer = bench.outside.get("mlflow")
    return [] if peer is None else [Side("mlflow", partial(peer.do, what, items), items, rounds=3)]


def _runs(name: str, title: str, unit: str, size: int, quick: int, build: Any) -> Workload:
    return Workload(name, title, unit, size, quick, build, group="runs")


WORKLOADS = [
    _runs("table_1000", "as one table with 10 parameters and 5 metrics of each", "runs",
        1000, 100, table),
    _runs("series_log", "of 20 metrics, logged by one run", "points", 1_000_000, 20_000, log),
    _runs("series_read", "of 20 metrics, read again", "points", 1_000_000, 20_000, read),
]  # fmt: skip
