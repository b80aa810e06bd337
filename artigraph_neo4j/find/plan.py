"""A query as one statement is made of it."""

from __future__ import annotations

from dataclasses import dataclass

from artigraph_neo4j.find.filters import Filter, Order
from artigraph_neo4j.find.targets import Target

__all__ = [
    "Plan",
]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a query asks.

    Attributes:
        target: Spans of a class, or artifacts of a model.
        filter: What has to hold.
        orders: By what it is ordered, before the time and the id.
        limit: At most so many; None is all.
        after: The cursor that a page ended with, or None.
        text: What full-text search looks for, or None.
        history: Whether versions that were revised are found too.
        nested: Whether artifacts within artifacts are found too.
    """

    target: Target
    filter: Filter
    orders: tuple[Order, ...] = ()
    limit: int | None = None
    after: str | None = None
    text: str | None = None
    history: bool = False
    nested: bool = False
