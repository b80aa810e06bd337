"""Tables of runs: one row a run in one round trip, the best of them, what differs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from neomodel import IntegerProperty

from artigraph_neo4j import (
    ArtifactModel,
    Span,
    create_span_artifact,
    find_artifacts,
    find_spans,
    read_span,
    revise_artifact,
    span_context,
    sync,
)
from artigraph_neo4j.errors import ArgumentError, FilterError, NotFoundError
from artigraph_neo4j.find import F, labeled, span, under


class Tried(Span):
    lr: float
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    epochs = IntegerProperty()


@dataclass
class Inner(ArtifactModel, version=1):
    f1: float


@dataclass
class Scores(ArtifactModel, version=1):
    auc: float | None
    took: timedelta = timedelta(0)
    at: datetime | None = None
    day: date | None = None
    per_class: dict[str, float] = field(default_factory=dict)
    inner: Inner | None = None
    odd: Any = None


ZONED = datetime(2026, 5, 4, 12, tzinfo=UTC)
MADE: dict[str, tuple[float, dict[str, Any], Scores]] = {
    "a": (0.1, {"depth": 3, "opt": {"name": "adam"}}, Scores(0.7, odd={1, 2})),
    "b": (0.2, {"depth": 5}, Scores(0.9, timedelta(seconds=3), ZONED, date(2026, 5, 4))),
    "c": (0.3, {"depth": "deep"}, Scores(math.nan, per_class={"cat": 0.5}, inner=Inner(0.25))),
    "d": (0.4, {}, Scores(None)),
}


async def runs() -> Span:
    async with span_context(label="study") as top:
        for label, (lr, params, scores) in MADE.items():
            async with span_context(Tried(label=label, lr=lr, params=params, epochs=2)):
                await create_span_artifact("current", label="metrics", data=scores)
        async with span_context(Tried(label="e", lr=0.5)):
            pass
    return top


@pytest.mark.statements
async def test_a_table_has_a_row_for_each_run_in_one_round_trip(statements: list[Any]) -> None:
    top = await runs()
    query = find_spans(Tried, under(top))
    statements.clear()
    table = await query.table(
        "lr", "params.depth", "params.opt.name", "metrics.auc", span.duration, lambda s: s.status,
        labeled("metrics").took, labeled("metrics", Scores).at, "metrics.day",
        labeled("metrics", Scores).inner.f1, "metrics.per_class.cat", "epochs",
    )  # fmt: skip
    assert len(statements) == 1
    assert table.columns[3:6] == ["metrics.auc", "duration", "status"]
    assert table.labels == [*MADE, "e"]
    assert table["lr"] == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert table["params.depth"] == [3, 5, "deep", None, None]
    assert table["params.opt.name"] == ["adam", None, None, None, None]
    assert repr(table["metrics.auc"]) == "[0.7, 0.9, nan, None, None]"
    assert table["metrics.took"][:2] == [timedelta(0), timedelta(seconds=3)]
    assert table["metrics.at"][1] == ZONED
    assert table["metrics.day"][1] == date(2026, 5, 4)
    assert table["metrics.per_class.cat"] == [None, None, 0.5, None, None]
    assert table[2]["metrics.inner.f1"] == 0.25
    untyped = await query.table("metrics.inner.f1", labeled("metrics")["per_class"]["cat"])
    assert untyped["metrics.inner.f1"] == table["metrics.inner.f1"]
    assert {type(value) for value in table["duration"]} == {timedelta}
    assert table["status"] == ["OK"] * 5
    assert table["epochs"] == [2, 2, 2, 2, None]
    assert [row.node_id for row in table] == await query.read_ids()


@pytest.mark.statements
async def test_the_best_run_and_runs_in_order_of_a_metric_of_their_artifacts() -> None:
    top = await runs()
    query = find_spans(Tried, under(top))
    table = await query.table("metrics.auc", "lr")
    assert table.best("metrics.auc").label == "b"
    assert table.best("metrics.auc", mode="min").label == "a"
    with pytest.raises(FilterError, match=r"no column 'auc'; it has metrics\.auc, lr"):
        table.best("auc")
    with pytest.raises(NotFoundError, match="none of 1 rows"):
        (await query.where(span.label == "e").table("metrics.auc")).best("metrics.auc")
    auc = labeled("metrics").auc
    for key in ("metrics.auc", auc, labeled("metrics", Scores).auc):
        order = key if isinstance(key, str) else key.asc()
        assert [s.label for s in await query.order_by(order).read()] == ["a", "b", "c", "d", "e"]
    best_first = query.order_by(F("metrics.auc").desc())
    assert [s.label for s in await best_first.read()] == ["b", "a", "e", "d", "c"]
    found: list[str | None] = []
    after = None
    while True:
        page = await best_first.read_page(2, after=after)
        found += [s.label for s in page.items]
        if (after := page.cursor) is None:
            break
    assert found == ["b", "a", "e", "d", "c"]
    assert [s.label for s in await query.where(auc > 0.8).read()] == ["b"]
    assert [s.label for s in await query.where(~(auc > 0.8)).read()] == ["a", "c", "d", "e"]
    assert [s.label for s in await query.where(auc.is_null()).read()] == ["d", "e"]
    assert [s.label for s in await query.where(F("params.depth") > 3).read()] == ["b"]
    assert await query.order_by("metrics.auc").count() == 5
    for untyped in (find_spans(under(top)), find_spans(under(top)).where(span.label != "e")):
        deepest = untyped.order_by(F("params.depth").desc())  # an entry of a class not named
        assert [s.label for s in await deepest.limit(2).read()] == ["b", "a"]
        best_of_all = untyped.order_by(F("metrics.auc").desc()).limit(2)
        assert [s.label for s in await best_of_all.read()] == ["b", "a"]
    depth = query.order_by(F("params.depth").desc()).limit(1)
    assert [s.label for s in await depth.read()] == ["b"]


async def test_only_the_newest_version_under_a_label_counts() -> None:
    async with span_context(label="revised") as run:
        old = await create_span_artifact("current", label="metrics", data=Scores(0.1))
    await revise_artifact(old, Scores(0.6))
    query = find_spans(span.node_id == run.node_id)
    assert (await query.table("metrics.auc"))["metrics.auc"] == [0.6]
    assert not await query.where(labeled("metrics").auc < 0.5).exists()


async def test_a_name_that_may_be_two_things_is_an_error_that_names_both() -> None:
    async with span_context(Tried(label="both", lr=1.0, params={"auc": 0.1})) as run:
        await create_span_artifact("current", label="params", data=Scores(0.2))
    query = find_spans(Tried, span.node_id == run.node_id)
    for asked in (query, find_spans(span.node_id == run.node_id)):
        with pytest.raises(
            FilterError, match=r"entry 'auc' of its own field 'params', which is 0\.1"
        ):
            await asked.table("params.auc")
        with pytest.raises(FilterError, match=r"artifact labeled 'params', which is 0\.2"):
            await asked.table("params.auc")
        assert (await asked.table(labeled("params").auc))["params.auc"] == [0.2]
    with pytest.raises(FilterError, match="'lr' is a float, not a dict"):
        await query.table("lr.x")
    with pytest.raises(FilterError, match="asked for twice"):
        await query.table("lr", "lr")
    with pytest.raises(FilterError, match="Scores has no 'acu'"):
        await query.table(labeled("params", Scores).acu)


@pytest.mark.statements
async def test_a_table_without_columns_has_everything_and_can_show_what_differs() -> None:
    top = await runs()
    table = await find_spans(Tried, under(top)).table()
    assert {"status", "lr", "params.depth", "params.opt.name", "metrics.auc", "metrics.took",
            "metrics.per_class.cat"} <= set(table.columns)  # fmt: skip
    assert not {"params", "metrics.odd", "label", "root_id", "label_"} & set(table.columns)
    assert table["metrics.took"][1] == timedelta(seconds=3)
    differing = table.differing()
    assert "lr" in differing.columns
    assert not {"status"} & set(differing.columns)
    typed = await find_artifacts(Scores, under(top)).table()
    assert typed.columns == ["auc", "took", "at", "day", "per_class", "inner", "odd"]
    assert typed.left_out == {"per_class": 4, "inner": 1, "odd": 1}
    assert "odd: 1 value is not native; read the artifact" in str(typed)
    first = typed[:1]
    assert first.left_out == {"per_class": 1, "odd": 1}
    assert typed.in_order([*typed.ids[::-1], "none"]).ids == typed.ids[::-1]
    assert typed.in_order(typed.ids[2:3]).left_out == {"per_class": 1, "inner": 1}
    with pytest.raises(ArgumentError, match="mode takes 'max' or 'min'"):
        typed.best("auc", "most")  # type: ignore[call-overload,arg-type]
    assert sync.find_spans(Tried, under(top)).table("lr")["lr"] == table["lr"]


async def test_entries_of_a_dict_of_a_span_follow_its_changes(query: Any) -> None:
    async with span_context(Tried(label="x", lr=1.0, params={"a": 1, "b": [1]})) as run:
        run.params = {"c": {"d": 2.5}}
    text = "MATCH (s:ArtigraphNode {node_id: $id}) RETURN s.`params.a`, s.`params.c.d`, s.`params.`"
    assert await query(text, id=run.node_id) == [[None, 2.5, None]]
    found = await read_span(run.node_id)
    assert isinstance(found, Tried)
    assert (found.params, found.extra) == ({"c": {"d": 2.5}}, {})
    counted = find_spans(Tried, F("params.c.d") > 2, span.node_id == run.node_id)
    assert await counted.count() == 1


async def test_tables_are_shown_rounded_and_escaped_and_go_to_other_libraries() -> None:
    async with span_context(label="study") as top:
        for label, lr in [("<b>", 0.123456789), ("\x1b[2J", 1234.0)]:
            async with span_context(Tried(label=label, lr=lr, params={"n": 123_456})):
                pass
        async with span_context(Tried(label="none", lr=1.0)):
            pass
    table = await find_spans(Tried, under(top)).table("lr", "params.n", "opened_at")
    html = table._repr_html_()
    assert "&lt;b&gt;" in html
    assert "0.1235" in html
    assert "123,456" in html
    assert "<b>" not in html
    assert "\\x1b[2J" in str(table)
    frame = table.to_pandas()
    assert list(frame.index) == table.ids
    assert str(frame["params.n"].dtype) == "Int64"
    assert frame["lr"].tolist() == table["lr"]
    arrow: Any = table.to_arrow()
    assert arrow.column_names == ["node_id", "lr", "params.n", "opened_at"]
    assert arrow["params.n"].to_pylist() == [123_456, 123_456, None]
    assert table.to_polars()["lr"].to_list() == table["lr"]
