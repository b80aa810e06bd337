"""Counts of the trees below spans: spans, failed spans, open spans and artifacts."""

from __future__ import annotations

from dataclasses import dataclass

from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.given import AnySpan
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.graph.cypher import summaries

__all__ = ["SpanCounts", "read_span_counts"]


@dataclass(frozen=True, slots=True)
class SpanCounts:
    """Counts of a span and all spans below it.

    Attributes:
        spans: Number of spans, with the span itself.
        failed: Number of spans with the status ``ERROR``.
        open: Number of spans that are not closed yet.
        artifacts: Number of artifacts of these spans, newest versions only; a shared one counts
            once.
    """

    spans: int
    failed: int
    open: int
    artifacts: int


async def read_span_counts(*spans: AnySpan) -> list[SpanCounts]:
    """Count the spans and artifacts below each given span. One round trip; it walks their trees.

    Args:
        *spans: Spans, their ids, or ``"current"``.

    Returns:
        The counts of each span, in the order given.

    Raises:
        NotFoundError: A span does not exist.
        SpanError: The span is ``"current"``, and there is no current span.
        ConnectionFailed: The database stayed out of reach.
    """
    ids = [given.span_id(span, "spans") for span in spans]
    if not ids:
        return []
    ((rows,),) = await get_engine().ask(summaries.COUNTS_BELOW, {"ids": list(set(ids))})
    counts = {node_id: SpanCounts(*row) for node_id, *row in rows}
    for node_id in ids:
        if node_id not in counts:
            raise await absent(get_engine(), "span", node_id)
    return [counts[node_id] for node_id in ids]
