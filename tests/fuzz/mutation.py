"""Inputs of the fuzz run: one for each number, the same on every machine."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgpack
from msgpack import ExtType

from artigraph_neo4j.serializer.msgpack import MARKS
from artigraph_neo4j.serializer.msgpack_leaves import LEAVES
from tests.fuzz.containers import (
    FRAMES,
    PARQUET,
    ZIPPED,
    with_other_member,
    with_other_metadata,
    with_other_schema,
)
from tests.fuzz.seeds import WEIGHTS, seeds

NUMBERS = (0, 1, 2, 3, 7, 8, 64, 127, 128, 255, 256, 65535, 2**20, 2**31 - 1, 2**31, 2**32 - 1)
LARGE = (2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
TEXTS = (
    b"", b"1e999999999", b"1E+999999999999999999", b"-0", b"NaN", b"1/0", b"0:1:0", b"9" * 5000,
    b"2024-01-01T00:00[../../etc/passwd]", b"2024-01-01T00:00[Europe/Paris]", b"\xed\xa0\x80",
    b"[" * 500, b'{"a":' * 500, b"1e400", b"/", b"C:\\x",
)  # fmt: skip
NAMES = (
    "tests.unit.serializer.plain_values:Plain", "tests.unit.serializer.plain_values:Color",
    "tests.unit.serializer.plain_values:Point", "tests.unit.serializer.plain_values:Model",
    "tests.unit.serializer.plain_values:Bits", "tests.unit.serializer.plain_values:Strict",
    "antigravity:X", "this:X", "subprocess:Popen", "os:path", "builtins:dict", "enum:Enum",
    "dataclasses:Field", "", ":", "x", "__main__:X", "numpy", "pandas.interval", "pickle",
)  # fmt: skip

UNCHANGED = 0.01
"""Share of inputs that are a seed as it is; each is soon read."""


def input_of(seed: int, number: int, only: Sequence[str] = ()) -> tuple[str, bytes]:
    """Return the serializer's name and the bytes of one input; ``only`` names serializers."""
    rng = random.Random(seed << 64 | number)
    name = rng.choice(only or _shares())
    data = rng.choice(seeds()[name])
    inside = rng.random()
    if name == "msgpack" and inside < 0.5:
        data = packed(_tree(rng, rng.randrange(1, 6)))
    elif name in ZIPPED and inside < 0.6:
        data = with_other_member(data, rng, lambda member: _mutated(rng, member, name))
    elif name in PARQUET and inside < 0.2:
        data = with_other_schema(data, rng, lambda: _number(rng))
    elif name in FRAMES and inside < 0.6:
        data = with_other_metadata(data, rng, lambda about: _changed(rng, about))
    elif inside < 1 - UNCHANGED:
        return name, _often_mutated(rng, data, name)
    else:
        return name, data
    return name, _often_mutated(rng, data, name) if rng.random() < 0.3 else data


def _often_mutated(rng: random.Random, data: bytes, name: str) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        data = _mutated(rng, data, name)
    return data


@cache
def _shares() -> tuple[str, ...]:
    """Return the names of the serializers, each as often as its weight says."""
    return tuple(name for name, weight in WEIGHTS.items() for _ in range(weight))


def packed(tree: Any) -> bytes:
    """Return a tree as msgpack, marks and all."""
    data: bytes = msgpack.packb(tree, unicode_errors="surrogatepass")
    return data


def _mutated(rng: random.Random, data: bytes, name: str) -> bytes:
    if not data:
        return rng.randbytes(rng.randrange(8))
    at = rng.randrange(len(data))
    to = min(len(data), at + rng.choice((1, 2, 4, 8, 16, 64)))
    match rng.randrange(9):
        case 0:
            return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
        case 1:
            return data[:at] + bytes([rng.choice((0, 1, 127, 128, 255))]) + data[at + 1 :]
        case 2 | 3:
            number = _number(rng)
            return data[:at] + number + data[at + len(number) :]
        case 4:
            return data[:at] + data[to:]
        case 5:
            return data[:to] + data[at:to] * rng.choice((1, 1, 2, 50)) + data[to:]
        case 6:
            return data[:at]
        case 7:
            other = rng.choice(seeds()[name])
            start = rng.randrange(len(other) + 1)
            return data[:at] + other[start : start + rng.randrange(1, 64)] + data[to:]
        case _:
            return data[:at] + rng.randbytes(to - at) + data[to:]


def _number(rng: random.Random) -> bytes:
    form = rng.choice("BHIQ")
    number = rng.choice(NUMBERS + LARGE) if rng.random() < 0.8 else rng.randrange(-3, 64)
    size = struct.calcsize(form)
    return (number % 256**size).to_bytes(size, rng.choice(("little", "little", "big")))


def _tree(rng: random.Random, depth: int) -> Any:
    """Return a random tree that msgpack packs: plain values, leaves, and marked arrays."""
    kind = rng.randrange(10) if depth else rng.randrange(4)
    if kind < 2:
        return rng.choice(
            (None, True, 0, -1, 2**64 - 1, 0.5, float("nan"), "a", "ü", b"x", NAMES[0])
        )
    if kind == 2:
        return ExtType(rng.choice((*LEAVES, *MARKS, 99, 127)), _leaf_data(rng))
    if kind == 3:
        return rng.choice(NAMES)
    items = [_tree(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 4:
        return items
    if kind == 5:
        return {rng.choice(("a", "b", "x", "y", "fields", "set", 1, None)): item for item in items}
    if kind == 6:
        return [ExtType(40, b""), *_serialized(rng), *items[3:]]
    return [ExtType(rng.choice(tuple(MARKS)), b""), *_arguments(rng, items)]


def _leaf_data(rng: random.Random) -> bytes:
    return rng.choice(TEXTS) if rng.random() < 0.7 else rng.randbytes(rng.randrange(20))


def _serialized(rng: random.Random) -> list[Any]:
    name = rng.choice(tuple(WEIGHTS))
    data = rng.choice(seeds()[name])
    return [name, data if rng.random() < 0.5 else _mutated(rng, data, name)]


def _arguments(rng: random.Random, items: list[Any]) -> list[Any]:
    if rng.random() < 0.4:
        return items
    data = dict(zip(("a", "b", "number", "x"), items, strict=False))
    state: Any = {"fields": data, "set": [], "extra": {}, "private": None}
    return [
        rng.choice(NAMES),
        rng.choice((data, data, state, "BLUE", 3, ExtType(4, b"\x40" + bytes(8)))),
    ]


def _changed(rng: random.Random, tree: Any) -> Any:
    """Return the tree with something in it replaced."""
    if isinstance(tree, dict) and tree and rng.random() < 0.9:
        key = rng.choice(list(tree))
        return {**tree, key: _changed(rng, tree[key])}
    if isinstance(tree, list) and tree and rng.random() < 0.8:
        at = rng.randrange(len(tree))
        if rng.random() < 0.2:
            return tree[:at] + tree[at + 1 :]
        return [*tree[:at], _changed(rng, tree[at]), *tree[at + 1 :]]
    kinds = ("numpy", "complex", "masked", "times", "zoned", "period", "string", "object")
    words = (*kinds, "msgpack", "category", "interval", "arrow", "multi", "range", "index", "<i8")
    more = ("<U4", "|O", "M8[ns]", "ns", "s", "D", "M", "python", "pyarrow", "|V0", "UTC")
    choices = (*words, *more, None, 0, 1, -1, 2**40, 2**63 - 1, 1.5, [], {}, b"", True)
    return rng.choice(choices) if rng.random() < 0.8 else _tree(rng, 2)
