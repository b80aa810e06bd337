"""Which values are native, and that they come back bit for bit."""

from __future__ import annotations

import enum
import struct
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artigraph_neo4j.model.native import NOT_NATIVE, from_native, native_size, to_native


def back(value: Any) -> Any:
    stored, entry = to_native(value)
    assert stored is not NOT_NATIVE
    return from_native(stored, entry)


class Colour(enum.IntEnum):
    RED = 1


class Name(str):
    pass


@pytest.mark.parametrize(
    "value",
    [
        2**63,
        -(2**63) - 1,
        "\ud800",
        [],
        [1, 2.0],
        [1, True],
        [None],
        [[1]],
        [2**63],
        (1,),
        {1},
        {"a": 1},
        None,
        Colour.RED,
        Name("x"),
        [Colour.RED],
        bytearray(b"x"),
        1j,
        time(1),
        datetime(2026, 1, 1, fold=1),
        datetime(2026, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Paris")),  # skipped by the clocks
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))),
        timedelta.max,
    ],
    ids=repr,
)
def test_what_would_change_is_left_to_a_serializer(value: Any) -> None:
    assert to_native(value)[0] is NOT_NATIVE


@given(st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.binary() | st.dates())
def test_plain_values(value: Any) -> None:
    assert back(value) == value
    assert type(back(value)) is type(value)


@given(st.floats())
def test_floats_keep_every_bit(value: float) -> None:
    assert struct.pack("d", back(value)) == struct.pack("d", value)


@given(st.timedeltas(timedelta(days=-10_000_000), timedelta(days=10_000_000)))
def test_durations(value: timedelta) -> None:
    assert back(value) == value


OFFSETS = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
NAMED = st.builds(timezone, st.timedeltas(timedelta(hours=-5), timedelta(hours=5)), st.text())


@given(
    st.datetimes(
        datetime(1, 1, 3),
        datetime(9999, 12, 29),
        timezones=st.none() | st.just(UTC) | st.timezones() | OFFSETS | NAMED,
    )
)
def test_instants_keep_zone_wall_time_and_fold(value: datetime) -> None:
    stored, entry = to_native(value)
    if stored is NOT_NATIVE:
        instant = value if value.tzinfo is None else value.astimezone(UTC).replace(fold=0)
        again = instant.astimezone(value.tzinfo) if value.tzinfo is not None else value
        skipped = again.replace(tzinfo=None) != value.replace(tzinfo=None)
        assert skipped or value.fold != (0 if value.tzinfo is None else again.fold)
        return
    if value.tzinfo is not None:
        assert stored.tzinfo is UTC  # nothing else may reach the driver
    found = from_native(stored, entry)
    assert found.replace(tzinfo=None) == value.replace(tzinfo=None)
    assert (found.fold, found.tzinfo) == (value.fold, value.tzinfo)
    assert type(found.tzinfo) is type(value.tzinfo)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1) | st.lists(st.text(), min_size=1))
def test_lists_of_one_type(value: list[Any]) -> None:
    stored, _ = to_native(value)
    assert stored == value
    assert stored is not value


def test_sizes_are_about_right() -> None:
    assert native_size("x" * 100) == 100
    assert native_size([1, 2]) == 16
    assert native_size(["ab", "c"]) == 3
    assert native_size(date(2026, 1, 1)) == 8


def test_a_fold_that_utc_has_no_use_for_is_kept_by_a_serializer() -> None:
    value = datetime(2000, 1, 1, fold=1, tzinfo=UTC)
    assert to_native(value)[0] is NOT_NATIVE
    assert to_native(value.replace(fold=0))[1] == ["instant", "utc"]
