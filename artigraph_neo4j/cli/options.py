"""Options that several commands have, and how values are shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import typer

from artigraph_neo4j.colours import STATUS, UNSET
from artigraph_neo4j.current import engine_context
from artigraph_neo4j.graph.nodes import Span

__all__ = ["Url", "age", "ago", "run", "span_state", "span_style"]

T = TypeVar("T")

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="The graph, neo4j://user:password@host:7687/database or local; by default NEO4J_URI "
        "and its like, else the stack that artigraph up started.",
    ),
]

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def run(url: str | None, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a call of the library on the graph that the command line means."""

    async def start() -> T:
        async with engine_context(url):
            return await work()

    return asyncio.run(start())


def age(text: str) -> timedelta:
    """An age as people write it: 30d, 12h, 1d12h.

    Raises:
        typer.BadParameter: It is none.
    """
    parts = re.findall(r"(\d{1,6})([wdhms])", text)
    if text != "".join(map("".join, parts)) or not parts:
        raise typer.BadParameter(f"{text!r} is no age; write 30d, 12h, 2w, 90m or 1d12h")
    return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())


def span_style(span: Span) -> str:
    """The colour of a span, as in all pictures: what failed is red, what is open amber."""
    return STATUS.get(span.status, UNSET).fill


def span_state(span: Span) -> str:
    """How a span is, in a word."""
    return "open" if span.closed_at is None else str(span.status)


def ago(moment: datetime | None) -> timedelta | None:
    """How long ago that was, by this machine's clock."""
    return None if moment is None else datetime.now(UTC) - moment
