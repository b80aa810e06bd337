"""``artigraph recipe``: the steps that made an artifact."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from artigraph_neo4j.cli.options import Url, run
from artigraph_neo4j.cli.output import Json, Terminal, print_json
from artigraph_neo4j.cli.steps import step_facts, step_line, steps_facts
from artigraph_neo4j.common.colours import ERROR
from artigraph_neo4j.find.named import find_artifact_ids
from artigraph_neo4j.questions.recipe import Recipe, RecipeStep
from artigraph_neo4j.questions.recipe import recipe as ask

__all__ = ["commands", "recipe"]

commands = typer.Typer(add_completion=False)


@commands.command()
def recipe(
    node_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="Its id, the beginning of one, its label, or latest."),
    ],
    check_bytes: Annotated[
        bool,
        typer.Option("--check/--no-check", help="Ask storages if they still have the values."),
    ] = True,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show what an artifact came from, in an order to make it again. Tells what is missing."""

    async def work() -> Recipe:
        return await ask(*await find_artifact_ids(node_id), check_bytes=check_bytes)

    found = run(url, work)
    if json:
        print_json(_facts(found))
        return
    out = Terminal()
    for number, step in enumerate(found.steps, start=1):
        out.print(Text.assemble(f"{number:>4}  ", step_line(step.step)))
        told = [part for part in (step.function, step.program) if part]
        if step.commit:
            told.append(f"{step.commit[:10]}{' and changes' if step.dirty else ''}")
        if step.early:
            told.append("stands before something that it needs: they form a circle")
        if told:
            out.print(Text("      " + ", ".join(told), "dim"))
    for missing in found.missing:
        detail = f": {(missing.detail)}" if missing.detail else ""
        out.print(Text(f"{missing.reason}: artifact {missing.node_id}{detail}", ERROR.fill))


def _facts(found: Recipe) -> dict[str, Any]:
    return {
        "node_id": found.node_id,
        "steps": [_step(step) for step in found.steps],
        "artifacts": steps_facts(found.artifacts),
        "stored": [asdict(value) for value in found.stored],
        "missing": [asdict(missing) for missing in found.missing],
    }


def _step(step: RecipeStep) -> dict[str, Any]:
    return step_facts(step.step) | {
        "commit": step.commit,
        "dirty": step.dirty,
        "program": step.program,
        "python": step.python,
        "function": step.function,
        "arguments": step.arguments,
        "arguments_id": step.arguments_id,
        "uses": list(step.uses),
        "makes": list(step.makes),
        "early": step.early,
    }
