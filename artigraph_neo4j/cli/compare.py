"""``artigraph compare``: runs side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from artigraph_neo4j.cli.columns import Columns, names_of, print_rows, rows_grid, sides_grid
from artigraph_neo4j.cli.options import SPAN_HELP, Url, run
from artigraph_neo4j.cli.output import Json, say, wide_terminal
from artigraph_neo4j.find import Table, find_spans
from artigraph_neo4j.find.named import find_span_ids
from artigraph_neo4j.find.terms import one_of
from artigraph_neo4j.find.terms import span as span_

__all__ = ["commands", "compare", "read_side_by_side"]

commands = typer.Typer(add_completion=False)

BESIDE = 4
"""Maximum number of runs that are shown as columns; more of them are lines."""


@commands.command()
def compare(
    spans: Annotated[list[str], typer.Argument(metavar="SPAN...", help=SPAN_HELP)],
    columns: Columns = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also show what is the same in all runs.")
    ] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show runs side by side, and what differs.

    That is: properties of the spans, and values of their artifacts.
    """
    table = run(url, lambda: read_side_by_side(spans, names_of(columns)))
    shown = table if everything or len(table) < 2 else table.differing()
    if json:
        print_rows(shown)
    elif not shown.columns:
        say(f"nothing differs in {len(table.columns)} values; --all shows them\n")
    else:
        out = wide_terminal()
        out.print(sides_grid(shown) if len(shown) <= BESIDE else rows_grid(shown))
        for note in shown.notes():
            out.print(note, markup=False)


async def read_side_by_side(names: list[str], columns: list[str]) -> Table:
    """Read runs as a table, in the order given. One round trip, and those to find the names."""
    ids = list(dict.fromkeys(await find_span_ids(*names)))
    table = await find_spans(one_of(span_.node_id, ids)).table(*columns)
    return table.in_order(ids)
