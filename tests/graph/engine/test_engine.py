"""Saying where the graph is; drivers, sessions and schema at the engine's edge."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
from contextvars import Context
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from neo4j import AsyncDriver, AsyncGraphDatabase, GraphDatabase

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    engine_context,
    get_engine,
    read_root_spans,
    read_span,
    set_engine,
    span_context,
)
from artigraph_neo4j.engine.configure import replace_default
from artigraph_neo4j.engine.target import choose_target
from artigraph_neo4j.errors import ArgumentError, ConnectionFailed, EngineError, StorageError
from artigraph_neo4j.local import LocalStack, StackInfo
from tests.examples import few
from tests.graph.engine.test_once import far_away


@dataclass
class Note(ArtifactModel, version=1):
    text: str


@pytest.fixture(autouse=True)
def _restore() -> Any:
    before = replace_default(None)
    yield
    replace_default(before)


def auth(service: Any) -> Any:
    return (service.username, service.password) if service.username else None


async def test_a_url_with_credentials(graph_service: Any) -> None:
    scheme, _, host = graph_service.uri.partition("://")
    login = f"{graph_service.username}:{graph_service.password}@" if graph_service.username else ""
    engine = set_engine(f"{scheme}://{login}{host}", create_tables=True)
    with engine_context(engine):
        assert await Note.read(await Note("url").create()) == Note("url")
    await engine.aclose()


async def test_the_routing_scheme(graph_service: Any) -> None:
    uri = graph_service.uri.replace("bolt://", "neo4j://")
    with engine_context(
        uri, username=graph_service.username, password=graph_service.password, create_schema=True
    ):
        async with span_context(label="routed") as span:
            pass
        assert (await read_span(span.node_id)).status == "OK"


async def test_the_environment(graph_service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in graph_service.environment.items():
        monkeypatch.setenv(name, value)
    with engine_context(create_schema=True) as engine:
        assert "NEO4J_URI" in repr(engine)
        assert await Note.read(await Note("env").create()) == Note("env")


def test_without_any_word_it_is_an_error_naming_both() -> None:
    with pytest.raises(EngineError, match=r"NEO4J_URI .*artigraph up"):
        set_engine()
    with pytest.raises(EngineError, match="no engine is set"):
        Context().run(get_engine)


async def test_local_starts_the_stack_and_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ARTIGRAPH_HOME", str(tmp_path / "home"))
    caplog.set_level(logging.WARNING, "artigraph_neo4j")
    try:
        with engine_context("local") as engine:
            beats = 0

            async def beat() -> None:
                nonlocal beats
                while True:
                    await asyncio.sleep(0.01)
                    beats += 1

            heart = asyncio.create_task(beat())
            big = Note("x" * 100_000)
            assert await Note.read(await big.create()) == big
            heart.cancel()
            assert beats > 50  # the caller's loop was never blocked by the start
            assert engine.storage is not None
            rows = await engine.read("MATCH (b:Blob) RETURN b.storage, b.size", {})
            assert rows == [[engine.storage.name, 100_000]]
        assert [r.message for r in caplog.records if r.levelno >= logging.WARNING] == [
            "starting the local stack (Neo4j and S3); the first time takes minutes"
        ]
        with engine_context() as found:  # what runs is found without any word
            assert await found.graph() == await engine.graph()
            await engine.aclose()
    finally:
        LocalStack().down()


async def test_a_ready_made_driver_stays_on_its_own_loop(graph_service: Any) -> None:
    async with AsyncGraphDatabase.driver(graph_service.uri, auth=auth(graph_service)) as driver:
        async with engine_context(driver, create_schema=True) as engine:
            async with span_context(label="given driver") as span:
                await Note("a").create()
            assert (await read_span(span.node_id)).status == "OK"
            with pytest.raises(EngineError, match="another one"):
                await asyncio.to_thread(lambda: asyncio.run(engine.graph()))
            with pytest.raises(EngineError, match="aclose"):
                engine.close()
        await driver.verify_connectivity()  # it was left open to whoever made it


class Recorder:
    """Stands at the driver's edge and notes how sessions are opened."""

    def __init__(self, driver: AsyncDriver) -> None:
        self.driver = driver
        self.sessions: list[dict[str, Any]] = []

    def session(self, **options: Any) -> Any:
        self.sessions.append(options)
        return self.driver.session(**options)


async def test_reads_are_marked_as_reads_and_bookmarks_are_passed_on(graph_service: Any) -> None:
    async with AsyncGraphDatabase.driver(graph_service.uri, auth=auth(graph_service)) as driver:
        recorder: Any = Recorder(driver)
        async with engine_context(
            recorder, database=graph_service.database, create_schema=True
        ) as engine:
            await engine.graph()
            recorder.sessions.clear()
            async with span_context(label="marked") as span:
                await read_span(span.node_id)
        modes = [options["default_access_mode"] for options in recorder.sessions]
        assert modes == ["WRITE", "READ", "WRITE", "WRITE"]  # the last is the writer's end
        assert {options["database"] for options in recorder.sessions} == {graph_service.database}
        managers = {id(options["bookmark_manager"]) for options in recorder.sessions}
        assert len(managers) == 1
        manager = recorder.sessions[0]["bookmark_manager"]
        assert await manager.get_bookmarks()  # the write before is known to the next session


async def test_engine_context_is_scoped_to_its_block_and_task(engine: Engine) -> None:
    other = Engine(None)  # type: ignore[arg-type]

    async def inside() -> Engine:
        with engine_context(other):
            await asyncio.sleep(0)
            return get_engine()

    task = asyncio.create_task(inside())
    assert get_engine() is engine
    assert await task is other
    assert get_engine() is engine


async def test_observers_see_every_statement(engine: Engine, statements: list[Any]) -> None:
    await engine.graph()  # the first use connects
    statements.clear()
    await read_root_spans(limit=1)
    (seen,) = statements
    assert (seen.access, seen.attempt, seen.rows) == ("read", 0, 1)
    assert seen.seconds > 0
    assert "MATCH" in seen.text


def test_schema_creation_is_safe_when_many_processes_start_at_once(
    killable_stack: LocalStack,
) -> None:
    info = killable_stack.info()
    assert info is not None
    source = (
        "import asyncio, os\n"
        "from artigraph_neo4j import *\n"
        "set_engine(os.environ['U'], username='neo4j', password=os.environ['P'],"
        " create_schema=True)\n"
        "print(asyncio.run(get_engine().graph()).graph_id)\n"
    )
    env = {**os.environ, "U": info.bolt_url, "P": info.password}
    command = [sys.executable, "-W", "error", "-c", source]
    running = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, text=True
        )
        for _ in range(2 * few(6))
    ]
    answers = [process.communicate(timeout=120) for process in running]
    failed = zip(running, answers, strict=True)  # a busy server may be warned of; that is no error
    assert [error for process, (_, error) in failed if process.returncode] == []
    assert len({graph_id for graph_id, _ in answers}) == 1


async def test_a_statement_that_needs_too_much_memory_says_what_to_do(engine: Engine) -> None:
    with pytest.raises(EngineError, match=r"OutOfMemory.*in one call \(batch\(\) writes"):
        await engine.read("UNWIND range(1, 100000000) AS i RETURN size(collect(i))", {})


def test_it_shows_users_what_is_theirs(engine: Engine) -> None:
    reference = (Path(__file__).parents[3] / "docs/reference/engine.md").read_text()
    (members,) = re.findall(r"Engine\n +options:\n +members: \[(.*)\]", reference)
    methods = {name for name in dir(engine) if callable(getattr(engine, name))}
    assert methods - {"on_transfer"} == set(members.split(", "))
    described = set(re.findall(r"^        (\w+): ", Engine.__doc__ or "", re.MULTILINE))
    assert set(dir(engine)) - methods | {"on_transfer"} == described | {"on_transfer"}


async def test_a_server_that_does_not_answer_is_told_of(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a program seems to hang, for up to a minute."""
    monkeypatch.setattr("artigraph_neo4j.graph.attempts.WARN_SECONDS", 0.2)
    target = choose_target("bolt://127.0.0.1:1", username=None, password=None, database=None)
    engine = Engine(target, connect_seconds=1.0)
    with caplog.at_level("WARNING"), pytest.raises(ConnectionFailed):
        await engine.read("RETURN 1", {})
    (record,) = [r for r in caplog.records if "does not answer" in r.getMessage()]
    assert record.levelname == "WARNING"
    assert re.fullmatch(
        r"Neo4j at bolt://127\.0\.0\.1:1 does not answer \(.*127\.0\.0\.1:1.*\); "
        r"waiting for [01] s more",
        record.getMessage(),
    )
    await engine.aclose()


@pytest.mark.parametrize(
    "call",
    [
        "write",
        pytest.param("read", marks=pytest.mark.long),
        pytest.param("stream", marks=pytest.mark.long),
    ],
)
async def test_a_server_that_is_silent_is_told_of(
    call: str, graph_service: Any, caplog: pytest.LogCaptureFixture, monkeypatch: Any
) -> None:
    """It accepts connections and never answers, so no attempt fails before the deadline."""
    async with far_away(graph_service, 1.5) as (proxy, far):
        await far.read("RETURN 1", {})
        monkeypatch.setattr("artigraph_neo4j.graph.attempts.WARN_SECONDS", 0.2)
        with caplog.at_level("WARNING", logger="artigraph_neo4j"):
            if call == "stream":
                text = "UNWIND range(1, 1000000) AS i RETURN [i]"
                rows = far.stream(text, {}, items=1)
                await anext(rows)
                proxy.stall()
                with pytest.raises(ConnectionFailed):
                    async for _ in rows:
                        pass
            else:
                proxy.stall()
                with pytest.raises(ConnectionFailed):
                    await (far.read if call == "read" else far.write)("RETURN 1", {})
        proxy.heal()
    access = call.replace("stream", "read")
    (said,) = {r.getMessage() for r in caplog.records if "does not answer" in r.getMessage()}
    assert re.fullmatch(
        r"Neo4j at bolt://127\.0\.0\.1:\d+ does not answer "
        rf"\(it is silent, or busy with this {access}\); waiting for [12] s more",
        said,
    )


async def stored_in(engine: Engine, node_id: str) -> list[Any]:
    text = "MATCH (:ArtigraphNode {node_id: $id})-[:STORED_IN]->(b) RETURN b.storage"
    return await engine.read(text, {"id": node_id})


async def test_a_storage_by_url_path_and_environment(
    graph_service: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in graph_service.environment.items():
        monkeypatch.setenv(name, value)
    big = Note("x" * 100_000)
    for given, named in (
        (tmp_path / "a", f"file:{tmp_path}/a"),
        (f"file://{tmp_path}/b", f"file:{tmp_path}/b"),
        ("memory:of-the-engine", "memory:of-the-engine"),
        (None, f"file:{tmp_path}/environment"),
    ):
        monkeypatch.setenv("ARTIGRAPH_STORAGE", f"{tmp_path}/environment")
        async with engine_context(storage=given) as engine:
            node_id = await big.create()
            assert await Note.read(node_id) == big
            assert await stored_in(engine, node_id) == [[named]]
    monkeypatch.setenv("ARTIGRAPH_STORAGE", "artifacts")
    with pytest.raises(StorageError, match="ARTIGRAPH_STORAGE .* 'artifacts' does not say where"):
        set_engine()
    with pytest.raises(StorageError, match="^storage: 'artifacts' does not say where"):
        set_engine(storage="artifacts")


async def test_a_stack_names_graph_and_storage(
    services: Any, graph_service: Any, s3_service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack's own S3 is used, whatever the environment names."""
    del services
    info = StackInfo(
        bolt_url=graph_service.uri,
        browser_url="",
        username=graph_service.username or "",
        password=graph_service.password or "",
        database=graph_service.database or "neo4j",
        s3_endpoint=s3_service.endpoint,
        s3_access_key=s3_service.access_key,
        s3_secret_key=s3_service.secret_key,
        s3_bucket=s3_service.bucket,
        s3_region=s3_service.region,
        neo4j_version="",
        directory=Path(),
    )
    monkeypatch.setattr(LocalStack, "info", lambda self: info)
    monkeypatch.setenv("ARTIGRAPH_STORAGE", "memory:elsewhere")
    for stack in (info, LocalStack("somewhere")):
        async with engine_context(stack) as engine:
            node_id = await Note("x" * 100_000).create()
            assert await stored_in(engine, node_id) == [[f"s3:{s3_service.bucket}"]]
        assert "somewhere" in repr(engine) or stack is info
    without = replace(info, s3_endpoint="")
    async with engine_context(without) as engine:
        node_id = await Note("x" * 100_000).create()
        assert await stored_in(engine, node_id) == [["memory:elsewhere"]]
    for name, value in info.environment().items():  # what "artigraph env" prints
        monkeypatch.setenv(name, value)
    async with engine_context() as engine:
        assert await Note.read(await Note("x" * 100_000).create()) == Note("x" * 100_000)
        assert engine.storage is not None
        assert engine.storage.name == f"s3:{s3_service.bucket}"


@pytest.mark.parametrize(
    ("engine", "options", "message"),
    [
        (12, {}, r"engine takes a URL, a LocalStack or an AsyncDriver, not a builtins.int"),
        (LocalStack, {}, r"not a builtins.type"),
        ("bolt://h", {"storage": 3}, r"storage takes a storage, or the URL .*, not 3"),
        ("bolt://h", {"storge": "x"}, r"no option 'storge' of an engine; is it 'storage'\?"),
        ("bolt://h", {"pool": 1}, r"no option 'pool' of an engine; there are username, password"),
        ("bolt://h", {"retry_seconds": 0}, r"retry_seconds takes .* more than 0, not 0"),
        ("bolt://h", {"offload_bytes": "64k"}, r"offload_bytes takes .*, not '64k'"),
        ("bolt://h", {"trusted_modules": "numpy"}, r"trusted_modules takes names .*, not 'numpy'"),
        ("bolt://h", {"create_schema": "yes"}, r"create_schema takes True or False, not 'yes'"),
        ("bolt://h", {"password": b"geheim"}, r"^password takes a text, not a bytes$"),
        ("local", {"username": "neo4j"}, r"username is for a URL; a local stack has a login"),
        (Recorder(None), {"password": "x"}, r"password is for a URL; a ready-made driver has"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_at_once(engine: Any, options: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        set_engine(engine, **options)


def test_a_driver_that_is_not_async_is_answered_with_the_line_to_write() -> None:
    with GraphDatabase.driver("bolt://127.0.0.1:9") as driver:
        with pytest.raises(ArgumentError, match=r"write: neo4j.AsyncGraphDatabase.driver\(...\)"):
            set_engine(driver)  # type: ignore[arg-type]
