"""JSON takes only what it gives back."""

from __future__ import annotations

import enum
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.json import json_serializer, json_sorted_serializer
from artigraph_neo4j.serializer.limits import MAX_DEPTH
from artigraph_neo4j.serializer.msgpack import msgpack_serializer
from artigraph_neo4j.serializer.plain import serializer_for
from artigraph_neo4j.testing import SerializerTests, difference
from tests.examples import few
from tests.unit.serializer.plain_values import JSON_VALUES, VALUES, Mixed, Number, Text


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


cyclic: dict[str, Any] = {}
cyclic["again"] = [cyclic]


class TestJSON(SerializerTests):
    serializer = json_serializer
    values = (
        None,
        {"b": 1, "a": [1.5, True, None, "日本", 2**100, -0.0, {}]},
        10**3000,
        nested(MAX_DEPTH),
    )
    refused = (
        (1,),
        {1: 2},
        {None: 1},
        {Text.A: 1},
        math.nan,
        math.inf,
        Number.ONE,
        Text.A,
        Mixed.B,
        np.float64(1),
        np.str_("x"),
        {1},
        b"",
        "\ud800",
        {"\ud800": 1},
        10**5000,
        nested(MAX_DEPTH + 1),
        nested(100_000),
        cyclic,
        [enum],
    )
    garbage = (b"", b"{", b"\xff", b"[" * 100_000)


class TestSortedJSON(TestJSON):
    serializer = json_sorted_serializer

    def difference(self, left: Any, right: Any) -> str | None:
        return None if left == right else f"{left} is not {right}"


def test_sorts() -> None:
    first = {"b": {"d": 1, "c": 2}, "a": 3}
    second = {"a": 3, "b": {"c": 2, "d": 1}}
    assert json_sorted_serializer.serialize(first) == json_sorted_serializer.serialize(second)
    assert json_sorted_serializer.serialize(first) == b'{"a":3,"b":{"c":2,"d":1}}'
    assert json_serializer.serialize(first) == b'{"b":{"d":1,"c":2},"a":3}'


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ({"a": [1, 2, 3, (4,)]}, r"a tuple at \['a'\]\[3\] would come back as something else"),
        ({"a": {1: 2}}, r"the key 1 at \['a'\] is not text"),
        ([math.nan], r"nan at \[0\] is not JSON"),
        ({"a": "\ud800"}, r"the text at \['a'\] has a lone surrogate"),
        (Number.ONE, "a Number would come back as something else; leave out serializer="),
        (cyclic, "nested more than 200 deep, or contains itself"),
    ],
)
def test_messages(value: Any, match: str) -> None:
    with pytest.raises(SerializationError, match=match):
        json_serializer.serialize(value)


@given(JSON_VALUES)
@settings(max_examples=few(500))
def test_any_json_value(value: Any) -> None:
    for serializer in (json_serializer, json_sorted_serializer):
        data = serializer.serialize(value)
        assert json.loads(data) == value
        assert serializer is json_sorted_serializer or difference(value, json.loads(data)) is None


@given(VALUES)
@settings(max_examples=few(500))
def test_any_value_gets_a_serializer_that_keeps_it(value: Any) -> None:
    serializer = serializer_for(value)
    data = serializer.serialize(value)
    assert difference(value, serializer.deserialize(data)) is None
    if serializer.text:
        data.decode()


def test_json_only_where_it_is_faithful() -> None:
    for value in TestJSON.values:
        assert serializer_for(value) is json_serializer
    for value in ((1,), {1: 2}, math.nan, Number.ONE, "\ud800", 10**5000, b"", {1}):
        assert serializer_for(value) is msgpack_serializer
    with pytest.raises(SerializationError, match=r"builtins\.object has no serializer"):
        serializer_for(object()).serialize(object())
