"""``artigraph import-artigraph``: import of a database of Artigraph 0.0.x into this graph."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer
from rich.markup import escape

from artigraph_neo4j.cli.options import Url, bar, run
from artigraph_neo4j.cli.output import Json, Terminal, print_json
from artigraph_neo4j.common.wording import duration_text
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.storage.file import FileSystemStorage
from artigraph_neo4j.upstream import ImportNote, ImportReport, import_artigraph, storage_name

__all__ = ["commands", "import_"]

commands = typer.Typer(add_completion=False)

SHOWN = 20
"""Maximum number of notes printed of each kind; ``--json`` has all."""


def _places(given: list[str]) -> dict[str, Storage]:
    """Return storages by Artigraph's names, from arguments ``PLACE`` or ``NAME=PLACE``."""
    found: dict[str, Storage] = {}
    for item in given:
        name, named, place = item.partition("=")
        place = place if named else item
        if place.startswith("s3://"):
            # Imported here, since the extra [cli] alone does not have the S3 client.
            from artigraph_neo4j.storage.aws import S3Storage

            # Keys in the database are complete: they include the prefix.
            storage: Storage = S3Storage(place.removeprefix("s3://").partition("/")[0])
        else:
            storage = FileSystemStorage(place)
        found[name if named else storage_name(place)] = storage
    return found


def _names(given: list[str]) -> dict[str, str]:
    pairs = [item.partition("=") for item in given]
    for old, _, new in pairs:
        if not old or not new:
            raise typer.BadParameter(f"{old!r} renames nothing; write --rename OLD=NEW")
    return {old: new for old, _, new in pairs}


@commands.command(name="import-artigraph")
def import_(
    database: Annotated[
        str,
        typer.Argument(
            metavar="DATABASE", help="The URL that Artigraph used, or the path of an SQLite file."
        ),
    ],
    storage: Annotated[
        list[str] | None,
        typer.Option(
            "--storage",
            metavar="[NAME=]PLACE",
            help="A directory or s3://bucket/prefix that values are in; may be given again. NAME "
            "is what Artigraph called it, where that does not follow from the place.",
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option("--rename", metavar="OLD=NEW", help="Another name for a model."),
    ] = None,
    allow_pickle: Annotated[
        bool,
        typer.Option("--allow-pickle", help="Read pickled values, which runs code that they name."),
    ] = False,
    source: Annotated[
        str, typer.Option("--source", help="A name, to tell equal databases apart.")
    ] = "",
    batch: Annotated[int, typer.Option("--batch", min=1, help="Nodes at once.")] = 500,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read everything, report, and write nothing.")
    ] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Import a database of Artigraph 0.0.x. Exit code 1 if something cannot be imported."""
    places, names = _places(storage or []), _names(rename or [])

    with bar("trying" if dry_run else "importing", quiet=json) as shown:
        report = run(
            url,
            lambda: import_artigraph(
                database,
                storages=places,
                names=names,
                allow_pickle=allow_pickle,
                source=source,
                batch=batch,
                dry_run=dry_run,
                progress=shown,
            ),
            create_schema=not dry_run,
        )
    if json:
        print_json(asdict(report))
    else:
        _say(report)
    if report.skipped:
        raise typer.Exit(1)


def _say(report: ImportReport) -> None:
    console = Terminal()
    done = "could be imported" if report.dry_run else "imported"
    took = duration_text(timedelta(seconds=report.seconds))
    console.print(
        f"{done}: {report.spans:,} spans, {report.artifacts:,} artifacts with {report.nested:,} "
        f"nested models; {report.known:,} were there already ({took})"
    )
    _say_notes(console, "[yellow]kept as bytes[/yellow]", report.as_bytes)
    _say_notes(console, "[cyan]note[/cyan]", report.notes)
    _say_notes(console, "[red]not imported[/red]", report.skipped)


def _say_notes(console: Terminal, kind: str, notes: list[ImportNote]) -> None:
    for note in notes[:SHOWN]:
        console.print(f"{kind}: {note.old_id} {escape(note.what)}: {escape(note.reason)}")
    if len(notes) > SHOWN:
        console.print(f"... and {len(notes) - SHOWN:,} more; --json has them")
