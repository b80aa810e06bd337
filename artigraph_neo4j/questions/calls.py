"""Calls of cached functions: which ran, which were remembered, and what differed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from artigraph_neo4j.common.colours import STATUS, UNSET
from artigraph_neo4j.common.diagram import Diagram, DiagramEdge, DiagramNode, Drawable
from artigraph_neo4j.common.markup import Html, escaped, table
from artigraph_neo4j.common.times import instant
from artigraph_neo4j.common.wording import cut, time_text
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.graph.cypher import cache as cypher
from artigraph_neo4j.recording.cache import differing
from artigraph_neo4j.recording.decorator import memory_of

__all__ = ["CachedCall", "CachedCalls", "CachedFunction", "read_cached_calls"]

NEAREST = 100
"""Maximum number of earlier calls of a function that a call is compared with."""

SHOWN_CALLS = 50


@dataclass(frozen=True, slots=True)
class CachedCall:
    """One call of a cached function.

    Attributes:
        function: Module and qualified name.
        node_id: Id of the call's span.
        label: Label of the span.
        status: Status of the span.
        at: The time when it was opened.
        seconds: Its duration; None while it is open.
        cached_from: Id of the span whose results it shares; None where the function ran.
        saved: Seconds that the shared span took longer than this one; None where the function ran,
            or where that span is gone.
        differs: Names of arguments that differ from the nearest earlier call that ran, and
            ``"version"`` for the function itself; empty for the first call, one with equal
            arguments, and one from the cache.
    """

    function: str
    node_id: str
    label: str | None
    status: str
    at: datetime
    seconds: float | None
    cached_from: str | None
    saved: float | None
    differs: tuple[str, ...]

    @property
    def outcome(self) -> str:
        """Words that say what became of the call: ``"ran: other rate"``, ``"from the cache"``."""
        if self.cached_from is not None:
            return "from the cache"
        return f"ran: other {', '.join(self.differs)}" if self.differs else "ran"


@dataclass(frozen=True, slots=True)
class CachedFunction:
    """The calls of one cached function, counted.

    Attributes:
        function: Module and qualified name.
        ran: Number of calls for which it ran.
        hits: Number of calls that were answered from the cache.
        saved: Seconds that these saved, as far as is known.
        latest: The time of the latest call.
    """

    function: str
    ran: int
    hits: int
    saved: float
    latest: datetime


@dataclass(frozen=True, slots=True)
class CachedCalls(Drawable):
    """Calls of cached functions.

    Attributes:
        calls: The calls, the latest first.
    """

    calls: list[CachedCall]

    @property
    def functions(self) -> list[CachedFunction]:
        """Counts for each function, the one called latest first."""
        by_name: dict[str, list[CachedCall]] = {}
        for call in self.calls:
            by_name.setdefault(call.function, []).append(call)
        return [
            CachedFunction(
                name,
                sum(call.cached_from is None for call in calls),
                sum(call.cached_from is not None for call in calls),
                sum(call.saved or 0.0 for call in calls),
                calls[0].at,
            )
            for name, calls in by_name.items()
        ]

    def diagram(self) -> Diagram:
        """Draw each call, and an arrow from the call that ran to each that shares its results."""
        nodes = [
            DiagramNode(
                call.node_id,
                "span",
                (call.label or call.function, call.outcome),
                STATUS.get(call.status, UNSET),
                {"function": call.function, "at": call.at, "seconds": call.seconds},
            )
            for call in reversed(self.calls)
        ]
        known = {node.node_id for node in nodes}
        edges = [
            DiagramEdge(call.cached_from, call.node_id, "HAS_ARTIFACT", "results")
            for call in reversed(self.calls)
            if call.cached_from is not None and call.cached_from in known
        ]
        return Diagram(nodes, edges, "right")

    def _repr_html_(self) -> str:
        counted = table(
            ("function", "ran", "from the cache", "seconds saved"),
            [(f.function, f"{f.ran:,}", f"{f.hits:,}", f"{f.saved:.1f}") for f in self.functions],
        )
        rows = [
            (cut(call.label or call.function, 100), call.outcome, time_text(call.at))
            for call in self.calls[:SHOWN_CALLS]
        ]
        latest = table(("call", "", "at"), rows, f"{len(self.calls):,} calls")
        return Html(f"<div>{escaped('calls of cached functions')}</div>{counted}{latest}")


async def read_cached_calls(
    function: Callable[..., Any] | str | None = None, /, *, limit: int = 1000
) -> CachedCalls:
    """Read the latest calls of cached functions: which ran and why, and which were remembered.

    One round trip. Only calls that returned artifacts are in the cache, so only these are listed.

    Args:
        function: A function that ``cached`` or ``spanned(cache=...)`` decorated, or its module and
            qualified name; by default all functions.
        limit: Maximum number of calls.

    Raises:
        SpanError: The function does not have a cache.
        ValueError: The limit is less than 1.
        ConnectionFailed: The database stayed out of reach.
    """
    if limit < 1:
        raise ValueError(f"limit must be 1 or more, not {limit}")
    name = memory_of(function).name if callable(function) else function
    rows = await get_engine().ask(
        cypher.calls(of_function=name is not None), {"function": name, "limit": limit}
    )
    found: list[CachedCall] = []
    ran: dict[str, list[dict[str, str]]] = {}
    told_calls = [row for (chunk,) in rows for row in chunk]
    for row in sorted(told_calls, key=lambda row: (instant(row[8]), row[5])):
        called, _, told, origin, its_seconds, node_id, label, status, at, seconds = row
        differs: tuple[str, ...] = ()
        saved: float | None = None
        if origin is None:
            parts: dict[str, str] = json.loads(told)
            before = ran.setdefault(called, [])
            differs = min(
                (differing(parts, theirs) for theirs in reversed(before[-NEAREST:])),
                key=len,
                default=(),
            )
            before.append(parts)
        elif its_seconds is not None and seconds is not None:
            saved = its_seconds - seconds
        found.append(
            CachedCall(called, node_id, label, status, instant(at), seconds, origin, saved, differs)
        )
    return CachedCalls(found[::-1])
