"""A query as one statement: where it starts, what it keeps, in which order, what it returns."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.find.compiler import Parameters, codec_guard, condition, has_label
from artigraph_neo4j.find.filters import (
    Above,
    And,
    Attribute,
    Comparison,
    Filter,
    Kind,
    Order,
    Tagged,
    Under,
)
from artigraph_neo4j.find.targets import Resolved, Target
from artigraph_neo4j.graph.cypher import ROOTS_TO_ROWS
from artigraph_neo4j.graph.deleting import DELETES, artifact_stays, span_stays
from artigraph_neo4j.graph.names import RESERVED_LABELS, quoted
from artigraph_neo4j.graph.spans import SPAN_MAP

__all__ = ["Plan", "Shape", "compile_plan", "cursor", "field_indexes"]

Shape = Literal["rows", "ids", "count", "exists"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a query asks.

    Attributes:
        target: Spans of a class, or artifacts of a model.
        filter: What has to hold.
        orders: By what it is ordered, before the time and the id.
        limit: At most so many; None is all.
        after: The cursor that a page ended with, or None.
        text: What full-text search looks for, or None.
        history: Whether versions that were revised are found too.
        nested: Whether artifacts within artifacts are found too.
    """

    target: Target
    filter: Filter
    orders: tuple[Order, ...] = ()
    limit: int | None = None
    after: str | None = None
    text: str | None = None
    history: bool = False
    nested: bool = False


@dataclass(frozen=True, slots=True)
class _Key:
    """One key of the order, as text; what has no value comes last."""

    text: str
    kind: Kind
    descending: bool
    never_null: bool


def field_indexes(plan: Plan) -> set[tuple[str, str]]:
    """The indexes on fields that the query could start from."""
    found = {
        target_index
        for part in _conjuncts(plan.filter)
        if (target_index := _index(part, plan.target)) is not None
    }
    return {index for index in found if index[0] not in RESERVED_LABELS}


def compile_plan(
    plan: Plan, shape: Shape, *, missing: Collection[tuple[str, str]] = ()
) -> tuple[str, dict[str, Any]]:
    """The statement, and its parameters.

    ``rows`` and ``ids`` return chunks of ``[item, keys]``, where keys make a cursor; ``count`` and
    ``exists`` one row of one value.

    Args:
        plan: What is asked.
        shape: What is returned.
        missing: The indexes on fields that the database does not have.

    Raises:
        FilterError: A filter, an order or a cursor does not fit.
    """
    parameters = Parameters()
    conjuncts = list(_conjuncts(plan.filter))
    keys = _keys(plan, parameters)
    start, rest = _start(plan, conjuncts, keys, parameters, missing)
    tests = [condition(part, plan.target, "n", parameters) for part in rest]
    if plan.target.labels:
        tests.append(has_label("n", plan.target.labels, parameters))
    if plan.target.noun == "artifact":
        if not plan.history:
            tests.append("NOT EXISTS { (n)<-[:SUPERSEDES]-() }")
        if not plan.nested:
            tests.append("NOT EXISTS { (n)<-[:HAS_FIELD]-() }")
    if plan.after is not None:
        tests.extend(_after(keys, _decode(plan, keys), parameters))
    tests.append(span_stays("n") if plan.target.noun == "span" else artifact_stays("n"))
    where = "".join(f"\n  AND {test}" for test in tests)
    found = f"{DELETES}\n{start}{where}"
    limit = "" if plan.limit is None else f"\nLIMIT {parameters.add(plan.limit)}"
    score = ", score" if plan.text is not None else ""
    if shape == "exists":
        return f"{found}\nWITH n LIMIT 1\nRETURN count(n) > 0", parameters.values
    if shape == "count":
        kept = f"\nWITH DISTINCT n{limit}" if limit else ""
        return f"{found}{kept}\nRETURN count(DISTINCT n)", parameters.values
    order = ", ".join(_ordering(key) for key in keys)
    kept = f"WITH DISTINCT n{score}\n" if _may_repeat(conjuncts, plan) else ""
    returned = ", ".join(_returned(key) for key in keys)
    return (
        f"{found}\n{kept}WITH n{score} ORDER BY {order}{limit}\n"
        f"{_items(plan, shape, returned)}\n"
        "UNWIND range(0, size(found), 1000) AS i\nRETURN found[i..i + 1000]",
        parameters.values,
    )


def cursor(plan: Plan, values: Sequence[Any]) -> str:
    """An opaque text from the keys of a page's last row, and from the order they belong to."""
    return base64.urlsafe_b64encode(json.dumps([_order_name(plan), *values]).encode()).decode()


def _order_name(plan: Plan) -> str:
    keys = [f"{'-' if order.descending else ''}{order.ref}" for order in plan.orders]
    return " ".join([plan.target.noun, plan.text or "", *keys])


def _conjuncts(filter_: Filter) -> Iterable[Filter]:
    if isinstance(filter_, And):
        for part in filter_.parts:
            yield from _conjuncts(part)
    else:
        yield filter_


# -- where it starts ----------------------------------------------------------------------------


def _start(
    plan: Plan,
    conjuncts: list[Filter],
    keys: list[_Key],
    parameters: Parameters,
    missing: Collection[tuple[str, str]],
) -> tuple[str, list[Filter]]:
    """The ``MATCH`` with the best index, and the conditions that are left.

    The planner is told the index: soon after a bulk load it may scan instead.
    """
    label = "Span" if plan.target.noun == "span" else "Artifact"
    if plan.text is not None:
        query = parameters.add(plan.text)
        return (
            f"CALL db.index.fulltext.queryNodes('artigraph_text', {query}) "
            f"YIELD node AS n, score\nWITH n, score, deletes WHERE n:{label}",
            conjuncts,
        )
    ranked = sorted(
        (
            (rank, i)
            for i, part in enumerate(conjuncts)
            if (rank := _rank(part, plan.target)) is not None
            and _index(part, plan.target) not in missing
        ),
    )
    if not ranked:
        return _by_time(plan, label, keys), conjuncts
    best = conjuncts[ranked[0][1]]
    rest = [part for part in conjuncts if part is not best]
    if isinstance(best, Tagged):
        tag = f"(t:ArtigraphTag {{name: {parameters.add(best.name)}}})"
        return f"MATCH {tag}<-[:TAGGED]-(n)\nWHERE n:{label}", rest
    if isinstance(best, (Under, Above)):
        return _walk(best, label, parameters), rest
    index = _index(best, plan.target)
    if index is None:
        raise AssertionError(f"{best!r} was ranked without an index")
    named, property_ = quoted(index[0]), quoted(index[1])
    hint = f"USING INDEX n:{named}({property_})"
    also = "" if named.strip("`") == label else f" AND n:{label}"
    if index == ("Span", "status"):
        hint = "USING INDEX n:Span(status, opened_at, node_id)"
        also = " AND n.opened_at IS NOT NULL AND n.node_id IS NOT NULL"
    elif index == ("Span", "root_id"):
        hint = "USING INDEX n:Span(root_id, node_id)"
        also = " AND n.node_id IS NOT NULL"
    elif index[1] in ("opened_at", "recorded_at"):
        hint = f"USING INDEX n:{named}({property_}, node_id)"
        also = " AND n.node_id IS NOT NULL"
    elif index == ("Artifact", "model"):
        hint = "USING INDEX n:Artifact(model, model_version, recorded_at, node_id)"
        also = (
            " AND n.model_version IS NOT NULL AND n.recorded_at IS NOT NULL "
            "AND n.node_id IS NOT NULL"
        )
    return f"MATCH (n:{named}) {hint}\nWHERE true{also}", conjuncts


def _by_time(plan: Plan, label: str, keys: list[_Key]) -> str:
    time = "opened_at" if label == "Span" else "recorded_at"
    in_order = keys[0].text == f"n.`{time}`"
    if not in_order or (plan.target.labels and plan.limit is None):
        return f"MATCH (n:{label})\nWHERE true"  # the planner knows how many of a class there are
    # In the order of the index, so that a page costs what it returns.
    return (
        f"MATCH (n:{label}) USING INDEX n:{label}({time}, node_id)\n"
        f"WHERE n.{time} IS NOT NULL AND n.node_id IS NOT NULL"
    )


_EQUALS = ("=", "in")
_RANGES = ("<", "<=", ">", ">=", "startswith")


def _rank(part: Filter, target: Target) -> int | None:
    """How good a start a condition is; the smallest is the best, None is no start."""
    if isinstance(part, Under):
        return 20
    if isinstance(part, (Tagged, Above)):
        return 15
    index = _index(part, target)
    if index is None or not isinstance(part, Comparison):
        return None
    equals, ranged = part.operator in _EQUALS, part.operator in _RANGES
    match index[1]:
        case "node_id":
            return 0 if equals else None
        case "label_":
            return 30 if equals else 40 if part.operator == "startswith" else None
        case "root_id":
            return 35 if equals else None
        case "status" | "model":
            return 60 if equals else None
        case "duration_" | "opened_at" | "recorded_at":
            return 50 if equals else 70 if ranged else None
        case _:  # a field that its model declares as indexed
            return 10 if equals else 45 if ranged else None


def _index(part: Filter, target: Target) -> tuple[str, str] | None:
    return target.resolve(part.ref).index if isinstance(part, Comparison) else None


def _walk(best: Under | Above, label: str, parameters: Parameters) -> str:
    start = (
        f"MATCH (s:ArtigraphNode {{node_id: {parameters.add(best.span_id)}}}) "
        "USING INDEX SEEK s:ArtigraphNode(node_id)\n"
    )
    if isinstance(best, Above):
        if label == "Span":
            return f"{start}MATCH (s)<-[:PARENT_OF*1..]-(n:Span)\nWHERE true"
        return f"{start}MATCH (s)<-[:PARENT_OF*1..]-(p)\nMATCH (p)-[:HAS_ARTIFACT]->(n)\nWHERE true"
    levels = "" if best.levels is None else best.levels
    if label == "Span":
        return f"{start}MATCH (s)-[:PARENT_OF*1..{levels}]->(n:Span)\nWHERE true"
    return (
        f"{start}MATCH (s)-[:PARENT_OF*0..{levels}]->(p)\nWITH DISTINCT p, deletes\n"
        "MATCH (p)-[:HAS_ARTIFACT]->(n)\nWHERE true"
    )


def _may_repeat(conjuncts: list[Filter], plan: Plan) -> bool:
    """Whether one node may come by several ways: artifacts that spans share."""
    return plan.target.noun == "artifact" and any(
        isinstance(part, (Under, Above)) for part in conjuncts
    )


# -- order and cursors --------------------------------------------------------------------------


def _keys(plan: Plan, parameters: Parameters) -> list[_Key]:
    noun = plan.target.noun
    orders = plan.orders
    time = (
        Attribute("span", "opened_at") if noun == "span" else Attribute("artifact", "recorded_at")
    )
    node_id = Attribute("span" if noun == "span" else "artifact", "node_id")
    keys = []
    if plan.text is not None and not orders:
        keys.append(_Key("score", "number", descending=True, never_null=True))
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


def _key(order: Order, target: Target, parameters: Parameters) -> _Key:
    ref = order.ref
    resolved = target.resolve(ref)
    if resolved.nested:
        raise FilterError(f"{ref}: order by a field of the artifact itself, not of a model in it")
    kind = _order_kind(ref, resolved)
    text = f"n.{quoted(resolved.property)}"
    if resolved.property in ("opened_at", "recorded_at", "node_id"):
        return _Key(text, kind, order.descending, never_null=True)
    if resolved.field is not None:
        # A value of another type than the annotation says counts as none.
        guard = codec_guard(resolved.field, {kind}, "n", parameters)
        text = f"CASE WHEN {guard} THEN {text} END"
    if kind == "str":
        # Two stored texts are ordered by code points, a stored one and a parameter by UTF-16. A
        # page goes by both, and a text that is put together is always ordered by UTF-16.
        text = f"({text} + '')"
    return _Key(text, kind, order.descending, never_null=False)


def _order_kind(ref: Any, resolved: Resolved) -> Kind:
    kinds = resolved.kinds.native
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


def _ordering(key: _Key) -> str:
    direction = " DESC" if key.descending else ""
    return (
        f"{key.text}{direction}" if key.never_null else f"{key.text} IS NULL, {key.text}{direction}"
    )


def _returned(key: _Key) -> str:
    return f"toString({key.text})" if key.kind in _CAST else key.text


def _after(keys: list[_Key], values: list[Any], parameters: Parameters) -> list[str]:
    """What comes after the cursor: equal up to some key, and beyond it there."""
    texts = [
        None if value is None else _literal(key, value, parameters)
        for key, value in zip(keys, values, strict=True)
    ]
    options = []
    for i, (key, text) in enumerate(zip(keys, texts, strict=True)):
        if text is None:
            continue  # nothing comes after what has no value
        beyond = f"{key.text} {'<' if key.descending else '>'} {text}"
        if not key.never_null:
            beyond = f"({beyond} OR {key.text} IS NULL)"
        equal = [
            f"{k.text} IS NULL" if t is None else f"{k.text} = {t}"
            for k, t in zip(keys[:i], texts[:i], strict=True)
        ]
        options.append(" AND ".join([*equal, beyond]))
    tests = [f"({' OR '.join(f'({option})' for option in options)})"]
    if keys[0].never_null and texts[0] is not None and keys[0].text != "score":
        # The same again in the shape of a range, for the index.
        tests.append(f"{keys[0].text} {'<=' if keys[0].descending else '>='} {texts[0]}")
    return tests


def _literal(key: _Key, value: Any, parameters: Parameters) -> str:
    text = parameters.add(value)
    cast = _CAST.get(key.kind)
    return f"{cast}({text})" if cast else text


def _decode(plan: Plan, keys: list[_Key]) -> list[Any]:
    try:
        name, *values = json.loads(base64.urlsafe_b64decode((plan.after or "").encode()))
    except (ValueError, TypeError, binascii.Error):
        name, values = None, []
    if name != _order_name(plan) or len(values) != len(keys):
        raise FilterError(
            f"{plan.after!r} is no cursor of this query; pass on the one that a page of it "
            "ended with"
        )
    return list(values)


# -- what it returns ----------------------------------------------------------------------------


def _items(plan: Plan, shape: Shape, keys: str) -> str:
    if shape == "ids":
        return f"WITH collect([n.node_id, [{keys}]]) AS found"
    if plan.target.noun == "span":
        return f"WITH collect([{SPAN_MAP.format('n')}, [{keys}]]) AS found"
    rows = ROOTS_TO_ROWS.replace("(a)", "(n)").replace("x = a", "x = n")
    return (
        f"WITH n, [{keys}] AS keys\n"
        "CALL (n) {\n"
        "  OPTIONAL MATCH (s:Span)-[h:HAS_ARTIFACT]->(n)\n"
        "  WITH s, h ORDER BY h.linked_at IS NOT NULL, s.opened_at, s.node_id LIMIT 1\n"
        "  RETURN s.node_id AS owner, coalesce(h.label, n.artifact_label) AS label\n"
        "}\n"
        f"{rows.strip()}\n"
        "WITH collect([[owner, label, nodes], keys]) AS found"
    )
