"""Imports whose answers are lost, and imports beside deletes and garbage collection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    create_span_artifact,
    delete_span,
    engine_context,
    export_graph,
    import_graph,
    read_span_artifacts,
    span_context,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import NotFoundError
from artigraph_neo4j.exchange.archive.uploading import BlobWriter
from artigraph_neo4j.exchange.upstream.database import open_database
from artigraph_neo4j.exchange.upstream.tree import grow
from artigraph_neo4j.exchange.upstream.writing import Writer
from artigraph_neo4j.gc import collect_garbage
from artigraph_neo4j.storage.memory import MemoryStorage
from tests.graph.engine.test_once import far_away, lost_then, options

DATABASE = Path(__file__).parents[2] / "data" / "artigraph-0.0.5" / "artigraph.db"


@dataclass
class Packed(ArtifactModel, version=1):
    n: int
    data: bytes = b""


THERE = {"a": Packed(1, b"large" * 100), "b": Packed(2)}


@asynccontextmanager
async def exported(service: Any, path: Path) -> AsyncIterator[tuple[MemoryStorage, str]]:
    """An exported tree, which is still in the graph, and its storage."""
    storage = MemoryStorage(new_id()).register()
    async with engine_context(service.uri, storage=storage, offload_bytes=100, **options(service)):
        async with span_context(label="packed") as span:
            for label, item in THERE.items():
                await create_span_artifact("current", label=label, data=item)
        await export_graph(span.node_id, path, blobs=True)
        yield storage, span.node_id


async def test_what_was_deleted_after_an_import_stays_deleted(
    graph_service: Any, tmp_path: Path
) -> None:
    path = tmp_path / "tree.jsonl"
    async with far_away(graph_service) as (proxy, far), exported(graph_service, path) as (_, span):
        await delete_span(span)
        report = await lost_then(proxy, far, lambda: import_graph(path), lambda: delete_span(span))
        assert (report.spans, report.artifacts, report.new) == (1, 2, 3)
        with pytest.raises(NotFoundError):
            await read_span_artifacts(span)


async def test_an_import_whose_answer_is_lost_is_whole(graph_service: Any, tmp_path: Path) -> None:
    path = tmp_path / "tree.jsonl"
    async with far_away(graph_service) as (proxy, far), exported(graph_service, path) as (_, span):
        await delete_span(span)
        report = await lost_then(proxy, far, lambda: import_graph(path), lambda: None)
        assert (report.new, report.left_out, report.uploaded) == (3, 0, 1)
        assert await read_span_artifacts(span) == THERE


async def test_spans_of_an_old_database_stay_deleted(graph_service: Any, engine: Engine) -> None:
    async with far_away(graph_service) as (proxy, far):
        tree = grow(open_database(str(DATABASE)).nodes(), new_id())
        writer = Writer(far, None, tree, {}, dry_run=False)  # type: ignore[arg-type] # no values
        root = next(span for span in tree.spans if span.parent_id is None)
        with engine_context(engine):
            await lost_then(
                proxy, far, lambda: writer.spans([root]), lambda: delete_span(root.new_id)
            )
            assert (
                await engine.read(
                    "MATCH (s:ArtigraphNode {node_id: $id}) RETURN s", {"id": root.new_id}
                )
                == []
            )


async def test_a_value_that_was_there_may_be_collected_meanwhile(
    graph_service: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look for it and the commit its artifact is deleted, and gc takes its bytes."""
    path, keep = tmp_path / "tree.jsonl", BlobWriter.keep
    meanwhile = 0
    async with exported(graph_service, path) as (storage, span):

        async def slowly(self: BlobWriter, blobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
            nonlocal meanwhile
            rows = await keep(self, blobs)
            meanwhile += 1
            if meanwhile == 1:
                await delete_span(span)
                await collect_garbage(storage, dry_run=False, min_age=timedelta(0))
            return rows

        monkeypatch.setattr(BlobWriter, "keep", slowly)
        report = await import_graph(path)
        assert meanwhile == 2
        assert (report.new, report.uploaded) == (3, 1)
        assert await read_span_artifacts(span) == THERE
