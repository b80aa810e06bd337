"""Filters mean in the database what they mean in Python, on random artifacts and spans."""

from __future__ import annotations

import asyncio
import operator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from neomodel import ArrayProperty, BooleanProperty, FloatProperty, IntegerProperty, StringProperty

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    F,
    Span,
    artifact_field,
    artifact_info,
    create_span_artifacts,
    engine_context,
    find_artifacts,
    find_spans,
    read_span_artifacts,
    span_context,
)
from artigraph_neo4j.find import (
    Filter,
)
from artigraph_neo4j.find.filters import And, Attribute, Comparison, Field, Not, Or
from artigraph_neo4j.find.terms import (
    has_artifact,
    span,
    under,
)
from tests.examples import few

ROWS = 60


@dataclass
class Inside(ArtifactModel, version=1):
    value: Any


@dataclass
class Row(ArtifactModel, version=1):
    value: Any
    other: Any
    indexed: str | None = None
    inside: Inside | None = None
    node_id_: Any = field(default=None)  # a name that is stored as another


class Measured(Span):
    number = IntegerProperty()
    real = FloatProperty()
    text = StringProperty()
    flag = BooleanProperty()
    words = ArrayProperty(StringProperty())


TEXTS = [
    "",
    "a",
    "A",
    "ab",
    "abc",
    "b",
    "ä",
    "\uffff",
    "\U0001f600",
    "z" * 300,
    "null",
    "true",
    "1",
]
BASIC = [text for text in TEXTS if text != "\uffff"]
"""An index orders by code points, which differs only beyond U+FFFF."""

VALUES: list[Any] = [
    *TEXTS,
    *(True, False, 0, 1, -1, 2, 2**63 - 1, -(2**63), 0.0, 1.0, 1.5, -0.5, 1e300),
    *(b"", b"a", b"\x00\xff"),
    *(date(2020, 1, 1), date(2021, 1, 1), datetime(2020, 1, 1), datetime(2020, 1, 1, 12)),
    datetime(2020, 1, 1, tzinfo=UTC),
    datetime(2020, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
    datetime(2020, 7, 1, tzinfo=ZoneInfo("Europe/Berlin")),
    *(timedelta(0), timedelta(microseconds=1), timedelta(days=3), timedelta(seconds=-1)),
    *(["a"], ["a", "b"], [1, 2], [True], [1.0], ["1"]),
]  # fmt: skip
NUMBERS: list[Any] = [
    *(0, 0.0, -0.0, 1, 1.0, -1, 0.5, -2.5, 5e-324, 1e300, 2**53, 2.0**53, 2**53 + 1),
    *(2**63 - 1, 2.0**63, -(2**63), -(2.0**63), float("inf"), float("-inf"), float("nan")),
    *(
        np.float64(0.5),
        np.float32(0.1),
        np.float16(2),
        np.int8(-1),
        np.uint64(2**62),
        np.longlong(1),
    ),
    *(np.float64("nan"), np.float32("-inf"), np.longdouble("1.5"), np.float64(-0.0), np.int64(0)),
]
OTHERS: list[Any] = [
    *(True, np.bool_(True), np.str_("a"), None, "a", {"a": 1}, [], (1, 2), {"value"}),
    *(Decimal("0.5"), Fraction(1, 2), 2**70, -(2**64), 1j, np.uint64(2**64 - 1), np.complex64(1)),
    *(np.longdouble(1) / 3, np.zeros(1), timedelta(0), [1.0, float("inf")]),
]
NOT_NATIVE: list[Any] = [None, {"a": 1}, [], (1, 2), 2**70, {"value"}, Decimal("0.5")]
"""What is there and can be compared with nothing, but for None."""

_KINDS = {int: "number", float: "number"}


def as_native(value: Any) -> Any:
    """A scalar of numpy as the number it equals."""
    if isinstance(value, np.generic):
        plain = value.item() if not isinstance(value, np.longdouble) else float(value)
        return plain if plain == value or plain != plain else value
    return value


def kind(value: Any) -> Any:
    if type(value) is list:
        return [kind(item) for item in value[:1]]
    if type(value) is datetime:
        return "instant" if value.tzinfo else "datetime"
    return _KINDS.get(type(value), type(value))


def is_native(value: Any) -> bool:
    if type(value) is list:
        return bool(value)
    if type(value) is int:
        return -(2**63) <= value < 2**63
    return type(value) in (bool, str, bytes, float, date, datetime, timedelta)


def utf16(text: str) -> bytes:
    """Sorts as the database does without an index."""
    return text.encode("utf-16-be")


def same(left: Any, right: Any) -> bool:
    return kind(left) == kind(right) and bool(left == right)


TESTS: dict[str, Any] = {
    "<": lambda stored, value: stored < value,
    "<=": lambda stored, value: stored <= value,
    ">": lambda stored, value: stored > value,
    ">=": lambda stored, value: stored >= value,
    "startswith": lambda stored, value: stored.startswith(value),
    "endswith": lambda stored, value: stored.endswith(value),
}


def passes(comparison: Comparison, stored: Any) -> bool | None:
    """Whether it holds; None where what is stored cannot be compared."""
    operator, stored = comparison.operator, as_native(stored)
    values = [value.value for value in comparison.values]
    if operator == "null":
        return stored is None
    if stored is None:
        return False
    if not is_native(stored):
        return None
    if operator in ("=", "in"):
        return any(same(stored, value) for value in values)
    (value,) = values
    if operator == "contains":
        if type(stored) is list:
            return any(same(item, value) for item in stored)
        return value in stored if type(stored) is type(value) is str else None
    if kind(stored) != kind(value):
        return None
    if type(stored) is str and operator[0] in "<>":
        stored, value = utf16(stored), utf16(value)
    return bool(TESTS[operator](stored, value))


def holds(filter_: Filter, item: Any) -> bool | None:
    """Kleene's logic: None stands for what is not known."""
    match filter_:
        case And(parts) | Or(parts):
            decides = not isinstance(filter_, And)
            found = [holds(part, item) for part in parts]
            return decides if decides in found else None if None in found else not decides
        case Not(part):
            inner = holds(part, item)
            return None if inner is None else not inner
        case Comparison(ref=Field(path)):
            for name in path:
                item = getattr(item, name, None)
            return passes(filter_, item)
        case Comparison(ref=Attribute(_, name)):
            return passes(filter_, getattr(item, name))
    raise AssertionError(filter_)


def comparisons(refs: list[Any], values: list[Any]) -> st.SearchStrategy[Filter]:
    ordered = [v for v in values if type(v) not in (bytes, list)]
    texts = [v for v in values if type(v) is str]
    parts = [v for v in ordered if type(v) is not timedelta]
    ref = st.sampled_from(refs)
    return st.one_of(
        st.builds(lambda r, v: r == v, ref, st.sampled_from(values)),
        st.builds(lambda r, v: r != v, ref, st.sampled_from(values)),
        st.builds(lambda r, v: r < v, ref, st.sampled_from(ordered)),
        st.builds(lambda r, v: r <= v, ref, st.sampled_from(ordered)),
        st.builds(lambda r, v: r > v, ref, st.sampled_from(ordered)),
        st.builds(lambda r, v: r >= v, ref, st.sampled_from(ordered)),
        st.builds(lambda r, v: r.one_of(v), ref, st.lists(st.sampled_from(values), min_size=1)),
        st.builds(lambda r, v: r.contains(v), ref, st.sampled_from(parts)),
        st.builds(lambda r, v: r.startswith(v), ref, st.sampled_from(texts)),
        st.builds(lambda r, v: r.endswith(v), ref, st.sampled_from(texts)),
        st.builds(lambda r: r.is_null(), ref),
        st.builds(lambda r: r.is_not_null(), ref),
    )  # fmt: skip


def filters(leaves: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda a, b: a & b, inner, inner),
            st.builds(lambda a, b: a | b, inner, inner),
            st.builds(lambda a: ~a, inner),
        ),
        max_leaves=6,
    )


@pytest.fixture(scope="module")
def rows(session_engine: Engine) -> tuple[str, list[Row], list[str]]:
    pool = VALUES + NOT_NATIVE
    made = [
        Row(
            pool[i % len(pool)],
            pool[(i * 7 + 3) % len(pool)],
            BASIC[i % len(BASIC)] if i % 3 else None,
            Inside(pool[(i * 11) % len(pool)]) if i % 2 else None,
            pool[(i * 5 + 1) % len(pool)],
        )
        for i in range(ROWS)
    ]

    async def make() -> tuple[str, list[str]]:
        with engine_context(session_engine):
            async with span_context(label="population") as parent:
                ids = await create_span_artifacts(
                    "current", {f"row {i}": row for i, row in enumerate(made)}
                )
        return parent.node_id, list(ids.values())

    span_id, ids = asyncio.run(make())
    return span_id, made, ids


ARTIFACT_REFS = [F("value"), F("other"), F("inside.value"), F("node_id_")]


@settings(max_examples=few(40), suppress_health_check=list(HealthCheck))
@given(condition=filters(comparisons(ARTIFACT_REFS, VALUES)))
async def test_filters_on_artifacts(rows: Any, condition: Filter) -> None:
    span_id, made, ids = rows
    query = find_artifacts(Row, under(span_id), condition)
    expected = [node_id for node_id, row in zip(ids, made, strict=True) if holds(condition, row)]
    assert sorted(await query.read_ids()) == sorted(expected), query.explain()
    assert await query.count() == len(expected)
    assert await query.exists() is bool(expected)
    unknown = sum(holds(condition, row) is None for row in made)
    assert await query.count_incomparable() == unknown, query.explain()


MAKE: dict[str, Any] = {
    "=": lambda r, v: r == v,
    "<": lambda r, v: r < v,
    "<=": lambda r, v: r <= v,
    ">": lambda r, v: r > v,
    ">=": lambda r, v: r >= v,
    "in": lambda r, v: r.one_of([v]),
    "contains": lambda r, v: r.contains(v),
    "startswith": lambda r, v: r.startswith(v),
    "endswith": lambda r, v: r.endswith(v),
}


def _mark(operator: str, name: str) -> Any:
    if "." in name and operator != "=":
        return pytest.mark.long
    return pytest.mark.statements if operator == "endswith" else ()


@pytest.mark.parametrize(
    ("operator", "name"),
    [
        pytest.param(operator, name, marks=_mark(operator, name))
        for operator in MAKE
        for name in ("value", "inside.value")
    ],
)
async def test_every_comparison_with_every_value(rows: Any, operator: str, name: str) -> None:
    """All in one statement, so that nothing hangs on what was drawn."""
    span_id, made, ids = rows
    values = [v for v in VALUES if operator in ("=", "in") or type(v) not in (bytes, list)]
    if operator == "contains":
        values = [v for v in values if type(v) is not timedelta]
    if operator.endswith("swith"):
        values = TEXTS
    ref = F(name)
    condition = Or(tuple(MAKE[operator](ref, value) for value in values)) & ref.is_not_null()
    query = find_artifacts(Row, under(span_id), condition)
    expected = [i for i, row in zip(ids, made, strict=True) if holds(condition, row)]
    assert sorted(await query.read_ids()) == sorted(expected), query.explain()


@dataclass
class Numbered(ArtifactModel, version=1, strict=False):
    value: float
    indexed: Any = artifact_field(default=None, indexed=True)
    inside: Inside | None = None


@pytest.fixture(scope="module")
def numbered(session_engine: Engine) -> tuple[str, list[Numbered], list[str]]:
    pool = [*NUMBERS, *OTHERS]
    made = [
        Numbered(
            pool[i % len(pool)],
            NUMBERS[(i * 5) % len(NUMBERS)] if i % 4 else None,
            Inside(pool[(i * 3) % len(pool)]) if i % 2 else None,
        )
        for i in range(2 * len(pool))
    ]

    async def make() -> tuple[str, list[str]]:
        with engine_context(session_engine):
            async with span_context(label="numbers") as parent:
                ids = await create_span_artifacts(
                    "current", {f"row {i}": row for i, row in enumerate(made)}
                )
        return parent.node_id, list(ids.values())

    span_id, ids = asyncio.run(make())
    return span_id, made, ids


def number_filters(*names: str) -> st.SearchStrategy[Filter]:
    plain = [v for v in NUMBERS if type(v) in (int, float) and v == v]
    ref, number = st.sampled_from([F(name) for name in names]), st.sampled_from(plain)
    return filters(
        st.one_of(
            *(
                st.builds(compare, ref, number)
                for compare in (
                    operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge
                )
            ),
            st.builds(lambda r, v: r.one_of(v), ref, st.lists(number, min_size=1)),
            st.builds(lambda r: r.is_null(), ref),
        )
    )  # fmt: skip


@settings(max_examples=few(40), suppress_health_check=list(HealthCheck))
@given(condition=number_filters("value", "inside.value", "indexed"))
async def test_a_number_is_found_as_a_number(numbered: Any, condition: Filter) -> None:
    span_id, made, ids = numbered
    query = find_artifacts(Numbered, under(span_id), condition)
    expected = [node_id for node_id, row in zip(ids, made, strict=True) if holds(condition, row)]
    assert sorted(await query.read_ids()) == sorted(expected), query.explain()
    unknown = sum(holds(condition, row) is None for row in made)
    assert await query.count_incomparable() == unknown, query.explain()


@settings(max_examples=few(25), suppress_health_check=list(HealthCheck))
@given(start=number_filters("indexed"))
async def test_an_index_finds_the_same_numbers(numbered: Any, start: Filter) -> None:
    span_id, made, ids = numbered
    query = find_artifacts(Numbered, start).where(under(span_id))
    expected = [node_id for node_id, row in zip(ids, made, strict=True) if holds(start, row)]
    assert sorted(await query.read_ids()) == sorted(expected), query.explain()


@pytest.mark.parametrize("down", [False, True])
async def test_the_best_number_comes_first(numbered: Any, down: bool) -> None:
    span_id, made, ids = numbered
    key = F("value").desc() if down else F("value")
    query = find_artifacts(Numbered, under(span_id)).order_by(key)
    values = {node_id: as_native(row.value) for node_id, row in zip(ids, made, strict=True)}
    last = [n for n, v in values.items() if kind(v) != "number" or not is_native(v) or v != v]
    # The database has the smallest integer after the float that equals it.
    tie = {n: values[n] == -(2**63) and type(values[n]) is int for n in values}
    some = sorted(values.keys() - set(last), key=lambda n: (values[n], tie[n], n), reverse=down)
    expected = [*some, *sorted(last, reverse=down)]
    assert await query.read_ids() == expected
    found, after = list[str](), None
    while True:
        page = await query.read_page(7, after=after)
        found += [artifact_info(item).node_id for item in page.items]  # type: ignore[union-attr]
        if (after := page.cursor) is None:
            break
    assert found == expected


async def test_what_cannot_be_compared_is_not_deleted(engine: Engine) -> None:
    async with span_context(label="m") as parent:
        made = {
            "poor": 0.2, "best": np.float64(0.985), "fair": 0.6, "text": "0.99",
            "exact": Decimal("0.99"), "none": None,
        }  # fmt: skip
        await create_span_artifacts("current", {k: Numbered(v) for k, v in made.items()})  # type: ignore[arg-type]
    query = find_artifacts(Numbered, ~(F("value") > 0.5), under(parent))
    assert await query.count_incomparable() == 2
    assert (await query.delete()).artifacts == 2
    left = await read_span_artifacts(parent.node_id)
    assert set(left) == {"best", "fair", "text", "exact"}
    assert type(left["best"].value) is np.float64


async def test_a_span_without_a_good_artifact_is_one_without_a_doubtful_one() -> None:
    async with span_context(label="all") as parent:
        for label, value in (("good", 0.9), ("poor", 0.1), ("odd", Decimal("0.9"))):
            async with span_context(label=label):
                await create_span_artifacts("current", {"s": Numbered(value)})  # type: ignore[arg-type]
        async with span_context(label="none"):
            pass
    good = has_artifact(Numbered, F("value") > 0.5)
    labels = lambda q: q.read()  # noqa: E731
    assert [s.label for s in await labels(find_spans(good, under(parent)))] == ["good"]
    query = find_spans(~good, under(parent))
    assert [s.label for s in await labels(query)] == ["poor", "none"]
    assert await query.count_incomparable() == 1


def text_filters() -> st.SearchStrategy[Filter]:
    return filters(comparisons([F("indexed")], BASIC))


@settings(max_examples=few(25), suppress_health_check=list(HealthCheck))
@given(condition=text_filters(), start=st.sampled_from(BASIC))
async def test_an_index_changes_no_result(rows: Any, condition: Filter, start: str) -> None:
    span_id, made, ids = rows
    both = (F("indexed") == start) | (F("indexed") > start)
    query = find_artifacts(Row, F("indexed") >= start, both, condition).where(under(span_id))
    expected = [
        node_id
        for node_id, row in zip(ids, made, strict=True)
        if row.indexed is not None and row.indexed >= start and holds(condition, row)
    ]
    assert sorted(await query.read_ids()) == sorted(expected), query.explain()


@pytest.fixture(scope="module")
def measured(session_engine: Engine) -> tuple[str, list[Measured]]:
    made = [
        Measured(
            label=TEXTS[i % len(TEXTS)] if i % 4 else None,
            number=[None, 0, 1, -5, 2**62][i % 5],
            real=[None, 0.0, 1.0, -2.5][i % 4],
            text=TEXTS[(i * 3) % len(TEXTS)] if i % 3 else None,
            flag=[None, True, False][i % 3],
            words=[None, ["a"], ["a", "b"]][i % 3],
        )
        for i in range(40)
    ]

    async def make() -> str:
        with engine_context(session_engine):
            async with span_context(label="population") as parent:
                for item in made:
                    async with span_context(item):
                        pass
        return parent.node_id

    return asyncio.run(make()), made


def span_filters() -> st.SearchStrategy[Filter]:
    numbers = st.sampled_from([0, 1, -5, 2**62, 0.0, 1.0, -2.5])
    numeric = st.sampled_from([F("number"), F("real")])
    return filters(
        st.one_of(
            comparisons([F("text"), span.label], TEXTS),
            st.builds(lambda r, v: r == v, st.just(F("flag")), st.booleans()),
            st.builds(lambda v: F("words").contains(v), st.sampled_from(TEXTS)),
            *(
                st.builds(compare, numeric, numbers)
                for compare in (
                    lambda r, v: r == v,
                    lambda r, v: r < v,
                    lambda r, v: r >= v,
                    lambda r, v: r != v,
                )
            ),
            st.builds(lambda r: r.is_null(), st.sampled_from([F("number"), F("flag"), F("words")])),
        )
    )  # fmt: skip


@settings(max_examples=few(40), suppress_health_check=list(HealthCheck))
@given(condition=span_filters())
async def test_filters_on_spans(measured: Any, condition: Filter) -> None:
    span_id, made = measured
    query = find_spans(Measured, under(span_id), condition)
    expected = [item.node_id for item in made if holds(condition, item)]
    assert await query.read_ids() == expected, query.explain()
    assert await query.count() == len(expected)


def sortable(value: Any) -> Any:
    return utf16(value) if type(value) is str else value


KEYS = st.sampled_from(["number", "real", "text", "flag", "label", "opened_at"])
ORDERS = st.lists(st.tuples(KEYS, st.booleans()), max_size=3)


@settings(max_examples=few(40), suppress_health_check=list(HealthCheck))
@given(orders=ORDERS, size=st.integers(1, 50), condition=span_filters())
async def test_pages_are_the_whole_in_order(
    measured: Any, orders: list[tuple[str, bool]], size: int, condition: Filter
) -> None:
    span_id, made = measured
    query = find_spans(Measured, under(span_id), condition)
    expected = [item for item in made if holds(condition, item)]
    expected.sort(key=lambda item: item.node_id, reverse=bool(orders) and orders[-1][1])
    if orders:
        query = query.order_by(*(F(n).desc() if down else F(n) for n, down in orders))
    for name, down in reversed(orders):
        some = [item for item in expected if getattr(item, name) is not None]
        none = [item for item in expected if getattr(item, name) is None]
        some.sort(key=lambda item, n=name: sortable(getattr(item, n)), reverse=down)  # type: ignore[misc]
        expected = some + none
    found: list[Span] = []
    after = None
    while True:
        page = await query.read_page(size, after=after)
        found += page.items
        after = page.cursor
        if after is None:
            break
    assert [item.node_id for item in found] == [item.node_id for item in expected]
    assert [item.node_id async for item in query] == [item.node_id for item in expected]
    assert [item.node_id for item in await query.limit(3).read()] == [
        item.node_id for item in expected[:3]
    ]
