"""Ways: the spans and artifacts by which one artifact came from another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from artigraph_neo4j.common.diagram import Diagram, Drawable
from artigraph_neo4j.common.markup import Html, escaped, joined, table
from artigraph_neo4j.common.wording import time_text
from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.given import AnyArtifact, AnyNode
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.errors import NotFoundError
from artigraph_neo4j.find.lineage import (
    LineageLink,
    LineageStep,
    read_lineage,
    step_from_row,
    step_name,
    step_sign,
    step_type,
    steps_diagram,
)
from artigraph_neo4j.graph.cypher.why import SHORTEST_WAY
from artigraph_neo4j.questions.reach import reach

__all__ = ["Way", "chain", "why"]

SHOWN_STEPS = 100


@dataclass(frozen=True, slots=True)
class Way(Drawable):
    """One shortest way from an artifact back to an origin, or all ways as one graph.

    Attributes:
        later: Id of the artifact that came from the other.
        earlier: Id of the artifact or span that it came from.
        steps: Spans and artifacts on the way, each once, with both ends. The later artifact comes
            first, the others follow by distance from it, time and id.
        links: Hops between the steps, in the direction in which the data went.
    """

    later: str
    earlier: str
    steps: list[LineageStep]
    links: list[LineageLink]

    @property
    def artifacts(self) -> list[LineageStep]:
        """The steps that are artifacts, in the same order."""
        return [step for step in self.steps if step.kind == "artifact"]

    @property
    def spans(self) -> list[LineageStep]:
        """The steps that are spans, in the same order."""
        return [step for step in self.steps if step.kind == "span"]

    def diagram(self) -> Diagram:
        """Draw the steps and links; arrows follow the data."""
        return steps_diagram(self.steps, self.links)

    def _repr_html_(self) -> str:
        shown = self.steps[:SHOWN_STEPS]
        rows = [
            (s.distance, joined(step_sign(s), " ", step_name(s)), step_type(s), time_text(s.at))
            for s in shown
        ]
        title = f"{step_name(self.steps[0])}: how it came from {self.earlier}"
        rest = len(self.steps) - len(shown)
        note = f"{len(self.steps):,} steps" + (f", {rest:,} of them not shown" if rest else "")
        below = table(("hops", "step", "class", "at"), rows, note)
        return Html(f"<div>{escaped(title)}</div>{below}")


async def why(later: AnyArtifact, earlier: AnyNode, /, *, all_ways: bool = False) -> Way | None:
    """Tell by which spans and artifacts one artifact came from another, or from a span.

    A nested artifact counts as the one that it is part of. One round trip. For one way the search
    starts from both ends; for all ways it reads everything that the later one came from, and keeps
    the nodes on a way. Ways are not listed one by one, since there may be 2^40 of them.

    Args:
        later: The artifact that may have come from the other.
        earlier: The possible origin: an artifact, a span, or an id.
        all_ways: Whether to return the graph of all ways instead of one of the shortest.

    Returns:
        The way, or None if the later one did not come from the earlier one. An artifact comes from
        itself only on a circle.

    Raises:
        NotFoundError: One of the nodes does not exist, or the later one is a span.
        ConnectionFailed: The database stayed out of reach.
    """
    first = given.artifact_id(later, "later")
    second = given.node_id(earlier, "earlier")
    parameters = {"later": first, "earlier": second}
    if not all_ways:
        a, b, rows = await _shortest(parameters)
        steps = [step_from_row(*row) for row in rows]
        return Way(a, b, steps, chain(steps)) if steps else None
    up = await read_lineage(first, "up")
    start = [] if up.start is None else [up.start]
    steps = [*start, *up.steps]
    target = second
    if target not in {step.node_id for step in steps}:
        # The earlier node is not among the steps: it may be nested in one of them, or not exist.
        _, b, rows = await _shortest(parameters)
        if not rows:
            return None
        target = b
    onward: dict[str, list[str]] = {}
    for link in up.links:
        onward.setdefault(link.source, []).append(link.target)
    head = steps[0].node_id
    # An artifact comes from itself only on a circle, so the walk starts from what it fed.
    on_a_way = reach([target] if target != head else onward.get(target, ()), onward)
    if head not in on_a_way:
        return None
    kept = [step for step in steps if step.node_id in on_a_way]
    links = [k for k in up.links if k.source in on_a_way and k.target in on_a_way]
    return Way(head, target, kept, links)


async def _shortest(ends: dict[str, str]) -> tuple[str, str, list[Any]]:
    """Read the ids of both whole nodes, and the rows of one shortest way."""
    ((later, earlier, rows),) = await get_engine().ask(SHORTEST_WAY, ends)
    if later is None:
        raise await absent(get_engine(), "artifact", ends["later"])
    if earlier is None:
        raise NotFoundError(f"there is no artifact or span with id {ends['earlier']!r}")
    return later, earlier, rows


def chain(steps: Sequence[LineageStep]) -> list[LineageLink]:
    """Return the hops of one way, whose steps begin at its later end."""
    return [
        LineageLink(b.node_id, a.node_id, "HAS_ARTIFACT" if a.kind == "artifact" else "USED")
        for a, b in pairwise(steps)
    ]
