"""Lost answers, killed servers, unreachable ones: everything is there exactly once, or an error."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    create_span_artifact,
    create_span_artifacts,
    engine_context,
    read_child_artifacts,
    read_descendant_spans,
    read_span,
    read_span_artifacts,
    set_engine,
    span_context,
)
from artigraph_neo4j.errors import (
    BlobNotFoundError,
    ConnectionFailed,
    IntegrityError,
    SchemaError,
    StorageError,
)
from artigraph_neo4j.local import LocalStack
from artigraph_neo4j.model.fields import artifact_field
from artigraph_neo4j.storage.memory import MemoryStorage
from tests.examples import few
from tests.proxy import Proxy

SPANS = few(1000, 10)


@dataclass
class Item(ArtifactModel, version=1):
    n: int
    nested: Any = None


@pytest.mark.parametrize("times", [1, 2])
async def test_an_answer_lost_after_the_commit_changes_nothing(
    graph_service: Any, session_engine: Engine, times: int, query: Any
) -> None:
    proxy = Proxy(graph_service.uri)
    storage = MemoryStorage("lost-answers")
    with (
        proxy.running() as url,
        engine_context(
            url,
            username=graph_service.username,
            password=graph_service.password,
            database=graph_service.database,
            storage=storage,
            offload_bytes=1000,
            create_schema=True,
        ) as through,
    ):
        await through.graph()
        context = span_context(label="lossy")
        proxy.losing = times
        span = await context.__aenter__()
        proxy.losing = times
        await create_span_artifact("current", label="one", data=Item(1, [Item(2), "x" * 2000]))
        proxy.losing = times
        await create_span_artifacts("current", {f"m{i}": Item(i, Item(-i)) for i in range(20)})
        proxy.losing = times
        await Item(3).create("alone")
        proxy.losing = times
        await context.__aexit__(None, None, None)
        assert proxy.lost == 5 * times
    with engine_context(session_engine):
        found = await read_span(span.node_id)
        assert (found.status, found.depth) == ("OK", 0)
        rows = await query(
            "MATCH (:Span {node_id: $id})-[h:HAS_ARTIFACT]->(a) "
            "OPTIONAL MATCH (a)-[f:HAS_FIELD]->(c) OPTIONAL MATCH (a)-[k:STORED_IN]->(b) "
            "RETURN count(DISTINCT a), count(DISTINCT h), count(DISTINCT f), count(DISTINCT b)",
            id=span.node_id,
        )
        assert rows == [[21, 21, 21, 1]]


async def test_kill_9_of_the_server_costs_the_callers_only_time(
    killable_stack: LocalStack, tmp_path: Path
) -> None:
    info = killable_stack.info()
    assert info is not None
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    journal = (tmp_path / "journal").open("a")
    written = 0

    def note(**entry: Any) -> None:
        nonlocal written
        written += 1
        journal.write(json.dumps(entry) + "\n")
        journal.flush()

    def crash() -> None:
        while written < draw.randrange(SPANS // 2, 2 * SPANS):
            time.sleep(0.005)
        killable_stack.kill()
        time.sleep(draw.uniform(0, 3))
        killable_stack.up(timeout=60)

    async def worker(number: int) -> None:
        for i in range(SPANS // 4):
            async with span_context(label=f"{number}-{i}") as span:
                note(opened=span.node_id)
                made = await create_span_artifact("current", label="a", data=Item(i, Item(-i)))
                note(artifact=made, n=i)
            note(closed=span.node_id)

    with engine_context(
        info.bolt_url, username=info.username, password=info.password, create_schema=True
    ) as engine:
        thread = threading.Thread(target=crash)
        async with span_context(label="root") as root:
            thread.start()
            await asyncio.gather(*(worker(k) for k in range(4)))
        await asyncio.to_thread(thread.join)
        journal.close()
        entries = [json.loads(line) for line in (tmp_path / "journal").read_text().splitlines()]
        spans = {s.node_id: s for s in await read_descendant_spans(root.node_id)}
        assert set(spans) == {e["opened"] for e in entries if "opened" in e}, f"seed {seed}"
        assert len(spans) == SPANS
        assert all(s.status == "OK" and s.closed_at for s in spans.values())
        counts = await engine.read(
            "MATCH (:Span {node_id: $id})-[:PARENT_OF]->(s)-[h:HAS_ARTIFACT]->(a:Item)"
            "-[f:HAS_FIELD]->(c:Item) WHERE a.n = -c.n AND s.label ENDS WITH '-' + a.n "
            "RETURN collect(a.node_id), count(DISTINCT s), count(DISTINCT c)",
            {"id": root.node_id},
        )
        ((artifacts, owners, nested),) = counts
        assert sorted(artifacts) == sorted(e["artifact"] for e in entries if "artifact" in e)
        assert (owners, nested) == (SPANS, SPANS)


@pytest.mark.long
async def test_a_server_that_stops_may_have_done_what_it_says_it_has_not(
    killable_stack: LocalStack,
) -> None:
    """It commits a write, and answers that the database is unavailable."""
    info = killable_stack.info()
    assert info is not None
    not_done: set[int] = set()
    unsure: set[int] = set()

    async def worker(number: int) -> None:
        for i in itertools.count(number * 1_000_000):
            try:
                await Item(i).create()
            except ConnectionFailed as error:
                (unsure if error.unconfirmed else not_done).add(i)
                return

    login = {"username": info.username, "password": info.password}
    with engine_context(info.bolt_url, **login, create_schema=True):
        await Item(-1).create()  # plans the statements
    with engine_context(info.bolt_url, **login, retry_seconds=3.0):
        workers = asyncio.gather(*(worker(k) for k in range(1, 25)))
        await asyncio.sleep(1)
        await asyncio.to_thread(killable_stack.down)
        await workers
    again = await asyncio.to_thread(killable_stack.up, timeout=180)
    with engine_context(again.bolt_url, **login) as engine:
        rows = await engine.read("MATCH (a:Item) WHERE a.n > 0 RETURN a.n", {})
    assert len(not_done | unsure) == 24
    assert not not_done & {n for (n,) in rows}


async def test_an_unreachable_server_is_an_error_that_names_it_and_no_secret() -> None:
    engine = set_engine("bolt://user:hunter2-secret@127.0.0.1:9", create_schema=True)
    engine._contact.connect_seconds = 0.5
    with engine_context(engine):
        with pytest.raises(ConnectionFailed, match="could not be reached") as caught:
            await Item(1).create()
        assert "hunter2" not in repr(engine) + str(caught.value)
    await engine.aclose()


async def test_a_wrong_password_is_said_at_once(killable_stack: LocalStack) -> None:
    info = killable_stack.info()
    assert info is not None
    with engine_context(info.bolt_url, username="neo4j", password="not this one"):
        with pytest.raises(ConnectionFailed, match="refused the login") as caught:
            await Item(1).create()
        assert "not this one" not in str(caught.value)
    # A graph without a schema, and one of a newer library.
    with engine_context(info.bolt_url, username="neo4j", password=info.password):
        with pytest.raises(SchemaError, match="create_schema=True"):
            await Item(1).create()
    with engine_context(
        info.bolt_url, username="neo4j", password=info.password, create_schema=True
    ) as engine:
        await Item(1).create()
        await engine.write("MATCH (g:ArtigraphGraph) SET g.schema_version = 99", {})
    with engine_context(info.bolt_url, username="neo4j", password=info.password):
        with pytest.raises(SchemaError, match="schema version 99.*upgrade"):
            await Item(1).create()


class Broken(MemoryStorage):
    async def put(self, data: bytes, /, *, key: str) -> str:
        raise OSError("disk full")


async def test_a_storage_that_fails_leaves_nothing_in_the_graph(query: Any) -> None:
    storage = Broken("broken")

    @dataclass
    class Outside(ArtifactModel, version=1):
        mark: int
        text: str = artifact_field(storage=storage)

    async with span_context() as span:
        with pytest.raises(StorageError, match=r"Outside\.text: 1 bytes.*disk full"):
            await create_span_artifacts("current", {"a": Item(1), "b": Outside(424_242, "x")})
    assert await read_child_artifacts(span.node_id) == []
    assert await query("MATCH (n:Outside {mark: 424242}) RETURN count(n)") == [[0]]


async def test_a_changed_or_missing_value_is_named(query: Any) -> None:
    storage = MemoryStorage("damaged")

    @dataclass
    class Damaged(ArtifactModel, version=1):
        text: str = artifact_field(storage=storage)

    async with span_context() as span:
        node_id = await create_span_artifact("current", label="d", data=Damaged("whole"))
    ((location,),) = await query(
        "MATCH ({node_id: $id})-[:STORED_IN]->(b) RETURN b.location", id=node_id
    )
    storage.blobs[location] = b"other"
    with pytest.raises(IntegrityError, match=rf"{node_id}, field Damaged\.text.*has changed"):
        await Damaged.read(node_id)
    storage.blobs[location] = b"longer than it was"
    with pytest.raises(IntegrityError, match=rf"{node_id}, field Damaged\.text.*18 bytes"):
        await Damaged.read(node_id)
    storage.blobs.clear()
    with pytest.raises(BlobNotFoundError, match=rf"{node_id}, field Damaged\.text.*is gone"):
        await read_span_artifacts(span.node_id, on_error="raise")


async def test_the_check_of_what_is_read_can_be_turned_off(graph_service: Any, query: Any) -> None:
    storage = MemoryStorage("unchecked")

    @dataclass
    class Unchecked(ArtifactModel, version=1):
        text: str = artifact_field(storage=storage)

    node_id = await Unchecked("whole").create()
    ((location,),) = await query(
        "MATCH ({node_id: $id})-[:STORED_IN]->(b) RETURN b.location", id=node_id
    )
    storage.blobs[location] = b"other"
    async with engine_context(
        graph_service.uri,
        username=graph_service.username,
        password=graph_service.password,
        database=graph_service.database,
        verify_blobs=False,
    ):
        assert await Unchecked.read(node_id) == Unchecked("other")
        storage.blobs[location] = b"cut"
        with pytest.raises(IntegrityError, match=rf"{node_id}, field Unchecked\.text.*3 bytes"):
            await Unchecked.read(node_id)
        del storage.blobs[location]
        with pytest.raises(BlobNotFoundError, match=rf"{node_id}, field Unchecked\.text.*gone"):
            await Unchecked.read(node_id)
