"""``artigraph browser``: Neo4j Browser on the local stack; a style and queries for any graph."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer

from artigraph_neo4j.cli.graph import import_modules
from artigraph_neo4j.cli.local import facts, running
from artigraph_neo4j.cli.options import Directory
from artigraph_neo4j.cli.output import Json, print_json, say
from artigraph_neo4j.graph.span_rows import subclasses_of_span
from artigraph_neo4j.local import StackInfo
from artigraph_neo4j.local.kit import Kit, write_kit
from artigraph_neo4j.model.base import model_info
from artigraph_neo4j.model.identity import known_models

__all__ = ["address", "browser", "commands"]

commands = typer.Typer(add_completion=False)

_FACTS = ("browser_url", "bolt_url", "username", "password")


@commands.command()
def browser(
    modules: Annotated[
        list[str] | None,
        typer.Argument(
            help="With --kit: modules, or files, whose models and span classes get rules.",
            metavar="MODULE...",
        ),
    ] = None,
    directory: Directory = None,
    kit: Annotated[
        Path | None,
        typer.Option("--kit", help="Write a style and saved queries to this directory instead."),
    ] = None,
    open_it: Annotated[
        bool, typer.Option("--open/--no-open", help="Open it in the web browser.")
    ] = True,
    json: Json = False,
) -> None:
    """Open Neo4j Browser on the running stack, or write a style for it. Says how to log in.

    The kit needs no stack: it is for any Neo4j. With --json nothing is opened.
    """
    if kit is not None:
        import_modules(modules or [])
        _say_kit(_write(kit), json)
        return
    if modules:
        raise typer.BadParameter("modules are for --kit DIR")
    info = running(directory)
    if json:
        print_json({k: v for k, v in facts(info).items() if k in _FACTS})
        return
    say(
        f"{info.browser_url}\nconnect to {info.bolt_url} as {info.username} with password "
        f"{info.password}\n"
    )
    if open_it:
        webbrowser.open(address(info))


def address(info: StackInfo) -> str:
    """Return the address that opens Browser with the server and the user name filled in."""
    scheme, _, host = info.bolt_url.partition("://")
    return f"{info.browser_url}?{urlencode({'connectURL': f'{scheme}://{info.username}@{host}'})}"


def _write(directory: Path) -> Kit:
    spans = {cls.inherited_labels()[0] for cls in subclasses_of_span()}
    return write_kit(directory, spans=spans, models={model_info(m).name for m in known_models()})


def _say_kit(kit: Kit, json: bool) -> None:
    if json:
        print_json({"style": kit.style, "csv": kit.csv, "zip": kit.zip})
        return
    say(
        f"{kit.style}\n{kit.csv}\n{kit.zip}\n"
        "at /browser/: drag the .grass and the .zip onto the window\n"
        "at /browser/preview/: import the .csv under Saved Cypher, and the .grass where a label's "
        "colour is chosen (docs/browser.md)\n"
    )
