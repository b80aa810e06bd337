"""Labels by which a style of Neo4j Browser tells failed spans and large artifacts from others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    Span,
    artifact_field,
    create_span_artifact,
    find_spans,
    migrate_artifacts,
    migration,
    read_lineage,
    read_span,
    span_context,
)
from artigraph_neo4j.errors import ModelError
from artigraph_neo4j.find.terms import (
    is_a,
    under,
)
from artigraph_neo4j.graph.names import SEARCH_LABELS
from artigraph_neo4j.storage.memory import MemoryStorage

STORAGE = MemoryStorage("tests-marks").register()


@dataclass
class MarkedPart(ArtifactModel, version=1):
    text: str = artifact_field(storage=STORAGE)


@dataclass
class MarkedWhole(ArtifactModel, version=1):
    part: MarkedPart
    note: str = ""


class MarkedSpan(Span):
    pass


async def labels_of(query: Any, node_id: str) -> set[str]:
    ((labels,),) = await query(
        "MATCH (n:ArtigraphNode {node_id: $id}) RETURN labels(n)", id=node_id
    )
    return set(labels) - SEARCH_LABELS


async def test_a_failed_span_has_a_label(query: Any) -> None:
    async with span_context(label="marks") as top:
        with pytest.raises(ValueError, match="broken"):
            async with span_context(MarkedSpan(label="bad")) as bad:
                raise ValueError("broken")
    failed = {"ArtigraphNode", "Span", "MarkedSpan", "ArtigraphFailed"}
    assert await labels_of(query, bad.node_id) == failed
    assert await labels_of(query, top.node_id) == {"ArtigraphNode", "Span"}
    found = await read_span(bad.node_id)
    assert type(found) is MarkedSpan
    # The label is none of the class's: exact classes are found as before.
    assert await find_spans(under(top), is_a(MarkedSpan, subclasses=False)).read() == [bad]
    assert await find_spans(under(top), is_a(Span, subclasses=False)).count() == 0


async def test_an_open_span_has_a_label(query: Any) -> None:
    async with span_context(label="marks") as top:
        async with span_context(MarkedSpan(label="working")) as span:
            labels = {"ArtigraphNode", "Span", "MarkedSpan", "ArtigraphOpen"}
            assert await labels_of(query, span.node_id) == labels
            exact = find_spans(under(top), is_a(MarkedSpan, subclasses=False))
            assert await exact.read() == [span]
    assert await exact.read() == [span]
    assert await labels_of(query, span.node_id) == labels - {"ArtigraphOpen"}


async def test_a_span_that_heals_loses_it(query: Any) -> None:
    async with span_context(label="healing") as span:
        await query_write(query, span.node_id)
        assert "ArtigraphFailed" in await labels_of(query, span.node_id)
    assert await labels_of(query, span.node_id) == {"ArtigraphNode", "Span"}
    assert (await read_span(span.node_id)).status == "OK"


async def query_write(query: Any, node_id: str) -> None:
    """As ``close_lost_spans`` leaves a span whose process was only silent."""
    from artigraph_neo4j import get_engine

    await get_engine().write(
        "MATCH (s:ArtigraphNode {node_id: $id}) SET s.status = 'ERROR', s:ArtigraphFailed",
        {"id": node_id},
    )


async def test_an_artifact_with_stored_values_has_a_label(query: Any) -> None:
    async with span_context(label="storing") as span:
        whole = await create_span_artifact("current", data=MarkedWhole(MarkedPart("x" * 10)))
    ((part,),) = await query(
        "MATCH (:ArtigraphNode {node_id: $id})-[:HAS_FIELD]->(p) RETURN p.node_id", id=whole
    )
    assert await labels_of(query, whole) == {"ArtigraphNode", "Artifact", "MarkedWhole"}
    assert await labels_of(query, part) == {
        "ArtigraphNode",
        "Artifact",
        "MarkedPart",
        "ArtigraphStored",
    }
    assert (await read_lineage(whole, "up")).steps[0].node_id == span.node_id


async def test_migration_in_bulk_keeps_the_label_right(query: Any) -> None:
    def version_1() -> Any:
        @dataclass
        class MarkedMoving(ArtifactModel, version=1):
            out: str = artifact_field(storage=STORAGE)
            into: str = ""

        return MarkedMoving

    old = version_1()
    leaves, comes = await old("gone", "").create(), await old("stays", "come").create()
    assert "ArtigraphStored" in await labels_of(query, leaves)

    @dataclass
    class MarkedMoving(ArtifactModel, version=2):
        out: str
        into: str | None = artifact_field(storage=STORAGE, default=None)

        @migration(1)
        @staticmethod
        def move(data: dict[str, Any]) -> dict[str, Any]:
            return {"out": data["out"], "into": data["into"] or None}

    report = await migrate_artifacts(MarkedMoving)
    assert (report.migrated, report.failed) == (2, 0)
    assert "ArtigraphStored" not in await labels_of(query, leaves)
    assert "ArtigraphStored" in await labels_of(query, comes)


def test_the_labels_are_reserved() -> None:
    for name in ("ArtigraphFailed", "ArtigraphOpen", "ArtigraphStored"):
        with pytest.raises(ModelError, match="label of this library"):
            type(name, (Span,), {})
