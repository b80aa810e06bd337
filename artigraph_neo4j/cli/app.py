"""The application: a table of commands, each imported when it is called."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from artigraph_neo4j._version import __version__
from artigraph_neo4j.cli.output import print_json, say
from artigraph_neo4j.common.hiding import hidden
from artigraph_neo4j.errors import ArtigraphError

__all__ = ["COMMANDS", "app"]

COMMANDS = {
    "up": ("local", "Start Neo4j and S3 on this machine, or find them running."),
    "down": ("local", "Stop the servers cleanly."),
    "status": ("local", "Show addresses, versions, sizes and health."),
    "env": ("local", "Print the environment by which programs find the stack."),
    "browser": ("browser", "Open Neo4j Browser on the running stack, or write a style for it."),
    "doctor": ("doctor", "Check this machine, the graph and the storages."),
    "ls": ("runs", "Show runs, newest first."),
    "compare": ("compare", "Show runs side by side, and what differs."),
    "report": ("report", "Write a page about runs: one HTML file."),
    "show": ("show", "Show a span, all below it, and their artifacts."),
    "artifact": ("artifact", "Show the fields of an artifact and where each value is."),
    "impact": ("impact", "Count what derives from artifacts, and show the runs it reaches."),
    "why": ("why", "Show how one artifact came from another."),
    "recipe": ("recipe", "Show what an artifact came from, in an order to make it again."),
    "diff": ("diff", "Show what differs between two runs, and where they parted."),
    "contrast": ("contrast", "Show what failed runs have in common that good ones lack."),
    "stale": ("stale", "Show which artifacts are stale, why, and what to run again."),
    "check": ("check", "Show artifacts that come from what a policy forbids."),
    "cache": ("cache", "Show calls of cached functions: which ran, and which were remembered."),
    "export": ("portable", "Write a span, all below it, and their artifacts to a file."),
    "import": ("portable", "Bring exported JSON lines into a graph."),
    "import-artigraph": ("upstream", "Import a database of Artigraph 0.0.x."),
    "schema": ("graph", "Show, create or upgrade the layout of the graph."),
    "models": ("models", "Show the models that are stored, or print dataclasses for them."),
    "migrate": ("graph", "Rewrite stored artifacts of older versions as today's models."),
    "lost": ("lost", "Show spans left open by processes that are gone; or close them."),
    "delete": ("deleting", "Delete spans and artifacts with all below them."),
    "retain": ("deleting", "Delete root spans by age and number, or count them."),
    "gc": ("gc", "Show stored values that nothing refers to; or delete them."),
    "new-graph-id": ("gc", "Give a copy of a graph an id of its own."),
}
"""The module of each command and its line in ``--help``, in the order of docs/cli.md."""

# The base of typer's errors for a wrong command line, whichever copy of click it uses.
if TYPE_CHECKING:
    _UsageError = typer.BadParameter
else:
    _UsageError = typer.BadParameter.__mro__[1]

_ASKED = "artigraph.json"


class Commands(TyperGroup):
    """A group that imports its commands when they are called, so that ``--help`` is quick.

    It prints the errors of all commands: one line on standard error, or an object with ``--json``.
    """

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of commands, those for beginners first."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, said = COMMANDS[cmd_name]
        if self._listing:
            return TyperCommand(cmd_name, help=said)
        _import_driver()
        commands = import_module(f"artigraph_neo4j.cli.{module}").commands
        found: Any = typer.main.get_command(commands)
        return found.commands[cmd_name] if hasattr(found, "commands") else found

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help of the group without importing any command."""
        with self._only_listed():
            super().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Complete the name of a command without importing any."""
        with self._only_listed():
            return super().shell_complete(ctx, incomplete)

    @contextmanager
    def _only_listed(self) -> Generator[None]:
        self._listing = True
        try:
            yield
        finally:
            self._listing = False

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Parse the command line, and note whether it asks for JSON."""
        asked = "--json" in args
        with _told(asked):
            ctx = super().make_context(info_name, args, parent, **extra)
        ctx.meta[_ASKED] = asked
        return ctx

    def invoke(self, ctx: Any) -> Any:
        """Call a command, and print its error."""
        with _told(ctx.meta[_ASKED]):
            return super().invoke(ctx)


@contextmanager
def _told(json: bool) -> Generator[None]:
    """Print errors of this library, and with ``--json`` also those of the command line."""
    try:
        yield
    except ArtigraphError as error:
        if json:
            _print_error(error, str(error))
        else:
            typer.secho("error:", fg="red", nl=False, err=True)
            say(f" {error}\n", err=True)
        raise typer.Exit(1) from error
    except _UsageError as error:
        error.message = hidden(error.message)  # it quotes arguments
        if not json:
            raise
        _print_error(error, error.format_message())
        raise typer.Exit(error.exit_code) from error


def _print_error(error: Exception, message: str) -> None:
    print_json({"error": {"type": type(error).__name__, "message": message}})


def _import_driver() -> None:
    """Import Neo4j's driver without pandas, which it would import where that is installed.

    Pandas takes half a second, for values that no command sends. Python treats a module that is
    None in ``sys.modules`` as not installed; afterwards the entry is removed.
    """
    if "neo4j" in sys.modules:
        return
    hidden = [name for name in ("numpy", "pandas", "pyarrow") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        import_module("neo4j")
    finally:
        for name in hidden:
            del sys.modules[name]


app = typer.Typer(
    name="artigraph",
    cls=Commands,
    help="Typed artifacts and nested spans in Neo4j. Exit codes: 0 done, 1 failed, 2 wrong usage, "
    "3 (status) not running; docs/cli.md has all.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"artigraph-neo4j {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version
