"""``artigraph export`` and ``import``: all below a span, in files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from artigraph_neo4j.cli.app import Json, app, errors_said, print_json
from artigraph_neo4j.cli.options import Url, run
from artigraph_neo4j.errors import StorageError
from artigraph_neo4j.exchange.archive import ExportReport, ImportReport, export_graph, import_graph
from artigraph_neo4j.storage.base import find_storage

__all__ = ["export", "import_"]


class Format(StrEnum):
    """How it is written."""

    jsonl = "jsonl"
    parquet = "parquet"


@app.command()
def export(
    span: Annotated[str, typer.Argument(metavar="ID", help="The span's id.")],
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
    with errors_said(), _shown("exporting", json) as shown:
        report = run(
            url,
            lambda: export_graph(
                span, out, format=as_format.value, blobs=blobs, progress=shown
            ),
        )  # fmt: skip
    if json:
        print_json(asdict(report))
        return
    sys.stdout.write(
        f"exported {_counts(report)} to {report.path}\n"
        + (f"{report.blobs:,} references to stored values" if report.blobs else "")
        + (f", {decimal(report.bytes)} written\n" if blobs else "")
        + ("; --blobs writes them too\n" if report.blobs and not blobs else "")
    )
    if report.open:
        sys.stdout.write(f"{report.open:,} spans are still open\n")


@app.command("import")
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
    with errors_said(), _shown("importing", json) as shown:
        place = None if storage is None else find_storage(storage)
        if storage is not None and place is None:
            raise StorageError(
                f"{storage!r} is no storage that can be made of its name, as s3:bucket/prefix and "
                "file:/path can"
            )
        report = run(url, lambda: import_graph(path, storage=place, progress=shown))
    if json:
        print_json(asdict(report))
        return
    sys.stdout.write(
        f"imported {_counts(report)}; {report.new:,} nodes are new\n"
        f"see them with: artigraph show {report.span}\n"
    )
    for count, text in (
        (report.uploaded, f"stored values uploaded ({decimal(report.bytes)})"),
        (report.shared, "references lead to values in the storage of the other graph"),
        (report.left_out, "relationships left out: their other end is not in this graph"),
    ):
        if count:
            sys.stdout.write(f"{count:,} {text}\n")


def _counts(report: ExportReport | ImportReport) -> str:
    return (
        f"{report.spans:,} spans, {report.artifacts:,} artifacts with {report.nested:,} nested "
        "models"
    )


@contextmanager
def _shown(what: str, quiet: bool) -> Generator[Callable[[ExportReport | ImportReport], object]]:
    """Counts on standard error, where a person waits."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=quiet or not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda report: bar.update(task, description=f"{what} {_counts(report)}")
