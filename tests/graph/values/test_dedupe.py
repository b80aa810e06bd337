"""Equal content is stored once, and no race leaves a reference to what is gone."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    artifact_field,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import EngineError, StorageError
from artigraph_neo4j.graph.cypher import blobs
from artigraph_neo4j.graph.cypher import write as writing
from artigraph_neo4j.storage.memory import MemoryStorage
from artigraph_neo4j.values import upload as uploads_module
from tests.graph.models import delete


class Counting(MemoryStorage):
    """Keeps a count of what is asked of it."""

    def __init__(self) -> None:
        super().__init__(new_id())
        self.puts: list[str] = []

    async def put(self, data: bytes, /, *, key: str) -> str:
        if not key.endswith("graph.json"):
            self.puts.append(key)
        return await super().put(data, key=key)


storage = Counting()  # each test has one of its own; the model's field goes by this module's


@pytest.fixture(autouse=True)
def fresh() -> Counting:
    global storage
    storage.__init__()  # type: ignore[misc]
    return storage


@dataclass
class Kept(ArtifactModel, version=1):
    text: str = artifact_field(storage=storage)
    more: str | None = artifact_field(storage=storage, default=None)


@dataclass
class Holder(ArtifactModel, version=1):
    items: list[Kept] = field(default_factory=list)


def kinds(statements: list[Any]) -> list[str]:
    """What the statements did: look for equal content, or write."""
    names = {blobs.LIVE_BLOBS: "look"}
    return ["write" if writing.is_write(s.text) else names.get(s.text, s.text) for s in statements]


async def locations(query: Any, node_id: str) -> list[str]:
    ((found,),) = await query(
        "MATCH ({node_id: $id})-[k:STORED_IN]->(b) WITH b ORDER BY k.field "
        "RETURN collect(b.location)",
        id=node_id,
    )
    return found


async def test_equal_content_is_stored_once_by_references_of_their_own(query: Any) -> None:
    first, second = await Kept("same").create(), await Kept("same").create()
    third = await Kept("other").create()
    assert len(storage.puts) == 2
    assert await locations(query, first) == await locations(query, second)
    assert await locations(query, first) != await locations(query, third)
    rows = await query(
        "MATCH (a)-[:STORED_IN]->(b) WHERE a.node_id IN $ids "
        "RETURN count(DISTINCT b), count(DISTINCT b.blob_id)",
        ids=[first, second, third],
    )
    assert rows == [[3, 3]]
    assert await Kept.read(first) == await Kept.read(second) == Kept("same")


async def test_equal_content_within_a_call_is_uploaded_once(statements: list[Any]) -> None:
    node_id = await Holder([Kept("a", "b"), Kept("b", "a"), Kept("a", "a")]).create()
    assert len(storage.puts) == 2
    assert kinds(statements) == ["look", "write"]
    assert await Holder.read(node_id) == Holder([Kept("a", "b"), Kept("b", "a"), Kept("a", "a")])


async def test_what_goes_to_no_storage_costs_one_round_trip(statements: list[Any]) -> None:
    await Holder([]).create()
    assert kinds(statements) == ["write"]
    statements.clear()
    await Kept("x").create()
    await Kept("x").create()
    assert kinds(statements) == 2 * ["look", "write"]


async def test_many_values_are_asked_for_in_waves(
    statements: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held in memory is bounded; a wave is what its workers take until it is full."""
    monkeypatch.setattr(uploads_module, "WAVE_BYTES", 1000)
    held = 0
    largest = 0
    upload = uploads_module.Uploads._upload

    async def watched(self: Any, content: Any) -> None:
        nonlocal held, largest
        held = sum(c.data.size if c.data else 0 for c in self._contents.values())
        largest = max(largest, held)
        await upload(self, content)

    monkeypatch.setattr(uploads_module.Uploads, "_upload", watched)
    values = [Kept(f"{i:0100}", f"{i % 7:0100}") for i in range(100)]
    node_id = await Holder(values).create()
    assert len(storage.puts) == 100  # 100 texts, 7 of them again in the other field
    looks = [s for s in statements if s.text == blobs.LIVE_BLOBS]
    assert 2 < len(looks) <= 20
    assert largest <= 1000 + uploads_module.TRANSFERS * 100
    assert await Holder.read(node_id) == Holder(values)


async def test_an_object_that_nothing_names_is_not_used(engine: Engine, query: Any) -> None:
    graph_id = (await engine.graph()).graph_id
    stray = f"ag/{graph_id}/{hashlib.sha256(b'stray').hexdigest()}-{new_id()}"
    await MemoryStorage.put(storage, b"stray", key=stray)
    assert await locations(query, await Kept("stray").create()) == storage.puts != [stray]


async def test_a_reference_to_what_is_gone_is_not_leaned_on(query: Any) -> None:
    """So that recording again repairs what was lost."""
    first = await Kept("lost").create()
    (at,) = await locations(query, first)
    await storage.delete(at)
    second = await Kept("lost").create()
    assert await Kept.read(second) == Kept("lost")
    assert await locations(query, second) != [at]


async def test_what_a_copy_still_refers_to_is_not_used(engine: Engine, query: Any) -> None:
    """Such a value is below the prefix of another graph, which deletes it when it wants to."""
    first = await Kept("of another").create()
    (at,) = await locations(query, first)
    theirs = f"ag/{new_id()}/{at.rpartition('/')[2]}"
    await MemoryStorage.put(storage, b"of another", key=theirs)
    await engine.write(
        "MATCH ({node_id: $id})-[:STORED_IN]->(b) SET b.location = $at", {"id": first, "at": theirs}
    )
    assert await locations(query, await Kept("of another").create()) == [storage.puts[1]]


async def test_another_size_or_storage_is_other_content(query: Any, engine: Engine) -> None:
    first = await Kept("here").create()
    await engine.write("MATCH ({node_id: $id})-[:STORED_IN]->(b) SET b.size = 5", {"id": first})
    await Kept("here").create()
    assert len(storage.puts) == 2
    elsewhere = MemoryStorage(new_id())

    @dataclass
    class Elsewhere(ArtifactModel, version=1):
        text: str = artifact_field(storage=elsewhere)

    node_id = await Elsewhere("here").create()
    assert await locations(query, node_id) == [at for at in elsewhere.blobs if "graph" not in at]


# -- races -----------------------------------------------------------------------------------------


@pytest.fixture
def before_write(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Coroutine functions that run, one each, before the statements that write artifacts."""
    hooks: list[Any] = []
    once = engine.once

    async def hooked(text: str, parameters: Any, **options: Any) -> Any:
        if writing.is_write(text) and hooks:
            await hooks.pop(0)()
        return await once(text, parameters, **options)

    monkeypatch.setattr(engine, "once", hooked)
    return hooks


async def test_the_reference_leaned_on_is_deleted_before_the_write(
    engine: Engine, query: Any, before_write: list[Any], statements: list[Any]
) -> None:
    first = await Kept("shared", "shared too").create()
    (at, _) = await locations(query, first)

    async def strike() -> None:
        await delete(engine, first)
        await storage.delete(at)

    before_write.append(strike)
    statements.clear()
    second = await Kept("shared", "new").create()
    written = [s for s in statements if writing.is_write(s.text)]
    assert len(written) == 2
    assert len([s for s in statements if s.text == blobs.LIVE_BLOBS]) == 1
    assert len(storage.puts) == 4  # "new" went up once, "shared" again
    assert await Kept.read(second) == Kept("shared", "new")
    assert at not in await locations(query, second)
    assert await query(
        "MATCH ({node_id: $id})-[k:STORED_IN]->(b) RETURN count(k), count(DISTINCT b.location)",
        id=second,
    ) == [[2, 2]]


async def test_the_reference_leaned_on_is_deleted_while_the_write_waits_for_it(
    engine: Engine, graph_service: Any, query: Any, before_write: list[Any]
) -> None:
    """The deleter has the lock when the write begins: the write must see what it did."""
    from neo4j import AsyncGraphDatabase

    auth = (graph_service.username, graph_service.password) if graph_service.username else None
    first = await Kept("contended").create()
    (at,) = await locations(query, first)
    async with AsyncGraphDatabase.driver(graph_service.uri, auth=auth) as driver:
        async with driver.session(database=graph_service.database) as session:
            deleting = await session.begin_transaction()

            async def hold() -> None:
                await (
                    await deleting.run(
                        "MATCH (a {node_id: $id})-[:STORED_IN]->(b) DETACH DELETE a, b", id=first
                    )
                ).consume()

            before_write.append(hold)
            write = asyncio.create_task(Kept("contended").create())
            done, _ = await asyncio.wait({write}, timeout=1.5)
            assert not done, "the write did not wait for the lock"
            await deleting.commit()
            await storage.delete(at)
            second = await write
    assert await Kept.read(second) == Kept("contended")
    assert await locations(query, second) == [storage.puts[1]]


async def test_the_reference_leaned_on_cannot_go_while_the_write_is_under_way(
    engine: Engine, graph_service: Any, query: Any
) -> None:
    from neo4j import AsyncGraphDatabase

    auth = (graph_service.username, graph_service.password) if graph_service.username else None
    first = await Kept("locked").create()
    ((blob_id,),) = await query(
        "MATCH ({node_id: $id})-[:STORED_IN]->(b) RETURN b.blob_id", id=first
    )
    parameters = {"leaned_on": [blob_id], "once": [new_id(), 1, 2**62]}
    async with AsyncGraphDatabase.driver(graph_service.uri, auth=auth) as driver:
        async with driver.session(database=graph_service.database) as session:
            transaction = await session.begin_transaction()
            result = await transaction.run(writing.statement(parameters), parameters)
            ((_, _, missing, problems, gone, other, *_),) = await result.values()
            assert (missing, problems, gone, other) == ([], [], [], None)
            deleting = asyncio.create_task(delete(engine, first))
            done, _ = await asyncio.wait({deleting}, timeout=0.5)
            assert not done
            await transaction.rollback()
            await deleting


async def test_a_second_writer_may_not_see_the_first(query: Any, before_write: list[Any]) -> None:
    """Two first writers of the same value leave two copies; neither loses its own."""
    made: list[str] = []

    async def overtake() -> None:
        made.append(await Kept("raced").create())

    before_write.append(overtake)
    made.append(await Kept("raced").create())
    assert len(storage.puts) == 2
    found = [await locations(query, node_id) for node_id in made]
    assert sorted(at for group in found for at in group) == sorted(storage.puts)
    assert [await Kept.read(node_id) for node_id in made] == 2 * [Kept("raced")]


async def test_many_writers_of_one_value(query: Any) -> None:
    await Kept("popular").create()
    made = await asyncio.gather(*(Kept("popular").create() for _ in range(50)))
    assert len(storage.puts) == 1
    rows = await query(
        "MATCH (a)-[:STORED_IN]->(b) WHERE a.node_id IN $ids "
        "RETURN count(DISTINCT b), collect(DISTINCT b.location)",
        ids=made,
    )
    assert rows == [[50, storage.puts]]


async def test_many_first_writers_of_the_same_values(query: Any) -> None:
    """They lean on each other's Blob nodes in one order: no deadlock, all readable."""
    texts = [f"v{i}" for i in range(8)]
    made = await asyncio.gather(
        *(Holder([Kept(t, texts[(i + 3) % 8]) for t in texts]).create() for i in range(50))
    )
    assert len(storage.puts) <= 8 * 50
    before = len(storage.puts)
    again = await asyncio.gather(
        *(Holder([Kept(t) for t in (texts if i % 2 else texts[::-1])]).create() for i in range(50))
    )
    assert len(storage.puts) == before
    for node_id in (*made[:5], *again[:5]):
        assert {k.text for k in (await Holder.read(node_id)).items} == set(texts)


async def test_an_upload_that_became_too_old_is_made_again(
    query: Any, before_write: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = uploads_module.time.time
    late = 0.0
    monkeypatch.setattr(uploads_module, "time", SimpleNamespace(time=lambda: real() + late))
    put = Counting.put

    async def slow(self: Counting, data: bytes, /, *, key: str) -> str:
        nonlocal late
        found = await put(self, data, key=key)
        if len(self.puts) == 1:
            late = uploads_module.MIN_AGE.total_seconds() / 2 + 1
        return found

    monkeypatch.setattr(Counting, "put", slow)
    node_id = await Kept("slow").create()
    assert len(storage.puts) == 2
    assert await locations(query, node_id) == [storage.puts[1]]


async def test_a_graph_that_took_another_id_refuses_values_of_the_old_one(
    engine: Engine, before_write: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new id is only simulated: other tests share the graph."""
    graph = await engine.graph()
    monkeypatch.setattr(uploads_module.Uploads, "graph_id", "old")
    with pytest.raises(EngineError, match=f"took another id, {graph.graph_id}.*start the program"):
        await Kept("x").create()
    assert storage.puts


async def test_a_storage_that_fails_to_look_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    await Kept("look").create()

    async def refuse(self: Any, location: str, /) -> int:
        raise StorageError("no")

    monkeypatch.setattr(Counting, "size", refuse)
    with pytest.raises(StorageError, match=r"Kept\.text: 4 bytes could not be looked for"):
        await Kept("look").create()


async def test_a_storage_that_cannot_list_gets_no_marker(query: Any) -> None:
    from artigraph_neo4j.storage import Storage

    class Mute(MemoryStorage):
        list = Storage.list

    mute = Mute(new_id())

    @dataclass
    class Quiet(ArtifactModel, version=1):
        text: str = artifact_field(storage=mute)

    node_id = await Quiet("x").create()
    assert list(mute.blobs) == await locations(query, node_id)


async def test_one_marker_says_whose_prefix_it_is(engine: Engine) -> None:
    marked = MemoryStorage(new_id())

    @dataclass
    class Marked(ArtifactModel, version=1):
        text: str = artifact_field(storage=marked)

    await asyncio.gather(*(Marked(os.urandom(8).hex()).create() for _ in range(5)))
    graph_id = (await engine.graph()).graph_id
    data = marked.blobs[f"ag/{graph_id}/graph.json"]
    assert json.loads(data) == {"graph_id": graph_id, "written_by": "artigraph-neo4j"}
    assert len(marked.blobs) == 6
