"""Tests of significance: the probability that two groups differ by chance alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["fisher", "holm", "least_p", "log_odds"]


def fisher(a: int, b: int, of_a: int, of_b: int) -> float:
    """Return the one-sided p-value of Fisher's exact test: that chance gives ``a`` or more.

    Args:
        a: Number of members of the first group with a feature.
        b: Number of members of the second group with it.
        of_a: Size of the first group.
        of_b: Size of the second group.
    """
    having, everyone = a + b, of_a + of_b
    total = _log_choose(everyone, having)
    return min(
        1.0,
        math.fsum(
            math.exp(_log_choose(of_a, k) + _log_choose(of_b, having - k) - total)
            for k in range(a, min(having, of_a) + 1)
            if having - k <= of_b
        ),
    )


def least_p(a: int, b: int, of_a: int, of_b: int) -> float:
    """Return the least p-value that these totals allow: with all in the first group."""
    having = a + b
    most = min(having, of_a)
    return fisher(most, having - most, of_a, of_b)


def log_odds(a: int, b: int, of_a: int, of_b: int) -> float:
    """Return the logarithm of the odds ratio, with a half added to each count."""
    return math.log((a + 0.5) / (of_a - a + 0.5)) - math.log((b + 0.5) / (of_b - b + 0.5))


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values corrected for multiple tests by Holm's method, in the order given.

    The probability that any of them is below a level by chance is at most that level, even if the
    tests depend on each other.
    """
    order = sorted(range(len(values)), key=lambda i: values[i])
    found = [1.0] * len(values)
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[i]))
        found[i] = highest
    return found


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
