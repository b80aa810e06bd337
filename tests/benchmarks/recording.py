"""Workloads that write."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import Any

from artigraph_neo4j import (
    batch,
    create_span_artifact,
    create_span_artifacts,
    read_span,
    span_context,
)
from tests.benchmarks import floor, neo
from tests.benchmarks.children import CALL, Writers
from tests.benchmarks.floor import LEAST
from tests.benchmarks.harness import Bench, Side, Workload, timed
from tests.benchmarks.models import BenchPair, pairs

PEER_ITEMS = 50


async def one_by_one(bench: Bench, size: int) -> list[Side]:
    await neo.bind(bench)
    root = await bench.span("one by one")
    by_hand_root = await floor.root(bench.driver, bench.database)

    async def library() -> float:
        async def work() -> None:
            for i in range(size):
                async with span_context(label="work"):
                    await create_span_artifact("current", label="pair", data=BenchPair(i, i / 7))

        async with _inside(root):
            return (await timed(work()))[0]

    async def by_hand() -> float:
        async def work() -> None:
            for i in range(size):
                await floor.span_with_artifact(
                    bench.driver, bench.database, by_hand_root, "bench", BenchPair(i, i / 7), LEAST
                )

        return (await timed(work()))[0]

    async def neomodel() -> float:
        return await neo.write_spans(size, BenchPair(1, 0.5))

    sides = [Side("library", library), Side("floor", by_hand), Side("neomodel", neomodel)]
    return sides + _peers(bench, "one_by_one", size, 5)


async def in_batch(bench: Bench, size: int) -> list[Side]:
    await neo.bind(bench)
    few = bench.capped(neo.ITEMS)

    async def library() -> float:
        async def work() -> None:
            async with batch():
                for i in range(size):
                    async with span_context(label="work"):
                        await create_span_artifact("current", label="pair", data=BenchPair(i, 0.5))

        async with span_context(label="in batch"):
            return (await timed(work()))[0]

    async def by_hand() -> float:
        root = await floor.root(bench.driver, bench.database)
        data = [BenchPair(i, 0.5) for i in range(size)]
        work = floor.write_spans_with_artifact(bench.driver, bench.database, root, data, LEAST)
        return (await timed(work))[0]

    async def neomodel() -> float:
        return await neo.write_spans(few, BenchPair(1, 0.5))

    return [
        Side("library", library),
        Side("floor", by_hand),
        Side("neomodel", neomodel, items=few, rounds=3),
        *_peers(bench, "one_by_one", PEER_ITEMS, 2, only="artigraph"),
    ]


async def write_artifacts(bench: Bench, size: int) -> list[Side]:
    """As one call; and one by one, inside a batch."""
    await neo.bind(bench)
    few = bench.capped(neo.ITEMS)

    async def one_call() -> float:
        span, data = await bench.span(), pairs(size)
        return (await timed(create_span_artifacts(span, data)))[0]

    async def batched() -> float:
        span, data = await bench.span(), pairs(size)

        async def work() -> None:
            async with batch():
                for label, pair in data.items():
                    await create_span_artifact(span, label=label, data=pair)

        return (await timed(work()))[0]

    async def by_hand() -> float:
        span, data = await floor.root(bench.driver, bench.database), pairs(size)
        work = floor.write_artifacts(bench.driver, bench.database, span, data, LEAST)
        return (await timed(work))[0]

    async def neomodel() -> float:
        return await neo.write_artifacts(pairs(few))

    sides = [Side("library", one_call), Side("floor", by_hand)]
    sides.append(Side("library, batch", batched))
    if size <= 10_000:
        sides.append(Side("neomodel", neomodel, items=few, rounds=3))
        sides += _peers(bench, "write", PEER_ITEMS, 2, only="artigraph")
    return sides


async def write_spans(bench: Bench, size: int) -> list[Side]:
    await neo.bind(bench)
    few = bench.capped(neo.ITEMS)

    async def library() -> float:
        async def work() -> None:
            async with batch():
                for i in range(size):
                    async with span_context(label=f"span {i}"):
                        pass

        async with span_context(label="spans"):
            return (await timed(work()))[0]

    async def by_hand() -> float:
        root = await floor.root(bench.driver, bench.database)
        labels = [f"span {i}" for i in range(size)]
        work = floor.write_spans(bench.driver, bench.database, root, labels, LEAST)
        return (await timed(work))[0]

    async def neomodel() -> float:
        return await neo.write_spans(few)

    sides = [
        Side("library", library),
        Side("floor", by_hand),
    ]
    if size <= 10_000:
        sides.append(Side("neomodel", neomodel, items=few, rounds=3))
        sides += _peers(bench, "write_spans", PEER_ITEMS, 2, only="artigraph")
    return sides


async def processes(bench: Bench, size: int) -> list[Side]:
    """Eight writers at once, calls of a hundred artifacts, each for a span of its own."""
    calls = max(1, size // (8 * CALL))
    sides = []
    for name in ("library", "floor"):
        writers = Writers(bench.info, name, 8, calls)
        await writers.start()
        bench.at_end.append(writers.stop)
        sides.append(Side(name, writers.round, items=8 * CALL * calls))
    return sides


def _peers(bench: Bench, what: str, items: int, rounds: int, only: str | None = None) -> list[Side]:
    """Other libraries that run, and know this workload."""
    return [
        Side(name, lambda p=peer: p.do(what, items), items=items, rounds=rounds)
        for name, peer in bench.outside.items()
        if only == name or (only is None and name != "aiida")
    ]


@asynccontextmanager
async def _inside(span_id: str) -> Any:
    """Make a span that exists the current one."""
    async with span_context(await read_span(span_id)):
        yield


WORKLOADS = [
    Workload(
        "one_by_one", "a span with an artifact, awaited one by one", "spans", 50, 10, one_by_one
    ),
    Workload("in_batch", "a span with an artifact, inside a batch", "spans", 2000, 300, in_batch),
    Workload("write_2000", "artifacts of one span", "artifacts", 2000, 1000, write_artifacts),
    Workload("write_spans_2000", "spans below one", "spans", 2000, 1000, write_spans),
    Workload(
        "write_100000", "artifacts of one span", "artifacts", 100_000, 5000, write_artifacts,
        rounds=5,
    ),
    Workload(
        "write_spans_100000", "spans below one", "spans", 100_000, 5000, write_spans, rounds=5
    ),
    Workload("processes", "eight writers at once", "artifacts", 16_000, 1600, processes),
]  # fmt: skip
