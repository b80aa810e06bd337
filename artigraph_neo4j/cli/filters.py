"""Options that choose runs, the same for all commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from artigraph_neo4j.cli.options import age
from artigraph_neo4j.find import Filter, SpanQuery, find_spans
from artigraph_neo4j.find.terms import span, tagged
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.graph.span_meta import SpanMeta
from artigraph_neo4j.graph.span_rows import subclasses_of_span

__all__ = [
    "Before",
    "Chosen",
    "ClassName",
    "Label",
    "OpenOnly",
    "Since",
    "Status",
    "StatusName",
    "Tag",
]


class StatusName(StrEnum):
    """The status of a span."""

    ok = "OK"
    error = "ERROR"
    unset = "UNSET"


Label = Annotated[str | None, typer.Option("--label", help="Only labels with this prefix.")]
Status = Annotated[
    StatusName | None,
    typer.Option("--status", case_sensitive=False, help="Only those with this status."),
]
Since = Annotated[
    timedelta | None,
    typer.Option("--since", parser=age, metavar="AGE", help="Only those younger than 12h, 7d."),
]
Before = Annotated[
    timedelta | None,
    typer.Option("--before", parser=age, metavar="AGE", help="Only those older than 12h, 7d."),
]
ClassName = Annotated[
    str | None, typer.Option("--class", metavar="NAME", help="Only of this span class.")
]
Tag = Annotated[str | None, typer.Option("--tag", help="Only those with this tag.")]
OpenOnly = Annotated[bool, typer.Option("--open", help="Only those still open.")]


@dataclass(frozen=True)
class Chosen:
    """The choice of runs by a command line.

    Attributes:
        label: The beginning of their labels, or None.
        status: Their status, or None.
        since: Their maximum age, or None.
        before: Their minimum age, or None.
        cls: The name of their class, or None.
        tag: A tag that they have, or None.
        open_only: Whether to choose only open runs.
    """

    label: str | None = None
    status: StatusName | None = None
    since: timedelta | None = None
    before: timedelta | None = None
    cls: str | None = None
    tag: str | None = None
    open_only: bool = False

    def __bool__(self) -> bool:
        return self != Chosen()

    def query(self, *, roots: bool = True) -> SpanQuery[Any]:
        """Return the query for these runs, newest first.

        Args:
            roots: Whether to choose only root spans.
        """
        now = datetime.now(UTC)
        filters: list[Filter] = [span.depth == 0] if roots else []
        if self.label is not None:
            filters.append(span.label.startswith(self.label))
        if self.status is not None:
            filters.append(span.status == self.status.value)
        if self.since is not None:
            filters.append(span.opened_at >= now - self.since)
        if self.before is not None:
            filters.append(span.opened_at < now - self.before)
        if self.tag is not None:
            filters.append(tagged(self.tag))
        if self.open_only:
            filters.append(span.closed_at.is_null())
        cls = Span if self.cls is None else _class_of(self.cls)
        return find_spans(cls, *filters).order_by(span.opened_at.desc())


def _class_of(name: str) -> type[Span]:
    """Return the span class of a name; made here where this program does not have it."""
    for known in subclasses_of_span():
        if known.inherited_labels()[0] == name:
            return known
    if name == "Span":
        return Span
    made: type[Span] = SpanMeta(name, (Span,), {"__module__": __name__})
    return made
