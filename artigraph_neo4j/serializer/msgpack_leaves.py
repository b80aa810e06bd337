"""Single values of the standard library as the data of msgpack extension types, and back."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any
from uuid import UUID

from artigraph_neo4j.serializer.datetime import (
    duration_from_text,
    duration_to_text,
    time_from_text,
    time_to_text,
)

__all__ = ["BIG_INT", "LEAVES", "Leaf"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """How a single value becomes the data of an extension type, and back."""

    type: type[Any]
    to_data: Callable[[Any], bytes]
    from_data: Callable[[bytes], Any]


def _text(type_: type[Any]) -> Leaf:
    """A leaf that is ``str(value)``; a path may have surrogates."""
    return Leaf(
        type_,
        lambda value: str(value).encode("utf-8", "surrogatepass"),
        lambda data: type_(data.decode("utf-8", "surrogatepass")),
    )


def _int_to(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _int_from(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


def _range_to(value: range) -> bytes:
    return f"{value.start}:{value.stop}:{value.step}".encode()


BIG_INT = 4

LEAVES: dict[int, Leaf] = {
    BIG_INT: Leaf(int, _int_to, _int_from),
    5: Leaf(
        complex,
        lambda value: struct.pack(">dd", value.real, value.imag),
        lambda data: complex(*struct.unpack(">dd", data)),
    ),
    6: _text(Decimal),
    7: Leaf(UUID, lambda value: value.bytes, lambda data: UUID(bytes=data)),
    8: Leaf(
        date, lambda value: value.isoformat().encode(), lambda d: date.fromisoformat(d.decode())
    ),
    9: Leaf(time, time_to_text, lambda data: time_from_text(time, data)),
    10: Leaf(datetime, time_to_text, lambda data: time_from_text(datetime, data)),
    11: Leaf(timedelta, duration_to_text, duration_from_text),
    12: Leaf(range, _range_to, lambda data: range(*map(int, data.split(b":")))),
    13: Leaf(bytearray, bytes, bytearray),
    14: _text(PosixPath),
    15: _text(PurePosixPath),
    16: _text(PureWindowsPath),
    17: _text(WindowsPath),
    18: _text(Fraction),
}
"""Extension types of single values, by code. Never change one; add others."""
