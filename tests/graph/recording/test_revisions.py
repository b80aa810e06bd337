"""Corrections are new versions; labels lead to the newest."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    NotFoundError,
    artifact_info,
    create_span_artifact,
    delete_artifacts,
    delete_span,
    find_artifacts,
    read_child_artifacts,
    read_descendant_artifacts,
    read_revisions,
    read_span_artifact,
    read_span_artifacts,
    revise_artifact,
    span_context,
)
from artigraph_neo4j.errors import RevisionError
from artigraph_neo4j.find.terms import (
    under,
)
from artigraph_neo4j.graph.attempts import Statement


@dataclass
class Revised(ArtifactModel, version=1):
    value: int


@dataclass
class Holder(ArtifactModel, version=1):
    reading: Revised


async def test_a_label_leads_to_the_newest_version() -> None:
    async with span_context(label="run") as span:
        first = await create_span_artifact("current", label="r", data=Revised(1))
        second = await revise_artifact(first, Revised(2))
        third = await revise_artifact(await Revised.read(second), Revised(3))
        assert await read_span_artifact("current", label="r") == Revised(3)
        assert await read_span_artifacts("current") == {"r": Revised(3)}
        # The label is free for nobody else.
        with pytest.raises(ValueError, match="'r' already"):
            await create_span_artifact("current", label="r", data=Revised(9))
    assert await read_child_artifacts(span.node_id) == [Revised(3)]
    assert await read_descendant_artifacts(span.node_id) == [Revised(3)]
    assert await read_child_artifacts(span.node_id, history=True) == [
        Revised(1),
        Revised(2),
        Revised(3),
    ]
    assert len(await read_descendant_artifacts(span.node_id, history=True)) == 3
    assert await Revised.read(first) == Revised(1)
    assert await find_artifacts(Revised, under(span)).read() == [Revised(3)]
    assert await find_artifacts(Revised, under(span)).with_history().count() == 3
    for node_id in (first, second, third):
        assert await read_revisions(node_id) == [Revised(3), Revised(2), Revised(1)]
    newest, *_ = await read_revisions(first)
    info = artifact_info(newest)
    assert info is not None
    assert (info.node_id, info.label, info.span_id) == (third, "r", span.node_id)


async def test_a_revision_costs_one_round_trip(statements: list[Statement]) -> None:
    first = await Revised(1).create(label="alone")
    statements.clear()
    second = await revise_artifact(first, Revised(2))
    assert len(statements) == 1
    statements.clear()
    assert len(await read_revisions(second)) == 2
    assert len(statements) == 1
    info = artifact_info(await Revised.read(second))
    assert info is not None
    assert info.label == "alone"


async def test_what_cannot_be_revised(query: Any) -> None:
    first = await Revised(1).create()
    await revise_artifact(first, Revised(2))
    with pytest.raises(RevisionError, match="was revised already"):
        await revise_artifact(first, Revised(3))
    with pytest.raises(NotFoundError, match="no artifact with id 'nowhere'"):
        await revise_artifact("nowhere", Revised(3))
    with pytest.raises(NotFoundError, match="neither read nor recorded"):
        await revise_artifact(Revised(1), Revised(3))
    with pytest.raises(NotFoundError, match="no artifact with id 'nowhere'"):
        await read_revisions("nowhere")
    async with span_context(label="run") as span:
        with pytest.raises(NotFoundError):
            await revise_artifact(span.node_id, Revised(3))
    holder = await Holder(Revised(1)).create()
    ((inner,),) = await query(
        "MATCH (:ArtigraphNode {node_id: $id})-[:HAS_FIELD]->(n) RETURN n.node_id", id=holder
    )
    with pytest.raises(RevisionError, match="part of another artifact"):
        await revise_artifact(inner, Revised(3))


async def test_of_many_revisions_at_once_one_wins(query: Any) -> None:
    for _ in range(10):
        async with span_context(label="run"):
            first = await create_span_artifact("current", label="r", data=Revised(0))
            tries = [revise_artifact(first, Revised(i)) for i in range(1, 9)]
            found = await asyncio.gather(*tries, return_exceptions=True)
            won = [item for item in found if isinstance(item, str)]
            assert len(won) == 1
            assert all(isinstance(item, (str, RevisionError)) for item in found)
            assert await read_span_artifact("current", label="r") == await Revised.read(won[0])
        ((number,),) = await query(
            "MATCH (:ArtigraphNode {node_id: $id})<-[:SUPERSEDES]-(n) RETURN count(n)", id=first
        )
        assert number == 1


async def test_deleting_one_version_leaves_the_others(query: Any) -> None:
    async with span_context(label="run") as span:
        first = await create_span_artifact("current", label="r", data=Revised(1))
    second = await revise_artifact(first, Revised(2))
    third = await revise_artifact(second, Revised(3))
    await delete_artifacts(second)
    assert await read_revisions(first) == [Revised(3), Revised(1)]
    assert await read_child_artifacts(span.node_id) == [Revised(3)]
    await delete_artifacts(third)
    assert await read_span_artifact(span.node_id, label="r") == Revised(1)
    assert await read_child_artifacts(span.node_id) == [Revised(1)]
    assert await revise_artifact(first, Revised(4))
    await delete_span(span.node_id)
    ((left,),) = await query(
        "UNWIND $ids AS id MATCH (n:ArtigraphNode {node_id: id}) RETURN count(n)",
        ids=[first, second, third],
    )
    assert left == 0


async def test_a_delete_beside_a_revision_leaves_no_orphan(query: Any) -> None:
    for _ in range(15):
        async with span_context(label="run") as span:
            first = await create_span_artifact("current", label="r", data=Revised(0))
        revised, deleted = await asyncio.gather(
            revise_artifact(first, Revised(1)), delete_span(span.node_id), return_exceptions=True
        )
        assert not isinstance(deleted, BaseException), deleted
        assert isinstance(revised, (str, NotFoundError)), revised
        ids = [first, *([revised] if isinstance(revised, str) else [])]
        ((left,),) = await query(
            "UNWIND $ids AS id MATCH (n:ArtigraphNode {node_id: id}) RETURN count(n)", ids=ids
        )
        assert left == 0
