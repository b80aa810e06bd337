"""Garbage collection: finds what nothing refers to, and never takes what is not garbage."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_group
from typer.testing import CliRunner

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    artifact_field,
    engine_context,
    export_graph,
    import_graph,
    span_context,
)
from artigraph_neo4j.cli.app import app
from artigraph_neo4j.cli.options import age
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import EngineError, StorageError
from artigraph_neo4j.gc import GarbageReport, Tally, collect_garbage, take_new_graph_id
from artigraph_neo4j.graph.cypher import blobs as cypher
from artigraph_neo4j.local import LocalStack
from artigraph_neo4j.storage import Storage
from artigraph_neo4j.storage.aws import S3Storage
from artigraph_neo4j.storage.file import FileSystemStorage
from artigraph_neo4j.storage.memory import MemoryStorage
from artigraph_neo4j.storage.names import blob_name, marker, marker_key
from artigraph_neo4j.upkeep.garbage import scan as garbage_module
from artigraph_neo4j.values.upload import MIN_AGE
from tests.examples import few
from tests.graph.models import delete

AT_ONCE = timedelta(0)


def model(storage: Storage) -> Any:
    @dataclass
    class Collected(ArtifactModel, version=1):
        text: str = artifact_field(storage=storage)

    return Collected


@pytest.fixture(params=["memory", "file", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, s3_service: Any) -> Storage:
    if request.param == "memory":
        return MemoryStorage(new_id())
    if request.param == "file":
        return FileSystemStorage(tmp_path)
    return s3_service.storage(f"gc/{new_id()}")


@pytest.fixture
def on(engine: Engine, storage: Storage) -> Any:
    """Calls a method of the storage where the library does."""

    async def call(method: str, *args: Any, **kwargs: Any) -> Any:
        return await engine.call(lambda: getattr(storage, method)(*args, **kwargs))

    return call


async def stray(engine: Engine, storage: Storage, data: bytes, name: str | None = None) -> str:
    """An object of this graph's form that no Blob node names."""
    graph_id = (await engine.graph()).graph_id
    name = name or blob_name(hashlib.sha256(data).hexdigest())
    return await engine.call(lambda: storage.put(data, key=f"ag/{graph_id}/{name}"))


async def test_garbage_is_shown_then_deleted_and_the_rest_kept(
    engine: Engine, storage: Storage, on: Any
) -> None:
    cls = model(storage)
    kept = await cls("kept").create()
    shared, last = await cls("shared").create(), await cls("shared").create()
    await delete(engine, await cls("dropped").create())
    await delete(engine, shared)
    strays = [await stray(engine, storage, b"stray"), await stray(engine, storage, b"kept")]
    (report,) = await collect_garbage(storage, min_age=AT_ONCE)
    assert (report.live, report.young) == (Tally(2, 10), Tally())
    assert (report.garbage, report.deleted, report.dry_run) == (Tally(3, 16), Tally(), True)
    assert (report.dangling, report.unowned) == (0, 0)
    assert {item.location for item in report.garbage_examples} > set(strays)
    for item in report.garbage_examples:
        assert await on("exists", item.location)
    seen: list[GarbageReport] = []
    (done,) = await collect_garbage(storage, dry_run=False, min_age=AT_ONCE, progress=seen.append)
    assert (done.live, done.deleted, done.garbage) == (Tally(2, 10), Tally(3, 16), Tally(3, 16))
    assert seen[-1] is done
    for item in report.garbage_examples:
        assert not await on("exists", item.location)
    assert await cls.read(kept) == cls("kept")
    assert await cls.read(last) == cls("shared")
    (after,) = await collect_garbage(storage, min_age=AT_ONCE)
    assert (after.live, after.garbage) == (Tally(2, 10), Tally())


async def test_what_is_young_is_kept(
    engine: Engine, storage: Storage, on: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Young by the storage's clock or by the name's, whichever says so."""
    cls = model(storage)
    await cls("live").create()
    digest = hashlib.sha256(b"young").hexdigest()
    await stray(engine, storage, b"young")
    old_name = f"{digest}-017f22e2-79b0-7cc3-98c4-dc0c0c07398f"  # of the year 2022
    old = await stray(engine, storage, b"young", old_name)
    (report,) = await collect_garbage(storage, dry_run=False)
    assert (report.live, report.young, report.garbage) == (Tally(1, 4), Tally(2, 10), Tally())
    later = datetime.now(UTC) + timedelta(hours=25)
    monkeypatch.setattr(garbage_module, "_now", lambda: later)
    new_name = f"{digest}-{_id_of(later)}"
    new = await stray(engine, storage, b"young", new_name)
    (report,) = await collect_garbage(storage, dry_run=False)
    assert (report.live, report.young, report.deleted) == (Tally(1, 4), Tally(1, 5), Tally(2, 10))
    assert await on("exists", new)
    assert not await on("exists", old)


def _id_of(when: datetime) -> str:
    import uuid_utils

    return str(uuid_utils.uuid7(nanoseconds=int(when.timestamp()) * 10**9))


async def test_names_that_are_not_ours_are_left_alone(engine: Engine, storage: Storage) -> None:
    cls = model(storage)
    await cls("live").create()
    graph_id = (await engine.graph()).graph_id
    digest, uuid7 = hashlib.sha256(b"x").hexdigest(), new_id()
    names = [
        f"ag/{graph_id}/{digest}",
        f"ag/{graph_id}/{digest}-",
        f"ag/{graph_id}/{digest}-{uuid7}.txt",
        f"ag/{graph_id}/{digest.upper()}-{uuid7}",
        f"ag/{graph_id}/{digest}-{uuid7[:14]}4{uuid7[15:]}",  # another version of UUID
        f"ag/{graph_id}/deeper/{digest}-{uuid7}",
        f"ag/{graph_id}/notes.txt",
        f"ag/{graph_id}-other/{digest}-{uuid7}",
        f"ag/{new_id()}/{digest}-{uuid7}",
        f"ag/{digest}-{uuid7}",
        f"{digest}-{uuid7}",
        f"deeper/ag/{graph_id}/{digest}-{uuid7}",
    ]
    placed = [await engine.call(lambda n=name: storage.put(b"x", key=n)) for name in names]  # type: ignore[misc]
    await stray(engine, storage, b"garbage")
    (report,) = await collect_garbage(storage, dry_run=False, min_age=AT_ONCE)
    assert (report.live, report.deleted) == (Tally(1, 4), Tally(1, 7))
    for location in placed:
        assert await engine.call(lambda at=location: storage.exists(at))  # type: ignore[misc]


async def test_without_a_marker_of_this_graph_nothing_is_deleted(engine: Engine) -> None:
    storage = MemoryStorage(new_id())
    graph_id = (await engine.graph()).graph_id
    (report,) = await collect_garbage(storage, dry_run=False, min_age=AT_ONCE)
    assert report.garbage == Tally()  # nothing there, nothing to refuse
    await stray(engine, storage, b"stray")
    before = dict(storage.blobs)
    for content, message in (
        (None, r"does not say whose it is.*graph\.json"),
        (marker("another"), "is of another graph, another"),
        (b"\xff", "cannot be read"),
        (b"[]", "cannot be read"),
        (b"{}", "cannot be read"),
    ):
        if content is not None:
            storage.blobs[marker_key(graph_id)] = content
            storage._modified[marker_key(graph_id)] = datetime.now(UTC)
        with pytest.raises(StorageError, match=message):
            await collect_garbage(storage, dry_run=False, min_age=AT_ONCE)
        assert storage.blobs.items() >= before.items()


async def test_a_node_that_is_being_written_is_passed_over(
    engine: Engine, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neo4j applies a commit record by record: first a node, later its properties and links."""
    seen = engine.ask

    async def read(text: str, parameters: Any, **options: Any) -> Any:
        rows = await seen(text, parameters, **options)
        if text == cypher.REFERENCES:  # the rest of the commit is applied
            await engine.write(
                "MATCH (b:Blob {storage: $name}) WHERE NOT ()-[:STORED_IN]->(b) "
                "CREATE (:Artifact:Torn)-[:STORED_IN {field: 'f'}]->(b)",
                {"name": storage.name},
            )
        return rows

    await model(storage)("whole").create()
    digest = hashlib.sha256(b"torn").hexdigest()
    location = await stray(engine, storage, b"torn")
    await engine.write(
        "CREATE (:Blob:Torn {digest: $digest}) "
        "CREATE (:Blob:Torn {digest: $digest, blob_id: $id, storage: $name, location: $at, "
        "size: 4})",
        {"digest": digest, "id": new_id(), "name": storage.name, "at": location},
    )
    try:
        monkeypatch.setattr(engine, "ask", read)
        (report,) = await collect_garbage(storage, dry_run=False, min_age=AT_ONCE)
        assert (report.live.count, report.deleted.count) == (2, 0)
        assert (report.unowned, report.unowned_examples, report.dangling) == (0, [], 0)
    finally:
        await engine.write("MATCH (n:Torn) DETACH DELETE n", {})


@pytest.mark.statements
async def test_dangling_and_unowned_references_are_named(
    engine: Engine, storage: Storage, on: Any
) -> None:
    cls = model(storage)
    lost, fine, alone = [await cls(text).create() for text in ("lost", "fine", "alone")]
    again = await cls("lost").create()
    rows = await engine.read(
        "MATCH (a {node_id: $id})-[:STORED_IN]->(b) RETURN b.location, b.blob_id", {"id": lost}
    )
    ((location, blob_id),) = rows
    await on("delete", location)
    await engine.write("MATCH (a {node_id: $id}) DETACH DELETE a", {"id": alone})
    (report,) = await collect_garbage(storage, dry_run=False, min_age=AT_ONCE)
    assert report.dangling == 1
    found = {r.artifact: r for r in report.dangling_examples}
    assert set(found) == {lost, again}
    reference = found[lost]
    assert (reference.location, reference.blob_id, reference.size) == (location, blob_id, 4)
    assert (reference.model, reference.field) == ("Collected", "text")
    assert report.unowned == 1
    assert [(r.size, r.artifact) for r in report.unowned_examples] == [(5, None)]
    assert report.live == Tally(2, 9)  # a Blob node without an artifact keeps its object
    assert await cls.read(fine) == cls("fine")


async def test_pages_and_parts(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, on: Any, storage: Storage
) -> None:
    """More than a page of S3 in every part, and several parts."""
    cls = model(storage)
    live = await asyncio.gather(*(cls(f"live {i}").create() for i in range(64)))
    places: list[str] = []
    strays = 1100 if isinstance(storage, S3Storage) else 100 * few(11)
    for start in range(0, strays, 100):
        places += await asyncio.gather(
            *(stray(engine, storage, f"{i}".encode()) for i in range(start, start + 100))
        )
    ((blobs,),) = await engine.read(cypher.BLOB_COUNT, {})
    for parts in (1, 16, 256):
        monkeypatch.setattr(garbage_module, "PART", -(-blobs // parts))
        assert len(list(garbage_module._parts(blobs))) == parts
        (report,) = await collect_garbage(storage, min_age=AT_ONCE)
        assert (report.live.count, report.garbage.count, report.dangling) == (64, strays, 0)
        assert len(report.garbage_examples) == min(strays, garbage_module.EXAMPLES)
    (report,) = await collect_garbage(storage, dry_run=False, min_age=AT_ONCE)
    assert (report.deleted.count, report.dangling) == (strays, 0)
    assert not any([await on("exists", at) for at in places[::100]])
    assert [await cls.read(node_id) for node_id in live] == [cls(f"live {i}") for i in range(64)]


async def test_what_it_costs(statements: list[Any], engine: Engine) -> None:
    storage = MemoryStorage(new_id())
    cls = model(storage)
    await asyncio.gather(*(cls(f"{i}").create() for i in range(30)))
    statements.clear()
    await collect_garbage(storage, min_age=AT_ONCE)
    assert [s.text for s in statements] == [cypher.BLOB_COUNT, cypher.REFERENCES]
    for i in range(2001):
        await stray(engine, storage, b"%d" % i)
    statements.clear()
    await collect_garbage(storage, dry_run=False, min_age=AT_ONCE)
    assert [s.text for s in statements][2:] == 3 * [cypher.NAMES_REFERRED_TO]


@pytest.mark.statements
async def test_a_reference_that_comes_between_the_looks_is_seen(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the first look had missed it."""
    storage = MemoryStorage(new_id())
    cls = model(storage)
    node_id = await cls("handed over").create()
    read = engine.ask

    async def blind(text: str, parameters: Any, **options: Any) -> Any:
        return [] if text == cypher.REFERENCES else await read(text, parameters, **options)

    monkeypatch.setattr(engine, "ask", blind)
    (report,) = await collect_garbage(storage, dry_run=False, min_age=AT_ONCE)
    monkeypatch.undo()
    assert (report.live, report.garbage) == (Tally(1, 11), Tally())
    assert await cls.read(node_id) == cls("handed over")


async def test_a_storage_that_leads_to_the_same_place_by_another_name(
    engine: Engine, tmp_path: Path
) -> None:
    """References of the one keep what the other lists, also where it is spelled otherwise."""
    outer, inner = FileSystemStorage(tmp_path), FileSystemStorage(tmp_path, name=new_id())
    cls = model(inner)
    node_id = await cls("by another name").create()
    await engine.write(
        "MATCH ({node_id: $id})-[:STORED_IN]->(b) SET b.location = './' + b.location",
        {"id": node_id},
    )
    (report,) = await collect_garbage(outer, dry_run=False, min_age=AT_ONCE)
    assert (report.live, report.deleted) == (Tally(1, 15), Tally())
    assert await cls.read(node_id) == cls("by another name")


async def test_wrong_use(engine: Engine) -> None:
    with pytest.raises(ValueError, match="min_age"):
        await collect_garbage(MemoryStorage(new_id()), min_age=timedelta(seconds=-1))

    class Mute(MemoryStorage):
        list = Storage.list

    with pytest.raises(StorageError, match="cannot list"):
        await collect_garbage(Mute(new_id()))


# -- graphs of their own ---------------------------------------------------------------------------


def _connect(stack: LocalStack) -> engine_context:
    info = stack.info()
    assert info is not None
    return engine_context(
        info.bolt_url, username=info.username, password=info.password, create_schema=True
    )


async def test_two_graphs_and_foreign_files_in_one_bucket(
    engine: Engine, killable_stack: LocalStack, s3_service: Any
) -> None:
    storage = s3_service.storage(f"gc/{new_id()}")
    cls = model(storage)
    foreign = await engine.call(lambda: storage.put(b"mine", key="thesis.docx"))
    here = await cls("equal content").create()
    await stray(engine, storage, b"garbage here")
    async with _connect(killable_stack) as other:
        there = await cls("equal content").create()
        theirs = await stray(other, storage, b"garbage there")
        (report,) = await collect_garbage(storage, dry_run=False, min_age=AT_ONCE)
        assert (report.live, report.deleted) == (Tally(1, 13), Tally(1, 13))
        assert not await engine.call(lambda: storage.exists(theirs))
    (report,) = await collect_garbage(storage, dry_run=False, min_age=AT_ONCE)
    assert (report.live, report.deleted) == (Tally(1, 13), Tally(1, 12))
    assert await engine.call(lambda: storage.read(foreign)) == b"mine"
    assert await cls.read(here) == cls("equal content")
    async with _connect(killable_stack):
        assert await cls.read(there) == cls("equal content")


async def test_a_copy_takes_an_id_of_its_own(killable_stack: LocalStack, tmp_path: Path) -> None:
    storage = MemoryStorage(new_id())
    cls = model(storage)
    async with _connect(killable_stack) as first, _connect(killable_stack) as second:
        before = (await first.graph()).graph_id
        with engine_context(first):
            old = await cls("from before").create()
        await second.graph()  # connected while the id was the old one
        with engine_context(first):
            graph_id = await take_new_graph_id()
            assert graph_id == (await first.graph()).graph_id != before
            await first.write(cypher.NEW_GRAPH_ID, {"new": graph_id})  # an answer that was lost
            rows = await first.read("MATCH (g:ArtigraphGraph) RETURN g.graph_id, g.copied_from", {})
            assert rows == [[graph_id, before]]
            new = await cls("from before").create()  # of its own, not leaning on the old one's
        with engine_context(second), pytest.raises(EngineError, match="took another id"):
            await cls("too late").create()
        with engine_context(first):
            async with span_context() as span:
                pass
            await export_graph(span.node_id, tmp_path / "span.jsonl")
        with engine_context(second), pytest.raises(EngineError, match="took another id"):
            await import_graph(tmp_path / "span.jsonl")
        with engine_context(first):
            await stray(first, storage, b"garbage")
            (report,) = await collect_garbage(storage, dry_run=False, min_age=AT_ONCE)
            assert (report.live, report.deleted, report.dangling) == (Tally(1, 11), Tally(1, 7), 0)
            assert await cls.read(old) == await cls.read(new) == cls("from before")
        kept = [at.split("/")[1] for at in storage.blobs if not at.endswith("graph.json")]
        assert sorted(kept) == sorted([before, before, graph_id])  # one of them "too late"


async def test_every_storage_of_a_graph_and_the_command(
    killable_stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = killable_stack.info()
    assert info is not None
    one, two = FileSystemStorage(tmp_path / "one"), FileSystemStorage(tmp_path / "two")
    async with _connect(killable_stack) as engine:
        await model(one)("live").create()
        lost = await model(two)("lost").create()
        rows = await engine.read("MATCH ({node_id: $id})-->(b) RETURN b.location", {"id": lost})
        (tmp_path / "two" / rows[0][0]).unlink()
        await stray(engine, one, b"garbage")
        reports = await collect_garbage(min_age=AT_ONCE)
        assert [r.storage for r in reports] == [one.name, two.name]
        assert [r.garbage.count for r in reports] == [1, 0]
        assert [r.dangling for r in reports] == [0, 1]
        engine.storage = MemoryStorage(new_id())
        reports = await collect_garbage(min_age=AT_ONCE)
        assert [r.storage for r in reports] == [one.name, two.name, engine.storage.name]
    for name, value in (("URI", info.bolt_url), ("USERNAME", info.username)):
        monkeypatch.setenv(f"NEO4J_{name}", value)
    monkeypatch.setenv("NEO4J_PASSWORD", info.password)

    def run(*arguments: str, code: int = 0, answer: str | None = None) -> str:
        result = CliRunner().invoke(app, arguments, input=answer)
        assert result.exit_code == code, result.output
        return result.output

    def commands() -> None:
        said = run("gc", "--min-age", "0s")
        assert one.name in said
        assert "--delete" in said
        assert "dangling: referred to, but not there: 1" in said
        assert f"of artifact {lost}, field Collected.text" in said
        found = json.loads(run("gc", "--json", "--storage", one.name))["reports"]
        assert [(r["young"], r["garbage"]["count"]) for r in found] == [
            ({"count": 1, "bytes": 7}, 0)
        ]
        found = json.loads(run("gc", "--delete", "--min-age", "0d0s", "--json"))["reports"]
        assert [(r["deleted"]["count"], r["dry_run"]) for r in found] == [(1, False), (0, False)]
        assert "file:///path" in run("gc", "--storage", "nowhere", code=1)
        assert "is not an age" in run("gc", "--min-age", "soon", code=2)
        graph_id = found[0]["graph_id"]
        assert run("new-graph-id", code=1, answer="n\n")
        assert json.loads(run("new-graph-id", "--yes", "--json"))["graph_id"] != graph_id

    await asyncio.to_thread(commands)


def test_the_default_age_of_the_command_is_that_of_the_library() -> None:
    group = get_group(app)
    command = group.get_command(group.make_context("artigraph", ["gc"]), "gc")
    assert command is not None
    (default,) = (option.default for option in command.params if option.name == "min_age")
    assert isinstance(default, str)
    assert age(default) == MIN_AGE
