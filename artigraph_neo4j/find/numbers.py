"""Numbers as the database compares them, so that filters find what Python calls equal.

By ``=`` an index tells 1, 1.0 and -0.0 from one another, and without an index the largest integer
equals the float after it. By ``<`` a zero of either sign is another number, and so is the smallest
integer and the float that equals it; all else is compared exactly. So filters ask by ``<=`` and
``>=``.
"""

from __future__ import annotations

__all__ = ["bounds"]


def bounds(value: float) -> tuple[float, float]:
    """The lowest and the highest of the stored numbers that equal a number."""
    if value == 0:
        return -0.0, 0.0
    if value == -(2**63):
        return -(2.0**63), -(2**63)
    return value, value
