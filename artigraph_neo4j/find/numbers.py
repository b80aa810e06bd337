"""Numbers as the database compares them, so that filters find what Python calls equal.

An index keeps 1, 1.0 and -0.0 from one another, and a comparison takes -0.0 for less than 0, and the
smallest integer for more than the float that equals it.
"""

from __future__ import annotations

from artigraph_neo4j.find.filters import Operator

__all__ = ["bound", "equals", "of_one_type"]

_INT64 = range(-(2**63), 2**63)
_MAX_INT = 2**63 - 1
_BEYOND = 2.0**63


def equals(value: float) -> list[float]:
    """All stored numbers that equal a number: an integer, a float, zero of either sign."""
    if value == 0:
        return [0, 0.0, -0.0]
    if isinstance(value, int):
        return [value, float(value)] if float(value) == value else [value]
    return [int(value), value] if value.is_integer() and int(value) in _INT64 else [value]


def bound(operator: Operator, value: float) -> float:
    """The number to compare with in place of one that is stored in several ways.

    Of those the lowest, where what equals it is to be found above or left out below.
    """
    lowest = operator in (">=", "<")
    if value == 0:
        return -0.0 if lowest else 0.0
    if value == -_BEYOND:
        return -_BEYOND if lowest else -(2**63)
    return value


def of_one_type(value: float) -> str | None:
    """The one type of what equals a number, where the database would find the other too."""
    if value == _MAX_INT:
        return "INTEGER"
    return "FLOAT" if value == _BEYOND else None
