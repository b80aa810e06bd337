"""``artigraph schema`` and ``migrate``: a graph's layout, and its stored artifacts."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from artigraph_neo4j.cli.options import Url, bar, run
from artigraph_neo4j.cli.output import Json, Terminal, print_json, say
from artigraph_neo4j.common.wording import duration_text
from artigraph_neo4j.errors import ArtigraphError
from artigraph_neo4j.upkeep.migrate.backlog import ModelBacklog, migration_backlog
from artigraph_neo4j.upkeep.migrate.bulk import (
    MigrationProgress,
    MigrationReport,
    migrate_artifacts,
)
from artigraph_neo4j.upkeep.schema import SchemaState, check_schema, install_schema, upgrade_schema

__all__ = ["backlog_table", "check", "commands", "import_modules", "install", "migrate", "upgrade"]

commands = typer.Typer(add_completion=False)

schema = typer.Typer(
    name="schema", help="Show, create or upgrade the layout of the graph.", no_args_is_help=True
)
commands.add_typer(schema)


@schema.command()
def check(url: Url = None, json: Json = False) -> None:
    """Show the version of the graph's layout. Exit code 1 when it has to be upgraded."""
    _say_state(run(url, check_schema, create_schema=False), json)


@schema.command()
def install(url: Url = None, json: Json = False) -> None:
    """Create constraints and indexes in a database that has none of them yet."""
    _say_state(run(url, install_schema, create_schema=False), json)


@schema.command()
def upgrade(url: Url = None, json: Json = False) -> None:
    """Bring the graph to the layout of this version. End all programs that use it before."""
    with bar("upgrading", quiet=json) as shown:
        before = run(url, lambda: upgrade_schema(progress=shown), create_schema=False)
    _say_state(run(url, check_schema, create_schema=False), json, before)


def _say_state(state: SchemaState, json: bool, before: int | None = None) -> None:
    if json:
        print_json(asdict(state) | ({} if before is None else {"before": before}))
    elif state.version is None:
        say("no schema yet; create it with: artigraph schema install\n")
    else:
        was = "" if before in (None, state.version) else f", was {before}"
        say(f"schema version {state.version}{was}; needed is {state.needed}\n")
        say("".join(f"missing: {name}\n" for name in state.missing))
        if not state.is_current:
            say("bring it up to date with: artigraph schema upgrade\n")
    if not state.is_current:
        raise typer.Exit(1)


@commands.command()
def migrate(
    modules: Annotated[
        list[str] | None,
        typer.Argument(help="Modules, or files, that define today's models.", metavar="MODULE..."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do everything except writing, and report failures.")
    ] = False,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Artifacts at once.")] = 500,
    url: Url = None,
    json: Json = False,
) -> None:
    """Rewrite stored artifacts of older versions as today's models. Exit code 1 if some cannot."""
    import_modules(modules or [])
    backlog, report = run(url, lambda: _migrate(batch, dry_run, json), create_schema=False)
    if json:
        print_json({"backlog": [asdict(row) for row in backlog], **_facts(report)})
    else:
        _say_report(report)
    if report.failed or any(row.status == "no path" for row in report.blocked):
        raise typer.Exit(1)


async def _migrate(
    batch: int, dry_run: bool, json: bool
) -> tuple[list[ModelBacklog], MigrationReport]:
    backlog = await migration_backlog()
    if not json:
        Terminal().print(backlog_table(backlog))
    with bar("trying" if dry_run else "migrating", quiet=json) as shown:

        def say(progress: MigrationProgress) -> None:
            shown(progress.done, progress.total)

        report = await migrate_artifacts(batch=batch, dry_run=dry_run, progress=say)
    return backlog, report


def import_modules(names: Iterable[str]) -> None:
    """Import modules, by their names or files, that define models and span classes.

    Raises:
        ArtigraphError: A module cannot be imported.
    """
    for name in names:
        _import(name)


def _import(name: str) -> None:
    """Import a module by its name, or a file."""
    path = Path(name)
    for folder in (str(Path.cwd()), *([str(path.parent.absolute())] if path.is_file() else [])):
        if folder not in sys.path:  # as with "python -m" and "python file.py"
            sys.path.insert(0, folder)
    try:
        module = importlib.import_module(path.stem if path.is_file() else name)
    except Exception as error:
        raise ArtigraphError(
            f"{name} could not be imported: {type(error).__name__}: {error}"
        ) from error
    if path.is_file() and not path.samefile(module.__file__ or sys.prefix):
        raise ArtigraphError(f"{name} could not be imported: another module is named {path.stem}")


_COLOURS = {"current": "green", "can migrate": "yellow", "unknown model": "dim"}


def backlog_table(backlog: list[ModelBacklog]) -> Table:
    """Return the table of stored versions of models."""
    table = Table("model", "version", "artifacts", "status", "")
    for row in backlog:
        colour = _COLOURS.get(row.status, "red")
        table.add_row(
            escape(row.model),
            str(row.version),
            f"{row.artifacts:,}",
            f"[{colour}]{row.status}[/{colour}]",
            escape(row.detail),
        )
    return table


def _facts(report: MigrationReport) -> dict[str, Any]:
    failures = [
        {"node_id": f.node_id, "model": f.model, "version": f.version, "error": str(f.error)}
        for f in report.failures
    ]
    names = ("dry_run", "migrated", "elsewhere", "failed", "seconds")
    return {name: getattr(report, name) for name in names} | {"failures": failures}


def _say_report(report: MigrationReport) -> None:
    console = Terminal()
    done = "could be migrated" if report.dry_run else "migrated"
    took = duration_text(timedelta(seconds=report.seconds))
    console.print(f"{report.migrated:,} {done}, {report.failed:,} failed ({took})")
    for failure in report.failures[:SHOWN]:
        console.print(f"[red]failed:[/red] {escape(str(failure.error))}")
    if report.failed > SHOWN:
        console.print(f"... and {report.failed - SHOWN:,} more; --json has them")


SHOWN = 20
