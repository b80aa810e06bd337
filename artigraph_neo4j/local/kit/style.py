"""The style: the looks of nodes and relationships in Neo4j Browser.

Both apps read it, and support different halves of the language. So a caption is exactly one
property or ``<type>``, a selector one label, and every rule is complete. The older app merges the
rules of all labels of a node, where later ones win; the newer app takes the rule of the label that
the database knew first, and ``create_schema`` makes sure that this is the most specific one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from artigraph_neo4j.common.colours import ARTIFACT, BLOB, ERROR, OK, UNSET, Colour
from artigraph_neo4j.graph.names import FAILED_LABEL, OPEN_LABEL, STORED_LABEL

__all__ = ["style_as_grass", "style_as_json"]

Rule = dict[str, str]


def _node(colour: Colour, caption: str, diameter: int) -> Rule:
    return {
        "color": colour.fill,
        "border-color": colour.border,
        "border-width": "2px",
        "text-color-internal": colour.text,
        "caption": caption,
        "diameter": f"{diameter}px",
        "font-size": "10px",
    }


def _link(colour: Colour, caption: str, width: int = 1) -> Rule:
    return {
        "color": colour.fill,
        "shaft-width": f"{width}px",
        "font-size": "9px",
        "padding": "3px",
        "text-color-external": "#5c6269",
        "text-color-internal": colour.text,
        "caption": caption,
    }


_SPAN = _node(OK, "{label}", 80)
# An artifact may not have a label, and a nested model never has one: so its node shows the model,
# and the arrow to it the name of the field.
_ARTIFACT = _node(ARTIFACT, "{model}", 75)

_LINKS = {
    "PARENT_OF": _link(BLOB, "<type>", 2),
    "HAS_ARTIFACT": _link(ARTIFACT, "{label}"),
    "HAS_FIELD": _link(ARTIFACT, "{path}"),
    "STORED_IN": _link(BLOB, "{field}"),
    "USED": _link(UNSET, "<type>"),
    "MADE_BY": _link(UNSET, "<type>"),
    "SUPERSEDES": _link(ARTIFACT, "<type>"),
    "TAGGED": _link(BLOB, "<type>"),
    "HAS_NOTE": _link(BLOB, "<type>"),
}


def _rules(spans: Iterable[str], models: Iterable[str]) -> Iterator[tuple[str, Rule]]:
    """Selectors and rules, the more specific ones last."""
    # For graphs older than the order of labels, where the common label comes first.
    yield "node.ArtigraphNode", _node(BLOB, "{label_}", 50)
    yield "node.Blob", _node(BLOB, "{size}", 40)
    yield "node.ArtigraphTag", _node(BLOB, "{name}", 40)
    yield "node.ArtigraphNote", _node(BLOB, "{text}", 50)
    yield "node.ArtigraphWriter", _node(BLOB, "{program}", 50)
    yield "node.ArtigraphGraph", _node(BLOB, "{graph_id}", 50)
    yield "node.Artifact", _ARTIFACT
    for label in sorted(set(models)):
        yield f"node.{label}", _ARTIFACT
    yield f"node.{STORED_LABEL}", _node(ARTIFACT, "{model}", 95) | {"border-width": "6px"}
    yield "node.Span", _SPAN
    for label in sorted(set(spans)):
        yield f"node.{label}", _SPAN
    yield f"node.{OPEN_LABEL}", _node(UNSET, "{label}", 80)
    yield f"node.{FAILED_LABEL}", _node(ERROR, "{label}", 95) | {"border-width": "6px"}
    for kind, rule in _LINKS.items():
        yield f"relationship.{kind}", rule


def _is_selector(label: str) -> bool:
    """Return True if a label can be a selector; both apps split at dots and spaces."""
    return re.fullmatch(r"\w+", label) is not None


def style_as_grass(spans: Iterable[str] = (), models: Iterable[str] = ()) -> str:
    """Write the style as a file that both apps import.

    Args:
        spans: Labels of span classes that get a separate rule.
        models: Names of models that get a separate rule. A label that cannot be a selector gets the
            look of its kind.
    """
    parts: list[str] = []
    for selector, rule in _rules(filter(_is_selector, spans), filter(_is_selector, models)):
        lines = (
            f"  {key}: {_quoted(value) if key == 'caption' else value};\n"
            for key, value in rule.items()
        )
        parts.append(f"{selector} {{\n{''.join(lines)}}}\n")
    return "\n".join(parts)


def _quoted(caption: str) -> str:
    return f'"{caption}"'


def style_as_json() -> str:
    """Write the style in one line without semicolons, for ``:style`` of the older app."""
    return json.dumps(dict(_rules((), ())), separators=(",", ":"))
