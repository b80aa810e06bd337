"""Operands: values to compare with, and their kinds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, cast

__all__ = ["Kind", "Value", "kind_of", "problem", "sending_problem"]

Kind = Literal["bool", "number", "str", "bytes", "date", "datetime", "instant", "timedelta", "list"]
"""Types that the database tells apart."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value to compare with, and its kind."""

    kind: Kind
    value: Any


_KINDS: dict[type[Any], Kind] = {
    bool: "bool",
    int: "number",
    float: "number",
    str: "str",
    bytes: "bytes",
    date: "date",
    timedelta: "timedelta",
}
_INT64 = range(-(2**63), 2**63)


def kind_of(value: object) -> Kind | None:
    """Return the kind by exact type, as values are stored; None for a str that is an enum."""
    if type(value) is datetime:
        return "datetime" if value.tzinfo is None else "instant"
    if type(value) is list:
        types = {type(item) for item in cast("list[object]", value)}
        return "list" if len(types) == 1 and types <= {bool, int, float, str} else None
    return _KINDS.get(type(value))


def sending_problem(value: object) -> str | None:
    """Return the reason why a value cannot be sent to the database, or None."""
    for item in cast("list[object]", value) if type(value) is list else [value]:
        if type(item) is int and item not in _INT64:
            return f"{item} does not fit into 64 bits, so no stored number equals it"
        if type(item) is str:
            try:
                item.encode()
            except UnicodeEncodeError:
                return f"{item!r} has a lone surrogate, which the database cannot hold"
    return None


def problem(value: object) -> str | None:
    """Return the reason why nothing can be compared with a value, or None."""
    given = value  # its type is not narrowed by the checks below
    if type(value) is timedelta and value // timedelta(microseconds=1) not in _INT64:
        return f"{value} does not fit into 64 bits of microseconds, so no stored one equals it"
    if type(value) is datetime and value.tzinfo is not None:
        try:
            value.astimezone(UTC)
        except (OverflowError, ValueError):
            return f"{value!r} is not an instant that UTC can express"
    for item in cast("list[object]", value) if type(value) is list else [value]:
        if type(item) is float and math.isnan(item):
            return "nan equals nothing, so a filter with it finds nothing"
    return sending_problem(given)
