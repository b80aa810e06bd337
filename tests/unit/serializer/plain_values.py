"""Strategies and sample classes of plain values, shared by the tests of this folder."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import PosixPath, PurePosixPath, PureWindowsPath
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, RootModel

T = TypeVar("T")


class Color(enum.Enum):
    RED = 1
    ROT = 1  # noqa: PIE796 - an alias
    BLUE = "blue"
    PAIR = (1, 2)


class Guess(enum.Enum):
    """Makes members as they are asked for, which no name finds again."""

    KNOWN = 1

    @classmethod
    def _missing_(cls, value: object) -> Guess:
        made = object.__new__(cls)
        made._value_ = value
        made._name_ = f"GUESS_{value}"
        return made


class Number(enum.IntEnum):
    ONE = 1


class Text(enum.StrEnum):
    A = "a"


class Mixed(str, enum.Enum):  # noqa: UP042 - what was written before StrEnum
    B = "b"


class Permission(enum.Flag):
    READ = 1
    WRITE = 2


class Bits(enum.IntFlag):
    X = 1
    Y = 4


class Point(NamedTuple):
    x: Any
    y: Any = 0


@dataclass
class Plain:
    a: Any
    b: Any = None


@dataclass(frozen=True, slots=True, order=True)
class Frozen:
    a: Any
    kind: Any = field(default=0, init=False)


@dataclass
class Derived(Plain):
    """Its ``__post_init__`` would change what is restored, were it called."""

    c: list[Any] = field(default_factory=list)
    total: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.total += 1


@dataclass
class Box(Generic[T]):
    content: T

    @cached_property
    def cached(self) -> int:
        return 1

    class Inner(enum.Enum):
        IN = 1


class Model(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True, extra="allow")
    number: int
    nested: Any = None
    renamed: str = Field(default="x", alias="as")
    _secret: int = PrivateAttr(default=3)


class Root(RootModel[list[int]]):
    pass


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    value: int


# Strategies ------------------------------------------------------------------------------------

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=8)  # surrogates too
BIG_INTS = st.integers(-(2**200), 2**200)
ZONE_KEYS = ("UTC", "Europe/Paris", "America/St_Johns", "Asia/Kathmandu")
ZONES = st.one_of(
    st.none(),
    st.sampled_from([ZoneInfo(key) for key in ZONE_KEYS]),
    st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23))),
    st.builds(
        timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)), st.text(max_size=5)
    ),
)
FOLDS = st.integers(0, 1)
DATETIMES = st.builds(
    lambda value, zone, fold: value.replace(tzinfo=zone, fold=fold), st.datetimes(), ZONES, FOLDS
)
TIMES = st.builds(
    lambda value, zone, fold: value.replace(tzinfo=zone, fold=fold), st.times(), ZONES, FOLDS
)
SEGMENTS = st.text(alphabet=st.characters(exclude_characters="\0"), max_size=6)
JSON_SCALARS = (
    st.none()
    | st.booleans()
    | BIG_INTS
    | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False)
)
JSON_VALUES = st.recursive(
    JSON_SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)
SCALARS: dict[type[Any], st.SearchStrategy[Any]] = {
    type(None): st.none(),
    bool: st.booleans(),
    int: BIG_INTS,
    float: st.floats(),
    str: ANY_TEXT,
    bytes: st.binary(max_size=8),
    bytearray: st.binary(max_size=8).map(bytearray),
    complex: st.builds(complex, st.floats(), st.floats()),
    Decimal: st.decimals(),
    Fraction: st.fractions(),
    UUID: st.uuids(),
    date: st.dates(),
    time: TIMES,
    datetime: DATETIMES,
    timedelta: st.timedeltas(),
    range: st.builds(range, BIG_INTS, BIG_INTS, BIG_INTS.filter(bool)),
    PosixPath: SEGMENTS.map(PosixPath),
    PurePosixPath: SEGMENTS.map(PurePosixPath),
    PureWindowsPath: SEGMENTS.map(PureWindowsPath),
    Color: st.sampled_from(Color),
    Number: st.sampled_from(Number),
    Text: st.sampled_from(Text),
    Mixed: st.sampled_from(Mixed),
    Permission: st.integers(0, 3).map(Permission),
    Bits: st.integers(-9, 99).map(Bits),
}
"""A strategy for each scalar type; those of containers are made of these."""

HASHABLE = st.one_of(
    *(s for t, s in SCALARS.items() if t not in (bytearray, Decimal)),
    SCALARS[Decimal].filter(lambda value: not value.is_snan()),
)
KEYS = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.lists(inner, max_size=3).map(frozenset)
        | st.builds(Point, inner, inner)
        | st.builds(Frozen, inner)
    ),
    max_leaves=4,
)


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        # Not st.sets and st.dictionaries: they try again for other items, and hypothesis then
        # makes text of the whole strategy, which warns.
        st.lists(KEYS, max_size=3).map(set),
        st.lists(KEYS, max_size=3).map(frozenset),
        st.lists(st.tuples(KEYS, inner), max_size=3).map(dict),
        st.lists(st.tuples(ANY_TEXT, inner), max_size=3).map(dict),
        st.builds(Point, inner, inner),
        st.builds(Plain, inner, inner),
        st.builds(Derived, inner, inner, st.lists(inner, max_size=2)),
        st.builds(Box, inner),
        st.builds(lambda number, item: Model(number=number, nested=item), st.integers(), inner),
    )


VALUES = st.recursive(st.one_of(*SCALARS.values()), _containers, max_leaves=10)
"""Any plain value."""
