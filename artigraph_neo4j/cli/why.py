"""``artigraph why``: the way by which one artifact came from another."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from artigraph_neo4j.cli.options import Url, run
from artigraph_neo4j.cli.output import Json, Terminal, print_json
from artigraph_neo4j.cli.steps import step_line, steps_facts
from artigraph_neo4j.find.named import find_artifact_ids, find_named
from artigraph_neo4j.questions.why import Way
from artigraph_neo4j.questions.why import why as ask

__all__ = ["commands", "why"]

commands = typer.Typer(add_completion=False)


@commands.command()
def why(
    later: Annotated[
        str,
        typer.Argument(
            metavar="LATER", help="The artifact: its id, the beginning of one, or its label."
        ),
    ],
    earlier: Annotated[
        str, typer.Argument(metavar="EARLIER", help="The possible origin, likewise.")
    ],
    all_ways: Annotated[
        bool, typer.Option("--all", help="Show everything that lies on any way.")
    ] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show how one artifact came from another. Exit code 1 when it did not."""

    async def work() -> Way | None:
        (of,) = await find_artifact_ids(later)
        _, origin = await find_named(earlier, "span", "artifact")
        return await ask(of, origin, all_ways=all_ways)

    way = run(url, work)
    if json:
        print_json(
            {
                "derives": way is not None,
                "steps": [] if way is None else steps_facts(way.steps),
                "links": [] if way is None else [asdict(link) for link in way.links],
            }
        )
    elif way is None:
        Terminal().print(f"{later} did not come from {earlier}", markup=False)
    else:
        for number, step in enumerate(way.steps):
            verb = "" if not number else "used " if step.kind == "artifact" else "made by "
            Terminal().print(Text.assemble("  " * step.distance, (verb, "dim"), step_line(step)))
    if way is None:
        raise typer.Exit(1)
