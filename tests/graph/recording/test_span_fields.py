"""Annotated fields of span classes, what no class declares, and what nobody declared."""

from __future__ import annotations

from dataclasses import field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, ClassVar, Literal, Optional
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from neomodel import StringProperty
from sqlalchemy.orm import Mapped, mapped_column

from artigraph_neo4j import F, Span, batch, find_spans, read_span, span_context
from artigraph_neo4j.errors import FilterError, ModelError, SpanError
from artigraph_neo4j.find import under


class FieldTrial(Span):
    lr: float
    epochs: int = 3
    zero: int = 0
    done: bool = False
    name: Optional[str] = None  # noqa: UP045
    kind: Literal["a", "b"] = "a"
    raw: bytes | None = None
    day: date | None = None
    at: datetime | None = None
    tags: list[str] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    anything: Any = None
    device = StringProperty()
    limit: ClassVar[int] = 3


class MoreFields(FieldTrial):
    lr: float = 0.5
    folds: int | None = None


class _Mixin:
    def double(self) -> float:
        return 2 * self.lr  # type: ignore[attr-defined,no-any-return]


class WithMethods(_Mixin, FieldTrial):
    pass


VALUES: dict[str, Any] = {
    "lr": 0.25,
    "epochs": -(2**63),
    "done": True,
    "name": "日本 ` '",
    "kind": "b",
    "raw": b"\x00\xff",
    "day": date(2026, 2, 28),
    "at": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    "tags": ["a", ""],
    "notes": {"depth": [1, {"x": None}], "é": 1.5},
    "anything": [1, "a", None],
    "device": "gpu",
}


async def test_fields_come_back_native_or_as_json(query: Any) -> None:
    async with span_context(FieldTrial(label="t", **VALUES)) as trial:
        pass
    found: Any = await read_span(trial.node_id)
    assert {name: getattr(found, name) for name in VALUES} == VALUES
    assert (found.zero, found.limit, found.extra) == (0, 3, {})
    rows = await query(
        "MATCH (s:FieldTrial {node_id: $id}) UNWIND $names AS k RETURN k, valueType(s[k])",
        id=trial.node_id,
        names=list(VALUES),
    )
    kinds = {name: text.removesuffix(" NOT NULL") for name, text in rows}
    assert kinds == {
        "lr": "FLOAT", "epochs": "INTEGER", "done": "BOOLEAN", "name": "STRING", "kind": "STRING",
        "raw": "ByteArray", "day": "DATE", "at": "ZONED DATETIME", "tags": "LIST<STRING NOT NULL>",
        "notes": "STRING", "anything": "STRING", "device": "STRING",
    } | {"raw": kinds["raw"]}  # fmt: skip


@pytest.mark.parametrize("batched", [False, True])
async def test_what_changes_inside_is_written_at_the_end(batched: bool) -> None:
    async def run() -> Any:
        async with span_context(FieldTrial(label="t"), properties={"seed": 1}) as trial:
            assert (trial.lr, trial.epochs, trial.notes) == (None, 3, {})
            trial.lr = np.float32(0.5)  # type: ignore[assignment]
            trial.notes["a"] = 1
            trial.tags.append("x")
            trial.at = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
            trial.extra["epoch"] = 7
            trial.extra["losses"] = [1.0, 0.5]
            del trial.extra["seed"]
        return trial

    if batched:
        async with batch():
            trial = await run()
    else:
        trial = await run()
    found: Any = await read_span(trial.node_id)
    assert (found.lr, found.notes, found.tags) == (0.5, {"a": 1}, ["x"])
    assert found.at == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert found.extra == {"epoch": 7, "losses": [1.0, 0.5]}
    assert (await read_span(trial.node_id)).extra == trial.extra


async def test_fields_are_found_and_ordered_by() -> None:
    async with span_context(label="fields") as parent:
        for lr in (0.3, 0.1, 0.2):
            async with span_context(FieldTrial(lr=lr, day=date(2026, 1, 1))):
                pass
        async with span_context(MoreFields(folds=5)):
            pass
    query = find_spans(FieldTrial, under(parent))
    assert [s.lr for s in await query.order_by(F("lr").desc()).read()] == [0.5, 0.3, 0.2, 0.1]
    assert await query.where(lambda s: (s.lr > 0.15) & (s.epochs == 3)).count() == 3
    assert await query.where(F("day") < date(2027, 1, 1)).count() == 3
    assert await find_spans(MoreFields, F("folds") == 5, under(parent)).count() == 1
    assert await find_spans(F("folds") == 5, under(parent)).count() == 1
    with pytest.raises(FilterError, match="'lr'|holds float"):
        query.where(F("lr") == "x")
    with pytest.raises(FilterError, match="notes holds dict.* as JSON"):
        query.where(F("notes") == "x")
    with pytest.raises(FilterError, match="has no 'epoch'; did you mean epochs"):
        query.where(F("epoch") > 1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lr": "0.1"}, r"FieldTrial\.lr: a str cannot be stored: it is declared as float"),
        ({"lr": True}, r"FieldTrial\.lr: a bool"),
        ({"epochs": 2**63}, r"FieldTrial\.epochs: .*not a value that Neo4j can hold"),
        ({"kind": "c"}, r"FieldTrial\.kind: .*declared as Literal\['a', 'b'\]"),
        ({"tags": ["a", 1]}, r"FieldTrial\.tags"),
        ({"name": "\ud800"}, r"FieldTrial\.name"),
        ({"anything": object()}, r"FieldTrial\.anything: .*keeps it as JSON"),
        ({"notes": {1: 2}}, r"FieldTrial\.notes"),
    ],
)
async def test_a_value_that_does_not_fit_is_refused(values: Any, message: str) -> None:
    with pytest.raises(SpanError, match=message):
        async with span_context(FieldTrial(**values)):
            pass


async def test_an_attribute_that_nobody_declared_is_an_error() -> None:
    async with span_context(label="x") as span:
        with pytest.raises(
            SpanError, match=r"Span has no property 'auc'.*auc: float;.*extra\['auc'"
        ):
            span.auc = 0.9  # type: ignore[attr-defined]
        span._private = 1  # type: ignore[attr-defined]
        span.extra["auc"] = 0.9
    assert (await read_span(span.node_id)).extra == {"auc": 0.9}
    async with span_context(WithMethods(lr=0.5)) as trial:
        assert trial.double() == 1.0
        with pytest.raises(SpanError, match="WithMethods has no property 'l'"):
            trial.l = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "name",
    [
        "status",
        "opened_at",
        "node_id",
        "root_id",
        "label_",
        "duration_",
        "log.x.min",
        "git_commit",
        "lr",
        "",
        "\0",
        3,
    ],
)
async def test_extra_never_overwrites_what_is_declared(name: Any) -> None:
    with pytest.raises(SpanError, match="extra"):
        async with span_context(FieldTrial(lr=0.1), properties={name: "x"}):
            pass


@pytest.mark.parametrize("value", [{"a": 1}, object(), 2**64, [1, "a"], "\ud800", timedelta(1)])
async def test_extra_holds_what_neo4j_holds(value: Any) -> None:
    with pytest.raises(SpanError, match=r"extra\['x'\]: .*declare a field in the span class"):
        async with span_context(properties={"x": value}):
            pass


@given(
    extra=st.dictionaries(
        st.text(min_size=1).filter(lambda t: not (t in vars(Span) or t.endswith("_") or "\0" in t)),
        st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()
        | st.binary() | st.dates() | st.lists(st.text()) | st.datetimes(
            timezones=st.just(UTC) | st.just(timezone(timedelta(hours=2)))
        ),
        max_size=4,
    )
)  # fmt: skip
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_extra_comes_back(extra: dict[str, Any]) -> None:
    async with span_context(properties=extra) as span:
        pass
    found = (await read_span(span.node_id)).extra
    assert found.keys() == extra.keys()
    for name, value in extra.items():
        assert found[name] == value


def test_a_declaration_that_cannot_be_meant_so_is_refused() -> None:
    with pytest.raises(ModelError, match=r"BadDefault.notes: .*field\(default_factory=dict\)"):

        class BadDefault(Span):
            notes: dict[str, int] = {}  # noqa: RUF012 - what is refused

    with pytest.raises(ModelError, match=r"'lr' is a column of SQLAlchemy; write lr: float"):

        class WithColumn(Span):
            lr: Mapped[float] = mapped_column()

    with pytest.raises(ModelError, match="'status' is a name of Span"):

        class HidesStatus(Span):
            status: str = "mine"
