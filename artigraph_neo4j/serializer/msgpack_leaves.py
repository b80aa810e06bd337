"""Single values of the standard library as the data of msgpack extension types, and back."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any
from uuid import UUID

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import DamagedError
from artigraph_neo4j.serializer.datetime import (
    duration_from_text,
    duration_to_text,
    time_from_text,
    time_to_text,
)

__all__ = ["BIG_INT", "LEAVES", "Leaf"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """Functions that convert one type of value to the data of an extension type, and back."""

    type: type[Any]
    to_data: Callable[[Any], bytes]
    from_data: Callable[[bytes], Any]


_MAX_BITS = 13_000
"""Maximum bits of integers that are written as text, which takes Python quadratic time.

By default it refuses more than 4,300 digits."""

_FRACTION = re.compile(rb"-?\d{1,4000}(/\d{1,4000})?")
_DECIMAL = re.compile(rb"-?(\d+(\.\d+)?(E[+-]\d+)?|Infinity|s?NaN\d*)")
_RANGE = re.compile(rb"-?\d{1,4000}:-?\d{1,4000}:-?\d{1,4000}")


def _path(type_: type[Any]) -> Leaf:
    """Return the leaf of a type of path; paths may have surrogates."""
    return Leaf(
        type_,
        lambda value: str(value).encode("utf-8", "surrogatepass"),
        lambda data: type_(data.decode("utf-8", "surrogatepass")),
    )


def _text(form: re.Pattern[bytes], make: Callable[[str], Any]) -> Callable[[bytes], Any]:
    """Return a function that makes values from text of one form, and refuses any other text.

    Constructors accept more than ``str`` returns, such as a text of 30 bytes for a fraction with a
    billion digits.
    """

    def read(data: bytes) -> Any:
        if form.fullmatch(data) is None:
            raise DamagedError(f"{data[:80]!r} has another form")
        return make(data.decode())

    return read


def _int_to(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _int_from(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


def _fraction_to(value: Fraction) -> bytes:
    return _digits("/", value.numerator, value.denominator).removesuffix(b"/1")


def _range_to(value: range) -> bytes:
    return _digits(":", value.start, value.stop, value.step)


def _digits(separator: str, *numbers: int) -> bytes:
    if max(number.bit_length() for number in numbers) > _MAX_BITS:
        raise SerializationError("one of its integers has more than about 3,900 digits")
    return separator.join(map(str, numbers)).encode()


BIG_INT = 4

LEAVES: dict[int, Leaf] = {
    BIG_INT: Leaf(int, _int_to, _int_from),
    5: Leaf(
        complex,
        lambda value: struct.pack(">dd", value.real, value.imag),
        lambda data: complex(*struct.unpack(">dd", data)),
    ),
    6: Leaf(Decimal, lambda value: str(value).encode(), _text(_DECIMAL, Decimal)),
    7: Leaf(UUID, lambda value: value.bytes, lambda data: UUID(bytes=data)),
    8: Leaf(
        date, lambda value: value.isoformat().encode(), lambda d: date.fromisoformat(d.decode())
    ),
    9: Leaf(time, time_to_text, lambda data: time_from_text(time, data)),
    10: Leaf(datetime, time_to_text, lambda data: time_from_text(datetime, data)),
    11: Leaf(timedelta, duration_to_text, duration_from_text),
    12: Leaf(range, _range_to, _text(_RANGE, lambda text: range(*map(int, text.split(":"))))),
    13: Leaf(bytearray, bytes, bytearray),
    14: _path(PosixPath),
    15: _path(PurePosixPath),
    16: _path(PureWindowsPath),
    17: _path(WindowsPath),
    18: Leaf(Fraction, _fraction_to, _text(_FRACTION, Fraction)),
}
"""Extension types of single values, by code. New ones may be added, existing ones never change."""
