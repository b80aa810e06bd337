"""Filters to Cypher: one statement, values only as parameters.

Names of labels and properties do become part of the text, since the planner uses an index only for
a name that it sees; ``quoted`` makes any name safe. A filter is never wrapped in ``NOT``: each has
one condition that it holds and another that it is known not to hold, and ``~`` is passed down to
comparisons by De Morgan's laws.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
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
    Maybe,
    Not,
    Or,
    Tagged,
    Under,
    Value,
    sending_problem,
)
from artigraph_neo4j.find.numbers import bounds
from artigraph_neo4j.find.recorder import as_filter
from artigraph_neo4j.find.targets import ArtifactTarget, Resolved, SpanTarget, Target, check_kind
from artigraph_neo4j.graph.cypher.parts import is_newest
from artigraph_neo4j.graph.names import (
    FAILED_LABEL,
    INDEXED_LABEL,
    LABEL_CHARACTERS,
    OPEN_LABEL,
    UNINDEXED_LABEL,
    quoted,
)
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.base import ModelBase

__all__ = ["MAX_STEPS", "Parameters", "codec_guard", "condition", "has_label", "path_to"]

MAX_STEPS = 100
"""Maximum size of a filter: comparisons, names that lead into models, ``&`` and ``|``. The planner
of the database takes seconds beyond this, minutes for twice as much, and cannot be stopped."""

_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class Parameters:
    """The parameters of a statement, named in order of their use, and names for its variables."""

    values: dict[str, Any] = field(default_factory=dict)
    _numbers: Any = field(default_factory=itertools.count)
    _steps: int = 0

    def step(self, filter_: Filter, count: int = 1) -> None:
        """Count the steps of a filter.

        Raises:
            FilterError: The filter has too many steps for the database.
        """
        self._steps += count
        if self._steps > MAX_STEPS:
            raise FilterError(
                f"the filter is too large at {type(filter_).__name__}: the database plans "
                f"{MAX_STEPS} comparisons, names and brackets at the most; use one_of() for "
                "many values of one field, or narrow the results in Python"
            )

    def add(self, value: Any) -> str:
        """Add a value and return the text that stands for it in the statement.

        Raises:
            FilterError: The value cannot be sent to the database.
        """
        if problem := sending_problem(value):
            raise FilterError(problem)
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    def variable(self) -> str:
        """Return a variable that no other part of the statement uses."""
        return f"x{next(self._numbers)}"


def has_label(variable: str, labels: tuple[str, ...], parameters: Parameters) -> str:
    """Return the condition that a node has one of the labels."""
    if any("\\" in label for label in labels):
        return f"any(l IN labels({variable}) WHERE l IN {parameters.add(list(labels))})"
    return f"{variable}:{'|'.join(map(quoted, labels))}"


def condition(
    filter_: Filter, target: Target, variable: str, parameters: Parameters, *, holds: bool = True
) -> str:
    """Return the condition that a filter holds, or that it is known not to hold.

    Both are false for a value that exists and cannot be compared. Null counts as false, so ``NOT``
    is put only around conditions that are never null.

    Raises:
        FilterError: The filter does not apply to this target.
    """
    parameters.step(filter_)
    match filter_:
        case And(parts) | Or(parts):
            every = isinstance(filter_, And) is holds
            inner = [condition(part, target, variable, parameters, holds=holds) for part in parts]
            if not inner:
                return "true" if every else "false"
            return f"({(' AND ' if every else ' OR ').join(inner)})"
        case Not(part):
            return condition(part, target, variable, parameters, holds=not holds)
        case Maybe(part):
            both = (condition(part, target, variable, parameters, holds=h) for h in (True, False))
            return "({} AND {})".format(*(f"NOT coalesce({text}, false)" for text in both))
        case Comparison():
            return _comparison(filter_, target, variable, parameters, holds=holds)
        case IsA():
            return _sign(_is_a(filter_, target, variable, parameters), holds=holds)
        case Under() | Above() | Tagged():
            reach = _reach(filter_, target, variable, parameters)
            return _sign(f"EXISTS {{ MATCH {reach} }}", holds=holds)
        case HasArtifact(model, filters):
            _only(filter_, "span", target)
            other: Target = ArtifactTarget(model)
            return _across("artifact", other, filters, variable, parameters, holds=holds)
        case InSpan(cls, filters):
            _only(filter_, "artifact", target)
            return _across("span", SpanTarget(cls), filters, variable, parameters, holds=holds)
        case _:
            raise FilterError(f"{filter_!r} is not a filter of this library")


def _sign(text: str, *, holds: bool) -> str:
    """Return a condition that is never null, or its opposite."""
    return text if holds else f"NOT {text}"


def _exists(
    path: str, test: Callable[[bool], str], more: list[str] | None = None, *, holds: bool
) -> str:
    """Return the condition that some end of a path passes a test, or that certainly none does.

    Args:
        path: The pattern.
        test: Returns the condition that the test holds, or that it is known not to hold.
        more: Further conditions on the path's end, never null.
        holds: True for the first condition, False for the second.
    """
    inner = test(True) if holds else f"NOT coalesce({test(False)}, false)"
    where = " AND ".join([inner, *(more or [])])
    return _sign(f"EXISTS {{ MATCH {path} WHERE {where} }}", holds=holds)


def _only(filter_: Filter, noun: str, target: Target) -> None:
    if target.noun != noun:
        raise FilterError(f"{type(filter_).__name__} is asked of {noun}s, not of {target.noun}s")


def _reach(
    filter_: Under | Above | Tagged, target: Target, variable: str, parameters: Parameters
) -> str:
    """Return a pattern from the node to the node that it has to be connected with."""
    if isinstance(filter_, Tagged):
        return f"({variable})-[:TAGGED]->(:ArtigraphTag {{name: {parameters.add(filter_.name)}}})"
    wanted = f"{{node_id: {parameters.add(filter_.span_id)}}}"
    is_span = target.noun == "span"
    start = f"({variable})" if is_span else f"({variable})<-[:HAS_ARTIFACT]-()"
    if isinstance(filter_, Above):
        end = f"({variable})" if is_span else f"()-[:HAS_ARTIFACT]->({variable})"
        return f"(:ArtigraphNode {wanted})<-[:PARENT_OF*1..]-{end}"
    # Without a label: with one, an index would start at the top and walk everything below it.
    levels = "" if filter_.levels is None else filter_.levels
    return f"{start}<-[:PARENT_OF*{1 if is_span else 0}..{levels}]-({wanted})"


def _across(
    noun: str,
    other: Target,
    filters: tuple[object, ...],
    variable: str,
    parameters: Parameters,
    *,
    holds: bool,
) -> str:
    inner = parameters.variable()
    path = (
        f"({variable})-[:HAS_ARTIFACT]->({inner})"
        if noun == "artifact"
        else f"({inner})-[:HAS_ARTIFACT]->({variable})"
    )
    filter_ = as_filter(other, filters)
    more = [has_label(inner, other.labels, parameters)] if other.labels else []
    if noun == "artifact":
        more.append(is_newest(inner))

    def test(positive: bool) -> str:
        return condition(filter_, other, inner, parameters, holds=positive)

    return _exists(path, test, more, holds=holds)


def _is_a(filter_: IsA, target: Target, variable: str, parameters: Parameters) -> str:
    base: type[Any] = Span if target.noun == "span" else ModelBase
    if not (isinstance(filter_.cls, type) and issubclass(filter_.cls, base)):
        raise FilterError(f"a {target.noun} is never a {filter_.cls!r}")
    if target.noun == "span":
        labels = filter_.cls.inherited_labels()
        wanted = has_label(variable, (labels[0],), parameters)
        if filter_.subclasses:
            return wanted
        # A span that is open, or that failed, has one more label; so have those with words.
        more = (f"{FAILED_LABEL}|{OPEN_LABEL}", INDEXED_LABEL, UNINDEXED_LABEL)
        size = " + ".join([str(len(labels)), *(f"toInteger({variable}:{name})" for name in more)])
        return f"({wanted} AND size(labels({variable})) = {size})"
    own = ArtifactTarget(filter_.cls)
    if own.is_any:
        return "true" if filter_.subclasses else "false"
    if filter_.subclasses:
        return has_label(variable, own.labels, parameters)
    return f"{variable}.model IN {parameters.add(list(own.labels))}"


def _comparison(
    filter_: Comparison, target: Target, variable: str, parameters: Parameters, *, holds: bool
) -> str:
    resolved = target.resolve(filter_.ref)
    for value in filter_.values:
        check_kind(filter_.ref, resolved, value, contains=filter_.operator == "contains")
    parameters.step(filter_, len(resolved.nested))
    if not resolved.nested and resolved.label is None:
        return _on_node(filter_, resolved, variable, parameters, holds=holds)
    path, inner, more = path_to(resolved, variable, parameters)
    null = filter_.operator == "null"  # where an artifact or model is missing, so are its fields

    def test(positive: bool) -> str:
        return _on_node(filter_, resolved, inner, parameters, holds=positive is not null)

    return _exists(path, test, more, holds=holds is not null)


def path_to(
    resolved: Resolved, variable: str, parameters: Parameters
) -> tuple[str, str, list[str]]:
    """Return the pattern from a node to the one that holds a field, and that one's variable.

    Returns:
        The pattern, the variable, and conditions that have to hold for the pattern.
    """
    pattern, inner, more = f"({variable})", variable, list[str]()
    if resolved.label is not None:
        inner, link = parameters.variable(), parameters.variable()
        pattern += f"-[{link}:HAS_ARTIFACT {{label: {parameters.add(resolved.label)}}}]->({inner})"
        more.append(f"{link}.key IS NOT NULL")  # only the newest version has it
    for name in resolved.nested:  # from the outermost model inwards, each within the one before
        inner = parameters.variable()
        pattern += f"-[:HAS_FIELD {{path: {parameters.add(name)}}}]->({inner})"
    return pattern, inner, more


def _on_node(
    filter_: Comparison, resolved: Resolved, variable: str, parameters: Parameters, *, holds: bool
) -> str:
    property_ = f"{variable}.{quoted(resolved.property)}"
    if resolved.entry is not None:
        return _on_entry(filter_, resolved, variable, parameters, holds=holds)
    if filter_.operator == "null":
        return _sign(_null(resolved, property_, variable, parameters), holds=holds)
    tests: list[str] = []
    # By type: for example, 0 must not find a timedelta of zero, which is stored as 0.
    found: set[Kind] = {value.kind for value in filter_.values}
    for kind in sorted(found):
        values = [_converted(filter_, resolved, v) for v in filter_.values if v.kind == kind]
        text = _test(filter_, resolved, property_, variable, kind, values, parameters)
        if resolved.field is not None:
            guard = codec_guard(resolved.field, _comparable(filter_, kind), variable, parameters)
            text = f"({text} AND {guard})"
        tests.append(text)
    test = tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})"
    if holds:
        return test
    if resolved.field is None:
        if filter_.operator in ("=", "in"):
            return f"NOT coalesce({test}, false)"
        # Null where the types do not compare.
        return f"CASE WHEN {property_} IS NULL THEN true ELSE NOT {test} END"
    can = _can_compare(filter_, resolved.field, found, variable, parameters)
    return f"({can} AND NOT coalesce({test}, false))"


def _on_entry(
    filter_: Comparison, resolved: Resolved, variable: str, parameters: Parameters, *, holds: bool
) -> str:
    """Return a condition on an entry of a dict, whose property has the type of the value."""
    assert resolved.entry is not None  # noqa: S101 - the caller looked
    others, path = resolved.entry
    names = [parameters.add(name) for name in ("*", path)]
    listed = f"coalesce({variable}.{quoted(others)}, [])"
    other = f"({names[0]} IN {listed} OR {names[1]} IN {listed})"
    plain = replace(resolved, entry=None)
    test = _on_node(filter_, plain, variable, parameters, holds=holds)
    if (filter_.operator == "null") is holds:  # the entry exists, though no property holds it
        return f"({test} AND NOT {other})"
    return f"({test} OR {other})" if filter_.operator == "null" else test


def _comparable(filter_: Comparison, kind: Kind) -> set[Kind]:
    """Return the kinds of stored values with which a value can be compared."""
    return {kind, "list"} if filter_.operator == "contains" else {kind}


def _can_compare(
    filter_: Comparison, field_name: str, kinds: set[Kind], variable: str, parameters: Parameters
) -> str:
    """Return the condition that a field has no value, or one that can be compared."""
    name = json.dumps(field_name, ensure_ascii=False)
    if filter_.operator in ("=", "in"):  # native values of different types are simply unequal
        texts = [f"{name}:{entry}" for entry in _NOT_NATIVE]
        tests = [f"{variable}.codec CONTAINS {parameters.add(text)}" for text in texts]
        return f"NOT ({' OR '.join(tests)})"
    (kind,) = kinds
    wanted = _comparable(filter_, kind)
    if filter_.operator == "contains" and kind != "str":
        wanted.discard(kind)
    guard = codec_guard(field_name, wanted, variable, parameters)
    return f"({_no_value(field_name, variable, parameters)} OR {guard})"


_NOT_NATIVE = ('["inline",', '["blob",', '"model"')


def _converted(filter_: Comparison, resolved: Resolved, value: Value) -> Any:
    if resolved.convert is None:
        # Stored as microseconds; on artifacts the codec says so.
        return value.value // _MICROSECOND if value.kind == "timedelta" else value.value
    try:
        return resolved.convert(value.value)
    except Exception as error:
        raise FilterError(
            f"{filter_.ref}: {value.value!r} is not a value of a {resolved.kinds.text}: {error}"
        ) from error


def _test(
    filter_: Comparison,
    resolved: Resolved,
    property_: str,
    variable: str,
    kind: Kind,
    values: list[Any],
    parameters: Parameters,
) -> str:
    operator = filter_.operator
    if kind == "number" and operator in ("=", "in"):
        return _equals_number(property_, values, parameters)
    verb = _VERBS.get(operator, operator)
    if operator in ("in", "=", "startswith") and _is_label(resolved):
        # Labels of any length by an index on their first characters: a key has 8 kB at most.
        short = [value[:LABEL_CHARACTERS] for value in values]
        begin, whole = (short, values) if operator == "in" else (short[0], values[0])
        return (
            f"({variable}.label_ {verb} {parameters.add(begin)} "
            f"AND {property_} {verb} {parameters.add(whole)})"
        )
    first = values[0]
    if kind == "number" and operator[0] in "<>":
        first = bounds(first)[0 if operator in (">=", "<") else 1]
    value = parameters.add(values if operator == "in" else first)
    if operator == "contains":
        return (
            f"CASE WHEN {property_} IS :: LIST<ANY> NOT NULL THEN {value} IN {property_} "
            f"ELSE {property_} CONTAINS {value} END"
        )
    return f"{property_} {verb} {value}"


def _equals_number(property_: str, values: list[Any], parameters: Parameters) -> str:
    ranges = [bounds(value) for value in values]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    test = f"{property_} >= {parameters.add(low)} AND {property_} <= {parameters.add(high)}"
    if len(ranges) > 1:  # an index finds the values in between; some of them match
        lows, highs = (parameters.add([r[i] for r in ranges]) for i in (0, 1))
        test += (
            f" AND any(i IN range(0, size({lows}) - 1) "
            f"WHERE {property_} >= {lows}[i] AND {property_} <= {highs}[i])"
        )
    return f"({test})"


_VERBS = {"in": "IN", "startswith": "STARTS WITH", "endswith": "ENDS WITH"}


def _is_label(resolved: Resolved) -> bool:
    return resolved.index is not None and resolved.index[1] == "label_"


def _null(resolved: Resolved, property_: str, variable: str, parameters: Parameters) -> str:
    if resolved.field is None:
        return f"{property_} IS NULL"
    return _no_value(resolved.field, variable, parameters)


def _no_value(field_name: str, variable: str, parameters: Parameters) -> str:
    """Return the condition that a field holds None, was never assigned, or is not stored."""
    name = json.dumps(field_name, ensure_ascii=False)
    texts = [parameters.add(f"{name}:{entry}") for entry in ('"none"', '"unset"', "")]
    none, unset, stored = (f"{variable}.codec CONTAINS {text}" for text in texts)
    return f"({none} OR {unset} OR NOT {stored})"


# Without the closing quote where a type of numpy may follow: "float:numpy.float32".
_CODEC: dict[Kind, tuple[str, ...]] = {
    "bool": ('"bool',),
    "number": ('"int', '"float'),
    "str": ('"str',),
    "instant": ('["instant",',),
    "list": ('"list"',),
}


def codec_guard(field: str, kinds: set[Kind], variable: str, parameters: Parameters) -> str:
    """Return the condition that the codec gives one of these types for the field.

    The property alone cannot tell: an int may be a timedelta, a text may be the JSON of a dict.
    """
    name = json.dumps(field, ensure_ascii=False)
    texts = [
        f"{name}:{entry}" for kind in sorted(kinds) for entry in _CODEC.get(kind, (f'"{kind}"',))
    ]
    tests = [f"{variable}.codec CONTAINS {parameters.add(text)}" for text in texts]
    return tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})"
