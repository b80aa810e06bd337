"""``artigraph impact``: everything that derives from some artifacts."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from artigraph_neo4j.cli.options import Url, run, span_facts, span_state, span_style
from artigraph_neo4j.cli.output import Json, Terminal, print_json
from artigraph_neo4j.cli.steps import step_line, steps_facts
from artigraph_neo4j.common.wording import time_text
from artigraph_neo4j.find.lineage import LineageStep
from artigraph_neo4j.find.named import find_artifact_ids
from artigraph_neo4j.questions.impact import Impact, ImpactRun
from artigraph_neo4j.questions.impact import impact as ask

__all__ = ["commands", "impact"]

commands = typer.Typer(add_completion=False)

BAR = 40
"""Number of characters of the longest bar."""


@commands.command()
def impact(
    node_ids: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="Artifacts: ids, beginnings of ids, labels."),
    ],
    tag: Annotated[
        str | None, typer.Option("--tag", help="Show the artifacts with this tag that are reached.")
    ] = None,
    steps: Annotated[
        int, typer.Option("--steps", min=0, help="Maximum nearest spans and artifacts to show.")
    ] = 0,
    runs: Annotated[int, typer.Option("--runs", min=0, help="Maximum runs to show.")] = 10,
    versions: Annotated[
        bool, typer.Option("--versions", help="Start from all versions of each artifact.")
    ] = False,
    tree: Annotated[
        bool, typer.Option("--tree", help="Count what a child span used for its parents too.")
    ] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Count what derives from artifacts, and show the runs it reaches. By distance and model."""

    async def work() -> tuple[Impact, list[ImpactRun], list[LineageStep], list[str]]:
        found = await ask(
            *await find_artifact_ids(*node_ids),
            versions="all" if versions else "this",
            through="tree" if tree else "span",
        )
        return (
            found,
            await found.read_runs() if runs else [],
            await found.read_steps(limit=steps) if steps else [],
            await found.read_tagged(tag) if tag is not None else [],
        )

    found, hit, near, tagged = run(url, work)
    if json:
        print_json(_facts(found, hit, near, tagged))
        return
    out = Terminal()
    out.print(
        Text.assemble(
            (f"{found.spans:,} spans and {found.artifacts:,} artifacts", "bold"),
            f" derive from {len(found.node_ids):,} artifacts",
        )
    )
    most = max((s + a for s, a in found.by_depth.values()), default=1)
    for depth, (spans, artifacts) in found.by_depth.items():
        number, noun = (spans, "spans") if spans else (artifacts, "artifacts")
        bar = "█" * max(1, round(BAR * number / most))
        out.print(Text.assemble(f"{depth:>5}  ", (bar, "dim"), f" {number:,} {noun}"))
    for model, number in found.by_model.items():
        out.print(f"{number:>12,}  {(model)}", markup=False)
    for item in hit[:runs]:
        line = Text.assemble(("● ", span_style(item.span)), (item.span.label or "span"))
        line.append(f"  {span_state(item.span)}  {time_text(item.span.opened_at)}")
        line.append(f"  {item.spans:,} spans  {item.span.node_id}", "dim")
        out.print(line)
    if len(hit) > runs > 0:
        out.print(f"… {len(hit) - runs:,} more runs; --runs shows more", style="dim")
    for step in near:
        out.print(Text.assemble(f"{step.distance:>5}  ", step_line(step)))
    for node_id in tagged:
        out.print(Text.assemble(f"tagged {(tag)}: ", (node_id, "dim")))


def _facts(
    found: Impact, runs: list[ImpactRun], steps: list[LineageStep], tagged: list[str]
) -> dict[str, Any]:
    return {
        "node_ids": list(found.node_ids),
        "spans": found.spans,
        "artifacts": found.artifacts,
        "by_depth": [
            {"distance": depth, "spans": spans, "artifacts": artifacts}
            for depth, (spans, artifacts) in found.by_depth.items()
        ],
        "by_model": found.by_model,
        "by_class": found.by_class,
        "runs": [span_facts(item.span) | {"reached": item.spans} for item in runs],
        "steps": steps_facts(steps),
        "tagged": tagged,
    }
