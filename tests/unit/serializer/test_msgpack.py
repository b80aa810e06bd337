"""Plain values come back exactly through msgpack, or are refused with the place named."""

from __future__ import annotations

import enum
import subprocess
import sys
import threading
from collections import OrderedDict, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field, make_dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path, WindowsPath
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgpack import ExtType

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.limits import MAX_DEPTH
from artigraph_neo4j.serializer.msgpack import MARKS, msgpack_serializer, pack, unpack
from artigraph_neo4j.serializer.msgpack_leaves import LEAVES
from artigraph_neo4j.testing import SerializerTests, difference
from tests.examples import few
from tests.unit.serializer import plain_values as plain
from tests.unit.serializer.plain_values import (
    SCALARS,
    VALUES,
    Bits,
    Box,
    Color,
    Derived,
    Frozen,
    Guess,
    Model,
    Permission,
    Plain,
    Point,
    Root,
    Strict,
)


def nested(depth: int, wrap: Any) -> Any:
    value = wrap(None)
    for _ in range(depth):
        value = wrap(value)
    return value


class IntSubclass(int):
    pass


class DictSubclass(dict):
    pass


class TupleSubclass(tuple):
    pass


class LikeNamedTuple(tuple):
    _fields = ("x",)
    _make = classmethod(tuple.__new__)


@dataclass
class OfDict(dict):
    a: int = 1


class PointWithMore(Point):
    pass


class Local(NamedTuple):
    x: int


Local.__qualname__ = "somewhere.<locals>.Local"
unset = Plain(1)
del unset.a
more = Plain(1)
more.extra = 2  # type: ignore[attr-defined]
point_with_more = PointWithMore(1)
point_with_more.extra = 2  # type: ignore[attr-defined]
cached = Box(1)
assert cached.cached
changed = Model(number=1, **{"as": "y", "more": {1, 2}})
changed._secret = 4
NOT_CACHED = ZoneInfo.no_cache("Europe/Paris")
cyclic: list[Any] = []
cyclic.append({"again": (cyclic,)})


class TestMsgpack(SerializerTests):
    serializer = msgpack_serializer
    values = (
        {(1, (2,)): [frozenset({3}), {"k": Path("/a")}], None: {True: 1.5}},
        {1: "a", 1.5: "b", b"x": "c", None: "d", 2**70: "e", "f": "g"},
        {Decimal("NaN"): 1},
        [2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1],
        [0.0, -0.0, float("nan"), float("inf"), complex(-0.0, float("nan"))],
        ("\ud800", "日本", "\0"),
        UUID(int=5),
        [datetime.min, datetime.max, datetime.max.replace(tzinfo=ZoneInfo("Asia/Tokyo"))],
        datetime(2024, 3, 31, 2, 30, tzinfo=ZoneInfo("Europe/Paris")),  # skipped by the clocks
        datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris")),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1, seconds=1), "x];fold=1")),
        [timedelta.min, timedelta.max],
        [Color.RED, Color.ROT, Color.BLUE, Color.PAIR, Box.Inner.IN],
        [Permission.READ | Permission.WRITE, Permission(0), ~Permission.READ, Bits(64)],
        [Point(1, Point(2)), PointWithMore(1)],
        [Plain(1, Plain(2)), Frozen({"a": 1}), Derived(1), Box([1]), Box[int](1)],
        [Guess.KNOWN, Root([1, 2])],
        [Model(number=1), changed, Strict(value=1), Model(number=2, nested=Strict(value=1))],
        nested(MAX_DEPTH - 1, lambda inner: [inner]),
        nested(MAX_DEPTH - 1, lambda inner: (inner,)),
        nested(MAX_DEPTH - 1, lambda inner: {"k": inner}),
        nested(MAX_DEPTH - 1, lambda inner: {(1,): inner}),
        np.float64(1.5),
        [np.int8(1), np.datetime64("2024-01-01", "D"), np.str_("x")],
        {"k": [1], "l": ()},
        ExtType(5, b"x"),
    )
    refused = (
        object(),
        lambda: None,
        int,
        memoryview(b""),
        [IntSubclass(1)],
        DictSubclass(),
        TupleSubclass(),
        OrderedDict(a=1),
        defaultdict(int),
        OfDict(),
        Guess(7),
        LikeNamedTuple((1,)),
        unset,
        more,
        point_with_more,
        make_dataclass("Unfindable", ["a"])(1),
        Local(1),
        enum.Enum("Unfindable", "A").A,
        Model,
        msgpack.Timestamp(1),
        cyclic,
        nested(MAX_DEPTH + 1, lambda inner: [inner]),
        nested(MAX_DEPTH + 1, lambda inner: (inner,)),
        nested(100_000, lambda inner: [inner]),
        nested(100_000, lambda inner: {"k": (inner,)}),
    )
    garbage = (
        b"",
        b"\xc1",
        b"\x01\x02",
        msgpack.packb(ExtType(99, b"")),
        msgpack.packb([ExtType(40, b""), "no-such-serializer", b""]),
        msgpack.packb([ExtType(40, b"")]),
        msgpack.packb(ExtType(10, b"yesterday")),
        msgpack.packb(ExtType(6, b"one")),
        b"\x91" * 2000,
    )

    def difference(self, left: Any, right: Any) -> str | None:
        if isinstance(left, dict) and any(key != key for key in left):
            return None if repr(left) == repr(right) else "differ"
        return difference(left, right)


def test_what_a_cache_held_is_not_kept() -> None:
    assert "cached" not in vars(unpack(pack(cached)))


def test_all_state_of_pydantic_models() -> None:
    back = unpack(pack(changed))
    assert back == changed
    assert back.model_fields_set == changed.model_fields_set
    assert back.model_extra == {"more": {1, 2}}
    assert (back.renamed, back._secret) == ("y", 4)


@pytest.mark.parametrize("type_", SCALARS, ids=lambda type_: type_.__name__)
@given(data=st.data())
@settings(max_examples=few(500))
def test_each_type(type_: type[Any], data: st.DataObject) -> None:
    value = data.draw(SCALARS[type_])
    assert difference(value, unpack(pack(value))) is None
    assert difference([(value,)], unpack(pack([(value,)]))) is None


@given(VALUES)
@settings(max_examples=few(500))
def test_any_value(value: Any) -> None:
    data = pack(value)
    assert difference(value, unpack(data)) is None
    msgpack.unpackb(data, strict_map_key=False, unicode_errors="surrogatepass")  # by anyone


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(SerializationError):
        unpack(data)


def test_every_leaf_has_a_strategy() -> None:
    """No type can be added without being tested."""
    assert {leaf.type for leaf in LEAVES.values()} - SCALARS.keys() == {WindowsPath}
    assert not LEAVES.keys() & MARKS.keys()


def test_equal_sets_are_equal_bytes() -> None:
    script = (
        "from artigraph_neo4j.serializer.msgpack import pack\n"
        "print(pack({'a', 'b', 'c', 'd', 'e', (1, 2), None, 3}).hex())\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ({"a": [1, {"b": (IntSubclass(1),)}]}, r"^at \['a'\]\[1\]\['b'\]\[0\]: .*IntSubclass.*int"),
        ([Plain(1, {"k": object()})], r"^at \[0\]\['b'\]\['k'\]: .*builtins\.object has no ser"),
        ({(1, 2): object()}, r"^at \[\(1, 2\)\]: "),
        (more, "attribute 'extra' is not a field"),
        (unset, "field a has no value"),
        (OfDict(), "extends a built-in class"),
        (enum.Enum("Unfindable", "A").A, "define it at the top of a module"),
        (cyclic, "nested more than 200 deep, or contains itself"),
        (object(), r"artifact_field\(serializer=\.\.\.\)"),
        ([datetime(2024, 1, 1, tzinfo=NOT_CACHED)], r"^at \[0\]: .*use datetime\.timezone or"),
    ],
)
def test_messages(value: Any, match: str) -> None:
    with pytest.raises(SerializationError, match=match) as caught:
        pack(value)
    assert len(str(caught.value)) < 500


def test_deep_values_are_read_in_small_stacks() -> None:
    """Reading recurses in no stack: neither Python's nor, with a crash, C's."""
    data = pack(nested(60, lambda inner: Point((inner,))))
    found: list[Any] = []
    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=lambda: found.append(unpack(data)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert len(found) == 1


# What the core adds -----------------------------------------------------------------------------


class Special:
    pass


def test_hooks_come_first() -> None:
    @dataclass
    class Unfindable:
        a: int

    def default(value: Any) -> ExtType | None:
        return ExtType(127, b"ref") if isinstance(value, (Unfindable, Special)) else None

    data = pack({"k": [Special(), (Unfindable(1), 1)]}, default=default)
    assert unpack(data, ext_hook=lambda code, inner: (code, inner)) == {
        "k": [(127, b"ref"), ((127, b"ref"), 1)]
    }
    with pytest.raises(SerializationError, match="unknown msgpack extension type 127"):
        unpack(data)


# What stored data may do ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["enum", "flag", "namedtuple", "dataclass", "pydantic"])
@pytest.mark.parametrize(
    "name",
    [
        "os:system",
        "subprocess:Popen",
        "builtins:dict",
        "no_such_module:X",
        "x",
        ":",
        "os:path.join",
    ],
)
def test_only_classes_of_the_stored_kind_are_used(kind: str, name: str) -> None:
    code = next(code for code, mark in MARKS.items() if mark == kind)
    for data in ("echo", {"args": "echo"}, 1, None, []):
        with pytest.raises(SerializationError):
            unpack(msgpack.packb([ExtType(code, b""), name, data]))


def test_classes_that_changed_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def swapped(cls: Any, value: Any, name: str) -> Any:
        data = pack(value)
        cls.__module__, cls.__qualname__ = plain.__name__, name
        with monkeypatch.context() as patch:
            patch.setattr(plain, name, cls)
            return unpack(data)

    wider = make_dataclass("Plain", [("a", Any), ("b", Any), ("c", list, _factory(list))])
    assert swapped(wider, Plain(1, 2), "Plain").c == []
    wider_point = type("Point", (NamedTuple("Point", [("x", int), ("y", int)]),), {})
    assert swapped(wider_point, Point(1, 2), "Point") == (1, 2)
    for cls, value, match in (
        (make_dataclass("Plain", ["a"]), Plain(1), "no field 'b' any more"),
        (make_dataclass("Plain", ["a", "b", "c"]), Plain(1), "'c' without a default"),
        (
            enum.Enum("Plain", "A"),
            Plain(1),
            "was a dataclass when the value was stored",
        ),
    ):
        with pytest.raises(SerializationError, match=match):
            swapped(cls, value, "Plain")
    with pytest.raises(SerializationError, match="no member 'BLUE' now; it has RED"):
        swapped(enum.Enum("Color", "RED"), Color.BLUE, "Color")


def _factory(make: Any) -> Any:
    return field(default_factory=make)
