"""``artigraph ls``: what was run, how it went, and what is below it."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text

from artigraph_neo4j.cli.options import Url, age, ago, run, span_facts, span_state, span_style
from artigraph_neo4j.cli.output import Json, Terminal, print_json, say
from artigraph_neo4j.common.colours import ERROR
from artigraph_neo4j.common.wording import duration_text
from artigraph_neo4j.find import (
    Filter,
    find_spans,
)
from artigraph_neo4j.find.counts import SpanCounts, read_span_counts
from artigraph_neo4j.find.terms import (
    span,
    tagged,
)
from artigraph_neo4j.graph.names import users_labels
from artigraph_neo4j.graph.span import (
    Span,
)
from artigraph_neo4j.graph.span_meta import (
    SpanMeta,
)
from artigraph_neo4j.graph.span_rows import subclasses_of_span

__all__ = ["commands", "ls", "read_runs", "runs_table"]

commands = typer.Typer(add_completion=False)


WIDE = 100
"""From so many columns on, a terminal has room for all."""
PIPED = 160
"""For what is no terminal, so that ``grep`` finds a run in one line."""


class Status(StrEnum):
    """The status of a span."""

    ok = "OK"
    error = "ERROR"
    unset = "UNSET"


@commands.command()
def ls(
    label: Annotated[str | None, typer.Option("--label", help="Only labels that begin so.")] = None,
    status: Annotated[
        Status | None,
        typer.Option("--status", case_sensitive=False, help="Only those that ended so."),
    ] = None,
    since: Annotated[
        timedelta | None,
        typer.Option(
            "--since", parser=age, metavar="AGE", help="Only those opened so recently: 12h, 7d."
        ),
    ] = None,
    cls: Annotated[
        str | None, typer.Option("--class", metavar="NAME", help="Only of this span class.")
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only those with this tag.")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only those still open.")] = False,
    everywhere: Annotated[
        bool, typer.Option("--all", help="Spans at any depth, not only root spans.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 25,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show runs, newest first. A run is a root span; its counts are of all below it."""
    filters: list[Filter] = [] if everywhere else [span.depth == 0]
    if label is not None:
        filters.append(span.label.startswith(label))
    if status is not None:
        filters.append(span.status == status.value)
    if since is not None:
        filters.append(span.opened_at >= datetime.now(UTC) - since)
    if tag is not None:
        filters.append(tagged(tag))
    if open_only:
        filters.append(span.closed_at.is_null())
    found = run(url, lambda: read_runs(cls, filters, limit))
    if json:
        print_json({"spans": [_facts(item, counts) for item, counts in found]})
    elif not found:
        say("no run fits\n" if filters[not everywhere :] or cls else "nothing is recorded yet\n")
    else:
        console = Terminal(soft_wrap=False)
        if not console.is_terminal and "COLUMNS" not in os.environ:
            console.width = PIPED
        console.print(runs_table(found, wide=console.width >= WIDE))


async def read_runs(
    cls: str | None, filters: list[Filter], limit: int
) -> list[tuple[Span, SpanCounts]]:
    """Spans, newest first, with what is below each. Two round trips."""
    query = find_spans(*filters) if cls is None else find_spans(_class_of(cls), *filters)
    spans = await query.order_by(span.opened_at.desc()).limit(limit).read()
    counts = await read_span_counts(*(item.node_id for item in spans))
    return list(zip(spans, counts, strict=True))


def _class_of(name: str) -> type[Span]:
    """The span class of a name; made here, since a user's classes are not known."""
    for known in subclasses_of_span():
        if known.inherited_labels()[0] == name:
            return known
    if name == "Span":
        return Span
    made: type[Span] = SpanMeta(name, (Span,), {"__module__": __name__})
    return made


def _facts(item: Span, counts: SpanCounts) -> dict[str, Any]:
    return span_facts(item) | {"class": _class_name(item)} | asdict(counts)


def _class_name(item: Span) -> str:
    own = users_labels(item.node_labels)
    return own[0] if own else "Span"


def runs_table(found: list[tuple[Span, SpanCounts]], *, wide: bool = True) -> Table:
    """The table that a person sees; in a narrow terminal with fewer columns, ids below labels."""
    right: dict[str, Any] = {"no_wrap": True, "justify": "right"}
    table = Table(
        Column("label" if wide else "label, id", overflow="fold"),
        Column("status", no_wrap=True),
        Column("age", **right),
        *([Column("took", **right)] if wide else []),
        Column("spans", **right),
        *([Column("artifacts", **right)] if wide else []),
        *([Column("id", no_wrap=True, min_width=36)] if wide else []),  # to be copied
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for item, counts in found:
        style = span_style(item)
        counted = Text(f"{counts.spans:,}")
        if counts.failed:
            counted.append(f" ({counts.failed:,} failed)", ERROR.fill)
        label = Text(item.label or "", ERROR.fill if item.status == "ERROR" else "")
        table.add_row(
            label if wide else Text.assemble(label, "\n", (item.node_id, "dim")),
            Text(span_state(item), style),
            duration_text(ago(item.opened_at)),
            *([duration_text(item.duration)] if wide else []),
            counted,
            *([f"{counts.artifacts:,}", item.node_id] if wide else []),
        )
    return table
