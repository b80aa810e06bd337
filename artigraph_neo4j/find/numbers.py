"""Numbers as the database compares them, so that filters find what Python calls equal.

With ``=``, an index takes 1 and 1.0, and 0.0 and -0.0, for different values, and without an index
the largest integer equals the float after it. With ``<``, zeros of different sign are different
numbers, and so are the smallest integer and the float that equals it; everything else is compared
exactly. So filters use ``<=`` and ``>=``.
"""

from __future__ import annotations

__all__ = ["bounds"]


def bounds(value: float) -> tuple[float, float]:
    """Return the lowest and the highest stored number that equal a number."""
    if value == 0:
        return -0.0, 0.0
    if value == -(2**63):
        return -(2.0**63), -(2**63)
    return value, value
