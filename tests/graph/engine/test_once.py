"""A write is applied once: however often it is sent, whenever it arrives, whatever came between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    add_tags,
    artifact_info,
    batch,
    create_span_artifact,
    delete_artifacts,
    delete_spans,
    engine_context,
    export_graph,
    find_spans,
    import_graph,
    link_artifact,
    read_annotations,
    read_child_artifacts,
    read_revisions,
    read_span,
    read_span_artifacts,
    remove_tags,
    revise_artifact,
    span_context,
    write_note,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.engine.options import EngineOptions
from artigraph_neo4j.errors import ConnectionFailed, NotFoundError
from artigraph_neo4j.find import under
from artigraph_neo4j.graph.cypher import once, write
from artigraph_neo4j.graph.lanes import Ticket
from tests.proxy import Proxy


@dataclass
class Only(ArtifactModel, version=1):
    n: int


def options(service: Any) -> EngineOptions:
    return {
        "username": service.username,
        "password": service.password,
        "database": service.database,
        "create_schema": True,
    }


@asynccontextmanager
async def far_away(service: Any, seconds: float = 20.0) -> AsyncIterator[tuple[Proxy, Engine]]:
    """A proxy, and an engine of another program behind it."""
    proxy = Proxy(service.uri)
    with proxy.running() as url:
        async with engine_context(url, **options(service)) as engine:
            engine._contact.deadline = seconds
            await engine.graph()
            yield proxy, engine


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that happens on another thread."""
    while not condition():
        await asyncio.sleep(0.002)


async def lost_then(
    proxy: Proxy, far: Engine, call: Callable[[], Awaitable[Any]], between: Callable[[], Any]
) -> Any:
    """Lose the answer to a call, let somebody else do something, and let the call go on."""

    async def made() -> Any:
        with engine_context(far):
            return await call()

    proxy.losing, lost = 1, proxy.lost
    task = asyncio.create_task(made())
    await until(lambda: proxy.lost > lost)
    proxy.refusing = True
    result = between()
    if result is not None:
        await result
    proxy.heal()
    return await task


async def test_what_somebody_deleted_stays_deleted(graph_service: Any, engine: Engine) -> None:
    async with far_away(graph_service) as (proxy, far), _here(engine):
        async with span_context(label="once") as span:
            pass

        async def delete() -> None:
            (found,) = await read_child_artifacts(span.node_id)
            info = artifact_info(found)
            assert info is not None
            await delete_artifacts(info.node_id)

        made = await lost_then(
            proxy,
            far,
            lambda: create_span_artifact(span.node_id, label="a", data=Only(1)),
            delete,
        )
        assert isinstance(made, str)
        assert await read_child_artifacts(span.node_id) == []


@asynccontextmanager
async def _here(engine: Engine) -> AsyncIterator[None]:
    with engine_context(engine):
        yield


@pytest.mark.statements
async def test_neither_do_tags_notes_links_and_revisions_come_back(
    graph_service: Any, engine: Engine
) -> None:
    async with far_away(graph_service) as (proxy, far), _here(engine):
        async with span_context(label="once") as span, span_context(label="other") as other:
            first = await create_span_artifact(span.node_id, label="a", data=Only(1))
        await lost_then(proxy, far, lambda: add_tags(first, "x"), lambda: remove_tags(first, "x"))
        assert (await read_annotations(first)).tags == set()
        await add_tags(first, "y")
        await lost_then(proxy, far, lambda: remove_tags(first, "y"), lambda: add_tags(first, "y"))
        assert (await read_annotations(first)).tags == {"y"}
        await lost_then(
            proxy, far, lambda: write_note(first, "theirs"), lambda: write_note(first, "mine")
        )
        assert (await read_annotations(first)).note == "mine"
        await lost_then(
            proxy,
            far,
            lambda: revise_artifact(first, Only(2)),
            lambda: _revise_newest(first, Only(3)),
        )
        assert [item.n for item in await read_revisions(first)] == [3, 2, 1]
        second = await create_span_artifact(span.node_id, label="b", data=Only(4))
        await lost_then(
            proxy,
            far,
            lambda: link_artifact(other.node_id, second),
            lambda: delete_spans(other.node_id),
        )
        assert await read_span_artifacts(span.node_id) == {"a": Only(3), "b": Only(4)}


async def _revise_newest(artifact: str, new: Only) -> None:
    newest = artifact_info((await read_revisions(artifact))[0])
    assert newest is not None
    await revise_artifact(newest.node_id, new)


@pytest.mark.statements
async def test_a_span_that_was_opened_stays_deleted_and_closing_says_so(
    graph_service: Any, engine: Engine
) -> None:
    async with far_away(graph_service) as (proxy, far), _here(engine):
        context = span_context(label="deleted")
        span: Any = await lost_then(
            proxy,
            far,
            context.__aenter__,
            lambda: _delete_newest_root(engine, "deleted"),
        )
        with pytest.raises(LookupError, match="deleted before it was closed"):
            with engine_context(far):
                await context.__aexit__(None, None, None)
        with pytest.raises(LookupError):
            await read_span(span.node_id)


async def _delete_newest_root(engine: Engine, label: str) -> None:
    ((node_id,),) = await engine.read(
        "MATCH (s:Span {label_: $label}) RETURN s.node_id ORDER BY s.node_id DESC LIMIT 1",
        {"label": label},
    )
    await delete_spans(node_id)


async def test_rows_of_a_batch_are_not_made_again(graph_service: Any, engine: Engine) -> None:
    async with far_away(graph_service) as (proxy, far), _here(engine):
        async with span_context(label="once") as span:
            pass

        async def record() -> None:
            async with batch():
                for i in range(5):
                    await Only(i).create(str(i), span=span.node_id)

        async def delete() -> None:
            found = [artifact_info(item) for item in await read_child_artifacts(span.node_id)]
            await delete_artifacts(*(info.node_id for info in found if info and info.label == "3"))

        await lost_then(proxy, far, record, delete)
        assert sorted(await read_span_artifacts(span.node_id)) == ["0", "1", "2", "4"]


async def test_a_write_that_arrives_late_does_nothing(graph_service: Any, engine: Engine) -> None:
    async with far_away(graph_service, seconds=1.0) as (proxy, far), _here(engine):
        async with span_context(label="late") as span:
            pass
        proxy.hold_seconds, proxy.holding = 2.5, 1
        with engine_context(far), pytest.raises(ConnectionFailed) as caught:
            proxy.on_write = lambda number: setattr(proxy, "refusing", True)
            await create_span_artifact(span.node_id, label="a", data=Only(1))
        assert caught.value.unconfirmed
        proxy.on_write = None
        await asyncio.to_thread(proxy.settle)
        assert proxy.held == 1
        assert await read_child_artifacts(span.node_id) == []


async def test_a_copy_that_arrives_after_the_second_attempt_does_nothing(
    graph_service: Any, engine: Engine
) -> None:
    async with far_away(graph_service) as (proxy, far), _here(engine):
        async with span_context(label="copy") as span:
            pass
        proxy.hold_seconds, proxy.holding = 1.0, 1
        with engine_context(far):
            made = await create_span_artifact(span.node_id, label="a", data=Only(1))
        await delete_artifacts(made)
        await asyncio.to_thread(proxy.settle)
        assert proxy.held == 1
        assert await read_child_artifacts(span.node_id) == []


async def test_a_delete_that_arrives_late_does_nothing(graph_service: Any, engine: Engine) -> None:
    async with far_away(graph_service, seconds=1.0) as (proxy, far), _here(engine):
        async with span_context(label="late") as span:
            made = await create_span_artifact("current", label="a", data=Only(1))
        for delete in (lambda: delete_spans(span), lambda: delete_artifacts(made)):
            proxy.hold_seconds, proxy.holding, held = 2.5, 1, proxy.held
            with engine_context(far), pytest.raises(ConnectionFailed) as caught:
                proxy.on_write = lambda number: setattr(proxy, "refusing", True)
                await delete()
            assert caught.value.unconfirmed
            proxy.on_write = None
            await asyncio.to_thread(proxy.settle)
            proxy.heal()
            assert proxy.held == held + 1
            assert await read_span_artifacts(span) == {"a": Only(1)}


async def test_a_copy_of_a_delete_leaves_what_was_imported_again(
    graph_service: Any, engine: Engine, tmp_path: Path
) -> None:
    async with far_away(graph_service) as (proxy, far), _here(engine):
        async with span_context(label="copy") as span:
            await create_span_artifact("current", label="a", data=Only(1))
        await export_graph(span, tmp_path / "file")
        proxy.hold_seconds, proxy.holding = 1.5, 1
        with engine_context(far):
            report = await delete_spans(span)
        assert (report.spans, report.artifacts) == (1, 1)
        await import_graph(tmp_path / "file")
        await asyncio.to_thread(proxy.settle)
        assert proxy.held == 1
        assert await read_span_artifacts(span) == {"a": Only(1)}


async def test_a_delete_whose_answer_was_lost_goes_on(graph_service: Any, engine: Engine) -> None:
    async with far_away(graph_service) as (proxy, far), _here(engine):
        async with span_context(label="lost answer") as span:
            await create_span_artifact("current", label="a", data=Only(1))
        report = await lost_then(proxy, far, lambda: delete_spans(span), lambda: None)
        assert (report.spans, report.artifacts) == (1, 1)
        assert not await find_spans(under(span)).exists()
        with pytest.raises(NotFoundError):
            await read_span(span)


@pytest.mark.statements
async def test_a_write_settled_as_not_applied_never_is(engine: Engine, query: Any) -> None:
    ticket, node_id = Ticket(), new_id()
    await engine.graph()
    connection = engine._contact.connection
    assert connection is not None
    lane, number = connection.lanes.take(ticket)
    connection.lanes.unsure(ticket)
    assert not await engine.settle(ticket)
    group = {"labels": ["Artifact", "Only"], "model": "Only", "model_version": 1, "codec": "{}"}
    row = [{"node_id": node_id, "n": 1}, [0, 0], None, None]
    parameters: dict[str, Any] = {"others": [group | {"spans": [[None, [row]]]}]}
    text = write.statement(parameters)
    until = int(time.time() * 1000) + 60_000
    ((turn, *_),) = await engine.write(text, parameters | {"once": [lane, number, until]})
    assert turn == "before"
    assert await query("MATCH (n:Only {node_id: $id}) RETURN n", id=node_id) == []


@pytest.mark.statements
async def test_of_two_copies_at_once_the_second_sees_the_first(session: Any) -> None:
    """The lane is locked before its number is read."""
    lane = new_id()
    text = f"{once.ONCE} {once.applied_if('turn = $now')} RETURN turn"
    parameters = {"once": [lane, 1, 2**62], "now": "now"}
    await session.run(text, {**parameters, "once": [lane, 0, 2**62]})
    transaction = await session.begin_transaction()
    result = await transaction.run(text, parameters)
    assert await result.values() == [["now"]]

    async def copy() -> list[list[str]]:
        from artigraph_neo4j import get_engine

        return await get_engine().write(text, parameters)

    task = asyncio.create_task(copy())
    done, _ = await asyncio.wait({task}, timeout=0.5)
    assert not done
    await transaction.commit()
    assert await task == [["before"]]


async def test_a_process_that_ends_leaves_no_lane(graph_service: Any, engine: Engine) -> None:
    async with engine_context(graph_service.uri, **options(graph_service)) as other:
        await asyncio.gather(*(Only(i).create() for i in range(5)))
        connection = other._contact.connection
        assert connection is not None
        lanes = connection.lanes.clean()
        assert 1 <= len(lanes) <= 5
    counted = "MATCH (l:ArtigraphLane) WHERE l.lane_id IN $lanes RETURN count(l)"
    assert await engine.read(counted, {"lanes": lanes}) == [[0]]


async def test_a_clock_that_is_wrong_costs_one_more_attempt(
    graph_service: Any, engine: Engine
) -> None:
    async with engine_context(graph_service.uri, **options(graph_service)) as other:
        await other.graph()
        connection = other._contact.connection
        assert connection is not None
        lanes = connection.lanes
        lanes.heard(int(time.time() * 1000) - 3_600_000)  # as after an hour of sleep
        seen: list[Any] = []
        other.observers.append(seen.append)
        node_id = await Only(1).create()
        assert len(seen) == 2
        assert await Only.read(node_id) == Only(1)
