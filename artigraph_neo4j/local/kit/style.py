"""The style: what nodes and relationships look like in Neo4j Browser.

Both apps read it, and understand different halves of the language. So a caption is exactly one
property or ``<type>``, a selector one label, and every rule is complete. The older app merges the
rules of all labels that a node has, a later one wins; the newer takes the rule of one label, the
one that the database knew first, and ``create_schema`` sees to it that this is a telling one.
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
# An artifact need not have a label, and a model in another never has one: its node says what it
# is, and the arrow to it what it is called there.
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
    """Selectors and rules, the more special ones last."""
    # Where the label of all comes first, in graphs that are older than the order of labels.
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
    """Tell whether a label can be written as a selector; both apps split at dots and spaces."""
    return re.fullmatch(r"\w+", label) is not None


def style_as_grass(spans: Iterable[str] = (), models: Iterable[str] = ()) -> str:
    """The style as a file that both apps import.

    Args:
        spans: Labels of span classes, each with a rule of its own.
        models: Names of models, likewise. A label that no selector can name looks as its kind does.
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
    """The style in one line without semicolons, as the older app's ``:style`` takes it."""
    return json.dumps(dict(_rules((), ())), separators=(",", ":"))
