"""Schedules on a cluster that ``Router`` plays: leaders change, members die, lag behind, start.

Between the calls of one program, and inside of them, the cluster changes. Each write has to be
there once, and the program has to read what it wrote.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from artigraph_neo4j import (
    Engine,
    batch,
    create_span_artifact,
    delete_artifacts,
    delete_span,
    engine_context,
    read_span_artifacts,
    revise_artifact,
    span_context,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.engine.target import choose_target
from artigraph_neo4j.errors import NotFoundError
from tests.faults.history import Anomaly
from tests.faults.models import Thing, thing
from tests.faults.program import Place, first_contact
from tests.faults.router import Router

__all__ = ["RoutingOutcome", "run_routing"]

RETRY_SECONDS = 60.0
"""Seconds within which a cluster that changes has to take a write."""

_FOUND = "MATCH (n:Thing) WHERE n.key STARTS WITH $run RETURN n.key, count(*)"


@dataclass
class RoutingOutcome:
    """What came of one schedule on a cluster.

    Attributes:
        seed: What it follows from.
        anomalies: What must not be.
        played: Number of changes of the cluster, by kind.
        acknowledged: Number of writes that were acknowledged.
        compared: Number of values that were read and compared.
    """

    seed: int
    anomalies: list[Anomaly] = field(default_factory=list)
    played: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    compared: int = 0


async def run_routing(place: Place, seed: int) -> RoutingOutcome:
    """Run the schedule of a seed on a cluster of its own before the place's Neo4j."""
    draw = random.Random(seed)
    outcome = RoutingOutcome(seed)
    run = f"r{new_id().replace('-', '')[-12:]}"
    router = Router(place.bolt, draw.choice([2, 3, 5]), ttl=draw.choice([0, 1, 300]))
    with router.running() as url:
        target = choose_target(url, username=place.username, password=place.password, database=None)
        engine = Engine(target, create_schema=True, retry_seconds=RETRY_SECONDS)
        with engine_context(engine):
            await first_contact(engine)
            cluster = _Cluster(router, draw, outcome.played)
            program = _Program(run, draw, outcome)
            try:
                for _ in range(draw.randrange(5, 11)):
                    cluster.change()
                    await program.act()
            except Exception as error:
                outcome.anomalies.append(Anomaly("error", repr(error)))
            finally:
                router.revive()
            await program.judge(engine)
        await engine.aclose()
    outcome.played["write refused by a follower"] = router.refused
    outcome.played["member died in a commit"] += router.died
    outcome.played["read refused by a member behind"] = router.waited
    for text in router.stale:
        outcome.anomalies.append(Anomaly("read without a bookmark", text))
    return outcome


class _Cluster:
    """Changes a cluster, so that a majority of it is alive and it comes to rest."""

    def __init__(self, router: Router, draw: random.Random, played: Counter[str]) -> None:
        self._router, self._draw, self._played = router, draw, played

    def change(self) -> None:
        """Change it once, or not."""
        router, draw = self._router, self._draw
        alive = [m for m in router.members if not m.dead]
        if len(alive) < 2:
            router.revive()
            self._played["members came back"] += 1
            return
        follower = draw.choice([m for m in alive if m.number != router.leader])
        leader = router.members[router.leader]
        kind = draw.choice(
            [
                *("leader changed", "leader changed, tables stale", "member behind"),
                *("dies before", "dies after", "member starting", "follower killed", ""),
            ]
        )
        match kind:
            case "leader changed":
                router.elect(follower.number)
            case "leader changed, tables stale":
                router.elect(follower.number, told=False)
                loop = asyncio.get_running_loop()
                loop.call_later(draw.uniform(0.05, 0.5), self._tell)
            case "member behind":
                for member in router.members:
                    member.behind = draw.randrange(1, 4)
            case "dies before" | "dies after":
                leader.dies = kind.removeprefix("dies ")
            case "member starting":
                draw.choice(alive).unavailable = draw.randrange(1, 3)
            case "follower killed":
                router.kill(follower.number)
            case _:
                return
        if not kind.startswith("dies"):
            self._played[kind] += 1

    def _tell(self) -> None:
        self._router.told_leader = self._router.leader


class _Program:
    """What is recorded on the cluster."""

    def __init__(self, run: str, draw: random.Random, outcome: RoutingOutcome) -> None:
        self._run, self._draw, self._outcome = run, draw, outcome
        self._number = 0
        self._there: set[str] = set()
        self._gone: set[str] = set()
        self._roots: list[str] = []
        self._loose: list[str] = []

    async def act(self) -> None:
        """Write something, and read it."""
        actions: list[Callable[[], Awaitable[None]]] = [
            *(self._artifact, self._span, self._revise, self._delete, self._batch)
        ]
        await self._draw.choice(actions)()

    def _key(self) -> str:
        self._number += 1
        return f"{self._run}/{self._number}"

    def _acknowledge(self, *keys: str) -> None:
        self._there.update(keys)
        self._outcome.acknowledged += len(keys)

    async def _compare(self, key: str, node_id: str) -> None:
        self._outcome.compared += 1
        try:
            found = await Thing.read(node_id)
        except NotFoundError as error:
            self._outcome.anomalies.append(Anomaly("own write not read", f"{key}: {error}"))
            return
        if found != thing(key):
            self._outcome.anomalies.append(Anomaly("value", key))

    async def _artifact(self) -> None:
        key = self._key()
        node_id = await thing(key).create(key)
        self._acknowledge(key)
        self._loose.append(node_id)
        await self._compare(key, node_id)

    async def _span(self) -> None:
        async with span_context(label=self._key()) as span:
            self._roots.append(span.node_id)
            key = self._key()
            node_id = await create_span_artifact("current", label=key, data=thing(key))
            self._acknowledge(key)
            await self._compare(key, node_id)

    async def _revise(self) -> None:
        old, new = self._key(), self._key()
        first = await thing(old).create(old)
        self._acknowledge(old)
        self._loose.append(first)
        second = await revise_artifact(first, thing(new))
        self._acknowledge(new)
        self._loose.append(second)
        await self._compare(new, second)

    async def _delete(self) -> None:
        key = self._key()
        node_id = await thing(key).create(key)
        await delete_artifacts(node_id)
        self._gone.add(key)
        self._outcome.acknowledged += 2
        try:
            await Thing.read(node_id)
        except NotFoundError:
            return
        self._outcome.anomalies.append(Anomaly("own delete not seen", key))

    async def _batch(self) -> None:
        keys = [self._key() for _ in range(self._draw.randrange(2, 8))]
        async with batch(rows=3), span_context(label=self._key()) as span:
            self._roots.append(span.node_id)
            for key in keys:
                await create_span_artifact("current", label=key, data=thing(key))
        self._acknowledge(*keys)
        found = await read_span_artifacts(span.node_id)
        self._outcome.compared += len(keys)
        if found != {key: thing(key) for key in keys}:
            self._outcome.anomalies.append(Anomaly("own write not read", f"batch {keys}"))

    async def judge(self, engine: Engine) -> None:
        """Everything is there once, what was deleted is not; then delete it all."""
        rows = await engine.read(_FOUND, {"run": f"{self._run}/"})
        found: dict[str, int] = {row[0]: row[1] for row in rows}
        for key in self._there - set(found):
            self._outcome.anomalies.append(Anomaly("lost", key))
        for key, count in found.items():
            if count > 1:
                self._outcome.anomalies.append(Anomaly("doubled", key))
            if key in self._gone:
                self._outcome.anomalies.append(Anomaly("deletion undone", key))
        for span_id in self._roots:
            await delete_span(span_id)
        if self._loose:
            await delete_artifacts(*self._loose)
