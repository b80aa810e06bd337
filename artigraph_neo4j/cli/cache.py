"""``artigraph cache``: calls of cached functions."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer
from rich.text import Text

from artigraph_neo4j.cli.options import Url, run
from artigraph_neo4j.cli.output import Json, Terminal, print_json
from artigraph_neo4j.common.colours import STATUS, UNSET
from artigraph_neo4j.common.wording import duration_text, time_text
from artigraph_neo4j.questions.calls import CachedCall, read_cached_calls

__all__ = ["cache", "commands"]

commands = typer.Typer(add_completion=False)


@commands.command()
def cache(
    function: Annotated[
        str | None,
        typer.Argument(metavar="FUNCTION", help="Only calls of it: module and qualified name."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="Maximum calls to look at, the latest.")
    ] = 1000,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show calls of cached functions: which ran, and which were remembered.

    With a function, each call, and the arguments that differ from the nearest one before.
    """
    found = run(url, lambda: read_cached_calls(function, limit=limit))
    if json:
        print_json(
            {
                "functions": [asdict(item) for item in found.functions],
                "calls": [asdict(call) for call in found.calls],
            }
        )
        return
    out = Terminal()
    if not found.calls:
        named = f"of {function} " if function else ""
        out.print(f"no calls {named}are in the cache", markup=False)
    for item in found.functions:
        saved = f", {duration_text(timedelta(seconds=item.saved))} saved" if item.saved > 0 else ""
        out.print(
            Text.assemble(
                (item.function, "bold"),
                f"  {item.ran:,} ran, {item.hits:,} from the cache{saved}",
                (f"  {time_text(item.latest)}", "dim"),
            )
        )
    if function is not None:
        for call in found.calls:
            out.print(_line(call))


def _line(call: CachedCall) -> Text:
    sign = "○" if call.cached_from else "●"
    line = Text.assemble((f"  {sign} ", STATUS.get(call.status, UNSET).fill), time_text(call.at))
    line.append(f"  results of {call.cached_from}" if call.cached_from else f"  {call.outcome}")
    return line.append(f"  {call.node_id}", "dim")
