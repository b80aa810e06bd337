"""A span with all below it as one object, to look at: what ran, how it ended, what it recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from artigraph_neo4j.absence import absent
from artigraph_neo4j.context import get_current_span_id
from artigraph_neo4j.current import get_engine
from artigraph_neo4j.diagram import Diagram, Drawable
from artigraph_neo4j.graph import trees
from artigraph_neo4j.graph.nodes import Span
from artigraph_neo4j.graph.spans import span_from_row
from artigraph_neo4j.model.summary import ArtifactSummary
from artigraph_neo4j.tree_diagram import tree_diagram
from artigraph_neo4j.tree_view import tree_html, tree_text

__all__ = ["SpanTree", "read_span_tree"]


@dataclass(slots=True, eq=False, repr=False)
class SpanTree(Drawable):
    """A span, what its artifacts are, and the spans below it.

    A notebook shows it as a tree that can be folded, ``print`` as indented lines; ``to_mermaid``,
    ``to_networkx`` and ``to_viz`` make other pictures of it.

    Attributes:
        span: The span.
        artifacts: Its artifacts in their newest versions, in order of recording.
        children: The spans right below it, in order of opening.
        more_artifacts: How many artifacts of this span the limit left out.
        more_children: How many spans right below it the limit left out.
        left_out: Of the tree that was read: how many spans the limit left out, at any depth.
            0 within it.
    """

    span: Span
    artifacts: list[ArtifactSummary] = field(default_factory=list)
    children: list[SpanTree] = field(default_factory=list)
    more_artifacts: int = 0
    more_children: int = 0
    left_out: int = 0

    def walk(self) -> Iterator[tuple[int, SpanTree]]:
        """Every span of the tree with its depth below this one, from the top, each before its own.

        Not by recursion, so a tree may be of any depth.
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
        """Spans, artifacts and stored values, as plain data for a picture of another kind."""
        return tree_diagram(self)

    def __str__(self) -> str:
        return tree_text(self)

    def _repr_html_(self) -> str:
        return tree_html(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython shows in a terminal."""
        printer.text("…" if cycle else str(self))


async def read_span_tree(span: str, /, *, artifacts: bool = True, limit: int = 1000) -> SpanTree:
    """Read a span with all spans below it, and what their artifacts are. One round trip.

    No values are loaded and no models are needed: of each artifact it is told what the graph says,
    with long texts and lists cut. What is read so is not recorded as used.

    Args:
        span: The span's id, or ``"current"``.
        artifacts: Whether to tell of artifacts.
        limit: At most so many spans, and at most so many artifacts. Spans nearest to the top come
            first; of artifacts each span's first, then each one's second, and so on.

    Returns:
        The tree; it says how much was left out.

    Raises:
        ValueError: The limit is less than 1.
        SpanError, NotFoundError, ConnectionFailed: As ``read_span``.
    """
    if limit < 1:
        raise ValueError(f"limit must be 1 or more, not {limit}")
    span_id = get_current_span_id(span)
    rows = await get_engine().read(
        trees.SPAN_TREE, {"span": span_id, "artifacts": artifacts, "limit": limit}
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
