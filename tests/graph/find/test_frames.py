"""Results as columns: the values of the objects, their types, pages, and what is left out."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from neomodel import FloatProperty, IntegerProperty, JSONProperty

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Lazy,
    Span,
    artifact_field,
    artifact_info,
    create_span_artifact,
    create_span_artifacts,
    delete_span,
    find_artifacts,
    find_spans,
    link_artifact,
    revise_artifact,
    span_context,
    sync,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.find import F, artifact, query, span, under
from artigraph_neo4j.storage.memory import MemoryStorage

MEMORY = MemoryStorage("tests-frames").register()
TZ = ZoneInfo("Europe/Berlin")


@dataclass
class Inside(ArtifactModel, version=1):
    x: int = 0


@dataclass
class Everything(ArtifactModel, version=1):
    b: bool | None = None
    i: int | None = None
    f: float | None = None
    s: str | None = None
    raw: bytes | None = None
    day: date | None = None
    at: datetime | None = None
    naive: datetime | None = None
    took: timedelta | None = None
    floats: list[float] = field(default_factory=list)
    texts: list[str] | None = None
    mode: Literal["a", "b"] = "a"
    either: int | str | None = None
    small: np.float32 | None = None
    label: str = "own"
    # never native
    options: dict[str, Any] = field(default_factory=dict)
    inside: Inside | None = None
    exact: Decimal | None = None
    anything: Any = None
    far: str = artifact_field(default="", storage=MEMORY)
    lazy: Lazy[list[int]] | None = None


FULL = Everything(
    True, 2**62, math.inf, "ü\n", b"\0\xff", date(2026, 2, 28),
    datetime(2026, 7, 1, 12, 0, 0, 123456, TZ), datetime(2026, 7, 1, 12),
    timedelta(microseconds=-5), [1.0, math.nan], ["a", ""], "b", "text", np.float32(0.1), "mine",
    {"a": 1}, Inside(3), Decimal("1.1"), 5, "far away", Lazy([1]),
)  # fmt: skip
COLUMNS = [
    "node_id", "label", "span_id", "model", "recorded_at", "b", "i", "f", "s", "raw", "day", "at",
    "naive", "took", "floats", "texts", "mode", "either", "small", "label_",
]  # fmt: skip


def info(found: ArtifactModel) -> Any:
    return artifact_info(found)


async def recorded(*artifacts: ArtifactModel) -> Span:
    async with span_context(label="frames") as run:
        for i, made in enumerate(artifacts):
            await create_span_artifact("current", label=f"n{i}", data=made)
    return run


async def test_columns_have_the_values_and_types_of_the_fields(statements: list[Any]) -> None:
    run = await recorded(FULL, Everything())
    q = find_artifacts(Everything, under(run))
    objects = await q.read()
    statements.clear()
    table = await q.to_arrow()
    assert len(statements) == 1
    assert table.column_names == COLUMNS
    first, empty = table.to_pylist()
    assert [first["node_id"], empty["node_id"]] == [info(o).node_id for o in objects]
    assert first["label"] == "n0"
    assert first["span_id"] == run.node_id
    assert first["model"] == "Everything"
    assert first["recorded_at"] == info(objects[0]).recorded_at
    for name in ("b", "i", "f", "s", "raw", "day", "at", "naive", "took", "mode", "either"):
        assert first[name] == getattr(FULL, name), name
    assert first["small"] == float(np.float32(0.1))
    assert first["label_"] == "mine"
    assert repr(first["floats"]) == "[1.0, nan]"
    assert first["texts"] == ["a", ""]
    assert {name: value for name, value in empty.items() if value is not None} == {
        "node_id": empty["node_id"], "label": "n1", "span_id": run.node_id, "model": "Everything",
        "recorded_at": empty["recorded_at"], "floats": [], "mode": "a", "label_": "own",
    }  # fmt: skip
    instant, naive = pa.timestamp("us", tz="UTC"), pa.timestamp("us")
    assert table.schema.types[4:] == [
        instant, pa.bool_(), pa.int64(), pa.float64(), pa.string(), pa.binary(), pa.date32(),
        instant, naive, pa.duration("us"), pa.list_(pa.float64()), pa.list_(pa.string()),
        pa.string(), pa.string(), pa.float64(), pa.string(),
    ]  # fmt: skip


async def test_an_empty_result_has_the_columns_and_types_that_the_class_declares() -> None:
    run = await recorded()
    table = await find_artifacts(Everything, under(run)).to_arrow()
    assert table.num_rows == 0
    assert table.column_names == COLUMNS
    types = dict(zip(table.column_names, table.schema.types, strict=True))
    assert types["i"] == pa.int64()
    assert types["floats"] == pa.list_(pa.float64())
    assert types["took"] == pa.duration("us")
    assert types["either"] == pa.string()
    assert (await find_artifacts(Everything, under(run)).limit(0).to_arrow()).num_rows == 0
    frame = await find_artifacts(Everything, under(run)).to_pandas()
    assert (frame.index.name, len(frame)) == ("node_id", 0)
    assert (await find_artifacts(Everything, under(run)).to_polars()).height == 0


async def test_zones_become_utc_and_naive_times_stay_naive() -> None:
    zones = [TZ, UTC, timezone(timedelta(hours=-3)), ZoneInfo("UTC"), TZ]
    made = [datetime(2026, 10, 25, 2, 30, i, tzinfo=z) for i, z in enumerate(zones)]
    made[-1] = made[-1].replace(fold=1)
    run = await recorded(*(Everything(at=at) for at in made))
    q = find_artifacts(Everything, under(run))
    assert (await q.to_arrow())["at"].to_pylist() == [at.astimezone(UTC) for at in made]
    frame = await q.to_pandas()
    assert list(frame["at"]) == [pd.Timestamp(at.astimezone(UTC)) for at in made]
    assert (await q.to_polars())["at"].to_list() == [at.astimezone(UTC) for at in made]
    mixed = await recorded(Everything(at=made[0]), Everything(at=datetime(2026, 1, 1)))
    both = await find_artifacts(Everything, under(mixed)).to_arrow()
    assert both["at"].to_pylist() == ["2026-10-25 00:30:00+00:00", "2026-01-01 00:00:00"]


async def test_pages_have_the_order_of_the_query_and_one_round_trip_each(
    statements: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "PAGE_ROWS", 3)
    run = await recorded(*(Everything(i=i % 4, s=str(i)) for i in range(7)))
    q = find_artifacts(Everything, under(run))
    queries = (
        q, q.order_by(F("i").desc()), q.order_by("i", F("s").desc()), q.limit(5), q.limit(3),
        q.order_by("f").limit(6), q.where(F("i") > 1), q.with_history().order_by(artifact.label),
        find_artifacts(Everything, F("i") >= 0, artifact.node_id.one_of(await q.read_ids())),
    )  # fmt: skip
    for each in queries:
        wanted = await each.read_ids()
        statements.clear()
        assert (await each.to_arrow())["node_id"].to_pylist() == wanted
        at_limit = each._plan.limit == len(wanted) and len(wanted) % 3 == 0
        assert len(statements) == len(wanted) // 3 + (0 if at_limit else 1)
    spans = find_spans(span.node_id == run.node_id)
    assert (await spans.to_arrow())["node_id"].to_pylist() == [run.node_id]


@pytest.mark.statements
async def test_a_search_goes_on_from_page_to_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "PAGE_ROWS", 2)
    async with span_context(label="words") as run:
        made = {f"zebrafinch {'x ' * i}": Everything(i=i) for i in range(5)}
        await create_span_artifacts(run, made)
    q = find_artifacts(Everything, under(run)).search("zebrafinch")
    assert (await q.to_arrow())["node_id"].to_pylist() == await q.read_ids()
    assert len(await q.read_ids()) == 5


@dataclass
class Base(ArtifactModel, version=1):
    x: float


@dataclass
class Special(Base, version=1):
    y: int = 1


async def test_subclasses_are_found_with_the_columns_of_the_class_asked_for() -> None:
    run = await recorded(Base(1.0), Special(2.0), Base(3.0), Special(4.0))
    table = await find_artifacts(Base, under(run)).to_arrow()
    assert table.column_names[5:] == ["x"]
    assert table["model"].to_pylist() == ["Base", "Special", "Base", "Special"]
    assert table["x"].to_pylist() == [1.0, 2.0, 3.0, 4.0]
    every = await find_artifacts(under(run)).to_arrow()
    assert every.column_names == COLUMNS[:5]
    assert every["label"].to_pylist() == ["n0", "n1", "n2", "n3"]


@dataclass
class Loose(ArtifactModel, version=1, strict=False):
    x: float
    n: int = 0
    t: timedelta | int = 0
    day: date | None = None
    items: list[int] = field(default_factory=list)


async def test_values_of_other_types_than_declared(caplog: pytest.LogCaptureFixture) -> None:
    async def column(name: str, *values: Any) -> tuple[list[Any], pa.DataType]:
        made: list[dict[str, Any]] = [{"x": 0.5, name: value} for value in values]
        run = await recorded(*(Loose(**one) for one in made))
        found = (await find_artifacts(Loose, under(run)).to_arrow())[name]
        return found.to_pylist(), found.type

    with caplog.at_level(logging.WARNING, "artigraph_neo4j.find"):
        assert await column("x", 1, 2) == ([1.0, 2.0], pa.float64())
        assert await column("x", 1, 2.5, None) == ([1.0, 2.5, None], pa.float64())
        assert await column("x", 2**53 + 1) == ([2**53 + 1], pa.int64())
        assert await column("x", 2**53 + 1, 0.5) == ([str(2**53 + 1), "0.5"], pa.string())
        assert await column("x", "a", 1.5, True) == (["a", "1.5", "True"], pa.string())
        assert await column("n", np.int16(3), 4) == ([3, 4], pa.int64())
        assert await column("t", timedelta(1), timedelta(0)) == (
            [timedelta(1), timedelta(0)], pa.duration("us"),
        )  # fmt: skip
        assert await column("t", timedelta(1), 7) == (["1 day, 0:00:00", "7"], pa.string())
        assert await column("t", 7, 8) == ([7, 8], pa.int64())
        assert await column("day", "soon", date(2026, 1, 2)) == (
            ["soon", "2026-01-02"], pa.string(),
        )  # fmt: skip
        assert await column("items", [1], [], None) == ([[1], [], None], pa.list_(pa.int64()))
        assert await column("items", [1], [0.5]) == ([[1.0], [0.5]], pa.list_(pa.float64()))
        assert await column("items", [1], ["a"]) == (["[1]", "['a']"], pa.string())
    assert not caplog.records


async def test_single_values_that_are_not_native_are_null_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = await recorded(Loose(0.5, 2**70), Loose(0.25, 3), Loose(Decimal(1), 2**80))  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING, "artigraph_neo4j.find"):
        table = await find_artifacts(Loose, under(run)).to_arrow()
    assert table["n"].to_pylist() == [None, 3, None]
    assert table["x"].to_pylist() == [0.5, 0.25, None]
    (record,) = caplog.records
    assert "x (1), n (2)" in record.getMessage()


class Fit(Span):
    lr: float
    name: str = "none"
    when: datetime | None = None
    tags: list[str] = field(default_factory=list[str])
    params: dict[str, int] = field(default_factory=dict[str, int])
    epochs = IntegerProperty()
    loss = FloatProperty(db_property="final_loss")
    extra_json = JSONProperty()


class DeepFit(Fit):
    depth_of_net: int = 3


async def test_spans_have_ids_times_status_and_their_own_properties() -> None:
    when = datetime(2026, 3, 4, 5, tzinfo=TZ)
    async with span_context(label="study") as top:
        async with span_context(Fit(label="a", lr=0.1, tags=["x"], when=when, epochs=2, loss=0.5)):
            pass
        with pytest.raises(ZeroDivisionError):
            async with span_context(DeepFit(label="b", lr=0.2, params={"k": 1})):
                _ = 1 / 0
        async with span_context(Fit(lr=0.3, name="c")):
            table = await find_spans(Fit, under(top)).to_arrow()
    objects = await find_spans(Fit, under(top)).read()
    assert table.column_names[:7] == [
        "node_id", "label", "root_id", "status", "opened_at", "closed_at", "duration",
    ]  # fmt: skip
    assert set(table.column_names[7:]) == {"lr", "name", "when", "tags", "epochs", "loss"}
    assert table["node_id"].to_pylist() == [s.node_id for s in objects]
    assert table["label"].to_pylist() == ["a", "b", None]
    assert table["root_id"].to_pylist() == [top.node_id] * 3
    assert table["status"].to_pylist() == ["OK", "ERROR", "UNSET"]
    assert table["opened_at"].to_pylist() == [s.opened_at for s in objects]
    assert table["closed_at"].to_pylist() == [objects[0].closed_at, objects[1].closed_at, None]
    assert table["duration"].to_pylist() == [objects[0].duration, objects[1].duration, None]
    assert table["lr"].to_pylist() == [0.1, 0.2, 0.3]
    assert table["name"].to_pylist() == ["none", "none", "c"]
    assert table["when"].to_pylist() == [when, None, None]
    assert table["tags"].to_pylist() == [["x"], [], []]
    assert table["epochs"].to_pylist() == [2, None, None]
    assert table["loss"].to_pylist() == [0.5, None, None]
    every = await find_spans(under(top)).to_arrow()
    assert every.column_names == table.column_names[:7]
    frame = await find_spans(Fit, under(top)).to_pandas()
    assert list(frame.index) == table["node_id"].to_pylist()
    assert str(frame["epochs"].dtype) == "Int64"
    assert frame["epochs"].isna().tolist() == [False, True, True]


async def test_what_others_changed_in_the_graph_does_not_hide_the_rest(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    run = await recorded(*(Loose(float(i), i, day=date(2026, 1, 1)) for i in range(5)))
    ids = await find_artifacts(Loose, under(run)).read_ids()
    damage = [
        "SET n.codec = '{'", "REMOVE n.codec", "SET n.x = 'text', n.day = [1]",
        "SET n.recorded_at = n.recorded_at, n.day = localdatetime('2026-01-01T10:00')",
    ]  # fmt: skip
    for node_id, change in zip(ids, damage, strict=False):
        text = f"MATCH (n:ArtigraphNode {{node_id: $id}}) {change}"
        await engine.write(text, {"id": node_id})
    table = await find_artifacts(Loose, under(run)).to_arrow()
    assert table["node_id"].to_pylist() == ids
    assert table["n"].to_pylist() == [None, None, 2, 3, 4]
    assert table["x"].to_pylist() == [None, None, "text", "3.0", "4.0"]
    assert table["day"].to_pylist()[3:] == ["2026-01-01 10:00:00", "2026-01-01"]
    assert "n (2)" in caplog.text


@pytest.mark.statements
async def test_nodes_without_an_id_are_no_results_and_do_not_stop_the_pages(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "PAGE_ROWS", 2)
    word = new_id()
    for _ in range(3):
        async with span_context(Fit(label=word, lr=0.1)):
            pass
        text = "CREATE (:Span:Fit {label: $word, label_: $word, opened_at: datetime()}) RETURN 1"
        await engine.write(text, {"word": word})
    q = find_spans(Fit, span.label == word)
    try:
        assert (await q.order_by("lr").to_arrow()).num_rows == 3
        assert (await q.to_arrow())["lr"].to_pylist() == [0.1] * 3
    finally:
        text = "MATCH (n:Span {label: $word}) WHERE n.node_id IS NULL DELETE n RETURN 1"
        await engine.write(text, {"word": word})


async def test_shared_revised_and_nested_artifacts_have_the_ids_of_their_spans() -> None:
    run = await recorded(Base(1.0))
    (old,) = await find_artifacts(Base, under(run)).read_ids()
    new = await revise_artifact(old, Base(2.0))
    async with span_context(label="other") as other:
        await link_artifact(other, new, label="shared")
    q = find_artifacts(Base, artifact.node_id.one_of([old, new]))
    table = await q.with_history().to_arrow()
    assert table["span_id"].to_pylist() == [run.node_id, run.node_id]
    assert table["x"].to_pylist() == [1.0, 2.0]
    assert (await find_artifacts(Base, under(other)).to_arrow())["x"].to_pylist() == [2.0]
    await delete_span(run)
    (found,) = await q.read()
    assert (await q.to_arrow())["span_id"].to_pylist() == [info(found).span_id]
    outer = await recorded(Everything(inside=Inside(7)))
    nested = (
        await find_artifacts(Inside)
        .with_nested()
        .order_by(artifact.node_id.desc())
        .limit(1)
        .to_arrow()
    )
    assert nested["x"].to_pylist() == [7]
    assert nested["span_id"].to_pylist() == [None]
    assert (await find_artifacts(Inside, under(outer)).to_arrow()).num_rows == 0


def test_the_same_without_await() -> None:
    with sync.span_context(label="sync") as opened:
        run: Span = opened
        sync.create_span_artifact("current", label="a", data=Base(1.5))
    q = sync.find_artifacts(Base, under(run))
    assert q.to_arrow()["x"].to_pylist() == [1.5]
    assert q.to_pandas()["x"].tolist() == [1.5]
    assert q.to_polars()["x"].to_list() == [1.5]
    assert sync.find_spans(span.node_id == run.node_id).to_arrow().num_rows == 1
