"""``read_span_tree``: one round trip, the right shape, bounded, without models or values."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Lazy,
    NotFoundError,
    ResultList,
    Span,
    SpanTree,
    create_span_artifact,
    create_span_artifacts,
    delete_span,
    engine_context,
    find_artifacts,
    find_spans,
    link_artifact,
    read_child_artifacts,
    read_child_spans,
    read_descendant_artifacts,
    read_lineage,
    read_revisions,
    read_root_spans,
    read_span_tree,
    revise_artifact,
    span_context,
    sync,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.find.terms import (
    under,
)
from artigraph_neo4j.graph.cypher import span_tree
from artigraph_neo4j.storage.memory import MemoryStorage


@dataclass
class TreeLeaf(ArtifactModel, version=3):
    x: int


@dataclass
class TreeValues(ArtifactModel, version=1):
    text: str = "short"
    long: str = "long " * 100
    numbers: list[int] = field(default_factory=lambda: list(range(50)))
    raw: bytes = b"\x00\x01" * 20
    day: date = date(2026, 11, 24)
    at: datetime = datetime(2026, 11, 24, 12, tzinfo=timezone(timedelta(hours=2)))
    took: timedelta = timedelta(seconds=90)
    nothing: str | None = None
    table: dict[str, int] = field(default_factory=lambda: {"a": 1})
    model: str = "a field whose name is ours"
    leaf: TreeLeaf = field(default_factory=lambda: TreeLeaf(1))
    leaves: list[TreeLeaf] = field(default_factory=lambda: [TreeLeaf(2), TreeLeaf(3)])
    late: Lazy[str] = field(default_factory=lambda: Lazy("later"))


def _shape(tree: SpanTree) -> Any:
    return (
        tree.span.label,
        [artifact.label for artifact in tree.artifacts],
        [_shape(child) for child in tree.children],
    )


async def test_the_tree_has_the_shape_of_the_run(statements: list[Any]) -> None:
    async with span_context(label="run") as run:
        await create_span_artifact("current", label="n", data=TreeLeaf(1))
        for i in range(2):
            async with span_context(label=f"trial {i}"):
                await create_span_artifacts("current", {"a": TreeLeaf(i), "b": TreeLeaf(i)})
                async with span_context(label="step"):
                    pass
    statements.clear()
    tree = await read_span_tree(run.node_id)
    assert len(statements) == 1
    step = ("step", [], [])
    assert _shape(tree) == (
        "run",
        ["n"],
        [("trial 0", ["a", "b"], [step]), ("trial 1", ["a", "b"], [step])],
    )
    assert [(depth, t.span.label) for depth, t in tree.walk()] == [
        (0, "run"), (1, "trial 0"), (2, "step"), (1, "trial 1"), (2, "step"),
    ]  # fmt: skip
    assert {(t.left_out, t.more_children, t.more_artifacts) for _, t in tree.walk()} == {(0, 0, 0)}
    assert (tree.span, tree.span.status, tree.span.depth) == (run, "OK", 0)
    assert repr(tree) == "<SpanTree 'run' OK, 5 spans>"
    bare = await read_span_tree(run.node_id, artifacts=False)
    assert [t.artifacts for _, t in bare.walk()] == [[]] * 5
    assert {t.more_artifacts for _, t in bare.walk()} == {0}
    assert _shape(sync.read_span_tree(tree.children[1].span.node_id))[0] == "trial 1"


async def test_fields_are_told_without_reading_them(engine: Engine, graph_service: Any) -> None:
    storage = MemoryStorage("trees")
    with engine_context(
        graph_service.uri,
        username=graph_service.username,
        password=graph_service.password,
        database=graph_service.database,
        storage=storage,
    ) as own:
        async with span_context(label="values") as span:
            whole = TreeValues(long="x" * 100_000, late=Lazy("y" * 100_000))
            node_id = await create_span_artifact("current", label="v", data=whole)
        (artifact,) = (await read_span_tree(span.node_id)).artifacts
        await own.aclose()
    assert (artifact.node_id, artifact.label, artifact.model, artifact.model_version) == (
        node_id, "v", "TreeValues", 1,
    )  # fmt: skip
    assert artifact.recorded_at.tzinfo is UTC or artifact.recorded_at.utcoffset() == timedelta(0)
    assert artifact.stored_size == 200_000
    fields = {f.name: f for f in artifact.fields}
    assert {f: fields[f].value for f in ("text", "day", "at", "took", "nothing", "model")} == {
        "text": "short", "day": whole.day, "at": whole.at, "took": whole.took, "nothing": None,
        "model": whole.model,
    }  # fmt: skip
    assert fields["at"].value.utcoffset() == timedelta(hours=2)
    numbers = fields["numbers"]
    assert (numbers.value, numbers.cut, numbers.size) == (list(range(20)), True, 50)
    assert (fields["raw"].value, fields["raw"].size) == (whole.raw[:20], 40)
    assert (fields["table"].kind, fields["table"].value) == ("json", '{"a":1}')
    assert (fields["leaf"].models, fields["leaf"].text) == ((("TreeLeaf", 1),), "TreeLeaf")
    assert (fields["leaves"].kind, fields["leaves"].text) == ("tree", "2 × TreeLeaf")
    long = fields["long"]
    assert (long.storage, long.size, long.value) == ("memory:trees", 100_000, None)
    assert long.text == f"str, 100 kB, memory:trees: {long.location}"
    assert long.blob_id
    assert long.digest
    assert fields["late"].size == 100_000


async def test_long_texts_are_cut_by_the_database(statements: list[Any]) -> None:
    async with span_context() as span:
        await create_span_artifact("current", label="v", data=TreeValues(long="é" * 5000))
    (artifact,) = (await read_span_tree(span.node_id)).artifacts
    long = next(f for f in artifact.fields if f.name == "long")
    assert (long.value, long.cut, long.size) == ("é" * span_tree.SHOWN_CHARACTERS, True, 5000)
    assert len(long.text) < 210
    assert long.text.endswith("…")


async def test_no_class_of_the_users_is_needed_and_nothing_is_used() -> None:
    @dataclass
    class TreeGone(ArtifactModel, version=1):
        x: int

    async with span_context() as made:
        node_id = await create_span_artifact("current", label="v", data=TreeGone(7))
    del TreeGone
    gc.collect()
    async with span_context():
        (artifact,) = (await read_span_tree(made.node_id)).artifacts
    assert [(f.name, f.kind, f.value) for f in artifact.fields] == [("x", "int", 7)]
    assert (await read_lineage(node_id, "down")).steps == []


async def test_shared_and_revised_artifacts() -> None:
    async with span_context(label="first") as first:
        node_id = await create_span_artifact("current", label="v", data=TreeLeaf(1))
    newer = await revise_artifact(node_id, TreeLeaf(2))
    async with span_context(label="second") as second:
        await link_artifact("current", newer, label="w")
    (own,), (shared,) = [(await read_span_tree(span.node_id)).artifacts for span in (first, second)]
    assert (own.node_id, own.label, own.shared) == (newer, "v", False)
    assert (shared.node_id, shared.label, shared.shared) == (newer, "w", True)


async def test_the_limit_keeps_the_top_and_says_what_it_left_out(engine: Engine) -> None:
    async with span_context(label="wide") as top:
        await create_span_artifacts("current", {str(i): TreeLeaf(i) for i in range(30)})
        for i in range(3):
            async with span_context(label=str(i)):
                await create_span_artifact("current", label="a", data=TreeLeaf(i))
                for _ in range(2):
                    async with span_context(label="deep"):
                        pass
    tree = await read_span_tree(top.node_id, limit=5)
    assert [t.span.label for _, t in tree.walk()] == ["wide", "0", "deep", "1", "2"]
    assert (tree.left_out, tree.more_children) == (5, 0)
    assert [child.more_children for child in tree.children] == [1, 2, 2]
    # Each span's first before any one's second.
    assert [a.label for a in tree.artifacts] == ["0", "1"]
    assert [len(child.artifacts) for child in tree.children] == [1, 1, 1]
    assert tree.more_artifacts == 28
    assert repr(tree) == "<SpanTree 'wide' OK, 5 spans, 5 left out>"
    with pytest.raises(ValueError, match="limit"):
        await read_span_tree(top.node_id, limit=0)
    whole = await read_span_tree(top.node_id, limit=10)
    assert (whole.left_out, whole.more_artifacts) == (0, 30 - 7)


async def test_thousands_of_spans_in_chunks(engine: Engine, statements: list[Any]) -> None:
    root = await _chain(engine, 2500)
    statements.clear()
    tree = await read_span_tree(root, limit=10_000)
    assert [s.rows for s in statements] == [3]
    assert [depth for depth, _ in tree.walk()] == list(range(2500))
    assert tree.left_out == 0


async def test_ten_thousand_deep(engine: Engine) -> None:
    root = await _chain(engine, 10_000)
    tree = await read_span_tree(root, limit=10_000)
    assert [depth for depth, _ in tree.walk()] == list(range(10_000))
    some = await read_span_tree(root, limit=100)
    assert some.left_out == 9_900
    await engine.write(
        "MATCH (s:ArtigraphNode) WHERE s.node_id STARTS WITH $root DETACH DELETE s", {"root": root}
    )


async def _chain(engine: Engine, spans: int) -> str:
    root = new_id()
    await engine.write(
        "UNWIND range(0, $spans - 1) AS i CREATE (s:ArtigraphNode:Span {node_id: $root + "
        "CASE WHEN i = 0 THEN '' ELSE '-' + i END, label: 'link', status: 'OK', depth: i, "
        "opened_at: datetime()})",
        {"root": root, "spans": spans},
    )
    await engine.write(
        "UNWIND range(1, $spans - 1) AS i "
        "MATCH (p:ArtigraphNode {node_id: $root + CASE WHEN i = 1 THEN '' ELSE '-' + (i - 1) END}) "
        "MATCH (c:ArtigraphNode {node_id: $root + '-' + i}) "
        "CREATE (p)-[:PARENT_OF]->(c)",
        {"root": root, "spans": spans},
    )
    return root


async def test_what_is_not_there() -> None:
    with pytest.raises(NotFoundError, match="there is no span"):
        await read_span_tree("nowhere")
    async with span_context() as span:
        node_id = await create_span_artifact("current", label="v", data=TreeLeaf(1))
        assert (await read_span_tree("current")).span == span
    with pytest.raises(NotFoundError, match="is the id of an artifact, not of a span"):
        await read_span_tree(node_id)
    await delete_span(span.node_id)
    with pytest.raises(NotFoundError):
        await read_span_tree(span.node_id)


async def test_custom_spans_keep_their_class() -> None:
    from neomodel import IntegerProperty

    class TreeTrial(Span):
        epochs = IntegerProperty()

    async with span_context(TreeTrial(label="t", epochs=3)) as span:
        pass
    tree = await read_span_tree(span.node_id)
    assert isinstance(tree.span, TreeTrial)
    assert tree.span.epochs == 3


async def test_reads_return_lists_that_show_as_tables() -> None:
    async with span_context(label="lists") as top:
        node_id = await create_span_artifact("current", label="a", data=TreeLeaf(1))
        async with span_context(label="below"):
            pass
    for found, label in (
        (await read_child_spans(top.node_id), "below"),
        (await read_root_spans(limit=3), "span"),
        (await find_spans(under(top)).read(), "below"),
        (await read_child_artifacts(top.node_id), "TreeLeaf v3"),
        (await read_descendant_artifacts(top.node_id), "TreeLeaf v3"),
        (await find_artifacts(TreeLeaf, under(top)).read(), "TreeLeaf v3"),
        ((await find_artifacts(TreeLeaf, under(top)).read_page()).items, "TreeLeaf v3"),
        (await read_revisions(node_id), "TreeLeaf v3"),
        (sync.find_artifacts(TreeLeaf, under(top)).read(), "TreeLeaf v3"),
    ):
        assert type(found) is ResultList
        assert label in found._repr_html_()


async def test_lineage_draws_itself() -> None:
    async with span_context(label="made") as made:
        node_id = await create_span_artifact("current", label="in", data=TreeLeaf(1))
    async with span_context(label="used"):
        await TreeLeaf.read(node_id)
        out = await create_span_artifact("current", label="out", data=TreeLeaf(2))
    lineage = await read_lineage(out, "up")
    graph = lineage.to_networkx()
    assert set(graph.predecessors(out)) == {lineage.spans[0].node_id}
    assert len(graph) == 4
    assert made.node_id in graph
    assert "what it came from" in lineage._repr_html_()
    assert lineage.to_mermaid().count("-->|") == 2  # made; the dotted ones are uses
    assert (await read_lineage(out, "up", links=False)).to_mermaid().count("-->|") == 0


@pytest.mark.parametrize(
    "raw", [b"\x89PNG", b"\xff\x80\x7f\x00", bytes(range(256)), b"\x80" * 9_000]
)
async def test_any_bytes_are_shown(raw: bytes) -> None:
    """The database has signed bytes."""
    async with span_context(label="raw") as span:
        await create_span_artifact("current", label="raw", data=TreeValues(raw=raw))
    tree = await read_span_tree(span.node_id)
    (found,) = (field for field in tree.artifacts[0].fields if field.name == "raw")
    assert found.value == raw[: span_tree.SHOWN_ITEMS]
    assert tree._repr_html_()
