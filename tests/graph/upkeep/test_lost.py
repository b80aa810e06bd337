"""Writers, their heartbeat, and the spans of those that were killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from artigraph_neo4j import (
    Engine,
    close_lost_spans,
    engine_context,
    find_lost_spans,
    find_spans,
    read_open_spans,
    read_span,
    span_context,
)
from artigraph_neo4j.cli.app import app
from artigraph_neo4j.engine import heartbeat as writer_module
from artigraph_neo4j.find import span
from artigraph_neo4j.graph.cypher.heartbeat import ANNOUNCE_WRITER, SPAN_LOST

PROGRAM = """
import asyncio, os, sys
from artigraph_neo4j import *

set_engine({uri!r}, username={username!r}, password=os.environ["TEST_PASSWORD"],
           database={database!r})

async def main():
    async with span_context(label="outer") as outer, span_context(label="inner") as inner:
        print(outer.node_id, inner.node_id, flush=True)
        {body}
asyncio.run(main())
{after}
"""


@pytest.fixture
def start(graph_service: Any) -> Iterator[Any]:
    started: list[subprocess.Popen[str]] = []

    def run(body: str, after: str = "") -> subprocess.Popen[str]:
        source = PROGRAM.format(
            uri=graph_service.uri, username=graph_service.username,
            database=graph_service.database, body=body, after=after,
        )  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", source],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "TEST_PASSWORD": graph_service.password or ""},
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def settings(graph_service: Any) -> dict[str, Any]:
    return {
        "username": graph_service.username,
        "password": graph_service.password,
        "database": graph_service.database,
    }


async def _age(engine: Engine, span_id: str) -> None:
    """As if an hour had passed since the span's writer was seen."""
    await engine.write(
        "MATCH (s:ArtigraphNode {node_id: $id}) "
        "MATCH (w:ArtigraphWriter {writer_id: s.writer_id}) "
        "SET w.seen_at = w.seen_at - duration('PT1H')",
        {"id": span_id},
    )


async def _writers(query: Any, writer_id: str | None) -> list[Any]:
    return [
        row[0]
        for row in await query(
            "MATCH (w:ArtigraphWriter {writer_id: $id}) RETURN w{.*, seen: toString(w.seen_at)}",
            id=writer_id,
        )
    ]


async def test_a_killed_process_leaves_lost_spans(
    start: Any, engine: Engine, query: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.graph()
    process = start("await asyncio.sleep(600)")
    outer, inner = (await asyncio.to_thread(process.stdout.readline)).split()
    mine = {item.span.node_id: item for item in await read_open_spans()}
    assert {outer, inner} <= set(mine)
    assert (mine[outer].pid, mine[outer].program) == (process.pid, "-c")
    assert mine[outer].host
    assert mine[outer].silent < timedelta(minutes=1)
    assert not mine[outer].ended
    writer_id = mine[outer].span.writer_id
    assert writer_id == mine[inner].span.writer_id
    assert {outer, inner}.isdisjoint(item.span.node_id for item in await find_lost_spans())

    process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(process.wait)
    assert {outer, inner}.isdisjoint(item.span.node_id for item in await find_lost_spans())
    # Nobody told full-text search of them: the search itself sees to it.
    found = find_spans(span.node_id.one_of([outer, inner])).search("outer")
    assert await found.read_ids() == [outer]
    await _age(engine, outer)
    before = await read_span(outer)
    lost = [item.span.node_id for item in await close_lost_spans(dry_run=True)]
    assert lost.index(outer) < lost.index(inner)
    assert (await read_span(outer)).closed_at is None
    assert {outer, inner} <= {item.span.node_id for item in await close_lost_spans()}
    for node_id in (outer, inner):
        found = await read_span(node_id)
        assert (found.status, found.exception_type) == ("ERROR", SPAN_LOST)
        assert f"process {process.pid} of " in found.exception_message
        assert "fell silent" in found.exception_message
        assert found.closed_at == found.opened_at, "seen an hour before it was opened, after _age"
        assert found.writer_id is None
    assert found.host is None
    assert before.pid == process.pid
    assert await _writers(query, writer_id) == []
    assert outer not in {item.span.node_id for item in await read_open_spans()}


async def test_a_lost_span_ends_when_its_writer_was_seen_last(
    start: Any, engine: Engine, query: Any
) -> None:
    await engine.graph()
    process = start("await asyncio.sleep(600)")
    outer, _ = (await asyncio.to_thread(process.stdout.readline)).split()
    process.kill()
    await asyncio.to_thread(process.wait)
    await engine.write(
        "MATCH (s:ArtigraphNode {node_id: $id}) SET s.opened_at = s.opened_at - duration('P1D')",
        {"id": outer},
    )
    await _age(engine, outer)
    (item,) = [i for i in await find_lost_spans() if i.span.node_id == outer]
    assert timedelta(minutes=59) < item.silent < timedelta(minutes=90)
    await close_lost_spans()
    assert (await read_span(outer)).closed_at == item.seen_at


async def test_a_process_that_ends_without_closing_leaves_lost_spans_at_once(
    start: Any, engine: Engine
) -> None:
    await engine.graph()
    # The loop is gone without a word to its tasks; the process ends cleanly.
    process = start("global kept; kept = span_context(label='kept'); "
                    "print((await kept.__aenter__()).node_id, flush=True)")  # fmt: skip
    out, err = await asyncio.to_thread(process.communicate)
    assert (process.returncode, err) == (0, "")
    kept = out.split()[-1]
    (item,) = [i for i in await find_lost_spans() if i.span.node_id == kept]
    assert item.ended
    (closed,) = [i for i in await close_lost_spans() if i.span.node_id == kept]
    assert closed.pid == process.pid
    assert "ended without closing it" in (await read_span(kept)).exception_message


async def test_a_clean_end_leaves_no_writer(
    settings: Any, graph_service: Any, query: Any, engine: Engine
) -> None:
    async with engine_context(graph_service.uri, **settings):
        async with span_context() as span:
            writer_id = span.writer_id
            (writer,) = await _writers(query, writer_id)
            assert writer["pid"] == os.getpid()
            assert (await read_span("current")).writer_id == writer_id
        assert span.writer_id is None
        assert (await read_span(span.node_id)).writer_id is None
    assert await _writers(query, writer_id) == []


async def test_no_statement_and_no_timer_without_open_spans(
    settings: Any, graph_service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "HEARTBEAT_SECONDS", 0.1)
    seen: list[Any] = []
    async with engine_context(graph_service.uri, **settings) as engine:
        engine.observers.append(seen.append)
        await engine.index_words()  # otherwise the end of the writer might do it
        await asyncio.sleep(0.3)
        async with span_context():
            pass
        assert not engine.writer.beats
        seen.clear()
        await asyncio.sleep(0.5)
        assert seen == []
        await engine.aclose()
        assert len(seen) == 1  # the writer's end


async def test_the_heartbeat_is_one_write_whatever_is_open(
    settings: Any, graph_service: Any, query: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "HEARTBEAT_SECONDS", 1.0)
    async with engine_context(graph_service.uri, **settings) as engine:
        async with span_context() as outer, span_context(), span_context():
            (first,) = await _writers(query, outer.writer_id)
            seen: list[Any] = []
            engine.observers.append(seen.append)
            await asyncio.sleep(2.6)
            beats = [statement for statement in seen if statement.text == ANNOUNCE_WRITER]
            assert 1 <= len(beats) <= 3
            (later,) = await _writers(query, outer.writer_id)
    assert later["seen"] > first["seen"]
    assert later["started_at"] == first["started_at"]


async def test_spans_opened_in_a_row_write_the_writer_once(
    settings: Any, graph_service: Any
) -> None:
    async with engine_context(graph_service.uri, **settings) as engine:
        announced = []
        opening = engine.writer.opening

        def noted() -> Any:
            result = opening()
            announced.append(bool(result))
            return result

        engine.writer.opening = noted  # type: ignore[method-assign]
        for _ in range(5):
            async with span_context():
                pass
    assert announced == [True, False, False, False, False]


async def test_a_span_taken_for_lost_whose_process_lives_is_closed_by_it(
    settings: Any, graph_service: Any, engine: Engine
) -> None:
    async with engine_context(graph_service.uri, **settings):
        async with span_context(label="silent") as span:
            await _age(engine, span.node_id)
            assert span in [item.span for item in await close_lost_spans()]
            taken = await read_span(span.node_id)
            assert (taken.status, taken.exception_type) == ("ERROR", SPAN_LOST)
            async with span_context(label="goes on") as below:
                assert below.root_id == span.node_id
        found = await read_span(span.node_id)
        assert (found.status, found.exception_type, found.exception_message) == ("OK", None, None)
        assert found.closed_at == span.closed_at
        assert found.closed_at > taken.closed_at


async def test_a_span_that_its_process_closes_in_this_moment_stays_so(
    settings: Any, graph_service: Any, engine: Engine
) -> None:
    """Its closing is under way, not committed, when it is judged lost."""
    from neo4j import AsyncGraphDatabase

    async with engine_context(graph_service.uri, **settings):
        context = span_context(label="race")
        span = await context.__aenter__()
        await _age(engine, span.node_id)
        auth = (graph_service.username, graph_service.password) if graph_service.username else None
        async with AsyncGraphDatabase.driver(graph_service.uri, auth=auth) as driver:
            async with driver.session(database=graph_service.database) as session:
                closing = await session.begin_transaction()
                await closing.run(
                    "MATCH (n:ArtigraphNode {node_id: $id}) "
                    "SET n.status = 'OK', n.closed_at = datetime(), n.writer_id = null",
                    {"id": span.node_id},
                )
                judging = asyncio.create_task(close_lost_spans())
                await asyncio.sleep(1)
                assert not judging.done(), "it waits for the lock"
                await closing.commit()
                closed = await judging
        assert span not in [item.span for item in closed]
        found = await read_span(span.node_id)
        assert (found.status, found.exception_type) == ("OK", None)
        await context.__aexit__(None, None, None)


async def test_a_forked_child_has_a_writer_of_its_own(start: Any, engine: Engine) -> None:
    await engine.graph()
    process = start(
        "pass",
        after="""
async def child():
    async with span_context(label="in the child") as span:
        print(span.node_id, span.writer_id, flush=True)
        os.kill(os.getpid(), 9)
async def parent():
    async with span_context(label="in the parent") as span:
        print(span.node_id, span.writer_id, flush=True)
import warnings
pid = os.fork()
if pid == 0:
    asyncio.run(child())
os.waitpid(pid, 0)
asyncio.run(parent())
""",
    )
    out, err = await asyncio.to_thread(process.communicate)
    assert (process.returncode, err) == (0, "")
    _, child, parent = (line.split() for line in out.splitlines())
    assert child[1] != parent[1]
    await _age(engine, child[0])
    (item,) = [i for i in await find_lost_spans() if i.span.node_id == child[0]]
    assert item.pid != process.pid
    await close_lost_spans()


@pytest.mark.statements
async def test_a_span_without_a_writer_node_is_lost_in_time(engine: Engine) -> None:
    async with span_context() as span:
        await engine.write(
            "MATCH (s:ArtigraphNode {node_id: $id}) SET s.writer_id = 'gone', "
            "s.opened_at = s.opened_at - duration('PT1H')",
            {"id": span.node_id},
        )
        (item,) = [i for i in await find_lost_spans() if i.span == span]
        assert (item.seen_at, item.pid, item.ended) == (None, None, False)
        await close_lost_spans()
        assert "nothing is known of it" in (await read_span(span.node_id)).exception_message


async def test_a_server_that_is_away_at_the_end_costs_little_and_says_nothing(
    killable_stack: Any, start: Any
) -> None:
    info = killable_stack.info()
    source = f"""
import asyncio, os, time
from artigraph_neo4j import *
set_engine({info.bolt_url!r}, username={info.username!r}, password=os.environ["TEST_PASSWORD"],
           create_schema=True)
async def main():
    await span_context(label="left open").__aenter__()
    print("ready", flush=True)
asyncio.run(main())
input()
"""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", source], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "TEST_PASSWORD": info.password},
    )  # fmt: skip
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
    killable_stack.down(timeout=0)
    begin = time.monotonic()
    _, err = await asyncio.to_thread(process.communicate, "\n")
    assert (process.returncode, err) == (0, "")
    assert time.monotonic() - begin < 8


async def test_silence_must_not_be_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        await find_lost_spans(silence=timedelta(seconds=-1))


NONE = "no span is lost: every open one is of a process seen in the last 5 min 0 s\n"


def test_the_command(
    start: Any, graph_service: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    for name, value in graph_service.environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["lost", *arguments])
        assert result.exit_code == code, result.output
        return result.output

    asyncio.run(engine.graph())
    run("--close")
    assert run() == NONE
    process = start("await asyncio.sleep(600)")
    outer, inner = process.stdout.readline().split()
    assert run() == NONE
    process.kill()
    process.wait()
    asyncio.run(_age(engine, outer))
    said = run()
    assert outer in said
    assert "artigraph lost --close" in said
    assert "no span is lost" in run("--silence", "2h")
    facts = json.loads(run("--json", "--silence", "90s"))
    assert facts["closed"] is False
    # Within so short a silence, spans of processes that other tests killed are lost too.
    mine = [s for s in facts["spans"] if s["pid"] == process.pid]
    assert [s["node_id"] for s in mine] == [outer, inner]
    assert mine[0]["silent_seconds"] > 3500
    assert json.loads(run("--json", "--close"))["closed"] is True
    assert run() == NONE
    for wrong in ("5", "m", "-5m", "5 minutes", "999999999999d"):
        run(f"--silence={wrong}", code=2)
