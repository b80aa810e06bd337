"""``artigraph report``: a page about runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from artigraph_neo4j.cli.options import SPAN_HELP, Url, run
from artigraph_neo4j.cli.output import Json, print_json, say
from artigraph_neo4j.common.files import replacing
from artigraph_neo4j.find.named import find_span_ids
from artigraph_neo4j.questions.report import report as make

__all__ = ["commands", "report"]

commands = typer.Typer(add_completion=False)


@commands.command()
def report(
    spans: Annotated[list[str], typer.Argument(metavar="SPAN...", help=SPAN_HELP)],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The file; an existing one is replaced.")
    ] = Path("report.html"),
    title: Annotated[str | None, typer.Option("--title", help="The title of the page.")] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Write a page about runs: one HTML file.

    Everything is in it, so it can be sent to somebody, and opened anywhere.
    """

    async def work() -> str:
        return await make(*await find_span_ids(*spans), title=title)

    data = run(url, work).encode()
    with replacing(out) as made:
        made.write_bytes(data)
    if json:
        print_json({"path": str(out), "bytes": len(data)})
    else:
        say(f"{out}: {len(data):,} bytes\n")
