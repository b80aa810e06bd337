"""Every type that can be stored comes back equal and of the same type.

The types are those of the registry, of native values and of msgpack, asked for at run time: one
that is registered without a strategy in ``type_strategies.py`` fails here. Values go through the
encoding and decoding of an artifact, all but the database. ``ARTIGRAPH_TEST_EXAMPLES`` says how
many examples each type gets.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from pathlib import PosixPath, WindowsPath
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j import ArtifactModel
from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.model.decode import (
    join,
    loadings,
)
from artigraph_neo4j.model.encode import encode
from artigraph_neo4j.model.identity import Resolver
from artigraph_neo4j.model.native import _CONVERTERS
from artigraph_neo4j.model.stored import (
    Stored,
)
from artigraph_neo4j.serializer import base
from artigraph_neo4j.serializer.msgpack import _GROUPS
from artigraph_neo4j.serializer.msgpack_leaves import LEAVES
from tests.unit.serializer import plain_values as plain
from tests.unit.serializer.type_differences import any_difference
from tests.unit.serializer.type_strategies import STRATEGIES

EXAMPLES = int(os.environ.get("ARTIGRAPH_TEST_EXAMPLES", "25"))


@dataclass
class EveryType(ArtifactModel, version=1):
    value: Any


def through_nodes(value: Any) -> Any:
    """The value, written to a node and read back, without the database between."""
    encoded = encode([EveryType(value)], inline_bytes=None)
    for pending in encoded.pending:
        pending.keep_inline(pending.serialized())
    rows = []
    for node in encoded.nodes:
        properties = {
            **node.properties,
            "node_id": node.node_id,
            "model": "EveryType",
            "model_version": 1,
            "codec": node.codec(),
            "recorded_at": node.recorded_at.isoformat(),
        }
        rows.append([properties, [], []])
    stored = Stored(rows, None, None)
    resolver = Resolver(EveryType)
    items = list(loadings(stored, resolver))
    for item in items:
        item.work()
    found = join(stored, items, resolver)
    assert isinstance(found, EveryType)
    return found.value


def registered_types() -> list[type[Any]]:
    """What serializers of this library are registered for, native types, and plain ones."""
    ours = {
        kind
        for kind, serializer in base.serializer_types().items()
        if type(serializer).__module__.startswith("artigraph_neo4j.")
    }
    plain = {type(None), bool, int, float, str, bytes, dict, *_GROUPS}
    plain |= {leaf.type for leaf in LEAVES.values()}
    return sorted({*ours, *plain, *_CONVERTERS}, key=lambda kind: kind.__qualname__)


REFUSED = {"polars.lazy", "torch.module"}
"""Serializers that take no value at all; tested where their package is."""

CHANGED = {"matplotlib.figure.Figure", "keras.src.models.model.Model"}
"""Types that come back as another, as their page says; tested where they are made."""


def types_to_test() -> list[type[Any]]:
    refused = {t for t, s in base.serializer_types().items() if s.name in REFUSED}
    kinds = (kind for kind in registered_types() if kind not in refused)
    return [kind for kind in kinds if _named(kind) not in CHANGED]


def _named(kind: type[Any]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def test_every_type_has_a_strategy() -> None:
    elsewhere = {WindowsPath if os.name != "nt" else PosixPath}
    missing = [
        _named(kind) for kind in types_to_test() if kind not in STRATEGIES and kind not in elsewhere
    ]
    assert missing == []


@pytest.mark.parametrize("kind", list(STRATEGIES), ids=_named)
def test_comes_back(kind: type[Any]) -> None:
    @settings(
        max_examples=EXAMPLES,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        database=None,
    )
    @given(STRATEGIES[kind])
    def check(value: Any) -> None:
        found = through_nodes(value)
        assert type(found) is type(value)
        assert any_difference(value, found) is None

    check()


@settings(max_examples=EXAMPLES)
@given(st.sampled_from(sorted(STRATEGIES, key=_named)).flatmap(STRATEGIES.__getitem__))
def test_comes_back_inside_a_container(value: Any) -> None:
    found = through_nodes({"in": (value, [value])})
    assert any_difference(value, found["in"][0]) is None
    assert any_difference(value, found["in"][1][0]) is None


class TextOfOnesOwn(str):
    pass


class FrameOfOnesOwn(pd.DataFrame):
    pass


def _endless() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


REFUSED_VALUES: list[tuple[Any, str, str]] = [
    (object(), "object", "register a serializer"),
    (threading.Lock(), "_thread.lock", "register a serializer"),
    ((i for i in ()), "generator", "artifact_field"),
    (len, "builtin_function_or_method", "artifact_field"),
    (int, "type", "artifact_field"),
    (TextOfOnesOwn("x"), f"{__name__}.TextOfOnesOwn", "make it a plain str"),
    (OrderedDict(a=1), "collections.OrderedDict", "make it a plain dict"),
    (memoryview(b"x"), "memoryview", "register a serializer"),
    ({"a": [{"b": object()}]}, "dict", r"at \['a'\]\[0\]\['b'\].*register a serializer"),
    (_endless(), "list", "a value that is a tree"),
    (plain.Guess(7), "tests.unit.serializer.plain_values.Guess", "use its value"),
    (FrameOfOnesOwn({"a": [1]}), f"{__name__}.FrameOfOnesOwn", "convert it, or"),
    (pd.DataFrame({"a": [object()]}), "pandas.*DataFrame", "column a: in row 0.*register"),
    (pd.DataFrame({"a": pd.arrays.SparseArray([1])}), "pandas.*DataFrame", "convert it"),
    (pd.Series([object()], name="a"), "pandas.*Series", "column a: in row 0.*register"),
    (np.array([1, None]), "numpy.ndarray", "convert it to a dtype"),
    (np.rec.array([(1,)], dtype=[("a", int)]), "numpy.rec.recarray", "convert it, or"),
    (np.str_("a\0"), "numpy.str_", "use str"),
    (pl.DataFrame({"a": [1]}).lazy(), "polars.*LazyFrame", r"store the frame that collect\(\)"),
    (pl.DataFrame({"a": [object()]}), "polars.*DataFrame", "column 'a'.*convert it"),
    (
        datetime(2024, 1, 1, tzinfo=ZoneInfo.no_cache("Europe/Paris")),
        "datetime.datetime",
        "use datetime.timezone or",
    ),
]


@pytest.mark.parametrize(("value", "kind", "advice"), REFUSED_VALUES)
def test_a_refusal_names_the_field_and_the_type_and_says_what_to_do(
    value: Any, kind: str, advice: str
) -> None:
    with pytest.raises(SerializationError, match=rf"^EveryType\.value \({kind}\): .*{advice}"):
        through_nodes(value)
