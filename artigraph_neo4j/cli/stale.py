"""``artigraph stale``: artifacts that would come out differently today, and spans to run again."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from artigraph_neo4j.cli.options import Url, run
from artigraph_neo4j.cli.output import Json, Terminal, print_json
from artigraph_neo4j.cli.steps import step_facts, step_line, steps_facts
from artigraph_neo4j.common.colours import ERROR, OK
from artigraph_neo4j.find.lineage import step_name
from artigraph_neo4j.find.named import find_artifact_ids
from artigraph_neo4j.questions.stale import ReplayPlan, Staleness
from artigraph_neo4j.questions.stale import replay_plan as ask_plan
from artigraph_neo4j.questions.stale import stale as ask

__all__ = ["commands", "stale"]

commands = typer.Typer(add_completion=False)


@commands.command()
def stale(
    node_ids: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="Artifacts: ids, beginnings of ids, labels."),
    ],
    code: Annotated[
        str | None,
        typer.Option("--code", metavar="COMMIT", help="Look for other code, too."),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show which spans to run again.")] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show which artifacts are stale, why, and what to run again. Exit code 1 if any is."""

    async def work() -> tuple[list[Staleness], list[ReplayPlan]]:
        found = await ask(*await find_artifact_ids(*node_ids), code=code)
        plans = [await ask_plan(s.node_id, code=code) for s in found if s and plan]
        return found, plans

    found, plans = run(url, work)
    if json:
        print_json(
            {
                "artifacts": [_facts(item) for item in found],
                "plans": [
                    {
                        "node_id": item.node_id,
                        "spans": steps_facts(item.spans),
                        "inputs": item.inputs,
                        "cut": item.cut,
                    }
                    for item in plans
                ],
            }
        )
    else:
        _say(found, plans)
    if any(found):
        raise typer.Exit(1)


def _say(found: list[Staleness], plans: list[ReplayPlan]) -> None:
    out = Terminal()
    for item in found:
        state = ("stale", ERROR.fill) if item.causes else ("fresh", OK.fill)
        out.print(Text.assemble(state, f"  {item.node_id}"))
        for cause in item.causes:
            newer = f"  newer: {cause.newest}" if cause.newest else ""
            line = Text.assemble(f"  {cause.kind}  ", step_line(cause.step))
            out.print(line.append(newer, "dim"))
            out.print(Text(f"        {' ← '.join(map(step_name, cause.way))}", "dim"))
    for plan in plans:
        out.print(f"to make {plan.node_id} again:", markup=False)
        for number, step in enumerate(plan.spans, start=1):
            out.print(Text.assemble(f"{number:>4}  ", step_line(step)))
        for old, new in plan.inputs.items():
            out.print(Text(f"      with {new} in place of {old}", "dim"))


def _facts(item: Staleness) -> dict[str, Any]:
    return {
        "node_id": item.node_id,
        "stale": bool(item.causes),
        "causes": [
            {
                "kind": cause.kind,
                "newest": cause.newest,
                "commit": cause.commit,
                "way": steps_facts(cause.way),
            }
            | {"step": step_facts(cause.step)}
            for cause in item.causes
        ],
    }
