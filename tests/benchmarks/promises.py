"""What each promise of the library costs: one more is kept from row to row, in one run."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from uuid_utils import uuid7

from artigraph_neo4j import batch, create_span_artifact, span_context
from artigraph_neo4j.common.times import epoch
from artigraph_neo4j.graph.cypher import write
from artigraph_neo4j.graph.names import INDEXED_LABEL, UNINDEXED_LABEL
from artigraph_neo4j.recording.work import artifact_key
from tests.benchmarks import floor, machine
from tests.benchmarks.floor import LEAST, OURS
from tests.benchmarks.harness import Bench, Numbers, Side, Workload, timed
from tests.benchmarks.models import BenchPair

STEPS = {
    "floor": LEAST,
    "+ indexes": replace(OURS, has="FLOOR_ARTIFACT", keyed=False),
    "+ unique labels": OURS,
    "+ search": replace(OURS, words=f":{UNINDEXED_LABEL}"),
    "search at once": replace(OURS, words=f":{INDEXED_LABEL}"),
}
"""What is written by hand. The last one would add to the index of full-text search in the same
commit; the library does so later, for many at once (``index words`` is that, for a span)."""


MADE_BY = "-[:MADE_BY]->(s)"
"""The part of the statement that leads from an artifact to its maker."""


async def one_by_one(bench: Bench, size: int) -> list[Side]:
    """Spans with an artifact, each awaited: three commits of the floor, and what comes on top."""
    root = await floor.root(bench.driver, bench.database)
    ours = await bench.span("promises")
    to = (bench.driver, bench.database)

    async def each(work: Callable[[int], Awaitable[object]]) -> float:
        async def all_of_them() -> None:
            for i in range(size):
                await work(i)

        return (await timed(all_of_them()))[0]

    def by_hand(of: floor.Rules) -> Callable[[], Awaitable[float]]:
        parent = root if of is LEAST else ours
        return lambda: each(
            lambda i: floor.span_with_artifact(*to, parent, "bench", BenchPair(i, i / 7), of)
        )

    async def library() -> float:
        async def work(i: int) -> None:
            async with span_context(label="work"):
                await create_span_artifact("current", label="pair", data=BenchPair(i, i / 7))

        async with span_context(label="promises"):
            return await each(work)

    async def index_words() -> float:
        """The spans and artifacts of a round, added to the index of full-text search."""
        await bench.engine.index_words()
        await each(lambda i: floor.span_with_artifact(
            *to, ours, "bench", BenchPair(i, i / 7), STEPS["+ search"]))  # fmt: skip
        return (await timed(bench.engine.index_words()))[0]

    statements = _Statements(bench, ours)
    return [
        Side("three commits", lambda: each(lambda i: floor.three_commits(*to, root, i))),
        *(Side(name, by_hand(of)) for name, of in STEPS.items()),
        Side("+ checks", lambda: each(statements.span_with_artifact)),
        Side("library", library),
        Side("index words", index_words),
    ]


async def in_batch(bench: Bench, size: int) -> list[Side]:
    """Spans with an artifact, many in a statement."""
    root = await floor.root(bench.driver, bench.database)
    ours = await bench.span("promises")
    data = [BenchPair(i, 0.5) for i in range(size)]

    def by_hand(of: floor.Rules) -> Callable[[], Awaitable[float]]:
        async def work() -> float:
            parent = root if of is LEAST else ours
            to = (bench.driver, bench.database, parent)
            return (await timed(floor.write_spans_with_artifact(*to, data, of)))[0]

        return work

    async def library() -> float:
        async def work() -> None:
            async with batch():
                for pair in data:
                    async with span_context(label="work"):
                        await create_span_artifact("current", label="pair", data=pair)

        async with span_context(label="promises"):
            return (await timed(work()))[0]

    async def index_words() -> float:
        await bench.engine.index_words()
        await by_hand(STEPS["+ search"])()
        return (await timed(bench.engine.index_words()))[0]

    return [
        *(Side(name, by_hand(of)) for name, of in STEPS.items()),
        Side("library", library),
        Side("index words", index_words),
    ]


async def layouts_alone(bench: Bench, size: int) -> list[Side]:
    """Artifacts of one span in one statement."""
    ours = await bench.span("layouts")
    statements = _Statements(bench, ours)
    return _layouts(statements, lambda words: statements.artifacts(ours, _pairs(size), words))


async def layouts_batch(bench: Bench, size: int) -> list[Side]:
    """Spans with an artifact each in one statement, as a batch writes them."""
    statements = _Statements(bench, await bench.span("layouts"))
    return _layouts(statements, lambda words: statements.spans_with_artifact(_pairs(size), words))


def _pairs(size: int) -> list[BenchPair]:
    return [BenchPair(i, i / 7) for i in range(size)]


def _layouts(statements: _Statements, parameters: Callable[[bool], dict[str, Any]]) -> list[Side]:
    """The statement as it is, and as it was in the layout before.

    That had no ``MADE_BY``, and no label by which full-text search learns of nodes later.
    """
    bench = statements.bench
    port = int(bench.info.bolt_url.rpartition(":")[2])

    def side(name: str, left_out: str, words: bool) -> Side:
        hits: list[int] = []

        async def run() -> Numbers:
            if not hits:
                given = parameters(words)
                text = write.statement(given).replace(left_out, "")
                hits.append(await bench.hits(text, statements.once(given)))
            given = parameters(words)
            text = write.statement(given).replace(left_out, "")
            before = machine.cpu_of(port)
            seconds, _ = await timed(statements.send(text, given))
            cpu = machine.cpu_of(port) - before
            return {"seconds": seconds, "server_cpu": cpu, "hits": hits[0]}

        return Side(name, run)

    return [
        side("layout 4", "", True),
        side("without MADE_BY", MADE_BY, True),
        side("layout 3", MADE_BY, False),
    ]


async def cold(bench: Bench, size: int) -> list[Side]:
    """The first span with an artifact of a process, on a server that has just started."""

    async def library() -> float:
        begin = time.perf_counter()
        async with span_context(label="first"):
            await create_span_artifact("current", label="pair", data=BenchPair(1, 0.5))
        return time.perf_counter() - begin

    return [Side("library", library, rounds=1, warm=False)]


async def cold_floor(bench: Bench, size: int) -> list[Side]:
    """The same by hand, with a server of its own."""
    root = await floor.root(bench.driver, bench.database)
    to = (bench.driver, bench.database, root)

    async def by_hand() -> float:
        work = floor.span_with_artifact(*to, "bench", BenchPair(1, 0.5), LEAST)
        return (await timed(work))[0]

    return [Side("floor", by_hand, rounds=1, warm=False)]


class _Statements:
    """The library's statements, each applied once and with its checks, sent by the plain driver."""

    def __init__(self, bench: Bench, parent: str) -> None:
        self.bench = bench
        self._parent = parent
        self._lane = str(uuid7())
        self._number = 0

    async def span_with_artifact(self, i: int) -> None:
        span, opened = str(uuid7()), datetime.now(UTC)
        await self._send(
            parents=[[self._parent, [span]]], opened=[self._opened([span], opened, closed=None)]
        )
        await self._send(**self.artifacts(span, [BenchPair(i, i / 7)]))
        closed = datetime.now(UTC)
        ends = {"status": "OK", "duration_": (closed - opened).total_seconds()}
        await self._send(owners=[span], closed=[[span, ends, epoch(closed)]])

    def spans_with_artifact(self, pairs: Sequence[BenchPair], words: bool = True) -> dict[str, Any]:
        """The parameters that write spans that have ended, with an artifact each."""
        spans, now = [str(uuid7()) for _ in pairs], datetime.now(UTC)
        owned = [
            [span, [self._row(span, "pair", pair)]] for span, pair in zip(spans, pairs, strict=True)
        ]
        return {
            "parents": [[self._parent, spans]],
            "opened": [self._opened(spans, now, closed=now, words=words)],
            "owned": [self._group(owned, words)],
        }

    def artifacts(
        self, span: str, pairs: Sequence[BenchPair], words: bool = True
    ) -> dict[str, Any]:
        """The parameters that write artifacts of a span, with labels that are new to it."""
        rows = [
            self._row(span, "pair" if len(pairs) == 1 else f"{uuid7()} {i}", pair)
            for i, pair in enumerate(pairs)
        ]
        return {"owners": [span], "owned": [self._group([[span, rows]], words)]}

    def _opened(
        self, spans: Sequence[str], opened: datetime, *, closed: datetime | None, words: bool = True
    ) -> dict[str, Any]:
        properties = {"label": "work", "label_": "work", "root_id": self._parent, "depth": 1}
        labels = ["ArtigraphNode", "Span"] + [UNINDEXED_LABEL] * words
        if closed is None:
            properties |= {"status": "UNSET", "writer_id": "bench"}
            labels.append("ArtigraphOpen")
        else:
            properties |= {"status": "OK", "duration_": (closed - opened).total_seconds()}
        ends = closed and epoch(closed)
        rows = [[{**properties, "node_id": span}, epoch(opened), ends] for span in spans]
        return {"labels": labels, "rows": rows}

    @staticmethod
    def _row(span: str, label: str, pair: BenchPair) -> list[Any]:
        own = {"node_id": str(uuid7()), "step": pair.step, "loss": pair.loss}
        return [own, epoch(datetime.now(UTC)), label, artifact_key(span, label)]

    @staticmethod
    def _group(spans: list[list[Any]], words: bool) -> dict[str, Any]:
        labels = ["ArtigraphNode", "Artifact", "BenchPair"] + [UNINDEXED_LABEL] * words
        return {"labels": labels, "model": "BenchPair", "model_version": 1,
            "codec": floor.codec(), "spans": spans}  # fmt: skip

    def once(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The parameters, with those by which the next write is applied once."""
        self._number += 1
        until = int(time.time() * 1000) + 60_000
        return {**parameters, "once": [self._lane, self._number, until]}

    async def _send(self, **parameters: Any) -> None:
        await self.send(write.statement(parameters), parameters)

    async def send(self, text: str, parameters: dict[str, Any]) -> None:
        """Run a statement of ours by the plain driver."""
        async with self.bench.driver.session(database=self.bench.database) as session:
            result = await session.run(text, self.once(parameters))  # type: ignore[arg-type]
            await result.consume()


WORKLOADS = [
    Workload(
        "promises", "each with an artifact and awaited", "spans",
        50, 10, one_by_one,
    ),
    Workload(
        "promises_batch", "each with an artifact, many in a statement", "spans",
        2000, 300, in_batch,
    ),
    # First: plans from before the graph has the names of properties look them up in each row.
    Workload(
        "layouts_batch", "each with an artifact, with and without MADE_BY", "spans",
        2000, 300, layouts_batch, group="layouts", rounds=15,
    ),
    Workload(
        "layouts", "of one span in one statement, with and without MADE_BY", "artifacts",
        2000, 300, layouts_alone, group="layouts", rounds=15,
    ),
    Workload(
        "cold", "the first span with an artifact, on a server that has just started", "span",
        1, 1, cold, group="cold", rounds=1,
    ),
    Workload(
        "cold_floor", "the same by hand", "span", 1, 1, cold_floor, group="cold floor", rounds=1
    ),
]  # fmt: skip
