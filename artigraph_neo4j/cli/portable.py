"""``artigraph export`` and ``import``: all below a span, in files."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.progress import SpinnerColumn, TimeElapsedColumn

from artigraph_neo4j.cli.options import SPAN_HELP, Url, run
from artigraph_neo4j.cli.output import Json, print_json, say
from artigraph_neo4j.common.bar import progress_bars
from artigraph_neo4j.exchange.archive import ExportReport, ImportReport, export_graph, import_graph
from artigraph_neo4j.find.named import find_named
from artigraph_neo4j.storage.known import open_storage

__all__ = ["commands", "export", "import_"]

commands = typer.Typer(add_completion=False)


class Format(StrEnum):
    """How it is written."""

    jsonl = "jsonl"
    parquet = "parquet"


@commands.command()
def export(
    span: Annotated[str, typer.Argument(metavar="SPAN", help=SPAN_HELP)],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="The file (.gz compresses it); for Parquet a directory."
        ),
    ],
    as_format: Annotated[
        Format, typer.Option("--format", help="JSON lines, for import; or Parquet tables.")
    ] = Format.jsonl,
    blobs: Annotated[
        bool, typer.Option("--blobs", help="Write stored values too, into OUT.blobs.")
    ] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Write a span, all below it, and their artifacts to a file."""
    if blobs and as_format is Format.parquet:
        raise typer.BadParameter("Parquet tables hold no stored values; leave --blobs away")
    with _shown("exporting", json) as shown:

        async def write() -> ExportReport:
            _, node_id = await find_named(span, "span")
            return await export_graph(
                node_id, out, format=as_format.value, blobs=blobs, progress=shown
            )

        report = run(url, write)
    if json:
        print_json(asdict(report))
        return
    say(f"exported {_counts(report)} to {report.path}\n")
    if report.blobs:
        more = f", {decimal(report.bytes)} written" if blobs else "; --blobs writes them too"
        say(f"{report.blobs:,} references to stored values{more}\n")
    if report.open:
        say(f"{report.open:,} spans are still open\n")


@commands.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="What export wrote.")],
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage", help="Where stored values go, such as s3:bucket/prefix or file:/path."
        ),
    ] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Bring exported JSON lines into a graph. What is there stays; do it again after an error."""
    with _shown("importing", json) as shown:
        place = None if storage is None else open_storage(storage)
        report = run(url, lambda: import_graph(path, storage=place, progress=shown))
    if json:
        print_json(asdict(report))
        return
    say(
        f"imported {_counts(report)}; {report.new:,} nodes are new\n"
        f"see them with: artigraph show {report.span}\n"
    )
    for count, text in (
        (report.uploaded, f"stored values uploaded ({decimal(report.bytes)})"),
        (report.shared, "references lead to values in the storage of the other graph"),
        (report.left_out, "relationships left out: their other end is not in this graph"),
    ):
        if count:
            say(f"{count:,} {text}\n")


def _counts(report: ExportReport | ImportReport) -> str:
    return (
        f"{report.spans:,} spans, {report.artifacts:,} artifacts with {report.nested:,} nested "
        "models"
    )


@contextmanager
def _shown(what: str, quiet: bool) -> Generator[Callable[[ExportReport | ImportReport], object]]:
    """Counts on standard error, where a person waits."""
    with progress_bars(SpinnerColumn(), TimeElapsedColumn(), quiet=quiet) as bar:
        task = bar.add_task(what, total=None)
        yield lambda report: bar.update(task, description=f"{what} {_counts(report)}")
