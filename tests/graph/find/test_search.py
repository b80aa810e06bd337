"""Full-text search finds all that was recorded before, though no write touches its index."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Span,
    artifact_field,
    batch,
    bind_neomodel,
    create_span_artifact,
    delete_spans,
    engine_context,
    export_graph,
    find_artifacts,
    find_spans,
    import_graph,
    migrate_artifacts,
    migration,
    read_span,
    revise_artifact,
    span_context,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.engine import heartbeat
from artigraph_neo4j.graph import indexing as indexing_module
from artigraph_neo4j.graph.attempts import Attempts
from artigraph_neo4j.graph.cypher.indexing import COUNT_UNINDEXED, INDEX_WORDS
from artigraph_neo4j.graph.names import INDEXED_LABEL, UNINDEXED_LABEL
from artigraph_neo4j.graph.parameters import with_one_map
from tests.graph import plans


@dataclass
class SearchNote(ArtifactModel, version=1):
    text: str = artifact_field(default="", searchable=True)
    inner: Any = None


class SearchSpan(Span):
    pass


@pytest.fixture
def word() -> str:
    """A word that nothing else has."""
    return f"w{new_id().replace('-', '')}"


@pytest.fixture
def labels(query: Any) -> Callable[[str], Any]:
    async def read(node_id: str) -> set[str]:
        ((found,),) = await query("MATCH (n {node_id: $id}) RETURN labels(n)", id=node_id)
        return set(found) & {INDEXED_LABEL, UNINDEXED_LABEL}

    return read


async def settled(engine: Engine) -> None:
    """Index all that earlier tests left, so that the next counts are of this test."""
    assert await engine.index_words() == 0
    assert await engine.read(COUNT_UNINDEXED, {}) == [[0]]


async def test_a_write_leaves_the_index_alone_and_a_search_adds_it(
    engine: Engine, statements: list[Any], word: str, labels: Any
) -> None:
    await settled(engine)
    async with batch():
        async with span_context(label=word) as span:
            plain = await create_span_artifact("current", data=SearchNote(inner=SearchNote()))
            note = await create_span_artifact("current", data=SearchNote(word))
            named = await create_span_artifact("current", label=word, data=SearchNote())
    for node_id in (span.node_id, note, named):
        assert await labels(node_id) == {UNINDEXED_LABEL}
    assert await labels(plain) == set(), "there is no word in it"
    assert span.node_labels == (await read_span(span.node_id)).node_labels
    found = find_artifacts(SearchNote).search(word)
    statements.clear()
    assert set(await found.read_ids()) == {note, named}
    sent = [s.text for s in statements]
    assert sent[:-1] == [COUNT_UNINDEXED, INDEX_WORDS, INDEX_WORDS]
    statements.clear()
    assert await found.count() == 2
    assert [s.text for s in statements[:-1]] == [COUNT_UNINDEXED]
    for node_id in (span.node_id, note, named):
        assert await labels(node_id) == {INDEXED_LABEL}


async def test_many_are_moved_in_parts_at_a_cost_of_what_waits(
    engine: Engine, session: Any, word: str, monkeypatch: pytest.MonkeyPatch, statements: list[Any]
) -> None:
    await settled(engine)
    monkeypatch.setattr(indexing_module, "NODES", 4)
    async with span_context(label=word):
        for i in range(5):
            await create_span_artifact("current", label=f"{word} {i}", data=SearchNote())
    result = await session.run(*with_one_map("PROFILE " + INDEX_WORDS, {"size": 3}))
    plan = (await result.consume()).profile
    assert plans.hits(plan) < 3 * 20 + 40
    # As after a kill there: some nodes are moved, and the node of the graph says so.
    assert await engine.read(COUNT_UNINDEXED, {}) == [[4]]
    statements.clear()
    assert await find_artifacts().search(word).count() == 5
    assert [s.text for s in statements[:-1]] == [COUNT_UNINDEXED, INDEX_WORDS, INDEX_WORDS]
    assert await engine.read(COUNT_UNINDEXED, {}) == [[0]]
    plan = (await (await session.run("EXPLAIN " + COUNT_UNINDEXED)).consume()).plan
    assert "NodeCountFromCountStore" in plans.operators(plan)


async def test_a_heartbeat_and_the_end_of_a_program_add_what_waits(
    engine: Engine,
    graph_service: Any,
    word: str,
    labels: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await engine.graph()
    settings = {
        "username": graph_service.username,
        "password": graph_service.password,
        "database": graph_service.database,
    }
    async with engine_context(graph_service.uri, **settings):
        with monkeypatch.context() as patch:
            patch.setattr(heartbeat, "HEARTBEAT_SECONDS", 1.0)
            async with span_context(label=word) as span:
                async with asyncio.timeout(60):
                    while await labels(span.node_id) != {INDEXED_LABEL}:
                        await asyncio.sleep(0.1)
    monkeypatch.setattr(heartbeat, "GOODBYE_NODES", 1)
    monkeypatch.setattr(heartbeat, "GOODBYE_SECONDS", 30.0)
    for _ in range(5):  # a server that is slow to answer is not waited for at the end
        async with engine_context(graph_service.uri, **settings):
            async with span_context(label=word) as span:
                pass
            assert await labels(span.node_id) == {UNINDEXED_LABEL}
        if await labels(span.node_id) == {INDEXED_LABEL}:
            return
    pytest.fail("no end of a program added it")


async def test_several_index_while_others_write_and_delete(
    engine: Engine, word: str, session: Any, labels: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await settled(engine)
    monkeypatch.setattr(indexing_module, "NODES", 7)

    async def record(i: int) -> str:
        async with span_context(label=f"{word} {i}") as span:
            pass
        if i % 3 == 0:
            await delete_spans(span)
        return span.node_id

    async def look() -> None:
        for _ in range(5):
            await engine.index_words()

    ids = await asyncio.gather(*map(record, range(30)), look(), look())
    kept = {node_id for i, node_id in enumerate(ids[:30]) if i % 3}
    assert set(await find_spans().search(word).read_ids()) == kept

    # One that is deleted while it is waited for is left out, and the others are moved.
    async with span_context(label=word) as gone, span_context(label=word) as stays:
        pass
    transaction = await session.begin_transaction()
    text = "MATCH (n:ArtigraphNode {node_id: $id}) DETACH DELETE n"
    await (await transaction.run(text, id=gone.node_id)).consume()
    moving = asyncio.create_task(engine.index_words())
    await asyncio.sleep(0.3)
    await transaction.commit()
    assert await moving == 0
    assert await labels(stays.node_id) == {INDEXED_LABEL}
    await settled(engine)


async def test_words_that_come_later(word: str) -> None:
    async with span_context() as top:
        old = await create_span_artifact("current", label=f"old {word}", data=SearchNote("a"))
    assert await find_artifacts().search(f"old {word}").read_ids() == [old]
    new = await revise_artifact(old, SearchNote("b"))
    assert await find_artifacts().search(f"old {word}").read_ids() == [new]

    @dataclass
    class SearchLater(ArtifactModel, version=1):
        text: str

    node_id = await create_span_artifact(top.node_id, data=SearchLater(word))
    del SearchLater

    @dataclass
    class SearchLater(ArtifactModel, version=2):  # type: ignore[no-redef]
        text: str = artifact_field(searchable=True)

        @migration(1)
        @staticmethod
        def to_2(values: Any) -> Any:
            return {"text": f"{values['text']} migrated"}

    assert (await migrate_artifacts(SearchLater)).migrated == 1
    assert await find_artifacts().search(f"migrated {word}").read_ids() == [node_id]


async def test_a_file_is_found_after_its_import(
    word: str, tmp_path: Path, labels: Any, engine: Engine
) -> None:
    async with span_context(label=word) as span:
        note = await create_span_artifact("current", data=SearchNote(word))
    files = [tmp_path / "waiting.jsonl", tmp_path / "indexed.jsonl"]
    await export_graph(span, files[0])
    assert await find_artifacts().search(word).read_ids() == [note]
    await export_graph(span, files[1])
    first, second = (file.read_text().splitlines()[1:-1] for file in files)
    assert first == second, "a file does not say what a search knew"
    await delete_spans(span)
    assert await find_spans().search(word).count() == 0
    await import_graph(files[1])
    assert await labels(note) == await labels(span.node_id) == {INDEXED_LABEL}
    assert await find_artifacts().search(word).read_ids() == [note]


async def test_spans_of_neomodel(word: str) -> None:
    with pytest.raises(ValueError, match="wrong"):
        async with span_context(SearchSpan(label="fails")) as failed:
            raise ValueError("wrong")
    async with span_context(SearchSpan(label=f"saved {word}")) as saved:
        pass
    assert await find_spans(SearchSpan).search(word).read_ids() == [saved.node_id]
    async with bind_neomodel():
        # Those that failed, or are indexed, have labels that their class does not name.
        found = await SearchSpan.nodes.filter(node_id__in=[saved.node_id, failed.node_id])
        assert {type(s) for s in found} == {SearchSpan}
        assert len(found) == 2


async def test_a_user_who_cannot_write_is_told(
    engine: Engine, word: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await settled(engine)
    async with span_context(label=word) as span:
        pass
    make = Attempts.session

    def reading(self: Attempts, access: Any, **settings: Any) -> Any:
        return make(self, "read", **settings)  # in which the server refuses writes

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(Attempts, "session", reading)
        for _ in range(2):
            assert await find_spans().search(word).count() == 0
    told = [r.getMessage() for r in caplog.records if r.name == "artigraph_neo4j.find"]
    assert len(told) == 2
    assert told[0].startswith("full-text search may not find 1 of the nodes recorded last")
    engine._indexes_from = 0.0  # pyright: ignore[reportPrivateUsage]
    assert await find_spans().search(word).read() == [span]
