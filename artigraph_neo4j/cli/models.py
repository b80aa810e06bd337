"""``artigraph models``: the models that are stored, as a table or as Python."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from artigraph_neo4j.cli.graph import backlog_table, import_modules
from artigraph_neo4j.cli.options import Url, run
from artigraph_neo4j.cli.output import Json, Terminal, print_json, say
from artigraph_neo4j.upkeep.migrate.backlog import migration_backlog
from artigraph_neo4j.upkeep.migrate.source import python_source

__all__ = ["commands", "models"]

commands = typer.Typer(add_completion=False)


@commands.command()
def models(
    modules: Annotated[
        list[str] | None,
        typer.Argument(help="Modules, or files, that define today's models.", metavar="MODULE..."),
    ] = None,
    python: Annotated[
        bool, typer.Option("--python", help="Print dataclasses for what is stored.")
    ] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show the models that are stored, or print dataclasses for them."""
    if python:
        source = run(url, python_source, create_schema=False)
        print_json({"python": source}) if json else say(source)
        return
    import_modules(modules or [])
    backlog = run(url, migration_backlog, create_schema=False)
    if json:
        print_json([asdict(row) for row in backlog])
    else:
        Terminal().print(backlog_table(backlog))
