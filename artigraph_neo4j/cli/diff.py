"""``artigraph diff``: the differences between two runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from artigraph_neo4j.cli.options import Url, run
from artigraph_neo4j.cli.output import Json, Terminal, print_json
from artigraph_neo4j.common.colours import ERROR
from artigraph_neo4j.common.wording import cut
from artigraph_neo4j.find.named import find_span_ids
from artigraph_neo4j.questions.diff import diff as ask
from artigraph_neo4j.questions.difference import RunDiff

__all__ = ["commands", "diff"]

commands = typer.Typer(add_completion=False)

TEXT = 60
"""Maximum number of characters shown of a value."""


@commands.command()
def diff(
    first: Annotated[
        str, typer.Argument(metavar="FIRST", help="A run, or a span in it: id or label.")
    ],
    second: Annotated[str, typer.Argument(metavar="SECOND", help="The other run, likewise.")],
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, help="Maximum differences to show.")
    ] = 50,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show what differs between two runs, and where they parted. Exit code 1 if anything does."""

    async def work() -> RunDiff:
        return await ask(*await find_span_ids(first, second))

    found = run(url, work)
    if json:
        print_json(
            {
                "first": found.first,
                "second": found.second,
                "differences": [asdict(item) for item in found.differences],
                "divergence": None if found.divergence is None else asdict(found.divergence),
                "durations": {key: list(value) for key, value in found.durations.items()},
            }
        )
    else:
        out = Terminal()
        if not found.differences:
            out.print("the runs are equal")
        if found.divergence is not None:
            place = (found.divergence.place) or "the run itself"
            out.print(
                Text.assemble("parted at ", (place, ERROR.fill), f": {found.divergence.cause}")
            )
        if found.differences:
            table = Table(
                "kind", "span", "name", "first", "second", box=SIMPLE_HEAD, pad_edge=False
            )
            for column in table.columns:
                column.overflow = "fold"
            for item in found.differences[:limit]:
                told = (item.kind, item.place, item.name, *(cut(text, TEXT) for text in item.texts))
                table.add_row(*(Text(cell) for cell in told))
            out.print(table)
            if len(found.differences) > limit:
                rest = len(found.differences) - limit
                out.print(f"… {rest:,} more; --limit shows more", style="dim")
    if found.differences:
        raise typer.Exit(1)
