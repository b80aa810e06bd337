"""Options that several commands have, and how values are shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import typer

from artigraph_neo4j.current import engine_context

__all__ = ["Url", "age", "ago", "run", "span_style", "spent"]

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


def spent(time: timedelta | None, *, parts: int = 2) -> str:
    """How long something took, or is ago, in two parts at the most."""
    if time is None:
        return ""
    seconds = time.total_seconds()
    if seconds < 0:
        return f"-{spent(-time, parts=parts)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, below, small in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size:,} {unit}" + (f" {rest} {small}" if rest and parts > 1 else "")
    raise AssertionError(whole)


def span_style(status: str | None, closed_at: datetime | None) -> str:
    """The colour of a span: what failed is red, what is open yellow."""
    if status == "ERROR":
        return "red"
    return "green" if closed_at is not None else "yellow"


def ago(moment: datetime | None) -> timedelta | None:
    """How long ago that was, by this machine's clock."""
    return None if moment is None else datetime.now(UTC) - moment
