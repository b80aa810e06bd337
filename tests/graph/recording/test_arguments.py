"""A span, an artifact, a UUID or an id wherever one goes, and our own error for anything else."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

import artigraph_neo4j as ag
from artigraph_neo4j import ArtifactModel, Span, sync
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import (
    ArgumentError,
    ArtifactTypeError,
    ArtigraphError,
    NotFoundError,
    SpanError,
)
from artigraph_neo4j.find import above, in_span, span, under
from artigraph_neo4j.find.inspect import inspect_artifact

NOT_IDS = {"artifact_info", "cached", "get_current_span_id", "spanned"}
"""They take an object alone, an id alone, or a class of spans."""

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "arguments.md"


@dataclass
class Given(ArtifactModel, version=1):
    x: int


@pytest.fixture
async def made() -> Any:
    async with ag.span_context(label="outer") as outer, ag.span_context(label="made") as made:
        artifact = Given(1)
        await ag.create_span_artifact("current", label="one", data=artifact)
    async with ag.span_context(label="other") as other:
        pass
    return SimpleNamespace(outer=outer, span=made, artifact=artifact, other=other)


Call = Callable[[Any, Any, Path], Awaitable[Any]]

# Each takes what is given, what was made, and a directory.
SPANS: dict[str, Call] = {
    "create_span_artifact": lambda g, m, d: ag.create_span_artifact(g, label=None, data=Given(2)),
    "create_span_artifacts": lambda g, m, d: ag.create_span_artifacts(g, {new_id(): Given(2)}),
    "delete_span": lambda g, m, d: ag.delete_span(g, dry_run=True),
    "delete_spans": lambda g, m, d: ag.delete_spans(g, dry_run=True),
    "export_graph": lambda g, m, d: ag.export_graph(g, d / "out.jsonl"),
    "link_artifact": lambda g, m, d: ag.link_artifact(g, m.artifact, label="one"),
    "read_ancestor_spans": lambda g, m, d: ag.read_ancestor_spans(g),
    "read_child_artifacts": lambda g, m, d: ag.read_child_artifacts(g),
    "read_child_spans": lambda g, m, d: ag.read_child_spans(g),
    "read_descendant_artifacts": lambda g, m, d: ag.read_descendant_artifacts(g),
    "read_descendant_spans": lambda g, m, d: ag.read_descendant_spans(g),
    "read_parent_span": lambda g, m, d: ag.read_parent_span(g),
    "read_series": lambda g, m, d: ag.read_series(g),
    "read_span": lambda g, m, d: ag.read_span(g),
    "read_span_artifact": lambda g, m, d: ag.read_span_artifact(g, label="one"),
    "read_span_artifacts": lambda g, m, d: ag.read_span_artifacts(g),
    "read_span_counts": lambda g, m, d: ag.read_span_counts(g),
    "read_span_tree": lambda g, m, d: ag.read_span_tree(g),
    "ArtifactModel.create": lambda g, m, d: Given(3).create(span=g),
    "contrast": lambda g, m, d: ag.contrast([g], [m.outer]),
    "diff": lambda g, m, d: ag.diff(g, m.other),
    "report": lambda g, m, d: ag.report(g),
}
ARTIFACTS: dict[str, Call] = {
    "delete_artifacts": lambda g, m, d: ag.delete_artifacts(g, dry_run=True),
    "link_artifact": lambda g, m, d: ag.link_artifact(m.outer, g),
    "read_lineage": lambda g, m, d: ag.read_lineage(g, "up"),
    "read_revisions": lambda g, m, d: ag.read_revisions(g),
    "revise_artifact": lambda g, m, d: ag.revise_artifact(g, Given(4)),
    "use": lambda g, m, d: use(g),
    "ArtifactModel.read": lambda g, m, d: Given.read(g),
    "impact": lambda g, m, d: ag.impact(g),
    "recipe": lambda g, m, d: ag.recipe(g),
    "replay_plan": lambda g, m, d: ag.replay_plan(g),
    "stale": lambda g, m, d: ag.stale(g),
    "why": lambda g, m, d: ag.why(g, m.artifact),
}
NODES: dict[str, Call] = {
    "add_tags": lambda g, m, d: ag.add_tags(g, "tagged"),
    "read_annotations": lambda g, m, d: ag.read_annotations(g),
    "remove_tags": lambda g, m, d: ag.remove_tags(g, "never"),
    "write_note": lambda g, m, d: ag.write_note(g, "noted"),
    "why": lambda g, m, d: ag.why(m.artifact, g),
}
TABLES = {"AnySpan": SPANS, "AnyArtifact": ARTIFACTS, "AnyNode": NODES}
KINDS = {
    "a `Span`": lambda m: m.span,
    "its id": lambda m: m.span.node_id,
    'its `UUID`': lambda m: UUID(m.span.node_id),
    '`"current"`': lambda m: "current",
    "an artifact": lambda m: m.artifact,
    "its id ": lambda m: m.artifact.node_id,
    "its `UUID` ": lambda m: UUID(m.artifact.node_id),
}  # fmt: skip


async def use(artifact: Any) -> None:
    """What is not in the graph is left out without a word, so look whether it is there."""
    async with ag.span_context(label="using") as using:
        ag.use(artifact)
    used = "MATCH (:Span {node_id: $id})-[:USED]->(a) RETURN a.node_id"
    if not await ag.get_engine().read(used, {"id": using.node_id}):
        raise NotFoundError("nothing was used")


def wanted(function: Any) -> set[str]:
    found = [p.annotation for p in inspect.signature(function).parameters.values()]
    return {kind for kind in TABLES for text in found if kind in str(text)}


def test_every_public_function_is_in_the_table() -> None:
    names = {name: getattr(ag, name) for name in ag.__all__}
    names |= {
        "ArtifactModel.create": ArtifactModel.create,
        "ArtifactModel.read": ArtifactModel.read,
    }
    for name, function in names.items():
        if inspect.isfunction(function) or inspect.ismethod(function):
            assert wanted(function) == {kind for kind, calls in TABLES.items() if name in calls}, (
                name
            )
            for argument in ("span", "artifact", "node"):
                parameter = inspect.signature(function).parameters.get(argument)
                if parameter is not None and name not in NOT_IDS:
                    assert "Any" in str(parameter.annotation), (name, argument)


async def outcome(call: Call, given: Any, made: Any, directory: Path) -> bool:
    """Whether it is accepted; what is refused is refused by us."""
    async with ag.span_context(made.span):
        try:
            await call(given, made, directory)
        except (ArgumentError, NotFoundError, ArtifactTypeError, SpanError):
            return False
    return True


async def test_the_table_of_the_docs(made: Any, tmp_path: Path) -> None:
    rows = [f"| function | {' | '.join(KINDS)} |", "|---|" + "---|" * len(KINDS)]
    for calls in TABLES.values():
        for name, call in calls.items():
            cells: list[str] = []
            for make in KINDS.values():
                # A revision makes the artifact an old one: a new one for each.
                fresh = made
                if name == "revise_artifact":
                    fresh = SimpleNamespace(**vars(made))
                    fresh.artifact = Given(1)
                    await fresh.artifact.create()
                cells.append("yes" if await outcome(call, make(fresh), fresh, tmp_path) else "")
            rows.append(f"| `{name}` | {' | '.join(cells)} |")
    table = "\n".join(row.replace("|  |", "| |").replace("|  |", "| |") for row in rows)
    assert table in PAGE.read_text(), f"put this into {PAGE.name}:\n{table}"


@pytest.mark.parametrize("given", [12, None, 1.5, b"id", ["id"], Span, object()], ids=repr)
async def test_anything_else_is_our_type_error(given: Any, made: Any, tmp_path: Path) -> None:
    for calls in TABLES.values():
        for name, call in calls.items():
            if name == "ArtifactModel.create" and given is None:
                continue  # it means "no span"
            with pytest.raises(ArgumentError, match=r"^\w+ takes "):
                await call(given, made, tmp_path)
    assert issubclass(ArgumentError, TypeError)
    assert issubclass(ArgumentError, ArtigraphError)


async def test_the_other_kind_says_so(made: Any) -> None:
    with pytest.raises(ArgumentError, match=r"takes a span.*artifact_info\(artifact\)\.span"):
        await ag.read_span(made.artifact)
    with pytest.raises(ArgumentError, match="takes an artifact, and this is a span"):
        await ag.read_lineage(made.span, "up")  # type: ignore[arg-type]
    for work in (
        ag.read_span(made.artifact.node_id),
        ag.read_child_artifacts(made.artifact.node_id),
        ag.read_span_tree(made.artifact.node_id),
        ag.create_span_artifact(made.artifact.node_id, label="x", data=Given(9)),
        ag.read_span_artifact(made.artifact.node_id, label="one"),
    ):
        with pytest.raises(NotFoundError, match="is the id of an artifact, not of a span"):
            await work
    for work in (ag.read_lineage(made.span.node_id, "up"), ag.read_revisions(made.span.node_id)):
        with pytest.raises(NotFoundError, match="is the id of a span, not of an artifact"):
            await work


async def test_objects_that_the_graph_does_not_have() -> None:
    with pytest.raises(NotFoundError, match=r"this Span was never opened.*span_context\(span\)"):
        await ag.read_child_spans(Span(label="new"))
    with pytest.raises(NotFoundError, match="this Given was neither read nor recorded"):
        await ag.read_lineage(Given(1), "up")


async def test_filters_take_them_too(made: Any) -> None:
    for where in (made.outer, made.outer.node_id, UUID(made.outer.node_id)):
        assert await ag.find_spans(under(where)).read_ids() == [made.span.node_id]
        assert await ag.find_artifacts(Given, under(where)).read_ids() == [made.artifact.node_id]
    assert await ag.find_spans(above(made.span)).read_ids() == [made.outer.node_id]
    assert await ag.find_artifacts(
        Given, in_span(span.label == "made", under(made.outer))
    ).read_ids() == [made.artifact.node_id]
    with pytest.raises(ArgumentError, match="where takes a span"):
        under(made.artifact)


async def test_the_id_of_an_artifact_is_on_the_object(made: Any) -> None:
    info = ag.artifact_info(made.artifact)
    assert info is not None
    assert made.artifact.node_id == info.node_id
    assert info.span == info.span_id == made.span.node_id
    assert (await ag.read_span(info.span)).label == "made"
    new = Given(5)
    assert not hasattr(new, "node_id")
    with pytest.raises(NotFoundError, match="neither read nor recorded"):
        _ = new.node_id
    assert (await inspect_artifact(made.artifact)).span_id == made.span.node_id

    @dataclass
    class HasItsOwn(ArtifactModel, version=1):
        other: int
        node_id: str

    own = HasItsOwn(1, "mine")
    node_id = await own.create()
    assert own.node_id == "mine" != node_id
    assert (await HasItsOwn.read(node_id)).node_id == "mine"
    with pytest.raises(TypeError, match="node_id"):
        HasItsOwn(1)  # type: ignore[call-arg]


def test_without_await(made: Any) -> None:
    assert sync.read_artifact(Given, made.artifact) == made.artifact
    sync.create_artifact(Given(7), "seven", span=made.span)
    assert sync.read_span_artifact(made.span, label="seven") == Given(7)


async def test_counts_below_spans(made: Any, statements: list[Any]) -> None:
    statements.clear()
    outer, other = await ag.read_span_counts(made.outer, made.other)
    assert len(statements) == 1
    assert (outer.spans, outer.failed, outer.open, outer.artifacts) == (2, 0, 0, 1)
    assert (other.spans, other.artifacts) == (1, 0)
    assert await ag.read_span_counts() == []
    with pytest.raises(NotFoundError, match="there is no span"):
        await ag.read_span_counts(made.outer, "nowhere")
    assert (await ag.read_span_counts(made.outer, made.outer))[1] == outer
