"""``USED``: what is recorded of reading, when, and at what cost."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Span,
    artifact_info,
    batch,
    create_span_artifact,
    create_span_artifacts,
    delete_artifacts,
    engine_context,
    link_artifact,
    read_child_artifacts,
    read_descendant_artifacts,
    read_span,
    read_span_artifact,
    read_span_artifacts,
    record_used,
    span_context,
    sync,
    use,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.engine.scope import Cell
from artigraph_neo4j.errors import (
    ArgumentError,
    DuplicateLabelError,
    NotFoundError,
    SpanError,
)
from artigraph_neo4j.recording import used as uses_module
from tests.graph.models import Part, Whole


@pytest.fixture
def used(query: Any) -> Any:
    async def read(span: Span) -> set[str]:
        rows = await query(
            "MATCH (:Span {node_id: $id})-[u:USED]->(a:Artifact) WHERE u.at IS NOT NULL "
            "RETURN a.node_id",
            id=span.node_id,
        )
        found = [node_id for (node_id,) in rows]
        assert len(found) == len(set(found))
        return set(found)

    return read


async def _source(n: int = 3) -> tuple[Span, dict[str, str]]:
    async with span_context(label="source") as span:
        ids = await create_span_artifacts("current", {str(i): Part(i) for i in range(n)})
    return span, ids


async def test_each_way_to_read_records_what_was_read(used: Any) -> None:
    source, ids = await _source()
    every = set(ids.values())
    reads: dict[str, tuple[Any, set[str]]] = {
        "by id": (lambda: Part.read(ids["1"]), {ids["1"]}),
        "through the base": (lambda: ArtifactModel.read(ids["1"]), {ids["1"]}),
        "by label": (lambda: read_span_artifact(source.node_id, label="0"), {ids["0"]}),
        "all labeled": (lambda: read_span_artifacts(source.node_id), every),
        "of a span": (lambda: read_child_artifacts(source.node_id), every),
        "below a span": (lambda: read_descendant_artifacts(source.node_id), every),
    }
    for name, (read, expected) in reads.items():
        async with span_context(label=name) as span:
            await read()
            await read()
        assert await used(span) == expected, name


async def test_it_costs_no_round_trip(statements: list[Any], used: Any) -> None:
    source, ids = await _source()
    context = span_context(label="reader")
    span = await context.__aenter__()
    statements.clear()
    await read_span_artifacts(source.node_id)
    use(ids["0"])
    assert len(statements) == 1
    statements.clear()
    await context.__aexit__(None, None, None)
    assert len(statements) == 1
    assert await used(span) == set(ids.values())


async def test_the_innermost_span_uses_and_failure_keeps_it(used: Any) -> None:
    _, ids = await _source()
    with pytest.raises(ValueError, match="oops"):
        async with span_context(label="outer") as outer:
            async with span_context(label="inner") as inner:
                await Part.read(ids["0"])
                raise ValueError("oops")
    assert await used(outer) == set()
    assert await used(inner) == {ids["0"]}


async def test_what_a_span_made_itself_is_not_used_by_it(used: Any) -> None:
    _, ids = await _source()
    async with span_context() as span:
        made = await Part(1).create(span="current")
        await Part.read(made)
        await Part.read(ids["2"])
    assert await used(span) == {ids["2"]}


async def test_a_nested_artifact_counts_as_its_whole(used: Any, query: Any) -> None:
    whole = await Whole(1, [Part(1), Part(2)]).create()
    ((part,),) = await query(
        "MATCH ({node_id: $id})-[:HAS_FIELD]->(p) RETURN p.node_id LIMIT 1", id=whole
    )
    async with span_context() as span:
        await Part.read(part)
    assert await used(span) == {whole}


async def test_an_artifact_that_is_gone_or_never_was_is_left_out(used: Any, engine: Engine) -> None:
    _, ids = await _source()
    async with span_context() as span:
        await Part.read(ids["0"])
        await Part.read(ids["1"])
        use("no such artifact", span.node_id)
        await engine.write(
            "MATCH (a:ArtigraphNode {node_id: $id}) DETACH DELETE a", {"id": ids["0"]}
        )
    assert await used(span) == {ids["1"]}
    assert (await read_span(span.node_id)).status == "OK"


async def test_tasks_and_threads_inside_a_span_record_for_it(used: Any) -> None:
    _, ids = await _source(20)
    async with span_context() as span:
        async with asyncio.TaskGroup() as group:
            for node_id in list(ids.values())[:10]:
                group.create_task(Part.read(node_id))
        for node_id in list(ids.values())[10:]:
            await asyncio.to_thread(lambda i=node_id: asyncio.run(Part.read(i)))
    assert await used(span) == set(ids.values())


async def test_reading_outside_of_spans_records_nothing() -> None:
    _, ids = await _source()
    assert await Part.read(ids["0"]) == Part(0)


async def test_a_span_entered_again_records_what_is_read_in_it(
    used: Any, statements: list[Any]
) -> None:
    _, ids = await _source()
    async with span_context(label="first") as span:
        await Part.read(ids["0"])
    again = await read_span(span.node_id)
    statements.clear()
    async with span_context(again):
        pass
    assert statements == []
    async with span_context(again):
        await Part.read(ids["0"])
        await Part.read(ids["1"])
    assert [s.access for s in statements] == ["read", "read", "write"]
    assert await used(span) == {ids["0"], ids["1"]}
    assert (await read_span(span.node_id)).closed_at == again.closed_at


async def test_it_can_be_switched(graph_service: Any, used: Any) -> None:
    _, ids = await _source()
    async with span_context() as span:
        with record_used(False):
            await Part.read(ids["0"])
            with record_used():
                await Part.read(ids["1"])
            use(ids["2"])
    assert await used(span) == {ids["1"], ids["2"]}
    async with engine_context(
        graph_service.uri,
        username=graph_service.username,
        password=graph_service.password,
        database=graph_service.database,
        record_used=False,
    ):
        async with span_context() as span:
            await Part.read(ids["0"])
            with record_used():
                await Part.read(ids["1"])
    assert await used(span) == {ids["1"]}


async def test_what_another_engine_reads_is_not_this_spans(
    graph_service: Any, engine: Engine, used: Any
) -> None:
    _, ids = await _source()
    async with span_context() as span:
        async with engine_context(
            graph_service.uri,
            username=graph_service.username,
            password=graph_service.password,
            database=graph_service.database,
        ):
            await Part.read(ids["0"])
        await Part.read(ids["1"])
    assert await used(span) == {ids["1"]}


@pytest.mark.parametrize("again", [False, True])
async def test_many_are_sent_in_parts(
    again: bool, used: Any, statements: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uses_module, "MAX_USED", 10)
    monkeypatch.setattr("artigraph_neo4j.recording.spans.MAX_USED", 10)
    source, ids = await _source(35)
    async with span_context() as span:
        if not again:
            use(*ids.values())
    if again:
        async with span_context(span):
            statements.clear()
            await read_child_artifacts(source.node_id)
            assert len(statements) == 5  # the read, and all that waited
        assert len(statements) == 5
    assert await used(span) == set(ids.values())


async def test_use_says_what_is_wrong() -> None:
    with pytest.raises(SpanError, match="no span is current"):
        use("x")
    async with span_context():
        with pytest.raises(NotFoundError, match="create it first"):
            use(Part(1))
        with pytest.raises(ArgumentError, match="takes an artifact or its id, not an int"):
            use(1)  # type: ignore[arg-type]


async def test_an_artifact_is_shared_with_another_span(used: Any, statements: list[Any]) -> None:
    source, ids = await _source()
    async with span_context(label="other") as other:
        await create_span_artifact("current", label="own", data=Part(7))
        part = await Part.read(ids["0"])
        statements.clear()
        await link_artifact("current", part, label="shared")
        assert len(statements) == 1
        await link_artifact("current", part, label="shared")
        await link_artifact(other.node_id, ids["0"])
        await link_artifact(other.node_id, ids["1"])
        assert await read_span_artifact("current", label="shared") == Part(0)
    assert list(await read_span_artifacts(other.node_id)) == ["shared", "own"]
    assert len(await read_child_artifacts(other.node_id)) == 3
    assert await used(other) == {ids["0"]}, "shared, but made elsewhere"
    found = await Part.read(ids["0"])
    info = artifact_info(found)
    assert info is not None
    assert (info.span_id, info.label) == (source.node_id, "0"), "it is still its maker's"

    with pytest.raises(DuplicateLabelError, match="another artifact labeled 'own'"):
        await link_artifact(other.node_id, ids["2"], label="own")
    with pytest.raises(DuplicateLabelError, match="as 'shared' already"):
        await link_artifact(other.node_id, ids["0"], label="another")
    with pytest.raises(DuplicateLabelError, match="without a label already"):
        await link_artifact(other.node_id, ids["1"], label="another")
    with pytest.raises(NotFoundError, match="no span with id 'nope'"):
        await link_artifact("nope", ids["0"])
    with pytest.raises(NotFoundError, match="no artifact with id 'nope'"):
        await link_artifact(other.node_id, "nope")
    with pytest.raises(NotFoundError, match="is the id of a span, not of an artifact"):
        await link_artifact(other.node_id, source.node_id)


async def test_a_maker_opened_later_is_still_the_maker(query: Any) -> None:
    async with span_context(label="early") as early:
        pass
    late, ids = await _source(1)
    await link_artifact(early.node_id, ids["0"])
    info = artifact_info(await Part.read(ids["0"]))
    assert info is not None
    assert info.span_id == late.node_id


async def test_a_nested_artifact_is_not_shared(query: Any) -> None:
    whole = await Whole(1, [Part(1)]).create()
    ((part,),) = await query("MATCH ({node_id: $id})-[:HAS_FIELD]->(p) RETURN p.node_id", id=whole)
    async with span_context():
        with pytest.raises(SpanError, match=f"nested in artifact {whole}"):
            await link_artifact("current", part)


def _read_async(node_id: str) -> int:
    async def read() -> int:
        return (await Part.read(node_id)).n

    return asyncio.run(read())


def _read_sync(node_id: str) -> int:
    return sync.read_artifact(Part, node_id).n


def _say_use(node_id: str) -> int:
    use(node_id)
    return 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("work", [_read_async, _read_sync, _say_use])
async def test_forked_workers_record_for_the_span_they_were_started_in(
    work: Any, used: Any
) -> None:
    _, ids = await _source(4)
    wanted = list(ids.values())
    async with span_context() as span:
        await Part.read(wanted[0])  # noted before the fork: the parent's to record
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
            list(pool.map(work, wanted[1:]))
        assert await used(span) == set(wanted[1:]), "recorded at once"
    assert await used(span) == set(wanted)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("work", [_read_async, _read_sync, _say_use])
async def test_workers_of_a_span_in_a_batch_wait_until_it_is_written(work: Any, used: Any) -> None:
    _, ids = await _source(3)
    wanted = list(ids.values())
    async with batch(), span_context() as span:
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
            list(pool.map(work, wanted))
    assert await used(span) == set(wanted)


async def test_a_worker_does_not_wait_for_a_span_that_is_gone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artigraph_neo4j.recording.used.LATE_SECONDS", 0.2)
    _, ids = await _source(1)
    cell = Cell(new_id(), None, None, pid=0)
    for _ in range(2):
        cell.note_used(ids.values())
        await uses_module.write_used(engine, cell)
        assert not cell.used
        monkeypatch.setattr("artigraph_neo4j.recording.used.LATE_SECONDS", 1e9)


@pytest.mark.parametrize("wrong", ["\ud800", "a\udce9b"])
async def test_an_id_that_cannot_be_sent_does_not_keep_a_span_open(wrong: str) -> None:
    async with span_context() as span:
        with pytest.raises(ArgumentError, match="lone surrogate"):
            use(wrong)
        with pytest.raises(ArgumentError, match="lone surrogate"):
            await link_artifact("current", wrong)
        with pytest.raises(ArgumentError, match="lone surrogate"):
            await read_span_artifact(wrong, label="a")
        with pytest.raises(ArgumentError, match="lone surrogate"):
            await delete_artifacts(wrong)
    assert (await read_span(span.node_id)).status == "OK"
