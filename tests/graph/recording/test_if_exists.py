"""A label that is taken: an error, kept, or revised; at a bounded number of statements."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    BatchError,
    Engine,
    artifact_field,
    artifact_info,
    batch,
    create_span_artifact,
    create_span_artifacts,
    engine_context,
    read_revisions,
    read_span_artifact,
    read_span_artifacts,
    span_context,
    sync,
)
from artigraph_neo4j.errors import ArgumentError, DuplicateLabelError, RevisionError
from artigraph_neo4j.graph.cypher.write import is_write
from artigraph_neo4j.recording import commit
from artigraph_neo4j.storage.memory import MemoryStorage
from tests.graph.engine.test_once import far_away, lost_then
from tests.graph.models import Part

memory = MemoryStorage("if-exists").register()


@dataclass
class Whole(ArtifactModel, version=1):
    n: int
    parts: list[Part] = field(default_factory=list)
    data: bytes = artifact_field(storage=memory, default=b"")


def whole(n: int) -> Whole:
    return Whole(n, [Part(n), Part(n + 1)], b"%d" % n)


async def numbers(span: Any) -> dict[str, int]:
    return {label: found.n for label, found in (await read_span_artifacts(span)).items()}


async def test_keep(engine: Engine, statements: list[Any]) -> None:
    async with span_context(label="keep") as span:
        first = await create_span_artifact(span, label="a", data=whole(1), if_exists="keep")
        statements.clear()
        second = whole(2)
        assert await create_span_artifact(span, label="a", data=second, if_exists="keep") == first
        assert [is_write(s.text) for s in statements][-1:] == [True]
        assert artifact_info(second) == artifact_info(await read_span_artifact(span, label="a"))
        statements.clear()
        ids = await create_span_artifacts(
            span, {"a": Part(3), "b": whole(4), "c": Part(5)}, if_exists="keep"
        )
        assert sum(is_write(s.text) for s in statements) == 2
    assert ids["a"] == first
    assert await read_span_artifact(span, label="a") == whole(1)
    assert await numbers(span) == {"a": 1, "b": 4, "c": 5}
    assert await Whole(7).create("a", span=span, if_exists="keep") == first
    assert sync.create_artifact(Whole(7), "a", span=span, if_exists="keep") == first


async def test_revise(statements: list[Any]) -> None:
    async with span_context(label="revise") as span:
        for n in range(3):
            made = await create_span_artifact(span, label="a", data=whole(n), if_exists="revise")
        statements.clear()
        await create_span_artifacts(span, {"a": whole(3), "b": Part(0)}, if_exists="revise")
        assert sum(is_write(s.text) for s in statements) == 2
    assert await numbers(span) == {"a": 3, "b": 0}
    assert [a.n for a in await read_revisions(made)] == [3, 2, 1, 0]


async def test_revisions_at_the_same_time() -> None:
    async with span_context(label="revise") as span:
        await asyncio.gather(
            *(
                create_span_artifact(span, label="a", data=Part(n), if_exists="revise")
                for n in range(6)
            )
        )
        await asyncio.gather(
            *(
                create_span_artifact(span, label="b", data=Part(n), if_exists="keep")
                for n in range(6)
            )
        )
    found = await read_span_artifacts(span)
    assert list(found) == ["a", "b"]
    assert {a.n for a in await read_revisions(found["a"])} == {*range(6)}
    assert len(await read_revisions(found["b"])) == 1


@pytest.mark.parametrize("how", ["keep", "revise"])
async def test_an_artifact_that_is_being_deleted(how: Any, engine: Engine, session: Any) -> None:
    async with span_context(label="doomed") as span:
        old = await create_span_artifact(span, label="a", data=Part(1))
        mark = "MATCH (a:ArtigraphNode {node_id: $id}) SET a:ArtigraphDeleting"
        await (await session.run(mark, id=old)).consume()
        try:
            async with asyncio.timeout(20):
                with pytest.raises(DuplicateLabelError, match="being deleted.*resume_deletes"):
                    await create_span_artifact(span, label="a", data=Part(2), if_exists=how)
        finally:
            await (await session.run(mark.replace("SET", "REMOVE"), id=old)).consume()
        await create_span_artifact(span, label="a", data=Part(2), if_exists=how)
    assert await numbers(span) == {"a": 1 if how == "keep" else 2}


async def test_others_that_always_revise_first(
    session: Any, monkeypatch: pytest.MonkeyPatch, statements: list[Any]
) -> None:
    monkeypatch.setattr(commit, "TURNS", 6)
    async with span_context(label="contended") as span:
        old = await create_span_artifact(span, label="a", data=Part(1))
        find = "MATCH (a:ArtigraphNode {node_id: $id})"
        add = f"{find} CREATE (:Tried {{node_id: 'x'}})-[:SUPERSEDES]->(a)"
        await session.run(add, id=old)
        statements.clear()
        with pytest.raises(RevisionError, match="was revised already"):
            await create_span_artifact(span, label="a", data=Part(2), if_exists="revise")
        assert sum(is_write(s.text) for s in statements) == 6
        await session.run("MATCH (t:Tried) DETACH DELETE t")


@pytest.mark.parametrize("how", ["error", "keep", "revise"])
@pytest.mark.parametrize("atomic", [False, True])
async def test_a_batch_runs_again_in_few_statements(
    how: Any, atomic: bool, statements: list[Any]
) -> None:
    async with span_context(label="again") as span:
        async with batch(atomic=atomic):
            for n in range(50):
                await create_span_artifact(span, label=f"o{n}", data=Part(n), if_exists=how)
        statements.clear()
        again = {f"o{n}": Part(n + 100) for n in range(25, 75)}
        with suppress(BatchError):
            async with batch(atomic=atomic, seconds=60) as unit:
                for label, data in again.items():
                    await create_span_artifact(span, label=label, data=data, if_exists=how)
        assert all(isinstance(item.cause, DuplicateLabelError) for item in unit.lost)
        # Asked after the first error of the constraint, which labels are taken; then the others.
        most = {"error": 2 if atomic else 3}.get(how, 2)
        assert sum(is_write(s.text) for s in statements) <= most
    first = {f"o{n}": n for n in range(50)}
    added = {f"o{n}": n + 100 for n in range(50, 75)}
    changed = {f"o{n}": n + 100 for n in range(25, 50)}
    expected = (
        first | {"error": {} if atomic else added, "keep": added, "revise": changed | added}[how]
    )
    assert await numbers(span) == expected
    assert len(unit.lost) == {"error": 50 if atomic else 25}.get(how, 0)
    if how != "error":
        info = artifact_info(again["o30"])
        stored = artifact_info(await read_span_artifact(span, label="o30"))
        assert info is not None
        assert stored is not None
        assert info.node_id == stored.node_id


async def test_the_same_label_twice_in_a_batch() -> None:
    async with batch(seconds=60), span_context(label="twice") as span:
        one = await create_span_artifact(span, label="a", data=whole(1), if_exists="keep")
        two = await create_span_artifact(span, label="a", data=whole(2), if_exists="keep")
        await create_span_artifact(span, label="b", data=Part(1), if_exists="revise")
        await create_span_artifact(span, label="b", data=Part(2), if_exists="revise")
        await create_span_artifact(span, label="c", data=Part(3))
        with pytest.raises(DuplicateLabelError, match='if_exists="keep"'):
            await create_span_artifact(span, label="c", data=Part(4))
    assert one == two
    assert await numbers(span) == {"a": 1, "b": 2, "c": 3}


async def test_after_a_lost_answer(graph_service: Any, engine: Engine) -> None:
    async with span_context(label="lost") as span:
        await create_span_artifact(span, label="old", data=Part(0))
    async with far_away(graph_service) as (proxy, far):
        for how in ("keep", "revise", "keep", "revise"):
            await lost_then(
                proxy,
                far,
                lambda how=how: create_span_artifact(span, label=how, data=Part(1), if_exists=how),
                lambda: None,
            )
    with engine_context(engine):
        assert await numbers(span) == {"old": 0, "keep": 1, "revise": 1}
        revised = await read_span_artifact(span, label="revise")
        assert len(await read_revisions(revised)) == 2


@pytest.mark.statements
async def test_wrong_arguments() -> None:
    async with span_context(label="x") as span:
        with pytest.raises(ArgumentError, match="if_exists takes one of 'error', 'keep', 'revise'"):
            await create_span_artifact(span, label="a", data=Part(1), if_exists="skip")  # type: ignore[arg-type]
        with pytest.raises(DuplicateLabelError, match='or if_exists="keep" or "revise"'):
            for _ in range(2):
                await create_span_artifact(span, label="a", data=Part(1))
        await create_span_artifact(span, data=Part(1), if_exists="keep")  # no label: no other
    with pytest.raises(ArgumentError, match="name the span"):
        await Part(1).create("a", if_exists="keep")
