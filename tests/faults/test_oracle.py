"""The oracle finds each kind of anomaly, and none where all is well."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j import create_span_artifact, engine_context, span_context
from artigraph_neo4j.common.ids import new_id
from tests.faults.history import History
from tests.faults.journal import Journal
from tests.faults.models import OFFLOAD_BYTES, thing
from tests.faults.oracle import Oracle
from tests.faults.program import Place


@dataclass
class Recorded:
    """A span with two artifacts, and the diary of who recorded them."""

    oracle: Oracle
    journal: Journal
    path: Path
    keys: list[str]
    ids: list[str]
    span_id: str

    async def run(self, text: str, **parameters: Any) -> None:
        """A statement that does damage."""
        await self.oracle.engine.write(text, {"ids": self.ids, **parameters})

    async def judge(self) -> set[str]:
        """The kinds of anomalies that are found."""
        self.oracle.history = History.read(self.path)
        await self.oracle.judge()
        return {anomaly.kind for anomaly in self.oracle.anomalies}


def key_with(run: str, *, large: bool, part: bool) -> str:
    """A key whose artifact is like that."""
    keys = (f"{run}/{i}" for i in range(10_000))
    return next(
        key
        for key in keys
        if (len(thing(key).data) > OFFLOAD_BYTES) is large and (thing(key).part is not None) is part
    )


@pytest.fixture
async def recorded(place: Place, tmp_path: Path) -> AsyncIterator[Recorded]:
    run = f"o{new_id().replace('-', '')[-12:]}"
    engine = place.engine(run, 30.0)
    journal = Journal(tmp_path / "0.journal")
    assert engine.storage is not None
    with engine_context(engine):
        oracle = Oracle(engine, engine.storage, run, History())
        span_key = f"{run}/span"
        keys = [key_with(run, large=True, part=True), key_with(run, large=False, part=False)]
        journal.attempt(span_key, "span")
        async with span_context(label=span_key) as span:
            journal.stored(span_key, span.node_id)
            ids = []
            for key in keys:
                journal.attempt(key, "artifact", parent=span_key, group="both")
                ids.append(await create_span_artifact("current", label=key, data=thing(key)))
                journal.stored(key, ids[-1])
        journal.note("closed", key=span_key, id=span.node_id)
        yield Recorded(oracle, journal, tmp_path, keys, ids, span.node_id)
        await engine.write("MATCH (n {key: $key}) DETACH DELETE n", {"key": keys[0]})
    await engine.aclose()


async def test_nothing_is_found_where_all_is_well(recorded: Recorded) -> None:
    assert await recorded.judge() == set()
    assert recorded.oracle.compared == 2
    rows = await recorded.oracle.engine.read(
        "MATCH (n) WHERE n.node_id IN $ids RETURN n", {"ids": [*recorded.ids, recorded.span_id]}
    )
    assert rows == [], "what was judged is deleted"


DAMAGE = {
    "lost": "MATCH (n:Artifact {node_id: $ids[1]}) DETACH DELETE n",
    "half written": "MATCH (n {node_id: $ids[1]}) DETACH DELETE n",
    "value": "MATCH (n {node_id: $ids[1]}) SET n.n = n.n + 1",
    "undone": "MATCH (n {node_id: $ids[1]})<--(s:Span) REMOVE s.closed_at",
    "doubled": "MATCH (n {node_id: $ids[1]}) "
    "CREATE (:Artifact:ArtigraphNode:Thing {key: n.key, node_id: 'x'})",
    "misplaced": "MATCH (n {node_id: $ids[1]})<-[h:HAS_ARTIFACT]-() DELETE h",
    "never attempted": "MATCH (n {node_id: $ids[1]}) SET n.key = n.key + '?'",
    "unreadable": "MATCH ({node_id: $ids[0]})-[:STORED_IN]->(b) SET b.digest = 'f' + b.digest",
}


@pytest.mark.parametrize("kind", DAMAGE)
async def test_damage_to_the_graph_is_found(recorded: Recorded, kind: str) -> None:
    await recorded.run(DAMAGE[kind])
    try:
        assert kind in await recorded.judge()
    finally:
        await recorded.run("MATCH (n) WHERE n.node_id IN $ids + ['x'] DETACH DELETE n")


async def test_an_object_that_was_collected_is_found(recorded: Recorded) -> None:
    ((location,),) = await recorded.oracle.engine.read(
        "MATCH ({node_id: $id})-[:STORED_IN]->(b) RETURN b.location", {"id": recorded.ids[0]}
    )
    await recorded.oracle.engine.call(lambda: recorded.oracle.storage.delete(location))
    assert {"collected what was needed", "unreadable"} <= await recorded.judge()


async def test_what_the_diary_says_wrongly_is_found(recorded: Recorded) -> None:
    recorded.journal.note("lost", kind="artifact", id=recorded.ids[0])
    recorded.journal.note("deleting", keys=recorded.keys)
    recorded.journal.note("deleted", keys=recorded.keys[:1])
    recorded.journal.note("wrong", kind="own write not read", text="said by the program")
    found = await recorded.judge()
    assert found == {"not lost", "deletion undone", "own write not read"}


async def test_half_of_a_deleted_tree_is_found(recorded: Recorded) -> None:
    recorded.journal.note("deleting", keys=recorded.keys, together=True)
    await recorded.run("MATCH (n {node_id: $ids[1]}) DETACH DELETE n")
    assert "half deleted" in await recorded.judge()


async def test_waits_secrets_and_noise_are_found(recorded: Recorded) -> None:
    oracle = recorded.oracle
    begin = time.monotonic() - 100
    recorded.journal.note("call", call="create", begin=begin)
    oracle.history = History.read(recorded.path)
    oracle.waits({0: 1.0}, {0: [(begin, begin + 99)]})
    assert oracle.anomalies == [], "time asleep does not count"
    oracle.waits({0: 1.0}, {})
    recorded.journal.note("call", call="end of batch", begin=begin, moved=time.monotonic())
    oracle.history = History.read(recorded.path)
    oracle.history.calls = oracle.history.calls[1:]
    oracle.waits({0: 1.0}, {})
    secret = "hunter2"
    texts = [("0.err", f"login {secret}"), ("1.err", "Task exception was never retrieved")]
    oracle.output(iter(texts), [secret])
    assert [anomaly.kind for anomaly in oracle.anomalies] == ["waited", "secret", "noise"], (
        "an end of a batch counts from its last progress"
    )
