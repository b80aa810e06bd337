"""What a plan of Neo4j says, as ``EXPLAIN`` and ``PROFILE`` give it to the driver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def steps(plan: Any) -> Iterator[dict[str, Any]]:
    """The plan's step that ends it, and all before it."""
    yield plan
    for child in plan.get("children", []):
        yield from steps(child)


def operators(plan: Any) -> list[str]:
    """The operators of all steps, without the database's name."""
    return [step["operatorType"].partition("@")[0] for step in steps(plan)]


def hits(plan: Any) -> int:
    """The database hits of a plan that ``PROFILE`` gave."""
    return sum(int(step["args"].get("DbHits", 0)) for step in steps(plan))


def walks(plan: Any, kind: str) -> list[str]:
    """The operators that follow relationships of a type, however far."""
    names = zip(operators(plan), steps(plan), strict=True)
    return [
        name
        for name, step in names
        if ("Expand" in name or "Repeat" in name or "Shortest" in name)
        and kind in str(step["args"].get("Details", ""))
    ]
