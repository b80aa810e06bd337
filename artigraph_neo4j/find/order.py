"""The order of a query, and cursors that mark where a page ended."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.find.comparisons import codec_guard, path_to
from artigraph_neo4j.find.filters import Attribute, Field, Order
from artigraph_neo4j.find.operands import Kind
from artigraph_neo4j.find.parameters import Parameters
from artigraph_neo4j.find.plan import Plan
from artigraph_neo4j.find.targets import Resolved, SpanTarget, Target
from artigraph_neo4j.graph.names import entry_property, quoted
from artigraph_neo4j.graph.span import Span

__all__ = [
    "Key",
    "after",
    "cursor",
    "order_keys",
    "ordering",
    "returned",
]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the order, as text; missing values come last.

    Attributes:
        text: The expression, or a variable.
        kind: The kind of its values.
        descending: Whether the largest come first.
        never_null: Whether every result has a value.
        value: The expression that the variable stands for, or None where ``text`` is one.
    """

    text: str
    kind: Kind
    descending: bool
    never_null: bool
    value: str | None = None


def cursor(plan: Plan, values: Sequence[Any]) -> str:
    """Return an opaque text from the keys of a page's last row and from their order."""
    text = json.dumps([_order_name(plan), *values])
    return base64.urlsafe_b64encode(f"{_check(text)}{text}".encode()).decode()


def _check(text: str) -> str:
    """Return a checksum, by which a cursor that was edited is recognised."""
    return hashlib.sha256(text.encode()).hexdigest()[:_CHECK]


_CHECK = 12


def _order_name(plan: Plan) -> str:
    keys = [f"{'-' if order.descending else ''}{order.ref}" for order in plan.orders]
    return " ".join([plan.target.noun, plan.text or "", *keys])


def order_keys(plan: Plan, parameters: Parameters) -> list[Key]:
    """Return the sort keys of a plan; the last is the id, which no two results share.

    Raises:
        FilterError: A key cannot be ordered.
    """
    noun = plan.target.noun
    orders = plan.orders
    time = (
        Attribute("span", "opened_at") if noun == "span" else Attribute("artifact", "recorded_at")
    )
    node_id = Attribute("span" if noun == "span" else "artifact", "node_id")
    keys: list[Key] = []
    if plan.text is not None and not orders:
        keys.append(Key("score", "number", descending=True, never_null=True))
    elif not orders:
        orders = (Order(time, descending=False),)
    keys.extend(_key(order, plan.target, parameters) for order in orders)
    last = keys[-1].descending if not plan.text else False
    if keys[-1].text != "n.`node_id`":
        keys.append(_key(Order(node_id, descending=last), plan.target, parameters))
    return keys


_ORDERED: tuple[Kind, ...] = (
    "number", "str", "bool", "date", "datetime", "instant", "timedelta",
)  # fmt: skip
_CAST: dict[str, str] = {"date": "date", "datetime": "localdatetime", "instant": "datetime"}


def _key(order: Order, target: Target, parameters: Parameters) -> Key:
    ref = order.ref
    resolved = target.resolve(ref)
    if resolved.nested and resolved.label is None:
        raise FilterError(f"{ref}: order by a field of the artifact itself, not of a model in it")
    kind = _order_kind(ref, resolved)
    if resolved.label is None:
        return _key_of("n", order, kind, resolved, parameters)
    path, inner, more = path_to(resolved, "n", parameters)
    key = _key_of(inner, order, kind, resolved, parameters)
    where = " AND ".join(more)
    value = f"head(COLLECT {{ MATCH {path} WHERE {where} RETURN {key.text} }})"
    if isinstance(target, SpanTarget) and target.cls is Span and isinstance(ref, Field):
        # It may be an entry of a dict of a class that the query does not name, as in a table.
        name = entry_property(resolved.label, (*resolved.nested, resolved.field or ""))
        own = Resolved(name, resolved.kinds, entry=("", ""))
        value = f"coalesce({_key_of('n', order, kind, own, parameters).text}, {value})"
    return replace(key, text=parameters.variable(), value=value)


def _key_of(
    variable: str, order: Order, kind: Kind, resolved: Resolved, parameters: Parameters
) -> Key:
    """Return the key by a property of a node with some variable."""
    text = f"{variable}.{quoted(resolved.property)}"
    if resolved.field is None and resolved.property in ("opened_at", "recorded_at", "node_id"):
        return Key(text, kind, order.descending, never_null=True)
    if kind == "number" and (resolved.field is not None or resolved.index is None):
        # NaN comes last in either direction, so that the best is first; -0.0 is 0.
        other = f"NOT {text} IS :: INTEGER NOT NULL" if resolved.entry is not None else "false"
        text = (
            f"CASE WHEN NOT {text} IS :: FLOAT NOT NULL "
            f"THEN CASE WHEN {other} THEN null ELSE {text} END "
            f"WHEN isNaN({text}) THEN null WHEN {text} = 0 THEN 0 ELSE {text} END"
        )
    if resolved.field is not None:
        # A value of a type that the annotation does not allow counts as missing.
        kinds: set[Kind] = {"datetime", "instant"} if kind == "instant" else {kind}
        guard = codec_guard(resolved.field, kinds, variable, parameters)
        # A naive time among instants is taken as UTC.
        value = f"datetime({text})" if kind == "instant" else text
        text = f"CASE WHEN {guard} THEN {value} END"
    if kind == "str":
        # Neo4j orders two stored texts by code points, but a stored text and a parameter by
        # UTF-16. A page needs one order for both; a concatenated text always has UTF-16 order.
        text = f"({text} + '')"
    return Key(text, kind, order.descending, never_null=False)


def _order_kind(ref: Any, resolved: Resolved) -> Kind:
    kinds = resolved.kinds.native
    if kinds is None and (resolved.entry is not None or resolved.label is not None):
        return "number"  # the likeliest order where a dict, or an artifact, may hold anything
    if kinds == frozenset({"datetime", "instant"}):
        return "instant"
    if kinds is None or len(kinds) != 1:
        raise FilterError(
            f"{ref} holds {resolved.kinds.text}: an order needs a field of one type that the "
            "database can compare, and the model or span class that declares it"
        )
    (kind,) = kinds
    if kind not in _ORDERED:
        raise FilterError(f"{ref}: {kind} values have no order")
    return kind


def ordering(key: Key) -> str:
    """Return a key as part of ``ORDER BY``."""
    direction = " DESC" if key.descending else ""
    return (
        f"{key.text}{direction}" if key.never_null else f"{key.text} IS NULL, {key.text}{direction}"
    )


def returned(key: Key) -> str:
    """Return a key in a form that JSON can hold."""
    return f"toStringOrNull({key.text})" if key.kind in _CAST else key.text


def after(plan: Plan, keys: list[Key], parameters: Parameters) -> list[str]:
    """Return conditions that select rows after the cursor, comparing sort keys left to right.

    Raises:
        FilterError: The text is not a cursor, or is the cursor of another order.
    """
    values = _decode(plan, keys)
    texts = [
        None if value is None else _literal(key, value, parameters)
        for key, value in zip(keys, values, strict=True)
    ]
    # A CASE, since an OR makes the planner of 5.26 seek the index twice and lose its order.
    beyond = "false"
    for key, text in reversed(list(zip(keys, texts, strict=True))):
        if text is None:  # nothing comes after a missing value
            beyond = f"CASE WHEN {key.text} IS NULL THEN {beyond} ELSE false END"
            continue
        later = f"{key.text} {'<' if key.descending else '>'} {text}"
        if not key.never_null:
            later = f"{later} OR {key.text} IS NULL"
        # With = the largest integer would equal the float after it.
        same = f"{key.text} >= {text} AND {key.text} <= {text}"
        same = same if key.kind == "number" else f"{key.text} = {text}"
        equal = f"WHEN {same} THEN {beyond} " if beyond != "false" else ""
        beyond = f"CASE WHEN {later} THEN true {equal}ELSE false END"
    tests = [beyond]
    if keys[0].never_null and texts[0] is not None and keys[0].text != "score":
        # The same again in the shape of a range, for the index.
        tests.append(f"{keys[0].text} {'<=' if keys[0].descending else '>='} {texts[0]}")
    return tests


def _brief(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"


def _literal(key: Key, value: Any, parameters: Parameters) -> str:
    text = parameters.add(value)
    cast = _CAST.get(key.kind)
    return f"{cast}({text})" if cast else text


def _decode(plan: Plan, keys: list[Key]) -> list[Any]:
    try:
        text = base64.urlsafe_b64decode((plan.after or "").encode()).decode()
    except (ValueError, binascii.Error, AttributeError):
        text = ""
    check, content = text[:_CHECK], text[_CHECK:]
    name, *values = json.loads(content) if content and check == _check(content) else [None]
    if name != _order_name(plan) or len(values) != len(keys):
        raise FilterError(
            f"{_brief(plan.after)} is not a cursor of this query; pass the cursor of one of its "
            "pages, unchanged"
        )
    return list(values)
