"""Filters to Cypher: one statement, values only as parameters.

Labels and properties do become text, since an index can only be sought by a name that the planner
sees; ``quoted`` makes any name safe. Everything below a ``NOT`` is ``coalesce``d to false, which
makes the whole two-valued: ``AND`` and ``OR`` of nulls never come out true.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.find.filters import (
    Above,
    And,
    Comparison,
    Filter,
    HasArtifact,
    InSpan,
    IsA,
    Kind,
    Not,
    Or,
    Tagged,
    Under,
    Value,
)
from artigraph_neo4j.find.recorder import as_filter
from artigraph_neo4j.find.targets import ArtifactTarget, Resolved, SpanTarget, Target, check_kind
from artigraph_neo4j.graph.cypher.parts import is_newest
from artigraph_neo4j.graph.names import FAILED_LABEL, LABEL_CHARACTERS, OPEN_LABEL, quoted
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.base import ModelBase

__all__ = ["Parameters", "codec_guard", "condition", "has_label"]

_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class Parameters:
    """The parameters of a statement, named as they come, and names for its variables."""

    values: dict[str, Any] = field(default_factory=dict)
    _numbers: Any = field(default_factory=itertools.count)

    def add(self, value: Any) -> str:
        """The text that stands for a value."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    def variable(self) -> str:
        """A variable that no other part of the statement has."""
        return f"x{next(self._numbers)}"


def has_label(variable: str, labels: tuple[str, ...], parameters: Parameters) -> str:
    """Whether a node has one of the labels."""
    if any("\\" in label for label in labels):
        return f"any(l IN labels({variable}) WHERE l IN {parameters.add(list(labels))})"
    return f"{variable}:{'|'.join(map(quoted, labels))}"


def condition(filter_: Filter, target: Target, variable: str, parameters: Parameters) -> str:
    """The condition that a filter is, in brackets where needed; null counts as false.

    Raises:
        FilterError: It cannot be asked of this target.
    """
    match filter_:
        case And(parts) | Or(parts):
            word = " AND " if isinstance(filter_, And) else " OR "
            inner = [condition(part, target, variable, parameters) for part in parts]
            return f"({word.join(inner)})" if inner else "true"
        case Not(part):
            return f"NOT coalesce({condition(part, target, variable, parameters)}, false)"
        case Comparison():
            return _comparison(filter_, target, variable, parameters)
        case IsA():
            return _is_a(filter_, target, variable, parameters)
        case Under() | Above() | Tagged():
            return f"EXISTS {{ MATCH {_reach(filter_, target, variable, parameters)} }}"
        case HasArtifact(model, filters):
            _only(filter_, "span", target)
            return _across("artifact", ArtifactTarget(model), filters, variable, parameters)
        case InSpan(cls, filters):
            _only(filter_, "artifact", target)
            return _across("span", SpanTarget(cls), filters, variable, parameters)
        case _:
            raise FilterError(f"{filter_!r} is no filter of this library")


def _only(filter_: Filter, noun: str, target: Target) -> None:
    if target.noun != noun:
        raise FilterError(f"{type(filter_).__name__} is asked of {noun}s, not of {target.noun}s")


def _reach(
    filter_: Under | Above | Tagged, target: Target, variable: str, parameters: Parameters
) -> str:
    """A pattern from the node to what it has to be connected with."""
    if isinstance(filter_, Tagged):
        return f"({variable})-[:TAGGED]->(:ArtigraphTag {{name: {parameters.add(filter_.name)}}})"
    wanted = f"{{node_id: {parameters.add(filter_.span_id)}}}"
    is_span = target.noun == "span"
    start = f"({variable})" if is_span else f"({variable})<-[:HAS_ARTIFACT]-()"
    if isinstance(filter_, Above):
        end = f"({variable})" if is_span else f"()-[:HAS_ARTIFACT]->({variable})"
        return f"(:ArtigraphNode {wanted})<-[:PARENT_OF*1..]-{end}"
    # No label: an index would start at the top, and go through all that is below it.
    levels = "" if filter_.levels is None else filter_.levels
    return f"{start}<-[:PARENT_OF*{1 if is_span else 0}..{levels}]-({wanted})"


def _across(
    noun: str,
    other: Target,
    filters: tuple[object, ...],
    variable: str,
    parameters: Parameters,
) -> str:
    inner = parameters.variable()
    path = (
        f"({variable})-[:HAS_ARTIFACT]->({inner})"
        if noun == "artifact"
        else f"({inner})-[:HAS_ARTIFACT]->({variable})"
    )
    where = [condition(as_filter(other, filters), other, inner, parameters)]
    if other.labels:
        where.append(has_label(inner, other.labels, parameters))
    if noun == "artifact":
        where.append(is_newest(inner))
    return f"EXISTS {{ MATCH {path} WHERE {' AND '.join(where)} }}"


def _is_a(filter_: IsA, target: Target, variable: str, parameters: Parameters) -> str:
    base: type[Any] = Span if target.noun == "span" else ModelBase
    if not (isinstance(filter_.cls, type) and issubclass(filter_.cls, base)):
        raise FilterError(f"a {target.noun} is never a {filter_.cls!r}")
    if target.noun == "span":
        labels = filter_.cls.inherited_labels()
        wanted = has_label(variable, (labels[0],), parameters)
        if filter_.subclasses:
            return wanted
        # A span that is open, or failed, has one label more.
        size = f"{len(labels)} + toInteger({variable}:{FAILED_LABEL}|{OPEN_LABEL})"
        return f"({wanted} AND size(labels({variable})) = {size})"
    own = ArtifactTarget(filter_.cls)
    if own.is_any:
        return "true" if filter_.subclasses else "false"
    if filter_.subclasses:
        return has_label(variable, own.labels, parameters)
    return f"{variable}.model IN {parameters.add(list(own.labels))}"


def _comparison(filter_: Comparison, target: Target, variable: str, parameters: Parameters) -> str:
    resolved = target.resolve(filter_.ref)
    for value in filter_.values:
        check_kind(filter_.ref, resolved, value, contains=filter_.operator == "contains")
    if not resolved.nested:
        return _on_node(filter_, resolved, variable, parameters)
    # From the outermost model inwards, each within the one before.
    names = [variable, *(parameters.variable() for _ in resolved.nested)]
    hops = "".join(
        f"-[:HAS_FIELD {{path: {parameters.add(name)}}}]->({inner})"
        for name, inner in zip(resolved.nested, names[1:], strict=True)
    )
    test = _on_node(filter_, resolved, names[-1], parameters)
    path = f"MATCH ({variable}){hops}"
    if filter_.operator == "null":  # where there is no model, its fields have no value either
        return f"NOT EXISTS {{ {path} WHERE NOT {test} }}"
    return f"EXISTS {{ {path} WHERE {test} }}"


def _on_node(filter_: Comparison, resolved: Resolved, variable: str, parameters: Parameters) -> str:
    property_ = f"{variable}.{quoted(resolved.property)}"
    if filter_.operator == "null":
        return _null(resolved, property_, variable, parameters)
    tests: list[str] = []
    # By type: among others, 0 is not to find a timedelta of nothing, which is stored as 0.
    found: set[Kind] = {value.kind for value in filter_.values}
    for kind in sorted(found):
        values = [_converted(filter_, resolved, v) for v in filter_.values if v.kind == kind]
        text = _test(filter_, resolved, property_, variable, values, parameters)
        if resolved.field is not None:
            kinds: set[Kind] = {kind}
            if filter_.operator == "contains":
                kinds.add("list")
            guard = codec_guard(resolved.field, kinds, variable, parameters)
            text = f"({text} AND {guard})"
        tests.append(text)
    return tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})"


def _converted(filter_: Comparison, resolved: Resolved, value: Value) -> Any:
    if resolved.convert is None:
        # Stored as microseconds, on artifacts as their codec says.
        return value.value // _MICROSECOND if value.kind == "timedelta" else value.value
    try:
        return resolved.convert(value.value)
    except Exception as error:
        raise FilterError(
            f"{filter_.ref}: {value.value!r} is no value of a {resolved.kinds.text}: {error}"
        ) from error


def _test(
    filter_: Comparison,
    resolved: Resolved,
    property_: str,
    variable: str,
    values: list[Any],
    parameters: Parameters,
) -> str:
    operator = filter_.operator
    verb = _VERBS.get(operator, operator)
    if operator in ("in", "=", "startswith") and _is_label(resolved):
        # A label of any length, by an index on its first characters: a key has 8 kB at the most.
        short = [value[:LABEL_CHARACTERS] for value in values]
        begin, whole = (short, values) if operator == "in" else (short[0], values[0])
        return (
            f"({variable}.label_ {verb} {parameters.add(begin)} "
            f"AND {property_} {verb} {parameters.add(whole)})"
        )
    value = parameters.add(values if operator == "in" else values[0])
    if operator == "contains":
        return (
            f"CASE WHEN {property_} IS :: STRING THEN {property_} CONTAINS {value} "
            f"WHEN {property_} IS :: LIST<ANY> THEN {value} IN {property_} ELSE false END"
        )
    return f"{property_} {verb} {value}"


_VERBS = {"in": "IN", "startswith": "STARTS WITH", "endswith": "ENDS WITH"}


def _is_label(resolved: Resolved) -> bool:
    return resolved.index is not None and resolved.index[1] == "label_"


def _null(resolved: Resolved, property_: str, variable: str, parameters: Parameters) -> str:
    if resolved.field is None:
        return f"{property_} IS NULL"
    name = json.dumps(resolved.field, ensure_ascii=False)
    none, stored = parameters.add(f'{name}:"none"'), parameters.add(f"{name}:")
    return f"({variable}.codec CONTAINS {none} OR NOT {variable}.codec CONTAINS {stored})"


_CODEC: dict[Kind, tuple[str, ...]] = {
    "number": ('"int"', '"float"'),
    "instant": ('["instant",',),
    "list": ('"list"',),
}


def codec_guard(field: str, kinds: set[Kind], variable: str, parameters: Parameters) -> str:
    """Whether the codec says that the field is of one of these types.

    A property alone does not tell: an int may be a timedelta, a text the JSON of a dict.
    """
    name = json.dumps(field, ensure_ascii=False)
    texts = [
        f"{name}:{entry}" for kind in sorted(kinds) for entry in _CODEC.get(kind, (f'"{kind}"',))
    ]
    tests = [f"{variable}.codec CONTAINS {parameters.add(text)}" for text in texts]
    return tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})"
