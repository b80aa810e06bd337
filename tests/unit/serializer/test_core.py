"""Text and bytes as they are; finding serializers by name and type."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from artigraph_neo4j.common import registry
from artigraph_neo4j.serializer import base
from artigraph_neo4j.serializer.base import Serializer, find_serializer, infer_serializer
from artigraph_neo4j.serializer.core import bytes_serializer, string_serializer
from artigraph_neo4j.testing import SerializerTests, difference
from tests.unit.serializer.plain_values import Mixed


class TestString(SerializerTests):
    serializer = string_serializer
    values = ("", "日本", "\0", "a\r\n")
    refused = ("\ud800", Mixed.B, b"", 1)
    garbage = (b"\xff",)


class TestBytes(SerializerTests):
    serializer = bytes_serializer
    values = (b"", b"\0\xff")
    refused = (bytearray(b""), memoryview(b""), "")
    garbage = ()


class Thing:
    pass


class SubThing(Thing):
    pass


class ThingSerializer(Serializer[Thing]):
    name = "test.thing"
    types = (Thing,)

    def serialize(self, value: Thing, /) -> bytes:
        return b""

    def deserialize(self, data: bytes, /) -> Thing:
        return Thing()


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registries that are thrown away."""
    monkeypatch.setattr(base, "_by_name", base.Registry("serializer"))
    monkeypatch.setattr(base, "_by_type", {})


def test_register(registries: None) -> None:
    assert infer_serializer(Thing) is None
    first = ThingSerializer()
    assert first.register() is first
    assert infer_serializer(Thing) is infer_serializer(SubThing) is find_serializer("test.thing")
    with pytest.raises(ValueError, match=r"serializer named 'test\.thing' is registered already"):
        ThingSerializer().register()


def test_third_parties_are_loaded_on_a_miss(
    registries: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []

    class Point(EntryPoint):
        def load(self) -> Any:
            loads.append(self.name)
            ThingSerializer().register()

    points = EntryPoints([Point("things", "things", base.ENTRY_POINTS)])
    monkeypatch.setattr(registry, "entry_points", lambda group: points.select(group=group))
    registry.load_entry_points.cache_clear()
    try:
        found = find_serializer("test.thing")
        assert isinstance(found, ThingSerializer)
        assert infer_serializer(Thing) is found
        assert find_serializer("other") is None
        assert loads == ["things"]
    finally:
        registry.load_entry_points.cache_clear()


SCRIPT = """
import sys
from artigraph_neo4j.serializer import find_serializer

OURS = "artigraph_neo4j.serializer."
heavy = {OURS + name for name in ("pandas", "numpy", "arrow", "polars", "parquet")}
print(sorted(heavy & set(sys.modules)))
for name in ("json", "json-sorted", "str", "bytes", "msgpack", "date", "datetime", "file",
             "pandas.parquet", "arrow.feather", "numpy", "no.such"):
    print(getattr(find_serializer(name), "name", None))
"""
INFER = """
import pandas, numpy, pyarrow
from artigraph_neo4j.serializer.plain import serializer_for
for value in (pandas.Series([1]), pandas.NaT, numpy.zeros(1), pyarrow.table({}), numpy.int8(1)):
    print(serializer_for(value).name)
"""


def run(script: str) -> list[str]:
    command = [sys.executable, "-W", "error", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_found_by_name_in_a_new_process() -> None:
    plain = ["json", "json-sorted", "str", "bytes", "msgpack", "date", "datetime", "file"]
    assert run(SCRIPT) == ["[]", *plain, "pandas.parquet", "arrow.feather", "numpy", "None"]


@pytest.mark.parametrize(
    "name", ["bytes", "date", "file", "json", "json-sorted", "msgpack", "str", "time", "timedelta"]
)
def test_each_is_found_when_nothing_else_was_imported(name: str) -> None:
    script = (
        "from artigraph_neo4j.serializer import find_serializer, serializer_names\n"
        f"assert serializer_names() == []\nprint(find_serializer({name!r}).name)"
    )
    assert run(script) == [name]


def test_inferred_in_a_new_process() -> None:
    expected = ["pandas.series", "pandas.missing", "numpy", "arrow.feather", "numpy.scalar"]
    assert run(INFER) == expected


def test_differences() -> None:
    """The comparison that the public tests use sees what ``==`` does not."""
    nan = float("nan")
    for left, right in (
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        ([1], (1,)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1: 1}, {True: 1}),
        ({1}, {1.0}),
        (frozenset(), set()),
        ([1], [1, 2]),
        ("a", "b"),
        (complex(0.0), complex(-0.0)),
    ):
        assert difference(left, right) is not None
    for value in (nan, [nan], {"a": (nan, {1})}, complex(nan, 1), None):
        assert difference(value, value) is None
    assert difference(float("nan"), float("nan")) is None
