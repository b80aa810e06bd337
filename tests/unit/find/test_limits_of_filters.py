"""Values and sizes of filters that the database could not plan, or be sent, are refused."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pytest

from artigraph_neo4j import F, Span, find_artifacts, find_spans
from artigraph_neo4j.errors import ArgumentError, FilterError
from artigraph_neo4j.find import has_artifact, in_span, span, tagged, under
from artigraph_neo4j.find.filters import MAX_NAMES, MAX_OPTIONS, Filter
from artigraph_neo4j.find.order import cursor
from artigraph_neo4j.find.parameters import MAX_STEPS
from artigraph_neo4j.find.statement import compile_plan

X = F("x") == 1


def _nested(depth: int) -> Filter:
    found: Any = X
    for i in range(depth):
        found = has_artifact(found) if i % 2 else in_span(found)
    return in_span(found) if depth % 2 == 0 else has_artifact(found)


TOO_LARGE: dict[str, Callable[[], object]] = {
    "names": lambda: F(".".join(["a"] * (MAX_NAMES + 1))),
    "names of an order": lambda: find_artifacts().order_by(".".join(["a"] * 40)),
    "chained and": lambda: find_artifacts(reduce(lambda f, _: f & X, range(1000), X)),
    "chained or": lambda: find_artifacts(reduce(lambda f, _: f | X, range(1000), X)),
    "nested to the left": lambda: find_artifacts(
        reduce(lambda f, i: f & X if i % 2 else f | X, range(5000), X)
    ),
    "nested to the right": lambda: find_artifacts(
        reduce(lambda f, i: X & f if i % 2 else X | f, range(5000), X)
    ),
    "arguments": lambda: find_artifacts(*[X] * (MAX_STEPS + 1)),
    "where": lambda: reduce(lambda q, _: q.where(X), range(MAX_STEPS + 1), find_artifacts()),
    "paths": lambda: find_artifacts(*[F(".".join("a" * MAX_NAMES)) == 1] * 20),
    "spans and artifacts": lambda: find_artifacts(_nested(500)),
    "options": lambda: F("x").one_of(range(MAX_OPTIONS + 1)),
    "levels": lambda: under("id", levels=2**63),
    "limit": lambda: find_spans().limit(2**63),
    "surrogates": lambda: find_spans(span.status == "\ud800"),
    "surrogates in a name": lambda: find_spans(F("\ud800") == 1),
    "surrogates in a tag": lambda: find_spans(tagged("\ud800")),
    "surrogates in a search": lambda: find_spans().search("\ud800"),
    "64 bits": lambda: find_spans(span.depth == 2**63),
    "no tag": lambda: tagged(3),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("what", TOO_LARGE)
def test_what_is_too_large_is_refused_at_once(what: str) -> None:
    with pytest.raises(FilterError):
        TOO_LARGE[what]()


def test_an_id_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(ArgumentError, match="where: .* lone surrogate"):
        find_spans(under("\ud800"))


def test_what_people_write_is_not_too_large() -> None:
    find_artifacts(reduce(lambda f, i: f | (F("x") == i), range(MAX_STEPS - 2), X))
    find_artifacts(~~~X, *[F("a.b.c") == 1] * 20)
    find_artifacts(F("x").one_of(range(MAX_OPTIONS)))
    find_artifacts(reduce(lambda f, _: ~f, range(5000), X))


def test_a_query_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    query = find_spans(Span, span.label == "a")
    assert query.explain().statement is query.explain().statement


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text[:-4],
        lambda text: "x" + text,
        lambda text: text.upper(),
        lambda text: "\ud800",
        lambda text: "",
        lambda text: 5,
        lambda text: base64.urlsafe_b64encode(b"\xff\xff").decode(),
        lambda text: base64.urlsafe_b64encode(("[" * 100_000).encode()).decode(),
        lambda text: _with(text, lambda values: [values[0], 2**70, *values[2:]]),
        lambda text: _with(text, lambda values: [values[0], {"a": 1}, *values[2:]]),
        lambda text: _with(text, lambda values: [*values, 1]),
    ],
)
def test_a_cursor_that_was_edited_is_not_one(edit: Callable[[str], Any]) -> None:
    query = find_spans()
    plan = query._plan
    good = cursor(plan, ["2026-01-01T00:00:00Z", "id"])
    from dataclasses import replace

    compile_plan(replace(plan, after=good), "rows")
    with pytest.raises(FilterError, match="is not a cursor of this query"):
        compile_plan(replace(plan, after=edit(good)), "rows")


def _with(text: str, change: Callable[[list[Any]], list[Any]]) -> str:
    whole = base64.urlsafe_b64decode(text).decode()
    start = whole.index("[")
    values = change(json.loads(whole[start:]))
    return base64.urlsafe_b64encode(f"{whole[:start]}{json.dumps(values)}".encode()).decode()


@pytest.mark.parametrize(
    ("given", "means"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.1), 0.10000000149011612),
        (np.float16(math.inf), math.inf),
        (np.int8(-3), -3),
        (np.uint64(7), 7),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
    ],
)
def test_a_number_of_numpy_is_compared_as_the_number_it_equals(given: Any, means: Any) -> None:
    filters: list[Any] = [F("x") == given, F("x") > given, F("x").one_of([given])]
    values = [filter_.values[0].value for filter_ in filters]
    assert values == [means] * 3
    assert {type(value) for value in values} == {type(means)}


@pytest.mark.parametrize(
    "given",
    [
        np.uint64(2**64 - 1),
        np.float64("nan"),
        np.longdouble("0.1"),
        np.datetime64("2024-01-01"),
        np.complex64(1),
        np.array(1.0),
        np.array([1.0]),
    ],
    ids=repr,
)
def test_what_equals_no_native_value_is_not_compared(given: Any) -> None:
    with pytest.raises(FilterError):
        F("x") > given  # noqa: B015  # pyright: ignore[reportUnusedExpression]
