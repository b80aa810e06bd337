"""Dates and times as text, with zone and fold."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.datetime import (
    date_serializer,
    datetime_serializer,
    time_serializer,
    timedelta_serializer,
)
from artigraph_neo4j.testing import SerializerTests
from tests.examples import few
from tests.unit.serializer.plain_values import DATETIMES, TIMES

PARIS = ZoneInfo("Europe/Paris")


class OtherZone(tzinfo):
    def utcoffset(self, _: Any) -> timedelta:
        return timedelta(hours=1)


class DateSubclass(date):
    pass


class TimeTests(SerializerTests):
    garbage = (b"", b"yesterday", b"\xff", b"2024-01-01T00:00[No/Zone]", b"2024-01-01T00:00;fold=2")

    def difference(self, left: Any, right: Any) -> str | None:
        """Equality of times looks at the instant; here the clock, zone and fold count."""
        assert type(left) is type(right)
        assert left.replace(tzinfo=None) == right.replace(tzinfo=None)
        assert left.fold == right.fold
        if isinstance(left.tzinfo, ZoneInfo):
            assert left.tzinfo is right.tzinfo
        else:
            assert type(left.tzinfo) is type(right.tzinfo)
            assert left.tzinfo == right.tzinfo
            assert left.tzname() == right.tzname()
        return None


class TestDatetime(TimeTests):
    serializer = datetime_serializer
    values = (
        datetime.min,
        datetime.max,
        datetime(2024, 1, 1),
        datetime(1, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo")),
        datetime(9999, 12, 31, 23, tzinfo=ZoneInfo("America/New_York")),
        datetime(2024, 3, 31, 2, 30, tzinfo=PARIS),
        datetime(2024, 10, 27, 2, 30, tzinfo=PARIS),
        datetime(2024, 10, 27, 2, 30, tzinfo=PARIS, fold=1),
        datetime(2024, 1, 1, fold=1),
        datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 1, tzinfo=ZoneInfo("UTC")),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(0), "Z")),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=-5, minutes=-30, microseconds=1))),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1), "a [b];fold=1")),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1), "")),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(microseconds=-1))),
    )
    refused = (
        datetime(2024, 1, 1, tzinfo=OtherZone()),
        datetime(2024, 1, 1, tzinfo=ZoneInfo.no_cache("Europe/Paris")),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1), "\ud800")),
        pd.Timestamp("2024-01-01"),
        date(2024, 1, 1),
    )


class TestTime(TimeTests):
    serializer = time_serializer
    values = (time.min, time.max, time(2, 30, fold=1, tzinfo=PARIS), time(1, tzinfo=UTC))
    refused = (time(1, tzinfo=OtherZone()), datetime(2024, 1, 1))


class TestDate(SerializerTests):
    serializer = date_serializer
    values = (date.min, date.max, date(2024, 2, 29))
    refused = (DateSubclass(2024, 1, 1), datetime(2024, 1, 1))


class TestTimedelta(SerializerTests):
    serializer = timedelta_serializer
    values = (timedelta.min, timedelta.max, timedelta(microseconds=-1), timedelta(0))
    refused = (pd.Timedelta(1), 1)
    garbage = (b"", b"1.5", b"9" * 40)


@given(DATETIMES)
@settings(max_examples=few(500))
def test_any_datetime(value: datetime) -> None:
    back = datetime_serializer.deserialize(datetime_serializer.serialize(value))
    assert TimeTests().difference(value, back) is None


@given(TIMES)
@settings(max_examples=few(500))
def test_any_time(value: time) -> None:
    back = time_serializer.deserialize(time_serializer.serialize(value))
    assert TimeTests().difference(value, back) is None


@given(st.timedeltas())
def test_any_duration(value: timedelta) -> None:
    assert timedelta_serializer.deserialize(timedelta_serializer.serialize(value)) == value


def test_the_text_is_for_people() -> None:
    eastern = timezone(timedelta(hours=2), "EET")
    for value, text in (
        (
            datetime(2024, 10, 27, 2, tzinfo=PARIS, fold=1),
            "2024-10-27T02:00:00[Europe/Paris];fold=1",
        ),
        (datetime(2024, 1, 1, 12, tzinfo=UTC), "2024-01-01T12:00:00Z"),
        (datetime(2024, 1, 1, tzinfo=eastern), "2024-01-01T00:00:00+02:00[EET]"),
    ):
        assert datetime_serializer.serialize(value).decode() == text
    assert timedelta_serializer.serialize(timedelta(seconds=1)) == b"1000000"


def test_messages() -> None:
    with pytest.raises(SerializationError, match=r"use datetime\.timezone or zoneinfo\.ZoneInfo"):
        datetime_serializer.serialize(datetime(2024, 1, 1, tzinfo=OtherZone()))
    with pytest.raises(SerializationError, match=r"pandas\S*Timestamp is not exactly a datetime"):
        datetime_serializer.serialize(pd.Timestamp("2024-01-01"))
    with pytest.raises(SerializationError, match="time zone 'No/Zone'.*install tzdata"):
        datetime_serializer.deserialize(b"2024-01-01T00:00[No/Zone]")
