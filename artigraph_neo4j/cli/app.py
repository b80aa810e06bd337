"""The application that all commands hang on, and what they share."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from artigraph_neo4j._version import __version__
from artigraph_neo4j.errors import ArtigraphError

__all__ = ["Directory", "Json", "app", "errors_said", "print_json"]

ORDER = [
    "up", "down", "status", "env", "browser", "doctor", "ls", "show", "artifact", "impact",
    "why", "recipe", "diff", "contrast", "stale", "export",
    "import", "import-artigraph", "schema", "migrate", "lost", "delete", "retain", "gc",
    "new-graph-id",
]  # fmt: skip


class _Ordered(TyperGroup):
    """Lists the commands as docs/cli.md does, those for a beginning first."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=ORDER.index)


app = typer.Typer(
    name="artigraph",
    cls=_Ordered,
    help="Typed artifacts and nested spans in Neo4j. Exit codes: 0 done, 1 failed, 2 wrong usage, "
    "3 (status) not running; docs/cli.md has all.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Directory = Annotated[
    Path | None,
    typer.Option("--dir", help="Where the stack's data is.", envvar="ARTIGRAPH_HOME"),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@contextmanager
def errors_said() -> Generator[None]:
    """Errors of this library as one line on standard error, exit code 1."""
    try:
        yield
    except ArtigraphError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"[red]error:[/red] {escape(str(error))}"
        )
        raise typer.Exit(1) from error


def print_json(value: Any) -> None:
    """One JSON object on standard output; times as ISO 8601."""
    sys.stdout.write(json.dumps(value, default=_plain) + "\n")


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"artigraph-neo4j {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


for module in (
    "artifact", "browser", "contrast", "deleting", "diff", "doctor", "gc", "graph", "impact",
    "local", "lost", "portable", "recipe", "runs", "show", "stale", "upstream", "why",
):  # fmt: skip
    import_module(f"artigraph_neo4j.cli.{module}")  # which hangs its commands on ``app``
