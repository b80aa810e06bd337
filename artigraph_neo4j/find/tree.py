"""Queries over the tree of spans. Each is one round trip, whatever the depth."""

from __future__ import annotations

from typing import Any

from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.engine.scope import get_current_span_id
from artigraph_neo4j.graph.cypher import read
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.graph.span_rows import spans_from_rows
from artigraph_neo4j.recording import artifacts
from artigraph_neo4j.recording.artifact_model import ArtifactModel
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


async def read_span(span: str, /) -> Span:
    """Read a span by id, or the current one. One round trip.

    Args:
        span: The span's id, or ``"current"``.

    Returns:
        The span, as an object of the most specific class this program knows.

    Raises:
        SpanError: ``"current"``, and no span is.
        NotFoundError: There is no such span.
        ConnectionFailed: The database stayed out of reach.
    """
    return (await _read(read.SPAN_BY_ID, span))[0]


async def read_child_spans(span: str, /) -> list[Span]:
    """Read the spans right below a span, in order of opening. One round trip.

    Args:
        span: The span's id, or ``"current"``.

    Raises:
        SpanError, NotFoundError, ConnectionFailed: As ``read_span``.
    """
    return await _read(read.SPAN_CHILDREN, span)


async def read_descendant_spans(span: str, /) -> list[Span]:
    """Read all spans below a span, in order of opening. One round trip.

    Args:
        span: The span's id, or ``"current"``.

    Raises:
        SpanError, NotFoundError, ConnectionFailed: As ``read_span``.
    """
    return await _read(read.SPANS_BELOW, span)


async def read_parent_span(span: str, /) -> Span | None:
    """Read the span right above a span; None above a root. One round trip.

    Args:
        span: The span's id, or ``"current"``.

    Raises:
        SpanError, NotFoundError, ConnectionFailed: As ``read_span``.
    """
    found = await _read(read.SPAN_PARENT, span)
    return found[0] if found else None


async def read_ancestor_spans(span: str, /) -> list[Span]:
    """Read all spans above a span, nearest first. One round trip.

    Args:
        span: The span's id, or ``"current"``.

    Raises:
        SpanError, NotFoundError, ConnectionFailed: As ``read_span``.
    """
    return await _read(read.SPANS_ABOVE, span)


async def read_root_spans(*, limit: int = 100) -> list[Span]:
    """Read the spans that have no parent, newest first. One round trip.

    Args:
        limit: At most so many.

    Raises:
        ValueError: The limit is negative.
        ConnectionFailed: The database stayed out of reach.
    """
    if limit < 0:
        raise ValueError(f"limit must be 0 or more, not {limit}")
    ((rows,),) = await get_engine().read(read.SPAN_ROOTS, {"limit": limit})
    return ResultList(spans_from_rows(rows))


async def read_child_artifacts(span: str, /, *, history: bool = False) -> list[Any]:
    """Read the artifacts of a span itself, in order of recording.

    One round trip, plus values in storages. ``artifact_info`` tells each one's label, id and span.

    Args:
        span: The span's id, or ``"current"``.
        history: Whether versions that were revised are among them.

    Returns:
        The artifacts, labeled or not, as objects of their models.

    Raises:
        SpanError, NotFoundError, UnknownModelError, MigrationError, SerializationError,
        StorageError, ConnectionFailed: As ``read_span_artifact``.
    """
    return await _read_artifacts(read.ARTIFACTS_OF, span, history)


async def read_descendant_artifacts(span: str, /, *, history: bool = False) -> list[Any]:
    """Read the artifacts of a span and of all spans below it, in order of recording.

    One round trip, plus values in storages. ``artifact_info`` tells each one's label, id and span.
    An artifact that several of these spans share comes once.

    Args:
        span: The span's id, or ``"current"``.
        history: Whether versions that were revised are among them.

    Returns:
        The artifacts, labeled or not, as objects of their models.

    Raises:
        SpanError, NotFoundError, UnknownModelError, MigrationError, SerializationError,
        StorageError, ConnectionFailed: As ``read_span_artifact``.
    """
    return await _read_artifacts(read.ARTIFACTS_BELOW, span, history)


async def _read(statement: str, span: str) -> list[Span]:
    span_id = get_current_span_id(span)
    rows = await get_engine().read(statement, {"span": span_id})
    if rows == [[None]]:
        raise await absent(get_engine(), "span", span_id)
    return ResultList(spans_from_rows(row for (chunk,) in rows for row in chunk))


async def _read_artifacts(statement: str, span: str, history: bool) -> list[Any]:
    found = await artifacts.read_many(
        statement, get_current_span_id(span), ArtifactModel, history=history
    )
    return ResultList(artifact for _, artifact in found)
