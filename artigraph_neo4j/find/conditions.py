"""Filters to Cypher: one statement, values only as parameters.

Names of labels and properties do become part of the text, since the planner uses an index only for
a name that it sees; ``quoted`` makes any name safe. A filter is never wrapped in ``NOT``: each has
one condition that it holds and another that it is known not to hold, and ``~`` is passed down to
comparisons by De Morgan's laws.
"""

from __future__ import annotations

from typing import Any

from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.find.comparisons import comparison
from artigraph_neo4j.find.filters import (
    Above,
    And,
    Comparison,
    Filter,
    HasArtifact,
    InSpan,
    IsA,
    Maybe,
    Not,
    Or,
    Tagged,
    Under,
)
from artigraph_neo4j.find.parameters import Parameters, exists, has_label, sign
from artigraph_neo4j.find.recorder import as_filter
from artigraph_neo4j.find.targets import ArtifactTarget, SpanTarget, Target
from artigraph_neo4j.graph.cypher.parts import is_newest
from artigraph_neo4j.graph.names import (
    FAILED_LABEL,
    INDEXED_LABEL,
    OPEN_LABEL,
    UNINDEXED_LABEL,
)
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.base import ModelBase

__all__ = ["condition"]


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
            return comparison(filter_, target, variable, parameters, holds=holds)
        case IsA():
            return sign(_is_a(filter_, target, variable, parameters), holds=holds)
        case Under() | Above() | Tagged():
            reach = _reach(filter_, target, variable, parameters)
            return sign(f"EXISTS {{ MATCH {reach} }}", holds=holds)
        case HasArtifact(model, filters):
            _only(filter_, "span", target)
            other: Target = ArtifactTarget(model)
            return _across("artifact", other, filters, variable, parameters, holds=holds)
        case InSpan(cls, filters):
            _only(filter_, "artifact", target)
            return _across("span", SpanTarget(cls), filters, variable, parameters, holds=holds)
        case _:
            raise FilterError(f"{filter_!r} is not a filter of this library")


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

    return exists(path, test, more, holds=holds)


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
