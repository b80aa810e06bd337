"""Drawings of nodes and relationships: as Mermaid, for networkx and for neo4j-viz."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from artigraph_neo4j.common.colours import ARTIFACT, BLOB, ERROR, OK, UNSET, Colour
from artigraph_neo4j.common.wording import cut

if TYPE_CHECKING:
    import networkx
    from neo4j_viz import VisualizationGraph

__all__ = ["Diagram", "DiagramEdge", "DiagramNode", "Drawable"]

Kind = Literal["span", "artifact", "blob"]


@dataclass(frozen=True, slots=True)
class DiagramNode:
    """A node.

    Attributes:
        node_id: Its id in the graph.
        kind: ``"span"``, ``"artifact"`` or ``"blob"``.
        lines: The lines of text on it.
        colour: One of the colours in ``colours``.
        attributes: Facts about it, by name.
    """

    node_id: str
    kind: Kind
    lines: tuple[str, ...]
    colour: Colour
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DiagramEdge:
    """A relationship.

    Attributes:
        source: The id of the node where it starts.
        target: The id of the node where it ends.
        type: Its type in the graph; ``OCCURS_IN``, which the graph does not have, leads from a
            feature to the runs that have it.
        label: The text on it.
    """

    source: str
    target: str
    type: str
    label: str = ""


@dataclass(slots=True)
class Diagram:
    """Nodes, the most important first, and the relationships between them.

    Attributes:
        nodes: The nodes.
        edges: The relationships; both ends are among the nodes.
        direction: The direction of the arrows, ``"down"`` or ``"right"``.
        left_out: Number of nodes that are missing.
    """

    nodes: list[DiagramNode]
    edges: list[DiagramEdge]
    direction: Literal["down", "right"] = "down"
    left_out: int = 0


class Drawable(ABC):
    """An object that can be drawn."""

    __slots__ = ()

    @abstractmethod
    def diagram(self) -> Diagram:
        """Return its nodes and relationships as plain data."""

    def to_mermaid(self, *, limit: int = 200) -> str:
        """Return the text of a Mermaid flowchart, which GitHub, GitLab and JupyterLab draw.

        No round trip. Labels are escaped, so their content is never markup.

        Args:
            limit: Maximum number of nodes: Mermaid refuses more than 500 arrows by default. A last
                node says how many are missing.

        Raises:
            ValueError: The limit is less than 1.
        """
        if limit < 1:
            raise ValueError(f"limit must be 1 or more, not {limit}")
        return _mermaid(self.diagram(), limit)

    def to_networkx(self) -> networkx.DiGraph[str]:
        """Return a directed graph for networkx. No round trip.

        Nodes are named by their ids in the graph. Their attributes are ``kind`` (``"span"``,
        ``"artifact"`` or ``"blob"``) and all known facts; unknown ones are left out. Edges have the
        ``type`` of the relationship, and ``label`` if there is one.

        Raises:
            ImportError: networkx is not installed; it comes with the extra ``[networkx]``.
        """
        try:
            import networkx
        except ImportError as error:
            raise _missing("networkx", "networkx", "to_networkx") from error
        drawn = self.diagram()
        graph: networkx.DiGraph[str] = networkx.DiGraph()
        for node in drawn.nodes:
            known = {k: v for k, v in node.attributes.items() if v is not None}
            graph.add_node(node.node_id)
            graph.nodes[node.node_id].update(known | {"kind": node.kind})
        for edge in drawn.edges:
            label = {"label": edge.label} if edge.label else {}
            graph.add_edge(edge.source, edge.target, type=edge.type, **label)
        return graph

    def to_viz(self) -> VisualizationGraph:
        """Return a graph for neo4j-viz, in the colours of this library. No round trip.

        ``tree.to_viz().render(layout="hierarchical")`` shows it in a notebook, the root on top;
        ``render_widget`` makes it interactive. neo4j-viz is GPL-3.0-only, so it is installed
        only on request, and imported only here.

        Raises:
            ImportError: neo4j-viz is not installed; it comes with the extra ``[viz]``.
        """
        try:
            from neo4j_viz import Node, Relationship, VisualizationGraph
        except ImportError as error:
            raise _missing("neo4j-viz", "viz", "to_viz") from error
        drawn = self.diagram()
        make_node: Any = Node  # pydantic models, whose defaults type checkers do not see
        make_relationship: Any = Relationship
        nodes = [
            make_node(
                id=node.node_id,
                caption=cut(node.lines[0], 60),
                size=_VIZ_SIZE[node.kind],
                color=node.colour.fill,
                properties={"kind": node.kind, **_plain(node.attributes)},
            )
            for node in drawn.nodes
        ]
        relationships = [
            make_relationship(
                source=edge.source,
                target=edge.target,
                caption=cut(edge.label, 60) or edge.type,
                properties={"type": edge.type},
            )
            for edge in drawn.edges
        ]
        return VisualizationGraph(nodes=nodes, relationships=relationships)


_VIZ_SIZE: dict[Kind, float] = {"span": 24, "artifact": 18, "blob": 12}


def _missing(package: str, extra: str, method: str) -> ImportError:
    return ImportError(
        f"{method}() needs {package}, which is not installed; "
        f'pip install "artigraph-neo4j[{extra}]"'
    )


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return values of JSON's types as they are and others as text, without those that are None."""
    return {k: _json(v) for k, v in attributes.items() if v is not None}


def _json(value: Any) -> Any:
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return cut(str(value), 500)


# -- Mermaid ------------------------------------------------------------------------------------

_CLASSES = {"ok": OK, "error": ERROR, "unset": UNSET, "artifact": ARTIFACT, "blob": BLOB}
_SHAPES: dict[Kind, tuple[str, str]] = {
    "span": ("([", "])"), "artifact": ("[", "]"), "blob": ("[(", ")]"),
}  # fmt: skip
_DIRECTIONS = {"down": "TD", "right": "LR"}
_LABEL_CHARACTERS = 60


def _mermaid(drawn: Diagram, limit: int) -> str:
    nodes = drawn.nodes[:limit]
    names = {node.node_id: f"n{i}" for i, node in enumerate(nodes)}
    classes = {colour: name for name, colour in _CLASSES.items()}
    lines = [f"flowchart {_DIRECTIONS[drawn.direction]}"]
    for node in nodes:
        left, right = _SHAPES[node.kind]
        text = "<br/>".join(_mermaid_text(line) for line in node.lines)
        lines.append(f'  {names[node.node_id]}{left}"{text}"{right}:::{classes[node.colour]}')
    for edge in drawn.edges:
        if edge.source in names and edge.target in names:
            arrow = "-.->" if edge.type in ("STORED_IN", "USED") else "-->"
            label = f'|"{_mermaid_text(edge.label)}"|' if edge.label else ""
            lines.append(f"  {names[edge.source]} {arrow}{label} {names[edge.target]}")
    missing = len(drawn.nodes) - len(nodes) + drawn.left_out
    if missing:
        lines.append(f'  more["{missing} more are not shown"]')
    lines += [
        f"  classDef {name} fill:{colour.fill},stroke:{colour.border},color:{colour.text}"
        for name, colour in _CLASSES.items()
    ]
    return "\n".join(lines) + "\n"


_FOUND_LATER = re.compile(r"\$(?=\$)|:(?=fa-)|\\(?=n)")
"""Pattern of formulas, icons and line breaks, which Mermaid finds after it decoded labels."""


def _mermaid_text(text: str) -> str:
    """Return text for a quoted label; syntax, markup and Markdown become character numbers."""
    words = " ".join(cut(text, _LABEL_CHARACTERS).split())
    apart = _FOUND_LATER.sub(lambda found: f"{found[0]}\u200b", words)
    return "".join(map(_mermaid_character, apart)) or " "


def _mermaid_character(character: str) -> str:
    if character.isalnum() or character == " ":
        return character
    if not character.isprintable() and character != "\u200b":  # a control, or a lone surrogate
        return "\ufffd"
    return f"#{ord(character)};"
