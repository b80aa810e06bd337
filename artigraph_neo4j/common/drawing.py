"""Drawings of nodes and relationships as SVG, laid out in columns, without a library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from artigraph_neo4j.common.diagram import Diagram, DiagramEdge, DiagramNode
from artigraph_neo4j.common.markup import Html, escaped, joined
from artigraph_neo4j.common.wording import cut

__all__ = ["drawing"]

_WIDTH, _HEIGHT = 156, 36
_ACROSS, _DOWN = 52, 12
_CHARACTERS = 24
_SWEEPS = 4


def drawing(diagram: Diagram, title: str) -> Html:
    """Return the picture of a diagram: arrows lead from left to right.

    Args:
        diagram: The nodes and relationships. Relationships of a circle may lead back.
        title: What the picture shows, for people who do not see it.
    """
    if not diagram.nodes:
        return Html("")
    columns, ways = _columns(diagram)
    tallest = max(map(len, columns))
    places: dict[str, tuple[float, float]] = {}
    for i, column in enumerate(columns):
        gap = (tallest - len(column)) * (_HEIGHT + _DOWN) / 2
        for j, node_id in enumerate(column):
            places[node_id] = 4 + i * (_WIDTH + _ACROSS), 4 + gap + j * (_HEIGHT + _DOWN)
    width = len(columns) * (_WIDTH + _ACROSS) - _ACROSS + 8
    height = tallest * (_HEIGHT + _DOWN) - _DOWN + 8
    return joined(
        Html(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" '
            'style="max-width:100%;height:auto;font:12px sans-serif">'
            f"<title>{escaped(title)}</title>"
        ),
        *(_edge([places[stop] for stop in way]) for way in ways.values()),
        *(_node(node, places[node.node_id]) for node in diagram.nodes),
        Html("</svg>"),
    )


def _columns(diagram: Diagram) -> tuple[list[list[str]], dict[DiagramEdge, list[str]]]:
    """Return the ids of nodes by column, and the stops of each relationship.

    Each node is right of all that lead to it. A relationship that passes a column has a stop in it,
    so that it does not cross nodes.
    """
    ids = [node.node_id for node in diagram.nodes]
    before: dict[str, list[str]] = {node_id: [] for node_id in ids}
    behind: dict[str, list[str]] = {node_id: [] for node_id in ids}
    for edge in diagram.edges:
        before[edge.target].append(edge.source)
        behind[edge.source].append(edge.target)
    rank = _ranks(ids, before, behind)
    columns: list[list[str]] = [[] for _ in range(max(rank.values()) + 1)]
    for node_id in ids:
        columns[rank[node_id]].append(node_id)
    left: dict[str, list[str]] = {node_id: [] for node_id in ids}
    right: dict[str, list[str]] = {node_id: [] for node_id in ids}
    ways: dict[DiagramEdge, list[str]] = {}
    for number, edge in enumerate(diagram.edges):
        passed = range(rank[edge.source] + 1, rank[edge.target])
        stops = [f"{_STOP}{number} {at}" for at in passed]
        for at, stop in zip(passed, stops, strict=True):
            columns[at].append(stop)
        ways[edge] = [edge.source, *stops, edge.target]
        for one, other in pairwise(ways[edge]):
            right.setdefault(one, []).append(other)
            left.setdefault(other, []).append(one)
    for sweep in range(_SWEEPS):  # each near the middle of those that it is linked with
        links, onward = (left, columns) if sweep % 2 == 0 else (right, columns[::-1])
        for column in onward:
            place = {node_id: j for other in columns for j, node_id in enumerate(other)}
            column.sort(key=lambda one: _middle(links.get(one, ()), place, place[one]))
    return columns, ways


_STOP = "\0"
"""Beginning of the ids of stops, which no node has."""


def _ranks(
    ids: Sequence[str], before: Mapping[str, list[str]], behind: Mapping[str, list[str]]
) -> dict[str, int]:
    """Return the length of the longest way to each node; circles are cut where they are entered."""
    rank = dict.fromkeys(ids, 0)
    waiting = {node_id: len(before[node_id]) for node_id in ids}
    todo = [node_id for node_id in ids if not waiting[node_id]]
    done: set[str] = set()
    while len(done) < len(rank):
        if not todo:  # only circles are left
            todo = [next(node_id for node_id in ids if node_id not in done)]
        node_id = todo.pop()
        if node_id in done:
            continue
        done.add(node_id)
        for other in behind[node_id]:
            if other in done:
                continue
            rank[other] = max(rank[other], rank[node_id] + 1)
            waiting[other] -= 1
            if not waiting[other]:
                todo.append(other)
    return rank


def _middle(others: Iterable[str], place: Mapping[str, int], own: int) -> float:
    found = [place[other] for other in others]
    return sum(found) / len(found) if found else own


def _edge(stops: Sequence[tuple[float, float]]) -> Html:
    """Return the arrow that leads from the right of one node to the left of another."""
    middle = _HEIGHT / 2
    x, y = stops[0][0] + _WIDTH, stops[0][1] + middle
    path = f"M{x:g} {y:g}"
    for stop in stops[1:]:
        x2, y2 = stop[0], stop[1] + middle
        bend = max(abs(x2 - x) / 2, 20)
        path += f"C{x + bend:g} {y:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"
        x, y = x2, y2
        if stop is not stops[-1]:
            x += _WIDTH
            path += f"H{x:g}"
    return Html(
        f'<path d="{path}" fill="none" stroke="currentColor" stroke-opacity=".4"/>'
        f'<path d="M{x:g} {y:g}l-7 -3.5v7z" fill="currentColor" fill-opacity=".5"/>'
    )


def _node(node: DiagramNode, place: tuple[float, float]) -> Html:
    x, y = place
    round_ = _HEIGHT / 2 if node.kind == "artifact" else 5
    lines = [cut(line, _CHARACTERS) for line in node.lines[:2]]
    first = y + _HEIGHT / 2 + (4 if len(lines) == 1 else -3)
    texts = [
        f'<text x="{x + _WIDTH / 2:g}" y="{first + 14 * i:g}" text-anchor="middle" '
        f'fill="{node.colour.text}"{_FAINT if i else ""}>{escaped(line)}</text>'
        for i, line in enumerate(lines)
    ]
    return Html(
        f"<g><title>{escaped(' · '.join((*node.lines, node.node_id)))}</title>"
        f'<rect x="{x:g}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="{round_:g}" '
        f'fill="{node.colour.fill}" stroke="{node.colour.border}"/>{"".join(texts)}</g>'
    )


_FAINT = ' font-size="10" fill-opacity=".85"'
