"""Spans and artifacts on the way of the data, as commands show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.text import Text

from artigraph_neo4j.common.colours import ARTIFACT, STATUS, UNSET
from artigraph_neo4j.common.wording import time_text
from artigraph_neo4j.find.lineage import LineageStep, step_name, step_type

__all__ = ["step_facts", "step_line", "steps_facts"]


def step_line(step: LineageStep, *, ids: bool = True) -> Text:
    """Return one line for a span or an artifact."""
    if step.kind == "span":
        line = Text("● ", STATUS.get(step.status or "", UNSET).fill)
    else:
        line = Text("◆ ", ARTIFACT.fill)
    name = step_name(step)
    line.append(name, "bold")
    if step_type(step) not in ("Span", name):
        line.append(f" {step_type(step)}", "dim")
    line.append(f"  {time_text(step.at)}")
    if ids:
        line.append(f"  {step.node_id}", "dim")
    return line


def step_facts(step: LineageStep) -> dict[str, Any]:
    """Return the facts of a step that ``--json`` prints."""
    return {
        "kind": step.kind,
        "node_id": step.node_id,
        "label": step.label,
        "model": step.model,
        "classes": list(step.classes),
        "distance": step.distance,
        "at": step.at,
        "status": step.status,
    }


def steps_facts(steps: Iterable[LineageStep]) -> list[dict[str, Any]]:
    """Return the facts of several steps that ``--json`` prints."""
    return [step_facts(step) for step in steps]
