"""How workloads are measured: every side of one in turn, so that what else the machine does hits
all of them; the first turn warms up and is kept apart."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from neo4j import AsyncDriver, AsyncGraphDatabase

from artigraph_neo4j import Engine, engine_context, span_context
from artigraph_neo4j.graph.parameters import with_one_map
from artigraph_neo4j.local import StackInfo
from tests.benchmarks import floor, machine
from tests.benchmarks.outside import Outside

T = TypeVar("T")
Numbers = dict[str, float]
Report = Callable[[str], object]


@dataclass
class Side:
    """One way to do a workload.

    Attributes:
        name: Who does it: ``library``, ``floor``, ``neomodel`` ...
        run: Does it once, and returns the seconds that count, and other numbers perhaps.
        items: How many it does, where that is not the workload's size.
        rounds: At most so many rounds, for what takes long.
        warm: Whether a first turn is needed that does not count.
    """

    name: str
    run: Callable[[], Awaitable[float | Numbers]]
    items: int | None = None
    rounds: int | None = None
    warm: bool = True


@dataclass
class Bench:
    """What workloads measure on."""

    info: StackInfo
    engine: Engine
    driver: AsyncDriver
    quick: bool
    outside: dict[str, Outside]
    most: int | None = None
    """No workload is larger than this; for a smoke test."""
    size: int | None = None
    """The size of each workload, where one was asked for."""
    made: dict[Any, Any] = field(default_factory=dict)
    """What was made once for several workloads, by what it is."""
    at_end: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    """What closes it all, last one first."""

    def capped(self, size: int) -> int:
        """A size, or the largest that is allowed."""
        return size if self.most is None else min(size, self.most)

    @property
    def database(self) -> str:
        return self.info.database

    async def span(self, label: str = "bench") -> str:
        """The id of a new span, closed, for artifacts or children of its own."""
        async with span_context(label=label) as span:
            return span.node_id

    async def cypher(self, text: str, **parameters: Any) -> list[list[Any]]:
        async with self.driver.session(database=self.database) as session:
            result = await session.run(text, parameters)  # type: ignore[arg-type]
            return await result.values()

    async def hits(self, text: str, parameters: dict[str, Any]) -> int:
        """The database hits of a statement."""
        return (await self.profile(text, parameters))[0]

    async def profile(self, text: str, parameters: dict[str, Any]) -> tuple[int, int]:
        """The database hits of a statement, and the bytes that its transaction held at most."""
        async with self.driver.session(database=self.database) as session:
            result = await session.run(*with_one_map(f"PROFILE {text}", parameters))  # type: ignore[arg-type]
            plan = (await result.consume()).profile
        return (0, 0) if plan is None else (_hits(plan), int(plan["args"].get("GlobalMemory", 0)))

    async def once(self, key: Any, make: Callable[[], Awaitable[T]]) -> T:
        if key not in self.made:
            self.made[key] = await make()
        found: T = self.made[key]
        return found


def _hits(plan: dict[str, Any]) -> int:
    return int(plan.get("dbHits", 0)) + sum(map(_hits, plan.get("children", [])))


@dataclass(frozen=True)
class Workload:
    """Something to measure.

    Attributes:
        name: What ``--only`` and the report know it by.
        title: What it is, for people.
        unit: What there are ``size`` of.
        size: How many, in a full run.
        quick: How many in a quick one.
        build: Makes all that is needed and returns the sides.
        group: Workloads of one group share a database, which starts empty.
        rounds: How many rounds count in a full run.
    """

    name: str
    title: str
    unit: str
    size: int
    quick: int
    build: Callable[[Bench, int], Coroutine[Any, Any, list[Side]]]
    group: str = "write"
    rounds: int = 7


@asynccontextmanager
async def bench_on(
    info: StackInfo,
    quick: bool,
    outside: dict[str, Outside],
    most: int | None = None,
    size: int | None = None,
) -> AsyncIterator[Bench]:
    """An engine, which is the current one inside, and a plain driver on one stack."""
    driver = AsyncGraphDatabase.driver(
        info.bolt_url, auth=(info.username, info.password), notifications_min_severity="OFF"
    )
    given = {"username": info.username, "password": info.password, "database": info.database}
    async with engine_context(info.bolt_url, **given, create_schema=True) as engine, driver:
        await driver.execute_query(
            "MATCH (n) RETURN count(n)"
        )  # the first takes long on a busy machine
        await engine.ready()
        bench = Bench(info, engine, driver, quick, outside, most, size)
        await bench.cypher(floor.RULE)
        try:
            yield bench
        finally:
            for close in reversed(bench.at_end):
                await close()


async def timed(work: Awaitable[T]) -> tuple[float, T]:
    """The seconds that something took, and what came of it, which lives until it is dropped."""
    begin = time.perf_counter()
    done = await work
    return time.perf_counter() - begin, done


async def measure(
    bench: Bench, workload: Workload, rounds: int | None, without: Iterable[str], report: Report
) -> dict[str, Any]:
    """Everything that was seen of one workload."""
    size = bench.size or bench.capped(workload.quick if bench.quick else workload.size)
    planned = rounds or (3 if bench.quick else workload.rounds)
    begin = time.perf_counter()
    sides = [side for side in await workload.build(bench, size) if side.name not in without]
    report(f"{workload.name}: {size:,} {workload.unit}; {', '.join(s.name for s in sides)}")
    samples: dict[str, list[Numbers]] = {side.name: [] for side in sides}
    first: dict[str, float] = {}
    failed: dict[str, str] = {}
    for turn in range(-1, planned):
        shift = turn % len(sides) if sides else 0
        for side in sides[shift:] + sides[:shift]:
            most = planned if side.rounds is None else min(planned, side.rounds)
            if side.name in failed or turn >= most or (turn < 0 and not side.warm):
                continue
            try:
                sample = await _sample(side)
            except Exception as error:  # the others go on
                failed[side.name] = f"{type(error).__name__}: {error}"
                report(f"{workload.name}: {side.name} failed: {failed[side.name][:300]}")
                continue
            if turn >= 0:
                samples[side.name].append(sample)
            elif "seconds" in sample:
                first[side.name] = sample["seconds"] / (side.items or size) * 1e6
    return {
        "title": workload.title,
        "unit": workload.unit,
        "size": size,
        "took": round(time.perf_counter() - begin, 1),
        "failed": failed,
        "sides": {
            side.name: _summary(side.items or size, samples[side.name])
            | {"first_us": first.get(side.name)}
            for side in sides
        },
    }


async def _sample(side: Side) -> Numbers:
    gc.collect()
    before = machine.load()
    numbers = await side.run()
    found = dict(numbers) if isinstance(numbers, dict) else {"seconds": numbers}
    return {**found, "load": before}


def _summary(items: int, samples: list[Numbers]) -> dict[str, Any]:
    names = list(dict.fromkeys(name for sample in samples for name in sample))
    medians = {name: statistics.median(s[name] for s in samples if name in s) for name in names}
    return {
        "items": items,
        "median": medians,
        "each_us": medians["seconds"] / items * 1e6 if "seconds" in medians else None,
        "samples": samples,
    }
