"""The one statement of a query: its start, its conditions, its order and its result."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Literal

from artigraph_neo4j.find.conditions import condition
from artigraph_neo4j.find.filters import Above, Comparison, Filter, Tagged, Under, conjuncts
from artigraph_neo4j.find.order import Key, after, order_keys, ordering, returned
from artigraph_neo4j.find.parameters import Parameters, has_label
from artigraph_neo4j.find.plan import Plan
from artigraph_neo4j.find.targets import Target
from artigraph_neo4j.graph.cypher.parts import (
    DELETES,
    OWNER,
    ROOTS_TO_ROWS,
    SPAN_MAP,
    artifact_stays,
    is_newest,
    span_stays,
)
from artigraph_neo4j.graph.names import RESERVED_LABELS, quoted
from artigraph_neo4j.graph.schema import INDEXES

__all__ = ["Shape", "compile_plan", "field_indexes", "walks"]

Shape = Literal["rows", "ids", "count", "exists", "stream", "columns", "frame"]

Items = Callable[[Parameters], str]
"""Returns the part of a statement that collects the results, one list for each, as ``found``; for
``frame``, the part that returns the columns of the nodes ``found``."""


def field_indexes(plan: Plan) -> set[tuple[str, str]]:
    """Return the indexes on fields from which the query could start."""
    found = {
        target_index
        for part in conjuncts(plan.filter)
        if (target_index := _index(part, plan.target)) is not None
    }
    return {index for index in found if index[0] not in RESERVED_LABELS}


def walks(plan: Plan) -> bool:
    """Tell if the query starts by walking down from a span."""
    parts = list(conjuncts(plan.filter))
    best = _best(plan, parts, ())
    return best is not None and isinstance(parts[best], Under)


def compile_plan(
    plan: Plan,
    shape: Shape,
    *,
    missing: Collection[tuple[str, str]] = (),
    items: Items | None = None,
    first: bool = False,
) -> tuple[str, dict[str, Any]]:
    """Return the statement of a query, and its parameters.

    ``rows`` and ``ids`` return chunks of ``[item, keys]``, where the keys make a cursor; ``count``
    and ``exists`` return one row of one value. ``stream``, for queries that walk down, returns
    chunks of ``[item, id]`` in the order of the walk; the id is null unless other spans have the
    item too. ``columns`` returns chunks of lists, one for each result, as ``items`` collects them.
    ``frame`` returns what ``items`` makes of the nodes ``found`` and the ``keys`` of the last.

    Args:
        plan: The query.
        shape: The form of the result.
        missing: The indexes on fields that the database does not have.
        items: For ``columns`` and ``frame``: makes the part after the order.
        first: Whether the limit is the size of a first page, which may well have all results: then
            the index of the order is not the start, since few of its nodes may be results.

    Raises:
        FilterError: A filter, an order or a cursor does not fit.
    """
    parameters = Parameters()
    parts = list(conjuncts(plan.filter))
    keys = order_keys(plan, parameters)
    place = _best(plan, parts, missing)
    if shape == "stream":
        start, rest = _start_stream(plan, parts, place, parameters)
    else:
        begin = replace(plan, limit=None) if first else plan
        start, rest = _start(begin, parts, place, keys, parameters)
    tests = [condition(part, plan.target, "n", parameters) for part in rest]
    if plan.target.labels:
        tests.append(has_label("n", plan.target.labels, parameters))
    if plan.target.noun == "artifact":
        if not plan.history:
            tests.append(is_newest("n"))
        if not plan.nested:
            tests.append("NOT EXISTS { (n)<-[:HAS_FIELD]-() }")
    later = after(plan, keys, parameters) if plan.after is not None else []
    bound = [key for key in keys if key.value is not None]
    if not bound:
        tests.extend(later)
    tests.extend(_always(plan, shape))
    where = "".join(f"\n  AND {test}" for test in tests)
    if shape == "stream":
        return f"{DELETES}\n{start}{where}\n{_chunks(plan)}", parameters.values
    found = f"{DELETES}\n{start}{where}"
    limit = "" if plan.limit is None else f"\nLIMIT {parameters.add(plan.limit)}"
    score = ", score" if plan.text is not None else ""
    if shape == "exists":
        return f"{found}\nWITH n LIMIT 1\nRETURN count(n) > 0", parameters.values
    if shape == "count":
        kept = f"\nWITH DISTINCT n{limit}" if limit else ""
        return f"{found}{kept}\nRETURN count(DISTINCT n)", parameters.values
    order = ", ".join([*_same(plan, parts, place), *(ordering(key) for key in keys)])
    kept = f"WITH DISTINCT n{score}\n" if _may_repeat(parts, plan) else ""
    kept += _bound(bound, later, score)
    also = score + "".join(f", {key.text}" for key in bound)
    cursor_keys = ", ".join(returned(key) for key in keys)
    made = _items(plan, shape, cursor_keys) if items is None else items(parameters)
    ordered = f"{kept}WITH n{also} ORDER BY {order}{limit}"
    return (
        f"{found}\n{ordered}\n{_ended(shape, made, cursor_keys, again=not also)}",
        parameters.values,
    )


def _always(plan: Plan, shape: Shape) -> list[str]:
    """Return the conditions on every result."""
    stays = span_stays("n") if plan.target.noun == "span" else artifact_stays("n")
    # Pages of columns go on after the last id, which a node of users' own Cypher may lack.
    return [stays, "n.node_id IS NOT NULL"] if shape == "frame" else [stays]


def _ended(shape: Shape, items: str, keys: str, *, again: bool) -> str:
    """Return the end of the statement, from the nodes in their order.

    Args:
        shape: The form of the result.
        items: The part that collects the results, or returns their columns.
        keys: The keys of the order.
        again: Whether they can be read from the last node again, which is cheaper than to collect
            those of all.
    """
    if shape != "frame":
        return f"{items}\nUNWIND range(0, size(found), 1000) AS i\nRETURN found[i..i + 1000]"
    if again:
        last = f"WITH found, found[-1] AS n\nWITH found, [{keys}] AS keys"
        return f"WITH collect(n) AS found\n{last}\n{items}"
    return f"WITH collect(n) AS found, last(collect([{keys}])) AS keys\n{items}"


def _bound(keys: list[Key], later: list[str], score: str) -> str:
    """Return the part that works out keys once for each result, before they are compared."""
    if not keys:
        return ""
    values = ", ".join(f"{key.value} AS {key.text}" for key in keys)
    where = f" WHERE {' AND '.join(later)}" if later else ""
    return f"WITH n{score}, {values}{where}\n"


# -- the start ----------------------------------------------------------------------------------


def _start(
    plan: Plan,
    parts: list[Filter],
    place: int | None,
    keys: list[Key],
    parameters: Parameters,
) -> tuple[str, list[Filter]]:
    """Return the ``MATCH`` with the best index, and the conditions that are left.

    The index is named in the statement: soon after a bulk load the planner may scan instead.
    """
    label = "Span" if plan.target.noun == "span" else "Artifact"
    if plan.text is not None:
        query = parameters.add(plan.text)
        return (
            f"CALL db.index.fulltext.queryNodes('artigraph_text', {query}) "
            f"YIELD node AS n, score\nWITH n, score, deletes WHERE n:{label}",
            parts,
        )
    if place is None:
        return _by_time(plan, label, keys), parts
    best, rest = parts[place], parts[:place] + parts[place + 1 :]
    if isinstance(best, Tagged):
        tag = f"(t:ArtigraphTag {{name: {parameters.add(best.name)}}})"
        return f"MATCH {tag}<-[:TAGGED]-(n)\nWHERE n:{label}", rest
    if isinstance(best, (Under, Above)):
        return _walk(best, label, parameters), rest
    index = _index(best, plan.target)
    assert index is not None  # noqa: S101 - it was ranked by it
    return _seek(index, label), parts


def _best(plan: Plan, parts: list[Filter], missing: Collection[tuple[str, str]]) -> int | None:
    """Return the place of the condition that the statement starts from, or None."""
    if plan.text is not None:
        return None
    ranked: list[tuple[int, int]] = []
    for i, part in enumerate(parts):
        index = _index(part, plan.target)
        rank = _rank(part, index)
        if rank is not None and index not in missing:
            ranked.append((rank, i))
    return min(ranked)[1] if ranked else None


_FURTHER = {(i.label, i.properties[0]): i.properties[1:] for i in INDEXES if i.properties[1:]}
"""The further properties of composite indexes; a seek must require that they are not null."""


def _seek(index: tuple[str, str], label: str) -> str:
    named, further = quoted(index[0]), _FURTHER.get(index, ())
    properties = ", ".join(quoted(name) for name in (index[1], *further))
    tests = [f"n.{name} IS NOT NULL" for name in further]
    if index[0] != label:
        tests.append(f"n:{label}")
    where = " AND ".join(tests) or "true"
    return f"MATCH (n:{named}) USING INDEX n:{named}({properties})\nWHERE {where}"


def _same(plan: Plan, parts: list[Filter], place: int | None) -> list[str]:
    """Return the ``ORDER BY`` prefix that is constant within one index seek.

    It does not change the order, but lets the planner see that the index already has it, so that
    a page costs only what it returns.
    """
    best = None if place is None else parts[place]
    if not isinstance(best, Comparison) or best.operator != "=":
        return []
    index = _index(best, plan.target)
    return [f"n.{quoted(index[1])}"] if index in _FURTHER else []


def _by_time(plan: Plan, label: str, keys: list[Key]) -> str:
    time = "opened_at" if label == "Span" else "recorded_at"
    in_order = keys[0].text == f"n.`{time}`"
    if not in_order or (plan.target.labels and plan.limit is None):
        return f"MATCH (n:{label})\nWHERE true"  # the planner knows the number of nodes of a label
    # In the order of the index, so that a page costs only what it returns.
    return (
        f"MATCH (n:{label}) USING INDEX n:{label}({time}, node_id)\n"
        f"WHERE n.{time} IS NOT NULL AND n.node_id IS NOT NULL"
    )


_EQUALS = ("=", "in")
_RANGES = ("<", "<=", ">", ">=", "startswith")


def _rank(part: Filter, index: tuple[str, str] | None) -> int | None:
    """Return the rank of a condition as a start, the smallest the best; None if it cannot be."""
    if isinstance(part, Under):
        return 20
    if isinstance(part, (Tagged, Above)):
        return 15
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


def _start_stream(
    plan: Plan, parts: list[Filter], place: int | None, parameters: Parameters
) -> tuple[str, list[Filter]]:
    """Walk down from a span and yield the results at each span as it is visited.

    The tree is not collected first.
    """
    assert place is not None  # noqa: S101 - the caller asked walks()
    under = parts[place]
    assert isinstance(under, Under)  # noqa: S101 - likewise
    spans = plan.target.noun == "span"
    levels = "" if under.levels is None else under.levels - (1 if spans else 0)
    last = "MATCH (p)-[:PARENT_OF]->(n:Span)" if spans else "MATCH (p)-[:HAS_ARTIFACT]->(n)"
    return (
        f"MATCH (s:ArtigraphNode {{node_id: {parameters.add(under.span_id)}}}) "
        "USING INDEX SEEK s:ArtigraphNode(node_id)\n"
        f"MATCH (s)-[:PARENT_OF*0..{levels}]->(p)\nCALL (p, deletes) {{\n{last}\nWHERE true",
        parts[:place] + parts[place + 1 :],
    )


def _chunks(plan: Plan) -> str:
    if plan.target.noun == "span":
        items = f"WITH collect([{SPAN_MAP.format('n')}, null]) AS found"
    else:
        shared = "CASE WHEN COUNT { (n)<-[:HAS_ARTIFACT]-() } > 1 THEN n.node_id END"
        items = (
            f"WITH n AS a, {shared} AS shared{OWNER}{ROOTS_TO_ROWS}"
            "WITH collect([[owner, label, nodes], shared]) AS found"
        )
    return (
        f"{items}\nWITH found WHERE size(found) > 0\nUNWIND range(0, size(found) - 1, 1000) AS i\n"
        "RETURN found[i..i + 1000] AS chunk\n}\nRETURN chunk"
    )


def _may_repeat(parts: list[Filter], plan: Plan) -> bool:
    """Tell if a node may be found several times: an artifact that spans share."""
    return plan.target.noun == "artifact" and any(
        isinstance(part, (Under, Above)) for part in parts
    )


# -- the result ---------------------------------------------------------------------------------


def _items(plan: Plan, shape: Shape, keys: str) -> str:
    if shape == "ids":
        return f"WITH collect([n.node_id, [{keys}]]) AS found"
    if plan.target.noun == "span":
        return f"WITH collect([{SPAN_MAP.format('n')}, [{keys}]]) AS found"
    return (
        f"WITH n AS a, [{keys}] AS keys{OWNER}{ROOTS_TO_ROWS}"
        "WITH collect([[owner, label, nodes], keys]) AS found"
    )
