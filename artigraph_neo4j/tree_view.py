"""A tree of spans in a notebook, and as text in a terminal. Small, however large the tree is."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from artigraph_neo4j.colours import ARTIFACT, BLOB
from artigraph_neo4j.graph.facts import exception_name, span_name, span_title
from artigraph_neo4j.markup import Html, dot, error, escaped, faint, joined
from artigraph_neo4j.wording import cut, duration_text

if TYPE_CHECKING:
    from artigraph_neo4j.model.summary import ArtifactSummary, FieldSummary
    from artigraph_neo4j.trees import SpanTree

__all__ = ["tree_html", "tree_text"]

SHOWN_SPANS = 200
SHOWN_ARTIFACTS = 10
"""Of each span."""
SHOWN_LEVELS = 40
"""Browsers give up nesting at 512 elements, readers much earlier."""

_OPEN_SPANS = 30
"""A tree of more spans is folded below the second level."""

_INDENT = "margin-left:1.3em"


def _shown(tree: SpanTree) -> set[int]:
    """Which spans are shown, by identity: the nearest to the top."""
    shown: set[int] = set()
    todo = deque([(0, tree)])
    while todo and len(shown) < SHOWN_SPANS:
        depth, node = todo.popleft()
        shown.add(id(node))
        if depth < SHOWN_LEVELS:
            todo.extend((depth + 1, child) for child in node.children)
    return shown


def _failing(tree: SpanTree) -> set[int]:
    """Spans that failed, and those above them."""
    failing: set[int] = set()
    for _, node in reversed(list(tree.walk())):
        if node.span.status == "ERROR" or any(id(child) in failing for child in node.children):
            failing.add(id(node))
    return failing


def tree_html(tree: SpanTree) -> Html:
    """See ``SpanTree._repr_html_``. What failed is unfolded."""
    shown, failing = _shown(tree), _failing(tree)
    out: list[str] = []
    # What is still to be written, last first: spans with their depth, or markup.
    todo: list[tuple[int, SpanTree] | str] = [(0, tree)]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            out.append(item)
            continue
        depth, node = item
        body = _body(node)
        children = [child for child in node.children if id(child) in shown]
        hidden = len(node.children) - len(children) + node.more_children
        title, indent = span_title(node.span), _INDENT if depth else ""
        if not body and not node.children and not hidden:
            out.append(
                f'<div style="margin-left:{1.3 if depth else 0}em;padding-left:1em">{title}</div>'
            )
            continue
        unfold = depth < 2 or len(shown) <= _OPEN_SPANS or id(node) in failing
        out.append(
            f'<details style="{indent}"{" open" if unfold else ""}><summary>{title}</summary>{body}'
        )
        todo.append("</details>")
        if hidden:
            todo.append(_line(faint(f"… {hidden:,} more spans")))
        todo.extend((depth + 1, child) for child in reversed(children))
    missing = _missing(tree, shown)
    note = f"<div>{faint(missing)}</div>" if missing else ""
    return Html(f"<div>{''.join(out)}{note}</div>")


def _missing(tree: SpanTree, shown: set[int]) -> str:
    spans = sum(1 for _ in tree.walk())
    if spans + tree.left_out == len(shown):
        return ""
    return f"{len(shown):,} of {spans + tree.left_out:,} spans are shown, nearest to the top"


def _line(content: Html) -> str:
    return f'<div style="{_INDENT};padding-left:1em;overflow-wrap:anywhere">{content}</div>'


def _body(node: SpanTree) -> str:
    """A span's error and artifacts."""
    span = node.span
    lines: list[str] = []
    # What went up through several spans is told where it began.
    passed = any(child.span.exception_message == span.exception_message for child in node.children)
    if span.status == "ERROR" and span.exception_message and not passed:
        lines.append(_line(error(cut(span.exception_message, 500))))
    lines += [_line(_artifact(artifact)) for artifact in node.artifacts[:SHOWN_ARTIFACTS]]
    more = max(0, len(node.artifacts) - SHOWN_ARTIFACTS) + node.more_artifacts
    if more:
        lines.append(_line(faint(f"… {more:,} more artifacts")))
    return "".join(lines)


def _artifact(artifact: ArtifactSummary) -> Html:
    label = "" if artifact.label is None else joined(" ", cut(artifact.label, 200))
    shared = faint(" shared") if artifact.shared else ""
    fields = faint(" · ").join(_field(field) for field in artifact.fields[:8])
    more = faint(" · …") if len(artifact.fields) > 8 else ""
    return joined(
        dot(ARTIFACT, "artifact", "■"), label, " ",
        faint(f"{artifact.model} v{artifact.model_version}"), shared,
        faint(" · ") if fields else "", Html(fields), more,
    )  # fmt: skip


def _field(field: FieldSummary) -> Html:
    if field.storage is None:
        return joined(faint(f"{field.name} "), cut(field.text, 60))
    text = field.text
    title = Html(f'<span title="{escaped(text)}">{escaped(cut(text, 40))}</span>')
    return joined(faint(f"{field.name} "), dot(BLOB, "in a storage", "⛁"), " ", title)


def tree_text(tree: SpanTree) -> str:
    """The tree as indented lines."""
    shown = _shown(tree)
    lines: list[str] = []
    for depth, node in tree.walk():
        if id(node) not in shown:
            continue
        span, indent = node.span, "  " * depth
        took = duration_text(span.duration)
        failed = (
            f"  {exception_name(span)}: {span.exception_message}" if span.exception_type else ""
        )
        lines.append(cut(f"{indent}{span_name(span)}  {span.status}  {took}{failed}".rstrip(), 500))
        lines += [
            cut(f"{indent}  - {artifact.label or ''} {artifact.model}", 200)
            for artifact in node.artifacts[:SHOWN_ARTIFACTS]
        ]
        hidden = sum(id(child) not in shown for child in node.children) + node.more_children
        if hidden:
            lines.append(f"{indent}  … {hidden:,} more spans")
    return "\n".join(lines)
