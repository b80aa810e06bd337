"""A cluster that is played before one server; ``make soak ARGS=--routing`` runs more schedules."""

from __future__ import annotations

import asyncio
from collections import Counter

from artigraph_neo4j import Engine, engine_context
from artigraph_neo4j.engine.target import choose_target
from tests.faults.models import Thing, thing
from tests.faults.program import Place
from tests.faults.router import Router
from tests.faults.routing import run_routing

SEEDS = range(6)


async def test_each_write_is_there_once_and_is_read_whatever_the_cluster_does(
    place: Place,
) -> None:
    outcomes = await asyncio.gather(*(run_routing(place, seed) for seed in SEEDS))
    assert {o.seed: o.anomalies for o in outcomes if o.anomalies} == {}
    played = sum((o.played for o in outcomes), Counter[str]())
    assert played["member died in a commit"] > 2, played
    assert played["write refused by a follower"] > 2, played
    assert played["read refused by a member behind"] > 2, played


async def test_the_member_that_the_url_names_may_go(place: Place) -> None:
    """The default database is remembered: the driver would ask the named member for it each time,
    although it knows the others."""
    router = Router(place.bolt, members=3)
    with router.running():
        url = f"neo4j://127.0.0.1:{router.members[0].port}"
        target = choose_target(url, username=place.username, password=place.password, database=None)
        engine = Engine(target, create_schema=True, retry_seconds=20)
        with engine_context(engine):
            first = await thing("routing/1").create()
            router.kill(0)
            second = await thing("routing/2").create()
            assert await Thing.read(second) == thing("routing/2")
            assert await Thing.read(first) == thing("routing/1")
            assert router.stale == []
        await engine.aclose()


async def test_the_router_notices_a_read_without_a_bookmark(place: Place) -> None:
    """What the schedules rely on: another client knows of no write, and a member that lags would
    show it an old state."""
    router = Router(place.bolt, members=2)
    with router.running() as url:
        target = choose_target(url, username=place.username, password=place.password, database=None)
        writer, reader = (Engine(target, create_schema=True) for _ in range(2))
        await reader.graph()
        with engine_context(writer):
            node_id = await thing("routing/3").create()
        with engine_context(reader):
            await Thing.read(node_id)
        assert "ArtigraphNode {node_id: $all_.node_id}" in router.stale[-1]
        await writer.aclose()
        await reader.aclose()
