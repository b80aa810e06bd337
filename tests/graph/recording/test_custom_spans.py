"""Custom spans: neomodel properties, labels, unknown classes, neomodel's own API."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from neomodel import ArrayProperty, FloatProperty, IntegerProperty, JSONProperty, StringProperty

from artigraph_neo4j import (
    Span,
    batch,
    bind_neomodel,
    read_child_spans,
    read_root_spans,
    read_span,
    span_context,
)
from artigraph_neo4j.errors import EngineError, ModelError, SpanError


class Attempt(Span):
    metric = FloatProperty()
    params = JSONProperty()
    tags = ArrayProperty(StringProperty())
    attempt = IntegerProperty(default=1)


class GpuAttempt(Attempt):
    polymorphic_identity = "gpu attempt `x`"
    device = StringProperty()


async def test_properties_are_stored_and_those_changed_inside_are_written_at_the_end(
    query: Any,
) -> None:
    async with span_context(Attempt(label="t", params={"lr": 0.1}, tags=["a"])) as trial:
        trial.metric = 0.5
        trial.tags = ["a", "b"]
    rows = await query(
        "MATCH (t:Attempt {node_id: $id}) RETURN t.metric, t.params, t.tags, t.attempt",
        id=trial.node_id,
    )
    assert rows == [[0.5, '{"lr": 0.1}', ["a", "b"], 1]]
    found = await read_span(trial.node_id)
    assert isinstance(found, Attempt)
    assert (found.metric, found.params, found.tags) == (0.5, {"lr": 0.1}, ["a", "b"])


async def test_a_property_can_be_taken_away() -> None:
    async with span_context(Attempt(metric=1.0)) as trial:
        trial.metric = None  # type: ignore[assignment]
    found: Any = await read_span(trial.node_id)
    assert found.metric is None


async def test_a_subclass_of_a_custom_span_is_read_as_itself_by_every_query() -> None:
    async with span_context(Attempt(label="outer")) as outer:
        async with span_context(GpuAttempt(device="0")) as inner:
            pass
    (child,) = await read_child_spans(outer.node_id)
    assert type(child) is GpuAttempt
    assert child == inner
    assert set(child.node_labels) == {"ArtigraphNode", "Span", "Attempt", "gpu attempt `x`"}
    roots = await read_root_spans(limit=10)  # others may record beside this test
    assert type(next(root for root in roots if root == outer)) is Attempt


async def test_a_program_without_the_class_still_reads_the_span() -> None:
    def write() -> Any:
        class Passing(Span):
            score = IntegerProperty()

        return Passing(label="p", score=7)

    async with span_context(write()) as span:
        node_id = span.node_id
    del span
    gc.collect()
    found = await read_span(node_id)
    assert type(found) is Span
    assert found.label == "p"
    assert found.extra == {"score": 7}
    assert "Passing" in found.node_labels


async def test_the_status_may_be_set_by_hand() -> None:
    async with span_context(label="judged") as span:
        span.status = "ERROR"
    assert (await read_span(span.node_id)).status == "ERROR"


async def test_what_neomodel_reads_works_after_binding() -> None:
    async with span_context(Attempt(label="bound", metric=0.25, params={"a": [1]})) as trial:
        pass
    async with bind_neomodel():
        (found,) = await Attempt.nodes.filter(node_id=trial.node_id)
        assert (found.label, found.metric, found.params) == ("bound", 0.25, {"a": [1]})
        assert found.opened_at == trial.opened_at
        await found.refresh()
        with pytest.raises(EngineError, match="has a connection already"):
            await bind_neomodel()


def test_what_neomodel_writes_is_answered_with_the_line_to_write() -> None:
    trial: Any = Attempt(label="x")
    for call, line in (
        (
            trial.save,
            r"save\(\) of neomodel .*: async with span_context\(span\): span.name = value",
        ),
        (trial.delete, r"await delete_span\(span\)"),
        (Attempt.create, r"async with span_context\(span\)"),
        (Attempt.create_or_update, r"async with span_context\(span\)"),
        (Attempt.get_or_create, r'key="...", if_exists="resume"'),
        (Attempt.bulk_save, r"async with batch\(\)"),
    ):
        with pytest.raises(SpanError, match=line):
            call({"label": "x"})


@pytest.mark.statements
async def test_a_span_that_exists_takes_new_properties(statements: list[Any]) -> None:
    async with span_context(Attempt(label="later", metric=0.25)) as trial:
        async with span_context(trial):
            trial.extra["note"] = "inside"  # the end of the span writes it
    found: Any = await read_span(trial.node_id)
    statements.clear()
    async with span_context(found):
        found.metric, found.extra["seed"] = 0.75, 7
        async with span_context(label="below"):
            pass
    async with span_context(found):
        pass
    assert len(statements) == 3
    after: Any = await read_span(trial.node_id)
    assert (after.metric, after.extra) == (0.75, {"note": "inside", "seed": 7})
    assert (after.status, after.closed_at) == ("OK", trial.closed_at)
    with pytest.raises(SpanError, match=r"Attempt\.metric: a str"):
        async with batch(), span_context(found):
            found.metric = "much"
    async with batch(atomic=True), span_context(Attempt(label="atomic")) as inside:
        async with span_context(inside):
            inside.metric = 1.5
    assert (await read_span(inside.node_id)).metric == 1.5


async def test_required_and_unique_properties() -> None:
    class Needed(Span):
        lot = StringProperty(required=True)

    with pytest.raises(SpanError, match=r"Needed.lot is required, .*; give it: Needed\(lot=...\)"):
        async with span_context(Needed(label="x")):
            pass
    with pytest.raises(SpanError, match=r"parts of it .*Needed.lot is required"):
        async with span_context(Needed(label="x", lot="a")) as span:
            span.lot = None  # type: ignore[assignment]
    assert (await read_span(span.node_id)).status == "OK"
    with pytest.raises(ModelError, match=r"'lot' is declared unique.*span_context\(..., key=...\)"):

        class Unique(Span):
            lot = StringProperty(unique_index=True)


async def test_wrong_names_and_values_are_named() -> None:
    with pytest.raises(SpanError, match="Attempt has no property 'metrik'; it has .*metric"):
        Attempt(metrik=1)
    with pytest.raises(SpanError, match=r"Attempt\.attempt: a str"):
        async with span_context(Attempt(attempt="many")):
            pass
    with pytest.raises(ModelError, match="'status' is a name of Span"):

        class A(Span):
            status = StringProperty()

    with pytest.raises(ModelError, match="'save' is a name of"):

        class B(Span):
            save = StringProperty()

    with pytest.raises(ModelError, match="label of this library"):

        class Artifact(Span):
            pass

    with pytest.raises(ModelError, match="label of a span class already"):
        from dataclasses import dataclass

        from artigraph_neo4j import ArtifactModel

        @dataclass
        class Attempt2(ArtifactModel, version=1, name="Attempt"):
            pass


def test_properties_that_indexes_need_are_refused() -> None:
    with pytest.raises(ModelError, match="stored as 'label_', which this library"):

        class Taken(Span):
            short = StringProperty(db_property="label_")
