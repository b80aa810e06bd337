"""Output of the commands: JSON for programs, and text that cannot control the terminal."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from artigraph_neo4j.common.wording import visible

__all__ = ["Json", "Terminal", "print_json", "say", "wide_terminal"]

PIPED = 160
"""Width of the output without a terminal, so that ``grep`` finds a run in one line."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, of an error too.")]


class Terminal(Console):
    """A console that prints control characters as visible escapes.

    Labels, messages and names are recorded text, which could otherwise move the cursor, hide lines
    or write to the clipboard.

    Args:
        stderr: Whether to print on standard error.
        soft_wrap: Whether to let the terminal break long lines.
    """

    def __init__(self, *, stderr: bool = False, soft_wrap: bool = True) -> None:
        super().__init__(stderr=stderr, soft_wrap=soft_wrap, highlight=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """See ``Console.render``; control codes of this program itself stay."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else visible(text), style, control)


def wide_terminal() -> Terminal:
    """Return a console that breaks lines by itself, at ``PIPED`` characters without a terminal."""
    console = Terminal(soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED
    return console


def say(text: str, *, err: bool = False) -> None:
    """Print text as it is, with its line ends, on standard output or standard error."""
    typer.echo(visible(text), nl=False, err=err)


def print_json(value: Any) -> None:
    """Print one JSON object on standard output; times as ISO 8601, lengths of time in seconds."""
    typer.echo(json.dumps(value, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, date) else str(value)
