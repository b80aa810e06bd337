"""Trees of spans as objects to look at: spans, their outcome and the artifacts they recorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from artigraph_neo4j.common.colours import ARTIFACT, BLOB, STATUS, UNSET
from artigraph_neo4j.common.diagram import Diagram, DiagramEdge, DiagramNode, Drawable
from artigraph_neo4j.common.markup import Html, dot, error, escaped, faint, joined
from artigraph_neo4j.common.wording import cut, duration_text, size_text, visible
from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.given import AnySpan
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.find.summary import ArtifactSummary, FieldSummary
from artigraph_neo4j.graph.cypher import span_tree
from artigraph_neo4j.graph.logged import logged_text
from artigraph_neo4j.graph.names import users_labels
from artigraph_neo4j.graph.span import Span, exception_name, own_facts, span_name, span_title
from artigraph_neo4j.graph.span_rows import seconds_of, span_from_row

__all__ = [
    "Branch",
    "SpanTree",
    "outline",
    "read_span_tree",
    "tree_diagram",
    "tree_html",
    "tree_text",
]


@dataclass(slots=True, eq=False, repr=False)
class SpanTree(Drawable):
    """A span, summaries of its artifacts, and the spans below it.

    A notebook shows it as a tree that can be folded, ``print`` as indented lines; ``to_mermaid``,
    ``to_networkx`` and ``to_viz`` make other pictures of it.

    Attributes:
        span: The span.
        artifacts: Its artifacts in their newest versions, in order of recording.
        children: The spans right below it, in order of opening.
        more_artifacts: Number of artifacts of this span that the limit left out.
        more_children: Number of spans right below it that the limit left out.
        left_out: Number of spans at any depth that the limit left out, on the top of the tree
            that was read; 0 on all spans below.
    """

    span: Span
    artifacts: list[ArtifactSummary] = field(default_factory=list)
    children: list[SpanTree] = field(default_factory=list)
    more_artifacts: int = 0
    more_children: int = 0
    left_out: int = 0

    def walk(self) -> Iterator[tuple[int, SpanTree]]:
        """Yield every span of the tree with its depth below this one, parents before children.

        It does not recurse, so a tree may have any depth.
        """
        todo: list[tuple[int, SpanTree]] = [(0, self)]
        while todo:
            depth, tree = todo.pop()
            yield depth, tree
            todo.extend((depth + 1, child) for child in reversed(tree.children))

    def __repr__(self) -> str:
        spans = sum(1 for _ in self.walk())
        more = f", {self.left_out} left out" if self.left_out else ""
        return f"<SpanTree {self.span.label!r} {self.span.status}, {spans} spans{more}>"

    def diagram(self) -> Diagram:
        """Return spans, artifacts and stored values as plain data, for other kinds of pictures."""
        return tree_diagram(self)

    def __str__(self) -> str:
        return tree_text(self)

    def _repr_html_(self) -> str:
        return tree_html(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print the text that IPython shows in a terminal."""
        printer.text("…" if cycle else str(self))


async def read_span_tree(
    span: AnySpan, /, *, artifacts: bool = True, limit: int = 1000
) -> SpanTree:
    """Read a span with all spans below it, and summaries of their artifacts. One round trip.

    No values are loaded and no models are needed: each artifact is described by what the graph has,
    with long texts and lists cut. Artifacts read in this way are not recorded as used.

    Args:
        span: The span, its id, or ``"current"``.
        artifacts: Whether to read artifacts too.
        limit: Maximum number of spans, and also of artifacts. Spans nearest to the top come first;
            of the artifacts, the first of each span, then the second of each, and so on.

    Returns:
        The tree, with the numbers of spans and artifacts that were left out.

    Raises:
        ValueError: The limit is less than 1.
        SpanError, NotFoundError, ConnectionFailed: As ``read_span``.
    """
    if limit < 1:
        raise ValueError(f"limit must be 1 or more, not {limit}")
    span_id = given.span_id(span)
    rows = await get_engine().ask(
        span_tree.SPAN_TREE, {"span": span_id, "artifacts": artifacts, "limit": limit}
    )
    if rows[0][1] is None:
        raise await absent(get_engine(), "span", span_id)
    found: list[SpanTree] = []
    by_id: dict[str, SpanTree] = {}
    for _, spans, _ in rows:
        for row, parent, children, recorded in spans:
            tree = SpanTree(span_from_row(row), [], [], recorded, children)
            found.append(tree)
            by_id[tree.span.node_id] = tree
            above = by_id.get(parent)
            if above is not None:
                above.children.append(tree)
                above.more_children -= 1
    at: int
    for _, _, chunk in rows:
        for at, *row in chunk:
            found[at].artifacts.append(ArtifactSummary.of_row(row))
            found[at].more_artifacts -= 1
    root = by_id[span_id]
    root.left_out = max(0, rows[0][0] - len(found))
    return root


SHOWN_SPANS = 200
"""Maximum number of spans in a picture in a notebook."""

SHOWN_ARTIFACTS = 10
"""Maximum number of artifacts of each span in such a picture."""

SHOWN_LEVELS = 40
"""Maximum number of levels in it; browsers nest at most 512 elements, readers far fewer."""

_OPEN_SPANS = 30
"""Maximum number of spans in a tree that is not folded below the second level."""

_INDENT = "margin-left:1.3em"


@dataclass(frozen=True, slots=True)
class Branch:
    """One span of a drawing.

    Attributes:
        depth: Number of spans of the tree above it.
        tree: The span with all below it.
        artifacts: Its artifacts that are drawn.
        more_artifacts: Number of its artifacts that are not drawn.
        more_spans: Number of spans right below it that are not drawn.
    """

    depth: int
    tree: SpanTree
    artifacts: list[ArtifactSummary]
    more_artifacts: int
    more_spans: int


def outline(
    tree: SpanTree, *, spans: int | None = None, artifacts: int | None = None, levels: int
) -> Iterator[Branch]:
    """Yield the spans that a drawing of a tree shows, each before those below it.

    Args:
        tree: The tree.
        spans: Maximum number of spans, nearest to the top first; all by default.
        artifacts: Maximum number of artifacts of each span; all by default.
        levels: Maximum depth below the top.
    """
    shown = _shown(tree, spans, levels)
    for depth, node in tree.walk():
        if id(node) in shown:
            drawn = node.artifacts[:artifacts]
            yield Branch(
                depth, node, drawn, len(node.artifacts) - len(drawn) + node.more_artifacts,
                sum(id(child) not in shown for child in node.children) + node.more_children,
            )  # fmt: skip


def _shown(tree: SpanTree, spans: int | None, levels: int) -> set[int]:
    """Return the identities of the spans to show: those nearest to the top."""
    shown: set[int] = set()
    todo = deque([(0, tree)])
    while todo and (spans is None or len(shown) < spans):
        depth, node = todo.popleft()
        shown.add(id(node))
        if depth < levels:
            todo.extend((depth + 1, child) for child in node.children)
    return shown


def _failing(tree: SpanTree) -> set[int]:
    """Return the identities of spans that failed, and of the spans above them."""
    failing: set[int] = set()
    for _, node in reversed(list(tree.walk())):
        if node.span.status == "ERROR" or any(id(child) in failing for child in node.children):
            failing.add(id(node))
    return failing


def tree_html(tree: SpanTree) -> Html:
    """Return the HTML that a notebook shows; failed spans are unfolded."""
    failing = _failing(tree)
    branches = list(
        outline(tree, spans=SHOWN_SPANS, artifacts=SHOWN_ARTIFACTS, levels=SHOWN_LEVELS)
    )
    out: list[str] = []
    ends: list[tuple[int, str]] = []  # depths of open elements, and their end tags
    for branch in branches:
        depth, node = branch.depth, branch.tree
        while ends and ends[-1][0] >= depth:
            out.append(ends.pop()[1])
        body = _body(branch)
        title, indent = span_title(node.span), _INDENT if depth else ""
        if not body and not node.children and not branch.more_spans:
            out.append(
                f'<div style="margin-left:{1.3 if depth else 0}em;padding-left:1em">{title}</div>'
            )
            continue
        unfold = depth < 2 or len(branches) <= _OPEN_SPANS or id(node) in failing
        out.append(
            f'<details style="{indent}"{" open" if unfold else ""}><summary>{title}</summary>{body}'
        )
        more = branch.more_spans
        rest = _line(faint(f"… {more:,} more spans")) if more else ""
        ends.append((depth, f"{rest}</details>"))
    out += [end for _, end in reversed(ends)]
    missing = _missing(tree, len(branches))
    note = f"<div>{faint(missing)}</div>" if missing else ""
    return Html(f"<div>{''.join(out)}{note}</div>")


def _missing(tree: SpanTree, shown: int) -> str:
    spans = sum(1 for _ in tree.walk())
    if spans + tree.left_out == shown:
        return ""
    return f"{shown:,} of {spans + tree.left_out:,} spans are shown, nearest to the top"


def _line(content: Html) -> str:
    return f'<div style="{_INDENT};padding-left:1em;overflow-wrap:anywhere">{content}</div>'


def _body(branch: Branch) -> str:
    """Return a span's error, summary of its series and artifacts as HTML."""
    node, span = branch.tree, branch.tree.span
    lines: list[str] = []
    # An exception that passed through several spans is shown where it began.
    passed = any(child.span.exception_message == span.exception_message for child in node.children)
    if span.status == "ERROR" and span.exception_message and not passed:
        lines.append(_line(error(cut(span.exception_message, 500))))
    if text := logged_text(span.logged):
        lines.append(_line(joined(faint("logged "), cut(text, 500))))
    lines += [_line(_artifact(artifact)) for artifact in branch.artifacts]
    if branch.more_artifacts:
        lines.append(_line(faint(f"… {branch.more_artifacts:,} more artifacts")))
    return "".join(lines)


def _artifact(artifact: ArtifactSummary) -> Html:
    label = "" if artifact.label is None else joined(" ", cut(artifact.label, 200))
    shared = faint(" shared") if artifact.shared else ""
    fields = faint(" · ").join(_field(field) for field in artifact.fields[:8])
    if artifact.problem is not None:
        fields = error(artifact.problem)
    more = faint(" · …") if len(artifact.fields) > 8 else ""
    return joined(
        dot(ARTIFACT, "artifact", "■"), label, " ",
        faint(f"{artifact.model} v{artifact.model_version}"), shared,
        faint(" · ") if fields else "", Html(fields), more,
    )  # fmt: skip


def _field(field: FieldSummary) -> Html:
    if field.storage is None:
        return joined(faint(f"{field.name} "), cut(field.rounded, 60))
    text = field.text
    title = Html(f'<span title="{escaped(text)}">{escaped(cut(text, 40))}</span>')
    return joined(faint(f"{field.name} "), dot(BLOB, "in a storage", "⛁"), " ", title)


def tree_text(tree: SpanTree) -> str:
    """Return the tree as indented lines."""
    lines: list[str] = []
    for branch in outline(tree, spans=SHOWN_SPANS, artifacts=SHOWN_ARTIFACTS, levels=SHOWN_LEVELS):
        span, indent = branch.tree.span, "  " * branch.depth
        took = duration_text(span.duration)
        failed = (
            f"  {exception_name(span)}: {span.exception_message}" if span.exception_type else ""
        )
        line = visible(f"{indent}{span_name(span)}  {span.status}  {took}{failed}".rstrip())
        lines.append(cut(line, 500))
        if text := logged_text(span.logged):
            lines.append(cut(visible(f"{indent}  logged {text}"), 200))
        lines += [
            cut(visible(f"{indent}  - {artifact.label or ''} {artifact.model}"), 200)
            for artifact in branch.artifacts
        ]
        if branch.more_artifacts:
            lines.append(f"{indent}  … {branch.more_artifacts:,} more artifacts")
        if branch.more_spans:
            lines.append(f"{indent}  … {branch.more_spans:,} more spans")
    return "\n".join(lines)


def tree_diagram(tree: SpanTree) -> Diagram:
    """Draw spans, their artifacts and values in storages; each once, breadth first."""
    nodes: dict[str, DiagramNode] = {}
    edges: list[DiagramEdge] = []
    todo = deque([tree])
    while todo:
        node = todo.popleft()
        span_id = node.span.node_id
        nodes[span_id] = _span_node(node.span)
        for artifact in node.artifacts:
            nodes.setdefault(artifact.node_id, _artifact_node(artifact))
            edges.append(
                DiagramEdge(span_id, artifact.node_id, "HAS_ARTIFACT", artifact.label or "")
            )
            for blob in artifact.fields:
                if blob.blob_id is not None:
                    nodes.setdefault(blob.blob_id, _blob_node(blob))
                    edge = DiagramEdge(artifact.node_id, blob.blob_id, "STORED_IN", blob.name)
                    edges.append(edge)
        edges.extend(
            DiagramEdge(span_id, child.span.node_id, "PARENT_OF") for child in node.children
        )
        todo.extend(node.children)
    return Diagram(list(nodes.values()), list(dict.fromkeys(edges)), "down", tree.left_out)


def _span_node(span: Span) -> DiagramNode:
    words = [] if type(span).__name__ == "Span" else [type(span).__name__]
    if span.status != "OK":
        words.append(exception_name(span) if span.status == "ERROR" else span.status)
    if span.duration is not None:
        words.append(duration_text(span.duration))
    attributes: dict[str, Any] = own_facts(span) | {
        "label": span.label,
        "status": span.status,
        "opened_at": span.opened_at,
        "closed_at": span.closed_at,
        "duration": seconds_of(span),
        "exception_type": span.exception_type,
        "exception_message": span.exception_message,
        "classes": ["Span", *users_labels(span.node_labels)],
    }
    if span.logged:
        attributes["logged"] = {name: found.last for name, found in span.logged.items()}
    lines = (span_name(span), " · ".join(words)) if words else (span_name(span),)
    return DiagramNode(span.node_id, "span", lines, STATUS.get(span.status, UNSET), attributes)


def _artifact_node(artifact: ArtifactSummary) -> DiagramNode:
    attributes: dict[str, Any] = {
        "label": artifact.label,
        "model": artifact.model,
        "model_version": artifact.model_version,
        "recorded_at": artifact.recorded_at,
        "stored_size": artifact.stored_size,
        "fields": {field.name: field.value for field in artifact.fields if field.value is not None},
    }
    small = [f"{f.name} {f.rounded}" for f in artifact.fields if f.kind in _NUMBERS][:3]
    lines = (artifact.model, " · ".join(small)) if small else (artifact.model,)
    return DiagramNode(artifact.node_id, "artifact", lines, ARTIFACT, attributes)


_NUMBERS = frozenset({"bool", "int", "float"})


def _blob_node(blob: FieldSummary) -> DiagramNode:
    attributes = {
        "serializer": blob.kind,
        "size": blob.size,
        "storage": blob.storage,
        "location": blob.location,
        "digest": blob.digest,
    }
    lines = (blob.kind, size_text(blob.size or 0))
    return DiagramNode(blob.blob_id or "", "blob", lines, BLOB, attributes)
