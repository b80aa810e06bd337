"""Comparisons of fields to Cypher, by the type of the value, which an artifact's codec tells."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.find.filters import Comparison
from artigraph_neo4j.find.numbers import bounds
from artigraph_neo4j.find.operands import Kind, Value
from artigraph_neo4j.find.parameters import Parameters, exists, sign
from artigraph_neo4j.find.targets import Resolved, Target, check_kind
from artigraph_neo4j.graph.names import LABEL_CHARACTERS, quoted

__all__ = ["codec_guard", "comparison", "path_to"]

_MICROSECOND = timedelta(microseconds=1)


def comparison(
    filter_: Comparison, target: Target, variable: str, parameters: Parameters, *, holds: bool
) -> str:
    """Return the condition that a comparison holds, or that it is known not to hold.

    Raises:
        FilterError: The target does not have such a field, or it does not take such a value.
    """
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

    return exists(path, test, more, holds=holds is not null)


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
        return sign(_null(resolved, property_, variable, parameters), holds=holds)
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
