"""Every type that can be stored comes back equal and of the same type.

The types are those of the registry, of native values and of msgpack, asked for at run time: one
that is registered without a strategy in ``type_strategies.py`` fails here. Values go through the
encoding and decoding of an artifact, all but the database. ``ARTIGRAPH_TEST_EXAMPLES`` says how
many examples each type gets.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import PosixPath, WindowsPath
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j import ArtifactModel
from artigraph_neo4j.model.decode import Stored, join, loadings
from artigraph_neo4j.model.encode import encode
from artigraph_neo4j.model.identity import Resolver
from artigraph_neo4j.model.native import _CONVERTERS
from artigraph_neo4j.serializer import base, find_serializer
from artigraph_neo4j.serializer.msgpack import _GROUPS
from artigraph_neo4j.serializer.msgpack_leaves import LEAVES
from tests.unit.serializer.type_differences import any_difference
from tests.unit.serializer.type_strategies import STRATEGIES

EXAMPLES = int(os.environ.get("ARTIGRAPH_TEST_EXAMPLES", "60"))


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
    for name in {*base._OF_NAME, *base._OF_PACKAGE}:
        find_serializer(name)
    ours = {
        kind
        for kind, serializer in base._by_type.items()
        if type(serializer).__module__.startswith("artigraph_neo4j.")
    }
    plain = {type(None), bool, int, float, str, bytes, dict, *_GROUPS}
    plain |= {leaf.type for leaf in LEAVES.values()}
    return sorted({*ours, *plain, *_CONVERTERS}, key=lambda kind: kind.__qualname__)


REFUSED = {"polars.lazy"}
"""Serializers that take no value at all; tested where their package is."""


def types_to_test() -> list[type[Any]]:
    refused = {t for t, s in base._by_type.items() if s.name in REFUSED}
    return [kind for kind in registered_types() if kind not in refused]


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
