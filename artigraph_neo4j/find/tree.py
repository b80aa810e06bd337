"""Queries over the tree of spans. Each is one round trip, whatever the depth."""

from __future__ import annotations

from typing import Any

from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.given import AnySpan
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.graph.cypher import read
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.graph.span_rows import spans_from_rows
from artigraph_neo4j.model.unreadable import Missing, OnError
from artigraph_neo4j.recording import objects
from artigraph_neo4j.recording.artifact_model import ArtifactModel
from artigraph_neo4j.recording.objects import Leniency
from artigraph_neo4j.recording.results import ResultList

__all__ = [
    "read_ancestor_spans",
    "read_child_artifacts",
    "read_child_spans",
    "read_descendant_artifacts",
    "read_descendant_spans",
    "read_parent_span",
    "read_root_spans",
    "read_span",
]


async def read_span(span: AnySpan, /) -> Span:
    """Read a span by id, or the current one. One round trip.

    Args:
        span: The span, its id, or ``"current"``.

    Returns:
        The span, as an object of the most specific class that this program knows.

    Raises:
        SpanError: The span is ``"current"``, and there is no current span.
        NotFoundError: The span does not exist.
        ConnectionFailed: The database stayed out of reach.
    """
    return (await _read(read.SPAN_BY_ID, span))[0]


async def read_child_spans(span: AnySpan, /) -> list[Span]:
    """Read the spans right below a span, in order of opening. One round trip.

    Args:
        span: The span, its id, or ``"current"``.

    Raises:
        SpanError, NotFoundError, ConnectionFailed: As ``read_span``.
    """
    return await _read(read.SPAN_CHILDREN, span)


async def read_descendant_spans(span: AnySpan, /) -> list[Span]:
    """Read all spans below a span, in order of opening. One round trip.

    Args:
        span: The span, its id, or ``"current"``.

    Raises:
        SpanError, NotFoundError, ConnectionFailed: As ``read_span``.
    """
    return await _read(read.SPANS_BELOW, span)


async def read_parent_span(span: AnySpan, /) -> Span | None:
    """Read the span right above a span; None above a root. One round trip.

    Args:
        span: The span, its id, or ``"current"``.

    Raises:
        SpanError, NotFoundError, ConnectionFailed: As ``read_span``.
    """
    found = await _read(read.SPAN_PARENT, span)
    return found[0] if found else None


async def read_ancestor_spans(span: AnySpan, /) -> list[Span]:
    """Read all spans above a span, nearest first. One round trip.

    Args:
        span: The span, its id, or ``"current"``.

    Raises:
        SpanError, NotFoundError, ConnectionFailed: As ``read_span``.
    """
    return await _read(read.SPANS_ABOVE, span)


async def read_root_spans(*, limit: int = 100) -> list[Span]:
    """Read the spans that have no parent, newest first. One round trip.

    Args:
        limit: Maximum number of spans.

    Raises:
        FilterError: The limit is not an int, is negative, or too large; also a ``ValueError``.
        ConnectionFailed: The database stayed out of reach.
    """
    if type(limit) is not int or not 0 <= limit < 2**31:
        raise FilterError(f"a limit is an int from 0 to {2**31 - 1:,}, not {limit!r}")
    ((rows,),) = await get_engine().ask(read.SPAN_ROOTS, {"limit": limit})
    return ResultList(spans_from_rows(rows))


async def read_child_artifacts(
    span: AnySpan,
    /,
    *,
    history: bool = False,
    on_error: OnError = "keep",
    missing: Missing = "error",
) -> list[Any]:
    """Read the artifacts of a span itself, in order of recording.

    One round trip, plus values in storages. ``artifact_info`` returns label, id and span of each.

    Args:
        span: The span, its id, or ``"current"``.
        history: Whether to read superseded versions too.
        on_error: Treatment of an artifact that cannot be read: ``"keep"`` an
            ``UnreadableArtifact`` in its place, which raises the error when it is asked for a
            field; ``"skip"`` it; or ``"raise"`` the error.
        missing: ``"dict"`` returns an ``ArtifactRecord`` for an artifact whose model has no class
            in this program; ``"error"`` treats it as one that cannot be read.

    Returns:
        The artifacts, labeled or not, as objects of their models.

    Raises:
        SpanError, NotFoundError, ConnectionFailed: As ``read_span_artifact``.
        UnknownModelError, MigrationError, SerializationError, StorageError: Where ``on_error`` is
            ``"raise"``.
    """
    return await _read_artifacts(read.ARTIFACTS_OF, span, history, Leniency(on_error, missing))


async def read_descendant_artifacts(
    span: AnySpan,
    /,
    *,
    history: bool = False,
    on_error: OnError = "keep",
    missing: Missing = "error",
) -> list[Any]:
    """Read the artifacts of a span and of all spans below it, in order of recording.

    One round trip, plus values in storages. ``artifact_info`` returns label, id and span of each.
    An artifact that several of these spans share comes once.

    Args:
        span: The span, its id, or ``"current"``.
        history: Whether to read superseded versions too.
        on_error: Treatment of an artifact that cannot be read: ``"keep"`` an
            ``UnreadableArtifact`` in its place, which raises the error when it is asked for a
            field; ``"skip"`` it; or ``"raise"`` the error.
        missing: ``"dict"`` returns an ``ArtifactRecord`` for an artifact whose model has no class
            in this program; ``"error"`` treats it as one that cannot be read.

    Returns:
        The artifacts, labeled or not, as objects of their models.

    Raises:
        SpanError, NotFoundError, ConnectionFailed: As ``read_span_artifact``.
        UnknownModelError, MigrationError, SerializationError, StorageError: Where ``on_error`` is
            ``"raise"``.
    """
    return await _read_artifacts(read.ARTIFACTS_BELOW, span, history, Leniency(on_error, missing))


async def _read(statement: str, span: AnySpan) -> list[Span]:
    span_id = given.span_id(span)
    rows = await get_engine().read_chunks(statement, {"span": span_id})
    if rows is None:
        raise await absent(get_engine(), "span", span_id)
    return ResultList(spans_from_rows(rows))


async def _read_artifacts(
    statement: str, span: AnySpan, history: bool, leniency: Leniency
) -> list[Any]:
    found = await objects.read_many(
        statement, given.span_id(span), ArtifactModel, history=history, leniency=leniency
    )
    return ResultList(artifact for _, artifact in found)
