"""``artigraph doctor``: checks of machine, graph and storages, with advice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict

import typer
from rich.text import Text

from artigraph_neo4j.cli.checks import Check, run_checks
from artigraph_neo4j.cli.options import Url
from artigraph_neo4j.cli.output import Json, Terminal, print_json

__all__ = ["commands", "doctor"]

commands = typer.Typer(add_completion=False)

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


@commands.command()
def doctor(url: Url = None, json: Json = False) -> None:
    """Check this machine, the graph and the storages. Exit code 1 when a check fails."""
    console = Terminal()
    found = asyncio.run(_run(url, (lambda _: None) if json else lambda c: _say(console, c)))
    failed = any(check.result == "fail" for check in found)
    if json:
        print_json({"healthy": not failed, "checks": [asdict(check) for check in found]})
    if failed:
        raise typer.Exit(1)


async def _run(url: str | None, say: Callable[[Check], None]) -> list[Check]:
    found: list[Check] = []
    async for check in run_checks(url):
        found.append(check)
        say(check)
    return found


def _say(console: Terminal, check: Check) -> None:
    line = Text.assemble(
        (f"{check.result:<5}", _STYLES[check.result]),
        (f"{check.name:<12}", "bold"),
        " ",
        check.text,
    )
    if check.fix:
        line.append(f"; fix: {check.fix}", "cyan")
    console.print(line)
