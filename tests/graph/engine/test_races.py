"""Writers beside writers and deletes beside all of them: nothing half, nothing orphaned."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    ArtigraphError,
    DeleteReport,
    Engine,
    NotFoundError,
    create_span_artifact,
    create_span_artifacts,
    delete_artifacts,
    delete_spans,
    engine_context,
    get_engine,
    read_child_artifacts,
    read_descendant_artifacts,
    read_descendant_spans,
    read_span,
    read_span_artifacts,
    span_context,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.upkeep import delete as upkeep_delete
from tests.examples import few
from tests.graph.models import LINK

TRIALS = few(200, 10)


@dataclass
class RacePart(ArtifactModel, version=1):
    n: int


@dataclass
class RaceWhole(ArtifactModel, version=1):
    n: int
    parts: list[RacePart] = field(default_factory=lambda: [RacePart(1), RacePart(2)])


ORPHANS = """
MATCH (s:Span {label: 'race'}) WHERE s.depth > 0 AND NOT EXISTS { (s)<-[:PARENT_OF]-(:Span) }
RETURN 'span' AS kind, count(s) AS n
UNION ALL
MATCH (a:RaceWhole) WHERE NOT EXISTS { (a)<-[:HAS_ARTIFACT]-(:Span) }
RETURN 'artifact' AS kind, count(a) AS n
UNION ALL
MATCH (a:RaceWhole) WHERE COUNT { (a)-[:HAS_FIELD]->() } <> 2
RETURN 'incomplete' AS kind, count(a) AS n
UNION ALL
MATCH (p:RacePart) WHERE NOT EXISTS { (p)<-[:HAS_FIELD]-(:RaceWhole) }
RETURN 'part' AS kind, count(p) AS n
UNION ALL
MATCH (d:ArtigraphDeleting) RETURN 'marked' AS kind, count(d) AS n
"""


@pytest.fixture
def other(graph_service: Any, session_engine: Engine) -> Iterator[Engine]:
    """A second engine on the same graph, with connections of its own."""
    with engine_context(
        graph_service.uri,
        username=graph_service.username,
        password=graph_service.password,
        database=graph_service.database,
    ) as engine:
        pass  # closing is no end: it is only not the current one
    yield engine
    engine.close()


@pytest.fixture(autouse=True)
async def no_orphans(session_engine: Engine) -> Any:
    """After each test, everything in the graph has what it belongs to."""
    yield
    found = dict(await session_engine.read(ORPHANS, {}))
    assert found == dict.fromkeys(found, 0)


async def _later(work: Coroutine[Any, Any, Any]) -> Any:
    """The result, or the error, of work that begins after a moment of any length."""
    try:
        await asyncio.sleep(random.uniform(0, 0.02))
        return await work
    except ArtigraphError as error:
        return error


async def _tree() -> list[str]:
    """A root, a child and a grandchild, each with an artifact."""
    ids = []
    async with span_context(label="race") as root:
        ids.append(root.node_id)
        await create_span_artifact("current", label="first", data=RaceWhole(1))
        async with span_context(label="race") as child:
            ids.append(child.node_id)
            await create_span_artifact("current", label="first", data=RaceWhole(2))
            async with span_context(label="race") as grandchild:
                ids.append(grandchild.node_id)
                await create_span_artifact("current", label="first", data=RaceWhole(3))
    return ids


WRITER = """
import asyncio, sys
from dataclasses import dataclass
from artigraph_neo4j import ArtifactModel, create_span_artifacts, set_engine
from artigraph_neo4j.errors import DuplicateLabelError
import tests.graph.engine.test_races as races

async def main():
    set_engine()
    await create_span_artifacts(sys.argv[1], {sys.argv[2]: races.RaceWhole(0)})  # connected
    print("ready", flush=True)
    for line in sys.stdin:  # a turn, which the other process is told of in the same moment
        i = int(line)
        try:
            data = {f"{sys.argv[2]}-{i}": races.RaceWhole(i), f"{i}": races.RaceWhole(i)}
            await create_span_artifacts(sys.argv[1], data)
            print("won", flush=True)
        except DuplicateLabelError:
            print("lost", flush=True)

asyncio.run(main())
"""


async def test_two_processes_create_the_same_labels(graph_service: Any) -> None:
    trials = 50
    async with span_context(label="race") as span:
        pass
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, span.node_id, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | graph_service.environment,
        )
        for name in ("a", "b")
    ]
    pipes = [(process.stdin, process.stdout) for process in processes]
    won: list[set[int]] = [set(), set()]
    for _, answers in pipes:
        assert answers is not None
        assert answers.readline() == "ready\n"
    for trial in range(trials):
        for turns, _ in pipes:
            assert turns is not None
            turns.write(f"{trial}\n")
            turns.flush()
        for winner, (_, answers) in zip(won, pipes, strict=True):
            assert answers is not None
            if answers.readline() == "won\n":
                winner.add(trial)
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    first, second = won
    assert first | second == set(range(trials))
    assert first & second == set()
    assert min(len(first), len(second)) > 0, "they did not race"
    # Whoever lost has recorded nothing: the other label of the same call is not there either.
    expected = {"a", "b", *map(str, range(trials))}
    expected |= {f"a-{i}" for i in first} | {f"b-{i}" for i in second}
    assert set(await read_span_artifacts(span.node_id)) == expected


async def test_a_delete_beside_creates_below_it(other: Engine) -> None:
    outcomes: Counter[str] = Counter()

    async def artifact(span: str) -> str:
        with engine_context(other):
            return await create_span_artifact(span, label="new", data=RaceWhole(9))

    async def span(parent: Any) -> str:
        with engine_context(other):
            async with span_context(parent), span_context(label="race") as opened:
                await create_span_artifact("current", data=RaceWhole(10))
            return opened.node_id

    for _ in range(TRIALS):
        ids = await _tree()
        spans = [await read_span(node_id) for node_id in ids]
        report, *found = await asyncio.gather(
            _later(delete_spans(ids[0])),
            *(_later(artifact(node_id)) for node_id in ids),
            *(_later(span(parent)) for parent in spans),
        )
        assert isinstance(report, DeleteReport)
        assert report.spans >= 3
        for outcome in found:
            assert isinstance(outcome, (str, NotFoundError)), outcome
            outcomes["failed" if isinstance(outcome, NotFoundError) else "came first"] += 1
        assert await _left([*ids, *(node_id for node_id in found if isinstance(node_id, str))]) == 0
    assert min(outcomes["failed"], outcomes["came first"]) > TRIALS / 10, outcomes


async def _left(ids: list[str]) -> int:
    ((count,),) = await get_engine().read(
        "UNWIND $ids AS id MATCH (n:ArtigraphNode {node_id: id}) RETURN count(n)", {"ids": ids}
    )
    return int(count)


async def test_a_delete_beside_open_spans_below_it(other: Engine) -> None:
    """Spans are opened and closed below a tree while it goes; each is told what became of it."""
    outcomes: Counter[str] = Counter()

    async def work(parent: Any) -> str:
        with engine_context(other):
            async with span_context(parent), span_context(label="race"):
                await asyncio.sleep(random.uniform(0, 0.03))
                async with span_context(label="race"):
                    await create_span_artifact("current", data=RaceWhole(1))
                    await asyncio.sleep(random.uniform(0, 0.03))
        return "closed"

    for _ in range(TRIALS // 2):
        ids = await _tree()
        spans = [await read_span(node_id) for node_id in ids]
        report, *found = await asyncio.gather(
            _later(delete_spans(ids[0])), *(_later(work(span)) for span in spans * 2)
        )
        assert isinstance(report, DeleteReport)
        for outcome in found:
            assert outcome == "closed" or isinstance(outcome, NotFoundError), outcome
            outcomes["closed" if outcome == "closed" else "failed"] += 1
    assert outcomes["failed"] > 0


async def test_deletes_of_overlapping_trees(other: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep_delete, "BATCH", 4)

    async def delete(ids: list[str]) -> DeleteReport:
        with engine_context(other):
            return await delete_spans(*ids)

    for _ in range(TRIALS):
        ids = await _tree()
        reports = await asyncio.gather(
            _later(delete_spans(ids[0])),
            _later(delete(ids[1:])),
            _later(delete([ids[2]])),
            _later(delete([ids[0]])),
        )
        done = [report for report in reports if isinstance(report, DeleteReport)]
        for report in reports:
            assert isinstance(report, (DeleteReport, NotFoundError)), report
        assert done
        assert sum(report.spans for report in done) == 3
        assert sum(report.artifacts for report in done) == 3
        assert sum(report.nested for report in done) == 6
        assert await _left(ids) == 0


async def test_a_link_beside_a_delete_is_kept_or_refused(other: Engine) -> None:
    outcomes: Counter[str] = Counter()
    async with span_context(label="race") as around:
        pass
    for i in range(TRIALS):
        async with span_context(label="race") as span:
            made = await create_span_artifact("current", data=RaceWhole(i))
        report, rows = await asyncio.gather(
            _later(delete_spans(span.node_id)),
            _later(other.write(LINK, {"span": around.node_id, "artifact": made})),
        )
        assert isinstance(report, DeleteReport)
        assert rows in ([], [[made]])
        outcomes["kept" if rows else "refused"] += 1
        assert (report.artifacts, report.kept) == ((0, 1) if rows else (1, 0))
        assert await _left([made]) == len(rows)
    assert len(await read_child_artifacts(around.node_id)) == outcomes["kept"]
    assert min(outcomes["kept"], outcomes["refused"]) > 0, outcomes


async def test_a_note_beside_a_delete(other: Engine) -> None:
    note = (
        "MATCH (n:ArtigraphNode {node_id: $id}) "
        "MERGE (n)-[:HAS_NOTE]->(:ArtigraphNote {note_id: $note}) RETURN n.node_id"
    )
    run = new_id()
    for _ in range(TRIALS // 2):
        ids = await _tree()
        ((artifact,),) = await other.read(
            "MATCH (:ArtigraphNode {node_id: $id})-[:HAS_ARTIFACT]->(a) RETURN a.node_id",
            {"id": ids[2]},
        )
        report, *_ = await asyncio.gather(
            _later(delete_spans(ids[0])),
            *(
                _later(other.write(note, {"id": node_id, "note": f"{run}-{node_id}"}))
                for node_id in [*ids, artifact]
            ),
        )
        assert isinstance(report, DeleteReport)
    rows = await other.read(
        "MATCH (n:ArtigraphNote) WHERE n.note_id STARTS WITH $run RETURN count(n)", {"run": run}
    )
    assert rows == [[0]]


async def test_reads_beside_a_delete_see_a_tree_or_say_that_it_goes(
    other: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep_delete, "BATCH", 2)
    outcomes: Counter[str] = Counter()

    async def read(reads: Any, span: str) -> Any:
        with engine_context(other):
            return await reads(span)

    for _ in range(TRIALS // 2):
        async with span_context(label="race") as around:
            ids = await _tree()
        report, *found = await asyncio.gather(
            _later(delete_spans(ids[0])),
            *(_later(read(read_descendant_artifacts, node_id)) for node_id in ids),
            *(_later(read(read_descendant_spans, node_id)) for node_id in ids),
            *(_later(read(read_descendant_spans, around.node_id)) for _ in range(3)),
            *(_later(read(read_span_artifacts, node_id)) for node_id in ids),
        )
        assert isinstance(report, DeleteReport)
        for outcome in found:
            outcomes[type(outcome).__name__] += 1
        # From above, the tree is there or it is not: one relationship leads to it.
        assert {len(spans) for spans in found[6:9]} <= {0, 3}
        for outcome in [*found[:6], *found[9:]]:
            assert isinstance(outcome, (list, dict, NotFoundError)), outcome
    assert outcomes["NotFoundError"] > 0


async def test_creates_and_deletes_of_artifacts(other: Engine) -> None:
    async with span_context(label="race") as span:
        pass

    async def create(n: int) -> dict[str, str]:
        with engine_context(other):
            return await create_span_artifacts(span.node_id, {f"{n}": RaceWhole(n)})

    for n in range(TRIALS // 2):
        made = await create(n)
        first, second, _ = await asyncio.gather(
            _later(delete_artifacts(made[f"{n}"])),
            _later(delete_artifacts(made[f"{n}"])),
            _later(create(TRIALS + n)),
        )
        done = [report for report in (first, second) if isinstance(report, DeleteReport)]
        assert done
        assert sum(report.artifacts for report in done) == 1
        assert sum(report.nested for report in done) == 2
    assert len(await read_child_artifacts(span.node_id)) == TRIALS // 2
