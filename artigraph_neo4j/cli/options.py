"""Options of several commands, and the display of values."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn

from artigraph_neo4j.common.bar import progress_bars
from artigraph_neo4j.common.colours import STATUS, UNSET
from artigraph_neo4j.engine.configure import engine_context
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.graph.span_rows import seconds_of

__all__ = [
    "SPAN_HELP",
    "Directory",
    "Url",
    "age",
    "ago",
    "bar",
    "run",
    "span_facts",
    "span_state",
    "span_style",
]

T = TypeVar("T")

Directory = Annotated[
    Path | None,
    typer.Option("--dir", help="The directory of the stack's data.", envvar="ARTIGRAPH_HOME"),
]

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="The graph, neo4j://user:password@host:7687/database or local; by default NEO4J_URI "
        "and its like, else the stack that artigraph up started.",
    ),
]

SPAN_HELP = "Its id, the beginning of one, its label, or latest for the newest run."

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_PART = r"([0-9]+(?:\.[0-9]+)?)([wdhms])"
_LONGEST = timedelta(days=36_500)  # anything longer could reach back before the year 1


def run(
    url: str | None,
    work: Callable[[], Coroutine[Any, Any, T]],
    *,
    create_schema: bool | None = None,
) -> T:
    """Run a call of the library on the graph of the command line.

    Args:
        url: The value of ``--url``.
        work: The call.
        create_schema: See ``set_engine``.
    """

    async def start() -> T:
        async with engine_context(url, create_schema=create_schema):
            return await work()

    return asyncio.run(start())


@contextmanager
def bar(description: str, *, quiet: bool) -> Generator[Callable[[int, int | None], object]]:
    """Show a progress bar; yield the function to call with done and total."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with progress_bars(*columns, quiet=quiet) as shown:
        task = shown.add_task(description, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def age(text: str) -> timedelta:
    """Return an age from text, for every option that takes one: 30d, 12h, 1.5h, 1d12h.

    Raises:
        typer.BadParameter: The text is not an age, or longer than a hundred years.
    """
    if re.fullmatch(rf"({_PART})+", text) is None:
        raise typer.BadParameter(f"{text!r} is not an age; write 30d, 12h, 2w, 90m, 1.5h or 1d12h")
    parts = re.findall(_PART, text)
    try:
        found = sum((timedelta(**{_UNITS[unit]: float(n)}) for n, unit in parts), timedelta())
    except OverflowError:
        found = timedelta.max
    if found > _LONGEST:
        raise typer.BadParameter(f"{text!r} is too long; the longest is 36500d")
    return found


def span_style(span: Span) -> str:
    """Return the colour of a span, as in all pictures: red if it failed, amber while open."""
    return STATUS.get(span.status, UNSET).fill


def span_state(span: Span) -> str:
    """Return the state of a span in one word."""
    return "open" if span.closed_at is None else str(span.status)


def span_facts(span: Span) -> dict[str, Any]:
    """Return the facts of a span that ``--json`` prints."""
    return {
        "node_id": span.node_id,
        "label": span.label,
        "status": span.status,
        "opened_at": span.opened_at,
        "closed_at": span.closed_at,
        "seconds": seconds_of(span),
        "exception_type": span.exception_type,
        "exception_message": span.exception_message,
    }


def ago(moment: datetime | None) -> timedelta | None:
    """Return the time since an instant, by this machine's clock."""
    return None if moment is None else datetime.now(UTC) - moment
