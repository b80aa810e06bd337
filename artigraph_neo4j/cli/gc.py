"""``artigraph gc`` and ``artigraph new-graph-id``: stored values that nothing refers to."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from artigraph_neo4j.cli.options import Url, age, run
from artigraph_neo4j.cli.output import Json, Terminal, print_json, say
from artigraph_neo4j.common.wording import duration_text, size_text
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.storage.known import open_storage
from artigraph_neo4j.upkeep.garbage.collect import GarbageReport, collect_garbage, take_new_graph_id

__all__ = ["commands", "gc", "new_graph_id"]

commands = typer.Typer(add_completion=False)

NAMED = 20
"""Maximum number of examples printed of each kind; ``--json`` has up to 1,000."""


@commands.command()
def gc(
    url: Url = None,
    storage: Annotated[
        list[str] | None,
        typer.Option(
            "--storage",
            help="A storage by name, such as s3:bucket/prefix or file:/path; may be given again. "
            "By default each that the graph names.",
        ),
    ] = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete the garbage; by default it is only shown.")
    ] = False,
    min_age: Annotated[
        timedelta,
        typer.Option(
            "--min-age",
            parser=age,
            metavar="AGE",
            help="Keep younger values, which may get a reference yet: 1d, 12h.",
        ),
    ] = "1d",  # type: ignore[assignment]
    json: Json = False,
) -> None:
    """Show stored values that nothing refers to; or delete them. Also tells what is missing."""

    async def work() -> list[GarbageReport]:
        places: list[Storage | None] = [open_storage(name) for name in storage or []]
        return [
            report
            for place in places or [None]
            for report in await collect_garbage(place, dry_run=not delete, min_age=min_age)
        ]

    reports = run(url, work)
    if json:
        print_json({"reports": [asdict(report) for report in reports]})
        return
    console = Terminal()
    for report in reports:
        _show(console, report)
    if not reports:
        console.print("the graph refers to no stored value, and no storage was named")


def _show(console: Terminal, report: GarbageReport) -> None:
    table = Table(
        "", "objects", "size", "", title=f"{escape(report.storage)}", title_justify="left"
    )
    done = "kept, as this is a dry run: --delete" if report.dry_run else "deleted"
    for name, tally, meaning in (
        ("live", report.live, "the graph refers to them"),
        (
            "young",
            report.young,
            f"no reference, younger than {duration_text(report.min_age)}: kept",
        ),
        ("garbage", report.garbage, f"no reference, older: {done}"),
    ):
        table.add_row(name, f"{tally.count:,}", size_text(tally.bytes), meaning)
    console.print(table)
    _list(
        console,
        "garbage",
        report.garbage.count,
        [f"{item.location}  {size_text(item.size)}" for item in report.garbage_examples],
    )
    _list(
        console,
        "dangling: referred to, but not there",
        report.dangling,
        [
            f"{item.location}  of artifact {item.artifact}, field {item.model}.{item.field}"
            for item in report.dangling_examples
        ],
    )
    _list(
        console,
        "Blob nodes that no artifact has; they keep their objects",
        report.unowned,
        [f"{item.blob_id}  {item.location}" for item in report.unowned_examples],
    )


def _list(console: Terminal, title: str, count: int, lines: list[str]) -> None:
    if not count:
        return
    console.print(f"{title}: {count:,}")
    for line in lines[:NAMED]:
        console.print(f"  {escape(line)}")
    if count > NAMED:
        console.print("  …")


@commands.command()
def new_graph_id(
    url: Url = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Give a copy of a graph an id of its own. Do so before gc runs on the copy."""
    if not yes:
        typer.confirm(
            "Is this database the copy, and does no program write to it now?", abort=True, err=True
        )
    graph_id = run(url, take_new_graph_id)
    if json:
        print_json({"graph_id": graph_id})
    else:
        say(f"{graph_id}\n")
