"""Summaries of what a span logged, kept as properties of the span."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from artigraph_neo4j.common.wording import number_text
from artigraph_neo4j.graph.names import LOGGED

__all__ = ["STATISTICS", "Logged", "logged_property", "logged_text", "taken_from"]

STATISTICS = ("last", "min", "max", "mean", "count")
"""The values that a span keeps of each metric, each as a property of its own."""


@dataclass(frozen=True, slots=True)
class Logged:
    """The summary of one metric that a span logged.

    Attributes:
        last: The value that was logged last; it may be NaN.
        min: The smallest value, or None if all were NaN.
        max: The largest value.
        mean: The mean of all values that are not NaN.
        count: The number of values that are not NaN.
    """

    last: float
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    count: int = 0


def logged_property(metric: str, statistic: str) -> str:
    """Return the property of a span that holds a statistic of a metric."""
    return f"{LOGGED}{metric}.{statistic}"


def logged_text(logged: Mapping[str, Logged], *, metrics: int = 5) -> str:
    """Return what a span logged in one line: last values, and the number of all.

    Args:
        logged: The summaries by metric.
        metrics: Maximum number of metrics that are named.

    Returns:
        Such as ``loss 0.25, val/acc 0.9, … 3 more; 1,200 values``; empty if there is nothing.
    """
    if not logged:
        return ""
    shown = [f"{name} {number_text(found.last)}" for name, found in list(logged.items())[:metrics]]
    shown += [f"… {len(logged) - metrics:,} more"] if len(logged) > metrics else []
    return f"{', '.join(shown)}; {sum(found.count for found in logged.values()):,} values"


def taken_from(properties: dict[str, Any]) -> dict[str, Logged]:
    """Remove the properties with summaries, and return the summaries by metric."""
    found: dict[str, dict[str, Any]] = {}
    for name in [name for name in properties if name.startswith(LOGGED)]:
        metric, _, statistic = name[len(LOGGED) :].rpartition(".")
        if statistic in STATISTICS and metric:
            found.setdefault(metric, {})[statistic] = properties.pop(name)
    return {name: Logged(**values) for name, values in sorted(found.items()) if "last" in values}
