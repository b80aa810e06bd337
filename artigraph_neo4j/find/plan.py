"""The plan of a query, from which one statement is made."""

from __future__ import annotations

from dataclasses import dataclass, field

from artigraph_neo4j.find.filters import Filter, Order
from artigraph_neo4j.find.targets import Target
from artigraph_neo4j.recording.objects import Leniency

__all__ = [
    "Plan",
]


@dataclass(frozen=True, slots=True)
class Plan:
    """A query as data.

    Attributes:
        target: Spans of a class, or artifacts of a model.
        filter: The condition on each result.
        orders: Keys of the order, before the time and the id.
        limit: Maximum number of results; None for all.
        after: The cursor of the page before, or None.
        text: The query for full-text search, or None.
        history: Whether superseded versions are found too.
        nested: Whether artifacts within artifacts are found too.
        leniency: Treatment of artifacts that cannot be read, or whose class is missing.
    """

    target: Target
    filter: Filter
    orders: tuple[Order, ...] = ()
    limit: int | None = None
    after: str | None = None
    text: str | None = None
    history: bool = False
    nested: bool = False
    leniency: Leniency = field(default_factory=Leniency)
