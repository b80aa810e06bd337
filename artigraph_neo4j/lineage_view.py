"""A lineage in a notebook, and its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from artigraph_neo4j.colours import ARTIFACT, STATUS, UNSET, Colour
from artigraph_neo4j.diagram import Diagram, DiagramEdge, DiagramNode
from artigraph_neo4j.markup import Html, dot, escaped, joined, table
from artigraph_neo4j.wording import cut, time_text

if TYPE_CHECKING:
    from artigraph_neo4j.lineage import Lineage, LineageStep

__all__ = ["lineage_diagram", "lineage_html"]

SHOWN_STEPS = 100

_MEANING = {"up": "what it came from", "down": "what it fed"}
_VERBS = {"USED": "used by", "HAS_ARTIFACT": "made"}


def lineage_html(lineage: Lineage) -> Html:
    """See ``Lineage``: a row for each step, nearest first."""
    shown = lineage.steps[:SHOWN_STEPS]
    start = lineage.node_id if lineage.start is None else _name(lineage.start)
    title = joined(dot(ARTIFACT, "artifact", "■"), f" {start}: {_MEANING[lineage.direction]}")
    rows = [
        (step.distance, joined(_sign(step), " ", _name(step)), _type(step), time_text(step.at))
        for step in shown
    ]
    rest = len(lineage.steps) - len(shown)
    note = f"{len(lineage.steps):,} steps" + (f", {rest:,} of them not shown" if rest else "")
    return Html(f"<div>{escaped(title)}</div>{table(('hops', 'step', 'class', 'at'), rows, note)}")


def lineage_diagram(lineage: Lineage) -> Diagram:
    """The start, then the steps, nearest first; arrows go where the data went."""
    steps = lineage.steps if lineage.start is None else [lineage.start, *lineage.steps]
    edges = [
        DiagramEdge(link.source, link.target, link.type, _VERBS[link.type])
        for link in lineage.links
    ]
    return Diagram([_node(step) for step in steps], edges, "right")


def _node(step: LineageStep) -> DiagramNode:
    name = _name(step)
    attributes: dict[str, Any] = {
        "label": step.label,
        "model": step.model,
        "status": step.status,
        "classes": list(step.classes),
        "distance": step.distance,
        "at": step.at,
    }
    lines = (name,) if _type(step) in ("Span", name) else (name, _type(step))
    return DiagramNode(step.node_id, step.kind, lines, _colour(step), attributes)


def _name(step: LineageStep) -> str:
    return cut(step.label or step.model or "(no label)", 200)


def _type(step: LineageStep) -> str:
    if step.kind == "artifact":
        return step.model or "Artifact"
    return next((name for name in step.classes if name != "Span"), "Span")


def _colour(step: LineageStep) -> Colour:
    return ARTIFACT if step.kind == "artifact" else STATUS.get(step.status or "", UNSET)


def _sign(step: LineageStep) -> Html:
    if step.kind == "artifact":
        return dot(ARTIFACT, "artifact", "■")
    return dot(_colour(step), step.status or "span")
