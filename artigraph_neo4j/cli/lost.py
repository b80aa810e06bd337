"""``artigraph lost``: spans left open by processes that are gone."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from artigraph_neo4j.cli.options import Url, age, ago, run
from artigraph_neo4j.cli.output import Json, Terminal, print_json, say
from artigraph_neo4j.common.wording import duration_text
from artigraph_neo4j.upkeep.lost import OpenSpan, close_lost_spans

__all__ = ["commands", "lost"]

commands = typer.Typer(add_completion=False)


@commands.command()
def lost(
    silence: Annotated[
        timedelta,
        typer.Option(
            "--silence",
            parser=age,
            metavar="AGE",
            help="Time since a process was last seen: 90s, 5m, 2h.",
        ),
    ] = "5m",  # type: ignore[assignment]
    close: Annotated[
        bool, typer.Option("--close", help="Close them, with the status ERROR.")
    ] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show spans left open by processes that are gone; or close them."""
    found = run(url, partial(close_lost_spans, silence=silence, dry_run=not close))
    if json:
        print_json({"closed": close, "spans": [_facts(item) for item in found]})
    elif not found:
        seen = f"of a process seen in the last {duration_text(silence)}"
        say(f"no span is lost: every open one is {seen}\n")
    else:
        Terminal().print(_table(found))
        say("closed\n" if close else "close them with: artigraph lost --close\n")


def _facts(item: OpenSpan) -> dict[str, Any]:
    return {
        "node_id": item.span.node_id,
        "label": item.span.label,
        "opened_at": item.span.opened_at.isoformat(),
        "seen_at": item.seen_at and item.seen_at.isoformat(),
        "silent_seconds": item.silent.total_seconds(),
        "ended": item.ended,
        "host": item.host,
        "user": item.user,
        "pid": item.pid,
        "program": item.program,
    }


def _table(found: list[OpenSpan]) -> Table:
    whole = Column("span", no_wrap=True, min_width=36)  # to be copied
    table = Table(whole, "label", "age", "silent for", "process")
    for item in found:
        silent = duration_text(item.silent)
        row = (
            item.span.node_id,
            item.span.label or "",
            duration_text(ago(item.span.opened_at)),
            f"{silent} (ended)" if item.ended else silent,
            "" if item.pid is None else f"{item.program} {item.pid} on {item.host}",
        )
        table.add_row(*(Text(cell) for cell in row))  # not markup: a label may hold brackets
    return table
