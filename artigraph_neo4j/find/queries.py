"""Queries for spans and for artifacts, and the functions that make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self, TypeVar, cast, overload

from artigraph_neo4j.find.filters import Filter
from artigraph_neo4j.find.plan import Plan
from artigraph_neo4j.find.query import Query
from artigraph_neo4j.find.recorder import as_filter, class_and_filters
from artigraph_neo4j.find.targets import ArtifactTarget, SpanTarget
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.graph.span_rows import spans_from_rows
from artigraph_neo4j.model.unreadable import Missing, OnError
from artigraph_neo4j.recording import objects
from artigraph_neo4j.recording.artifact_model import ArtifactModel
from artigraph_neo4j.recording.objects import Leniency

__all__ = ["ArtifactQuery", "SpanQuery", "find_artifacts", "find_spans"]

S = TypeVar("S", bound=Span)
M = TypeVar("M", bound=ArtifactModel)


class SpanQuery(Query[S]):
    """A query for spans."""

    async def _build(self, rows: list[Any], leniency: Leniency | None = None) -> list[S]:
        return cast("list[S]", spans_from_rows(rows))


class ArtifactQuery(Query[M]):
    """A query for artifacts."""

    def with_history(self) -> Self:
        """Return a query that finds superseded versions too."""
        return self._with(history=True)

    def with_nested(self) -> Self:
        """Return a query that finds artifacts nested in others too."""
        return self._with(nested=True)

    def lenient(self, *, on_error: OnError = "keep", missing: Missing = "error") -> Self:
        """Return a query with another treatment of artifacts that cannot be read.

        Args:
            on_error: ``"keep"`` an ``UnreadableArtifact`` in the place of each, which raises the
                error when it is asked for a field; ``"skip"`` them; or ``"raise"`` the error.
            missing: ``"dict"`` returns an ``ArtifactRecord`` for an artifact whose model has no
                class in this program; ``"error"`` treats it as one that cannot be read.

        Raises:
            ValueError: An option has another value.
        """
        return self._with(leniency=Leniency(on_error, missing))

    async def _build(self, rows: list[Any], leniency: Leniency | None = None) -> list[M]:
        wanted = leniency or self._plan.leniency
        if wanted.on_error == "skip":  # pages need the place of each
            wanted = replace(wanted, on_error="keep")
        return [item for _, item in await objects.from_rows(rows, self._plan.target.cls, wanted)]


_Condition = Filter | Callable[[Any], Filter]


@overload
def find_spans(cls: type[S], /, *filters: _Condition) -> SpanQuery[S]: ...
@overload
def find_spans(*filters: _Condition) -> SpanQuery[Span]: ...
def find_spans(*filters: Any) -> SpanQuery[Any]:
    """Make a query for spans; nothing is sent until results are read.

    ::

        failed = await find_spans(span.status == "ERROR", span.label.startswith("train")).read()
        good = find_spans(TrainSpan, lambda s: (s.epochs > 3) & (s.status == "OK"))

    Args:
        *filters: Optionally the class of the spans first, whose subclasses count too. Then filters,
            or functions from a stand-in for a span to a filter; all have to hold.

    Returns:
        The query, with ``read``, ``read_first``, ``read_page``, ``async for``, ``count`` ...

    Raises:
        FilterError: A name is unknown (near ones are named), a type does not fit, an operand is
            missing.
    """
    cls, rest = class_and_filters(filters, Span)
    target = SpanTarget(cls)
    return SpanQuery(Plan(target, as_filter(target, rest)))


@overload
def find_artifacts(*filters: Filter) -> ArtifactQuery[ArtifactModel]: ...
@overload
def find_artifacts(
    model: type[M], /, *filters: Filter | Callable[[M], Filter | int]
) -> ArtifactQuery[M]: ...
def find_artifacts(*filters: Any) -> ArtifactQuery[Any]:
    """Make a query for artifacts; nothing is sent until results are read.

    ::

        best = await find_artifacts(Metrics, lambda m: m.accuracy > 0.9).read()
        newest = await find_artifacts(artifact.label == "model").order_by(
            artifact.recorded_at.desc()
        ).read_first()

    Only newest versions are found, and only artifacts that are not nested in others, unless
    ``with_history`` or ``with_nested`` says otherwise.

    Args:
        *filters: Optionally the model first, whose subclasses count too. Then filters, or functions
            from a stand-in for an artifact to a filter; all have to hold. Type checkers check
            such a function against the model.

    Returns:
        The query, with ``read``, ``read_first``, ``read_page``, ``async for``, ``count`` ...

    Raises:
        FilterError: A name is unknown (near ones are named), a type does not fit, an operand is
            missing.
    """
    model, rest = class_and_filters(filters, ArtifactModel)
    target = ArtifactTarget(model)
    return ArtifactQuery(Plan(target, as_filter(target, rest)))
