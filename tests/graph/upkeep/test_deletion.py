"""Deleting spans and artifacts: what goes, what stays, what is seen meanwhile, what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artigraph_neo4j import (
    DeleteReport,
    Engine,
    NotFoundError,
    create_span_artifact,
    create_span_artifacts,
    delete_artifacts,
    delete_span,
    delete_spans,
    engine_context,
    read_ancestor_spans,
    read_child_artifacts,
    read_child_spans,
    read_descendant_artifacts,
    read_descendant_spans,
    read_parent_span,
    read_root_spans,
    read_span,
    read_span_artifact,
    read_span_artifacts,
    resume_deletes,
    span_context,
)
from artigraph_neo4j.errors import ArtifactTypeError, SpanError
from artigraph_neo4j.graph.cypher import delete
from artigraph_neo4j.graph.failures import TooLargeError
from artigraph_neo4j.storage.memory import MemoryStorage
from artigraph_neo4j.upkeep import delete as upkeep_delete
from artigraph_neo4j.upkeep.delete import delete_nodes
from tests.examples import few
from tests.graph.models import LINK, Part, Whole


@pytest.fixture
def storing(graph_service: Any, session_engine: Engine) -> Iterator[Engine]:
    """An engine that keeps texts of more than 100 bytes in a storage."""
    with engine_context(
        graph_service.uri,
        username=graph_service.username,
        password=graph_service.password,
        database=graph_service.database,
        create_schema=True,
        storage=MemoryStorage("deleted"),
        offload_bytes=100,
    ) as engine:
        yield engine


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches so small that every loop goes round several times."""
    monkeypatch.setattr(upkeep_delete, "BATCH", 3)
    monkeypatch.setattr(upkeep_delete, "LOOK", 7)
    monkeypatch.setattr(upkeep_delete, "ROOTS", 2)
    monkeypatch.setattr(upkeep_delete, "LINKS_EACH", 2)


async def _tree() -> dict[str, Any]:
    """``parent`` with ``outer``, which has ``inner``; each with artifacts."""
    made: dict[str, Any] = {}
    async with span_context(label="parent") as made["parent"]:
        made["beside"] = await create_span_artifact("current", label="b", data=Whole(0))
        async with span_context(label="outer") as made["outer"]:
            ids = await create_span_artifacts(
                "current", {"a": Whole(1, [Part(1), Part(2)], "x" * 500), "c": Whole(2)}
            )
            made["a"], made["c"] = ids["a"], ids["c"]
            async with span_context(label="inner") as made["inner"]:
                made["d"] = await create_span_artifact("current", label="d", data=Whole(3))
    return made


USE = (
    "MATCH (s:ArtigraphNode {node_id: $span}) MATCH (a:ArtigraphNode {node_id: $artifact}) "
    "MERGE (s)-[:USED]->(a) RETURN a.node_id"
)
NODES = "UNWIND $ids AS id MATCH (n:ArtigraphNode {node_id: id}) RETURN collect(n.node_id)"


async def test_a_span_goes_with_all_below_it_and_nothing_else(storing: Engine, query: Any) -> None:
    made = await _tree()
    outer = made["outer"].node_id
    expected = DeleteReport(spans=2, artifacts=3, nested=2, blobs=1, bytes=500)
    assert await delete_span(outer, dry_run=True) == DeleteReport(2, 3, 2, 1, 500, dry_run=True)
    assert len(await read_descendant_spans(outer)) == 1
    assert await delete_span(outer) == expected
    assert await read_descendant_spans(made["parent"].node_id) == []
    assert await read_descendant_artifacts(made["parent"].node_id) == [Whole(0)]
    gone = [outer, made["inner"].node_id, made["a"], made["c"], made["d"]]
    assert await query(NODES, ids=gone) == [[[]]]
    for span in gone[:2]:
        with pytest.raises(NotFoundError, match="there is no span"):
            await read_span(span)
    with pytest.raises(NotFoundError):
        await Whole.read(made["a"])


async def test_the_bytes_are_left_to_gc(storing: Engine, query: Any) -> None:
    made = await _tree()
    ((storage, location),) = await query(
        "MATCH (:ArtigraphNode {node_id: $id})-[:STORED_IN]->(b) RETURN b.storage, b.location",
        id=made["a"],
    )
    assert (await delete_artifacts(made["a"])).bytes == 500
    assert storage == "memory:deleted"
    assert storing.storage is not None
    assert await storing.storage.exists(location)
    assert await query("MATCH (b:Blob {location: $at}) RETURN b.blob_id", at=location) == []


@pytest.mark.usefixtures("small_batches")
async def test_shared_artifacts_stay_and_used_ones_go(query: Any, engine: Engine) -> None:
    made = await _tree()
    parent, outer, inner = (made[name].node_id for name in ("parent", "outer", "inner"))
    await engine.write(LINK, {"span": parent, "artifact": made["a"]})  # shared with one that stays
    await engine.write(LINK, {"span": inner, "artifact": made["c"]})  # twice in what goes
    await engine.write(LINK, {"span": inner, "artifact": made["a"]})
    await engine.write(USE, {"span": parent, "artifact": made["d"]})
    await engine.write(USE, {"span": outer, "artifact": made["d"]})
    await engine.write(USE, {"span": outer, "artifact": made["beside"]})
    counted = await delete_span(outer, dry_run=True)
    report = await delete_span(outer)
    assert (report.spans, report.artifacts, report.nested) == (2, 2, 0)
    assert (report.kept, report.uses) == (1, 1)
    assert (counted.artifacts, counted.kept, counted.uses) == (2, 1, 1)
    assert await Whole.read(made["a"]) == Whole(1, [Part(1), Part(2)], "x" * 500)
    assert await Whole.read(made["beside"]) == Whole(0)
    assert len(await read_child_artifacts(parent)) == 2
    assert await query(
        "MATCH (:ArtigraphNode {node_id: $id})-[r:USED]->() RETURN count(r)", id=parent
    ) == [[0]]


async def test_tags_notes_versions_and_other_links_do_not_hold_it(
    query: Any, engine: Engine
) -> None:
    made = await _tree()
    await engine.write(
        """
        MATCH (s:ArtigraphNode {node_id: $span}) MATCH (a:ArtigraphNode {node_id: $new})
        MATCH (b:ArtigraphNode {node_id: $old})
        MERGE (t:ArtigraphTag {name: 'deletion test'})
        MERGE (s)-[:TAGGED]->(t) MERGE (a)-[:TAGGED]->(t) MERGE (a)-[:SUPERSEDES]->(b)
        MERGE (s)-[:HAS_NOTE]->(:ArtigraphNote {note_id: $span})
        MERGE (a)-[:HAS_NOTE]->(:ArtigraphNote {note_id: $new})
        MERGE (s)-[:OF_A_USER]->(t)
        """,
        {"span": made["outer"].node_id, "new": made["a"], "old": made["c"]},
    )
    await delete_artifacts(made["a"])
    assert await Whole.read(made["c"]) == Whole(2)
    await delete_span(made["outer"].node_id)
    assert await query(
        "MATCH (t:ArtigraphTag {name: 'deletion test'}) OPTIONAL MATCH (t)--(x) "
        "OPTIONAL MATCH (n:ArtigraphNote) WHERE n.note_id IN $ids "
        "RETURN count(t), count(x), count(n)",
        ids=[made["outer"].node_id, made["a"]],
    ) == [[1, 0, 0]]


async def test_an_artifact_goes_from_all_spans_that_have_it(query: Any, engine: Engine) -> None:
    made = await _tree()
    await engine.write(LINK, {"span": made["parent"].node_id, "artifact": made["a"]})
    report = await delete_artifacts(made["a"], made["c"])
    assert (report.artifacts, report.nested, report.spans) == (2, 2, 0)
    assert await read_child_artifacts(made["outer"].node_id) == []
    assert await read_child_artifacts(made["parent"].node_id) == [Whole(0)]


async def test_wrong_ids_delete_nothing(query: Any) -> None:
    made = await _tree()
    outer, a = made["outer"].node_id, made["a"]
    ((part,),) = await query(
        "MATCH (:ArtigraphNode {node_id: $id})-[:HAS_FIELD]->(p) RETURN p.node_id LIMIT 1", id=a
    )
    with pytest.raises(NotFoundError, match="no span with id 'none'; nothing was deleted"):
        await delete_spans(outer, "none")
    with pytest.raises(SpanError, match="delete_artifacts"):
        await delete_spans(outer, a)
    with pytest.raises(NotFoundError, match="no artifact with id 'none'"):
        await delete_artifacts(a, "none")
    with pytest.raises(ArtifactTypeError, match="delete_spans"):
        await delete_artifacts(a, outer)
    with pytest.raises(ArtifactTypeError, match=f"nested in '{a}'"):
        await delete_artifacts(part)
    assert len(await read_span_artifacts(outer)) == 2
    assert await delete_spans() == DeleteReport()
    lenient = await delete_nodes(spans=iter([outer, "none"]), artifacts=[part, "no"], lenient=True)
    assert (lenient.spans, lenient.artifacts) == (2, 3)


async def test_overlapping_and_repeated_ids(query: Any) -> None:
    made = await _tree()
    ids = [made[name].node_id for name in ("inner", "outer", "parent", "outer")]
    assert (await delete_spans(*ids, dry_run=True)).spans == 3
    report = await delete_spans(*ids)
    assert (report.spans, report.artifacts, report.kept) == (3, 4, 0)


@st.composite
def _shapes(draw: st.DrawFn) -> list[tuple[int, int, int]]:
    """For each span: which earlier one is its parent, artifacts, parts in each."""
    count = draw(st.integers(1, 12))
    return [
        (draw(st.integers(0, max(0, i - 1))), draw(st.integers(0, 4)), draw(st.integers(0, 4)))
        for i in range(count)
    ]


@settings(max_examples=few(15))
@given(shape=_shapes(), which=st.integers(0, 11))
async def test_any_tree_goes_whole_in_batches_of_any_size(
    shape: list[tuple[int, int, int]], which: int
) -> None:
    ids: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"BATCH": 3, "LOOK": 4, "ROOTS": 1, "LINKS_EACH": 1}.items():
            patch.setattr(upkeep_delete, name, value)
        async with span_context(label="around") as around:
            for parent, artifacts, parts in shape:
                above = await read_span(ids[parent]) if ids else around
                async with span_context(above), span_context() as span:
                    ids.append(span.node_id)
                    data = {str(i): Whole(i, [Part(i)] * parts) for i in range(artifacts)}
                    await create_span_artifacts("current", data)
        chosen = min(which, len(ids) - 1)
        below = {ids[chosen]}
        for i, (parent, _, _) in enumerate(shape):
            if i > chosen and ids[parent] in below:
                below.add(ids[i])
        gone = [row for i, row in enumerate(shape) if ids[i] in below]
        report = await delete_span(ids[chosen])
    assert report == DeleteReport(
        spans=len(gone),
        artifacts=sum(artifacts for _, artifacts, _ in gone),
        nested=sum(artifacts * parts for _, artifacts, parts in gone),
    )
    left = {span.node_id for span in await read_descendant_spans(around.node_id)}
    assert left == set(ids) - below
    assert (await delete_span(around.node_id)).spans == len(left) + 1


@pytest.mark.usefixtures("small_batches")
async def test_progress_is_told_after_every_transaction() -> None:
    made = await _tree()
    seen: list[DeleteReport] = []
    report = await delete_span(made["parent"].node_id, progress=seen.append)
    assert seen[-1] == report
    nodes = [step.nodes for step in seen]
    assert nodes == sorted(nodes)
    assert len(set(nodes)) > 3


async def test_trees_without_depths_go_too(query: Any, engine: Engine, small_batches: None) -> None:
    """Spans that someone made by Cypher of their own."""
    async with span_context() as root:
        pass
    await engine.write(
        "MATCH (r:ArtigraphNode {node_id: $id}) UNWIND range(1, 30) AS i "
        "MERGE (r)-[:PARENT_OF]->(c:ArtigraphNode:Span {node_id: $id + i}) "
        "MERGE (c)-[:PARENT_OF]->(:ArtigraphNode:Span {node_id: $id + 'x' + i})",
        {"id": root.node_id},
    )
    assert (await delete_span(root.node_id)).spans == 61


async def _cut_short(span_id: str, engine: Engine) -> None:
    """What a delete leaves that was killed after its first transaction."""
    await engine.once(delete.MARK_SPANS, {"ids": [span_id], "lenient": False})


@pytest.mark.statements
async def test_what_is_being_deleted_is_not_found(engine: Engine) -> None:
    made = await _tree()
    parent, outer, inner = (made[name].node_id for name in ("parent", "outer", "inner"))
    await engine.write(LINK, {"span": parent, "artifact": made["c"]})
    stays = await read_span(inner)
    context = span_context(label="open below")
    with_outer = span_context(await read_span(outer))
    async with with_outer:
        still_open = await context.__aenter__()
    await _cut_short(outer, engine)

    for read in (
        read_span, read_child_spans, read_descendant_spans, read_parent_span, read_ancestor_spans,
        read_child_artifacts, read_descendant_artifacts, read_span_artifacts,
    ):  # fmt: skip
        for span in (outer, inner, still_open.node_id):
            with pytest.raises(NotFoundError, match=f"span '{span}' is being deleted"):
                await read(span)
    with pytest.raises(NotFoundError, match="being deleted"):
        await read_span_artifact(outer, label="a")
    with pytest.raises(NotFoundError, match="being deleted; nothing was recorded; resume_deletes"):
        await create_span_artifact(inner, label="new", data=Whole(9))
    with pytest.raises(NotFoundError, match="being deleted, the parent of the one to open"):
        async with span_context(stays), span_context(label="new"):
            pass
    with pytest.raises(NotFoundError, match="was deleted before it was closed"):
        await context.__aexit__(None, None, None)
    for artifact in ("a", "d"):
        with pytest.raises(NotFoundError, match="being deleted"):
            await Whole.read(made[artifact])
    with pytest.raises(NotFoundError, match="being deleted"):
        ((part,),) = await engine.read(
            "MATCH (:ArtigraphNode {node_id: $id})-[:HAS_FIELD]->(p) RETURN p.node_id LIMIT 1",
            {"id": made["a"]},
        )
        await Part.read(part)
    # What is not below it goes on as ever.
    assert await read_child_spans(parent) == []
    shared = await Whole.read(made["c"])
    assert shared == Whole(2)
    assert shared.__class__ is Whole
    assert len(await read_descendant_artifacts(parent)) == 2
    await create_span_artifact(parent, label="new", data=Whole(9))
    async with span_context(await read_span(parent)), span_context(label="new"):
        pass

    report = await resume_deletes()
    assert (report.spans, report.artifacts, report.kept) == (3, 2, 1)
    with pytest.raises(NotFoundError, match="there is no span"):
        await read_span(inner)
    assert await resume_deletes() == DeleteReport()


async def test_a_root_that_is_being_deleted_is_no_root(engine: Engine) -> None:
    async with span_context() as root:
        pass
    assert root in await read_root_spans(limit=5)
    await _cut_short(root.node_id, engine)
    assert root not in await read_root_spans(limit=5)
    await resume_deletes()


async def test_a_later_delete_finishes_what_was_left_for_long(engine: Engine) -> None:
    made = await _tree()
    async with span_context() as other:
        pass
    async with span_context() as another:
        await create_span_artifact("current", data=Whole(1))
    await _cut_short(made["outer"].node_id, engine)
    await engine.once(delete.MARK_ARTIFACTS, {"ids": [made["beside"]], "lenient": False})
    report = await delete_span(other.node_id)
    assert (report.spans, report.artifacts) == (1, 0)
    marked = await engine.read(delete.MARKED, {"idle": None})
    assert sorted(marked) == [[False, [made["beside"]]], [True, [made["outer"].node_id]]]
    await engine.write(
        "MATCH (n:ArtigraphDeleting) SET n.marked_at_ = datetime() - duration('PT10M')", {}
    )
    report = await delete_span(another.node_id)
    assert (report.spans, report.artifacts) == (1, 1)
    assert await engine.read(delete.MARKED, {"idle": None}) == []
    assert await read_descendant_spans(made["parent"].node_id) == []


async def test_what_a_delete_costs(statements: list[Any]) -> None:
    made = await _tree()
    statements.clear()
    await delete_span(made["outer"].node_id)
    assert [s.text for s in statements] == [
        delete.MARK_SPANS,
        delete.SPANS_TO_DELETE,
        delete.UNLINK_ARTIFACTS,
        delete.DELETE_ARTIFACTS,
        delete.DELETE_SPANS,
        delete.MARKED,
    ]
    statements.clear()
    await delete_artifacts(made["beside"])
    assert [s.text for s in statements] == [
        delete.MARK_ARTIFACTS, delete.DELETE_ARTIFACTS, delete.MARKED,
    ]  # fmt: skip
    statements.clear()
    await resume_deletes()
    await delete_span(made["parent"].node_id, dry_run=True)
    assert [s.text for s in statements] == [delete.MARKED, delete.COUNT_DOOMED]
    await delete_span(made["parent"].node_id)


async def test_a_statement_that_needs_too_much_memory_is_tried_with_less(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neo4j's own answer needs a gigabyte of values."""
    made = await _tree()
    write = Engine.write
    limits: list[int] = []

    async def refusing(self: Engine, text: str, parameters: Any, **options: Any) -> Any:
        if "links" in parameters:
            limits.append(parameters["limit"])
            if parameters["limit"] > 1000:
                raise TooLargeError("too much for one transaction")
        return await write(self, text, parameters, **options)

    monkeypatch.setattr(Engine, "write", refusing)
    assert (await delete_span(made["outer"].node_id)).spans == 2
    assert limits[:3] == [10_000, 2_500, 625]
