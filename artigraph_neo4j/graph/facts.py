"""What a span says of itself in a notebook: only what the object has; the graph is not asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artigraph_neo4j.colours import STATUS, UNSET
from artigraph_neo4j.markup import Html, details, dot, error, facts, faint, joined
from artigraph_neo4j.wording import cut, duration_text, time_text

if TYPE_CHECKING:
    from artigraph_neo4j.graph.nodes import Span

__all__ = ["exception_name", "own_facts", "span_html", "span_name", "span_title"]

_TEXT_CHARACTERS = 1000
_SHOWN_OTHERWISE = frozenset(
    {
        "node_id", "label", "status", "opened_at", "closed_at", "root_id", "depth", "writer_id",
        "exception_type", "exception_message", "exception_stacktrace",
    }
)  # fmt: skip


def span_name(span: Span) -> str:
    """What to call a span: its label, or that it has none."""
    return "(no label)" if span.label is None else cut(span.label, _TEXT_CHARACTERS // 5)


def exception_name(span: Span) -> str:
    """The class of what ended it, without its module."""
    return (span.exception_type or "failed").rpartition(".")[2]


def span_title(span: Span) -> Html:
    """One line: how it ended, its label, its class and how long it took."""
    cls = type(span).__name__
    words = [cls] if cls != "Span" else []
    words += [duration_text(span.duration)] if span.duration is not None else []
    if span.status == "UNSET":
        words.append("open")
    failed = error(f" {exception_name(span)}") if span.status == "ERROR" else ""
    return joined(
        dot(STATUS.get(span.status, UNSET), span.status), " ",
        Html(f"<b>{joined(span_name(span))}</b>"), failed, " ", faint(" · ".join(words)),
    )  # fmt: skip


def own_facts(span: Span) -> dict[str, object]:
    """What its class declares, and what else the graph has of it, where there is a value."""
    names = type(span).defined_properties(aliases=False, rels=False)
    found = {name: vars(span).get(name) for name in names if name not in _SHOWN_OTHERWISE}
    found |= span.extra
    return {name: value for name, value in found.items() if value is not None}


def span_html(span: Span) -> Html:
    """See ``Span._repr_html_``."""
    rows: list[tuple[object, object]] = [("node_id", span.node_id)]
    rows += [
        (name, time_text(at))
        for name, at in (("opened_at", span.opened_at), ("closed_at", span.closed_at))
        if at is not None
    ]
    if span.exception_type is not None:
        rows.append(("exception", error(cut(_exception(span), _TEXT_CHARACTERS))))
    if span.exception_stacktrace:
        trace = Html(f"<pre>{joined(span.exception_stacktrace)}</pre>")
        rows.append(("", details("traceback", trace)))
    rows += [(name, cut(str(value), _TEXT_CHARACTERS)) for name, value in own_facts(span).items()]
    return facts(span_title(span), rows)


def _exception(span: Span) -> str:
    return f"{span.exception_type}: {span.exception_message or ''}"
