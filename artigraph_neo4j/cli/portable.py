"""``artigraph export`` and ``import``: everything below a span, in files."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.progress import SpinnerColumn, TimeElapsedColumn

from artigraph_neo4j.cli.filters import Before, Chosen, Label, Since
from artigraph_neo4j.cli.options import Url, run
from artigraph_neo4j.cli.output import Json, print_json, say
from artigraph_neo4j.common.bar import progress_bars
from artigraph_neo4j.common.wording import size_text
from artigraph_neo4j.exchange.archive import (
    ExportReport,
    ImportReport,
    export_graph,
    export_tables,
    import_graph,
)
from artigraph_neo4j.find.named import find_named
from artigraph_neo4j.storage.known import open_storage

__all__ = ["commands", "export", "import_"]

commands = typer.Typer(add_completion=False)


class Format(StrEnum):
    """The format of an export."""

    jsonl = "jsonl"
    parquet = "parquet"


@commands.command()
def export(
    where: Annotated[
        list[str],
        typer.Argument(
            metavar="[SPAN] OUT",
            help="The span (its id, the beginning of one, its label, or latest), and the file (.gz "
            "compresses it; for Parquet and --all a directory).",
        ),
    ],
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Write every run into OUT: each into a file of its own; as tables, by day.",
        ),
    ] = False,
    label: Label = None,
    since: Since = None,
    before: Before = None,
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
    chosen = Chosen(label, since=since, before=before)
    if len(where) != 2 - everything:
        raise typer.BadParameter("give a span and a file, or --all and a directory")
    if chosen and not everything:
        raise typer.BadParameter("--label, --since and --before go with --all")
    if blobs and as_format is Format.parquet:
        raise typer.BadParameter("Parquet tables hold no stored values; leave --blobs away")
    out = Path(where[-1])
    with _shown("exporting", json) as shown:

        async def write() -> ExportReport:
            if not everything:
                _, node_id = await find_named(where[0], "span")
                return await export_graph(
                    node_id, out, format=as_format.value, blobs=blobs, progress=shown
                )
            if as_format is Format.parquet:
                return await _tables(out, chosen, shown)
            return await _each(out, chosen, blobs, shown)

        report = run(url, write)
    if json:
        print_json(asdict(report))
        return
    say(f"exported {_counts(report)} to {report.path}\n")
    if report.blobs:
        more = f", {size_text(report.bytes)} written" if blobs else "; --blobs writes them too"
        say(f"{report.blobs:,} references to stored values{more}\n")
    if report.open:
        say(f"{report.open:,} spans are still open\n")


async def _tables(out: Path, chosen: Chosen, shown: _Shown) -> ExportReport:
    now = datetime.now(UTC)
    since, before = (None if age is None else now - age for age in (chosen.since, chosen.before))
    return await export_tables(out, label=chosen.label, since=since, before=before, progress=shown)


async def _each(out: Path, chosen: Chosen, blobs: bool, shown: _Shown) -> ExportReport:
    total = ExportReport(out)
    for node_id in reversed(await chosen.query().read_ids()):
        part = await export_graph(
            node_id, out / f"{node_id}.jsonl", blobs=blobs,
            progress=lambda part: shown(_add(replace(total), part)),
        )  # fmt: skip
        _add(total, part)
    return total


@commands.command("import")
def import_(
    path: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The exported file, or the directory of --all."),
    ],
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage", help="The storage for values, such as s3:bucket/prefix or file:/path."
        ),
    ] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Bring exported JSON lines into a graph. What is there stays; do it again after an error."""
    with _shown("importing", json) as shown:
        place = None if storage is None else open_storage(storage)

        async def read() -> ImportReport:
            if not path.is_dir():
                return await import_graph(path, storage=place, progress=shown)
            total = ImportReport("")
            for file in sorted([*path.glob("*.jsonl"), *path.glob("*.jsonl.gz")]):
                done = await import_graph(
                    file, storage=place, progress=lambda part: shown(_add(replace(total), part))
                )
                _add(total, done)
            return total

        report = run(url, read)
    if json:
        print_json(asdict(report))
        return
    say(
        f"imported {_counts(report)}; {report.new:,} nodes are new\n"
        f"see them with: artigraph {f'show {report.span}' if report.span else 'ls'}\n"
    )
    for count, text in (
        (report.uploaded, f"stored values uploaded ({size_text(report.bytes)})"),
        (report.shared, "references lead to values in the storage of the other graph"),
        (report.left_out, "relationships left out: their other end is not in this graph"),
    ):
        if count:
            say(f"{count:,} {text}\n")


_Shown = Callable[[ExportReport | ImportReport], object]

R = TypeVar("R", ExportReport, ImportReport)


def _add(total: R, part: R) -> R:
    """Add the counts of one report to another, and return that one."""
    for name, count in asdict(part).items():
        if isinstance(count, int):
            setattr(total, name, getattr(total, name) + count)
    return total


def _counts(report: ExportReport | ImportReport) -> str:
    return (
        f"{report.spans:,} spans, {report.artifacts:,} artifacts with {report.nested:,} nested "
        "models"
    )


@contextmanager
def _shown(what: str, quiet: bool) -> Generator[_Shown]:
    """Show counts on standard error, in a terminal."""
    with progress_bars(SpinnerColumn(), TimeElapsedColumn(), quiet=quiet) as bar:
        task = bar.add_task(what, total=None)
        yield lambda report: bar.update(task, description=f"{what} {_counts(report)}")
