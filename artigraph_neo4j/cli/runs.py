"""``artigraph ls``: runs, their state, and counts of everything below them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text

from artigraph_neo4j.cli.columns import Columns, OrderBy, names_of, order_of, print_rows, rows_grid
from artigraph_neo4j.cli.filters import (
    Before,
    Chosen,
    ClassName,
    Label,
    OpenOnly,
    Since,
    Status,
    Tag,
)
from artigraph_neo4j.cli.options import Url, ago, run, span_facts, span_state, span_style
from artigraph_neo4j.cli.output import Json, print_json, say, wide_terminal
from artigraph_neo4j.common.colours import ERROR
from artigraph_neo4j.common.wording import duration_text
from artigraph_neo4j.find import SpanQuery
from artigraph_neo4j.find.counts import SpanCounts, read_span_counts
from artigraph_neo4j.graph.names import users_labels
from artigraph_neo4j.graph.span import Span

__all__ = ["commands", "ls", "read_runs", "runs_table"]

commands = typer.Typer(add_completion=False)


WIDE = 100
"""Minimum width of a terminal that has room for all columns of the table."""


@commands.command()
def ls(
    label: Label = None,
    status: Status = None,
    since: Since = None,
    before: Before = None,
    cls: ClassName = None,
    tag: Tag = None,
    open_only: OpenOnly = False,
    everywhere: Annotated[
        bool, typer.Option("--all", help="Spans at any depth, not only root spans.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Maximum number.")] = 25,
    columns: Columns = None,
    order_by: OrderBy = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show runs, newest first. A run is a root span; its counts are of all below it."""
    chosen = Chosen(label, status, since, before, cls, tag, open_only)
    if columns is not None or order_by is not None:
        query = chosen.query(roots=not everywhere).limit(limit)
        _with_columns(query, columns, order_by, url, json)
        return
    found = run(url, lambda: read_runs(chosen.query(roots=not everywhere).limit(limit)))
    if json:
        print_json({"spans": [_facts(item, counts) for item, counts in found]})
    elif not found:
        say("no run fits\n" if chosen else "nothing is recorded yet\n")
    else:
        console = wide_terminal()
        console.print(runs_table(found, wide=console.width >= WIDE))


def _with_columns(
    query: SpanQuery[Span], columns: str | None, order_by: str | None, url: str | None, json: bool
) -> None:
    """Print runs with values of theirs instead of counts."""
    if order_by is not None:
        query = query.order_by(order_of(order_by))
    names = names_of(columns) or [(order_by or "").removeprefix("-")]
    shown = names if json else ["status", "duration", *names]
    table = run(url, lambda: query.table(*dict.fromkeys(shown)))
    if json:
        print_rows(table)
    elif not len(table):
        say("no run fits\n")
    else:
        wide_terminal().print(rows_grid(table))


async def read_runs(query: SpanQuery[Span]) -> list[tuple[Span, SpanCounts]]:
    """Read spans, with counts of everything below each. Two round trips."""
    spans = await query.read()
    counts = await read_span_counts(*(item.node_id for item in spans))
    return list(zip(spans, counts, strict=True))


def _facts(item: Span, counts: SpanCounts) -> dict[str, Any]:
    return span_facts(item) | {"class": _class_name(item)} | asdict(counts)


def _class_name(item: Span) -> str:
    own = users_labels(item.node_labels)
    return own[0] if own else "Span"


def runs_table(found: list[tuple[Span, SpanCounts]], *, wide: bool = True) -> Table:
    """Return the table of runs; a narrow one has fewer columns, and ids below labels."""
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
