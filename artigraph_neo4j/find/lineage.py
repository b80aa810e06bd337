"""Lineage: the spans and artifacts that an artifact came from, and those that it fed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from artigraph_neo4j.common.colours import ARTIFACT, STATUS, UNSET, Colour
from artigraph_neo4j.common.diagram import Diagram, DiagramEdge, DiagramNode, Drawable
from artigraph_neo4j.common.markup import Html, dot, escaped, joined, table
from artigraph_neo4j.common.times import instant
from artigraph_neo4j.common.wording import cut, time_text
from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.given import AnyArtifact
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.errors import NotFoundError
from artigraph_neo4j.graph.cypher import lineage
from artigraph_neo4j.graph.names import users_labels

__all__ = [
    "Lineage",
    "LineageLink",
    "LineageStep",
    "lineage_diagram",
    "lineage_html",
    "links_between",
    "read_lineage",
    "step_from_row",
    "step_name",
    "step_node",
    "step_sign",
    "step_type",
    "steps_diagram",
]

Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class LineageStep:
    """One span or artifact that another artifact came from, or fed.

    Attributes:
        kind: ``"span"`` or ``"artifact"``.
        node_id: Its id.
        label: The label of the span, or the label that the artifact was created with; or None.
        model: The stored model of an artifact; None for a span.
        classes: Labels of its class and of the classes that it inherits from: ``("Span", "Trial")``
            for a span, the names of models for an artifact.
        distance: Minimum number of relationships to it: odd for spans, even for artifacts.
        at: The time when the span was opened, or the artifact recorded.
        status: The status of a span; None for an artifact.
    """

    kind: Literal["span", "artifact"]
    node_id: str
    label: str | None
    model: str | None
    classes: tuple[str, ...]
    distance: int
    at: datetime
    status: str | None = None


@dataclass(frozen=True, slots=True)
class LineageLink:
    """One hop of a lineage, in the direction in which the data went.

    Attributes:
        source: The id of the artifact that was used, or of the span that made one.
        target: The id of the span that used it, or of the artifact that was made.
        type: ``"USED"`` or ``"HAS_ARTIFACT"``, the relationship; in the graph both start at
            the span.
    """

    source: str
    target: str
    type: Literal["USED", "HAS_ARTIFACT"]


@dataclass(frozen=True, slots=True)
class Lineage(Drawable):
    """The lineage of an artifact: all that it came from, or all that it fed.

    A notebook shows it as a table; ``to_mermaid``, ``to_networkx`` and ``to_viz`` draw it, with
    arrows along the way of the data: from what was used to the span, and on to what that made.

    Attributes:
        node_id: The artifact's id.
        direction: ``"up"``: what it came from; ``"down"``: what it fed.
        steps: Each span and artifact once, by distance, time and id, without the artifact itself.
        links: The hops between them, and to the artifact; empty when they were not asked for.
        start: The artifact itself; for a nested one, the artifact that it is part of.
    """

    node_id: str
    direction: Direction
    steps: list[LineageStep]
    links: list[LineageLink] = field(default_factory=list, compare=False)
    start: LineageStep | None = field(default=None, compare=False)

    @property
    def artifacts(self) -> list[LineageStep]:
        """The steps that are artifacts, in the same order."""
        return [step for step in self.steps if step.kind == "artifact"]

    @property
    def spans(self) -> list[LineageStep]:
        """The steps that are spans, in the same order."""
        return [step for step in self.steps if step.kind == "span"]

    def diagram(self) -> Diagram:
        """Return the steps and links as plain data, for other kinds of pictures."""
        return lineage_diagram(self)

    def _repr_html_(self) -> str:
        return lineage_html(self)


async def read_lineage(
    artifact: AnyArtifact,
    direction: Direction,
    /,
    *,
    depth: int | None = None,
    links: bool = True,
) -> Lineage:
    """Read the spans and artifacts that an artifact came from, or that it fed; each once.

    The lineage follows the spans that made artifacts, and the artifacts that these spans used by
    reading them or by ``use``. A span counts as a whole: all that it made came from all that it
    used. A nested artifact counts as the one that it is part of. No values are loaded.

    One round trip, whatever the depth.

    Args:
        artifact: An artifact that was read or recorded, or its id.
        direction: ``"up"``: what it came from; ``"down"``: what it fed.
        depth: Maximum number of relationships to follow: 1 leads to the span that made it (or to
            the spans that used it), 2 to the artifacts beyond. The default is a million, which
            is all the way.
        links: Whether to read the hops between the steps too, which pictures need; without them a
            lineage over a million uses takes half the time.

    Raises:
        ValueError: The direction is neither of the two, or the depth is less than 1.
        NotFoundError: The artifact does not exist.
        ConnectionFailed: The database stayed out of reach.
    """
    if direction not in lineage.UP:
        raise ValueError(f'the direction must be "up" or "down", not {direction!r}')
    if depth is not None and (type(depth) is not int or depth < 1):
        raise ValueError(f"depth must be an integer of 1 or more, not {depth!r}")
    node_id = given.artifact_id(artifact)
    found = await get_engine().read_chunks(
        lineage.lineage(direction, depth), {"node_id": node_id, "links": links}
    )
    if found is None:
        raise await absent(get_engine(), "artifact", node_id)
    steps = [step_from_row(*row[:-1]) for row in found]
    steps.sort(key=lambda step: (step.distance, step.at, step.node_id))
    if not steps or steps[0].distance:
        raise NotFoundError(f"artifact {node_id!r} was deleted while its lineage was read")
    start, *others = steps
    beyond = {row[0]: row[-1] for row in found}
    return Lineage(node_id, direction, others, links_between(steps, beyond, direction), start)


def links_between(
    steps: list[LineageStep], beyond: dict[str, list[str]], direction: Direction
) -> list[LineageLink]:
    """Return the hops between steps, without hops of the last steps to nodes that were not read."""
    links: list[LineageLink] = []
    for step in steps:
        made = (step.kind == "artifact") == (direction == "up")
        for other in beyond[step.node_id]:
            if other in beyond:
                source, target = (
                    (other, step.node_id) if direction == "up" else (step.node_id, other)
                )
                links.append(LineageLink(source, target, "HAS_ARTIFACT" if made else "USED"))
    return links


def step_from_row(
    node_id: str,
    distance: int,
    is_span: bool,
    labels: list[str],
    label: str | None,
    model: str | None,
    at: str,
    status: str | None,
) -> LineageStep:
    """Make a step from a row of a lineage statement, without the node's links."""
    return LineageStep(
        "span" if is_span else "artifact",
        node_id,
        label,
        None if is_span else model,
        (*(["Span"] if is_span else []), *users_labels(labels)),
        distance,
        instant(at),
        status if is_span else None,
    )


SHOWN_STEPS = 100

_MEANING = {"up": "what it came from", "down": "what it fed"}

_VERBS = {"USED": "used by", "HAS_ARTIFACT": "made"}


def lineage_html(lineage: Lineage) -> Html:
    """Return the table that a notebook shows: a row for each step, nearest first."""
    shown = lineage.steps[:SHOWN_STEPS]
    start = lineage.node_id if lineage.start is None else step_name(lineage.start)
    title = joined(dot(ARTIFACT, "artifact", "■"), f" {start}: {_MEANING[lineage.direction]}")
    rows = [
        (
            step.distance,
            joined(step_sign(step), " ", step_name(step)),
            step_type(step),
            time_text(step.at),
        )
        for step in shown
    ]
    rest = len(lineage.steps) - len(shown)
    note = f"{len(lineage.steps):,} steps" + (f", {rest:,} of them not shown" if rest else "")
    return Html(f"<div>{escaped(title)}</div>{table(('hops', 'step', 'class', 'at'), rows, note)}")


def lineage_diagram(lineage: Lineage) -> Diagram:
    """Draw the start, then the steps, nearest first; arrows follow the data."""
    steps = lineage.steps if lineage.start is None else [lineage.start, *lineage.steps]
    return steps_diagram(steps, lineage.links)


def steps_diagram(steps: Iterable[LineageStep], links: Iterable[LineageLink]) -> Diagram:
    """Draw steps in the order given; arrows follow the data."""
    edges = [DiagramEdge(k.source, k.target, k.type, _VERBS[k.type]) for k in links]
    return Diagram([step_node(step) for step in steps], edges, "right")


def step_node(step: LineageStep) -> DiagramNode:
    """Return the node for a step in a picture."""
    name = step_name(step)
    attributes: dict[str, Any] = {
        "label": step.label,
        "model": step.model,
        "status": step.status,
        "classes": list(step.classes),
        "distance": step.distance,
        "at": step.at,
    }
    lines = (name,) if step_type(step) in ("Span", name) else (name, step_type(step))
    return DiagramNode(step.node_id, step.kind, lines, _colour(step), attributes)


def step_name(step: LineageStep) -> str:
    """Return the name of a step: its label, else its model."""
    return cut(step.label or step.model or "(no label)", 200)


def step_type(step: LineageStep) -> str:
    """Return the class of a span, or the model of an artifact."""
    if step.kind == "artifact":
        return step.model or "Artifact"
    return next((name for name in step.classes if name != "Span"), "Span")


def _colour(step: LineageStep) -> Colour:
    return ARTIFACT if step.kind == "artifact" else STATUS.get(step.status or "", UNSET)


def step_sign(step: LineageStep) -> Html:
    """Return the coloured sign before a step's name."""
    if step.kind == "artifact":
        return dot(ARTIFACT, "artifact", "■")
    return dot(_colour(step), step.status or "span")
