"""Counts of what is below spans: how many spans, how many of them failed, how many artifacts."""

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
        spans: Spans, itself among them.
        failed: Spans with the status ``ERROR``.
        open: Spans that have not been closed.
        artifacts: Artifacts of these spans, in their newest versions; a shared one counts once.
    """

    spans: int
    failed: int
    open: int
    artifacts: int


async def read_span_counts(*spans: AnySpan) -> list[SpanCounts]:
    """Count what is below each of some spans. One round trip, which walks through their trees.

    Args:
        *spans: Spans, their ids, or ``"current"``.

    Returns:
        The counts of each, in the same order.

    Raises:
        NotFoundError: There is no such span.
        SpanError: ``"current"``, and no span is.
        ConnectionFailed: The database stayed out of reach.
    """
    ids = [given.span_id(span, "spans") for span in spans]
    if not ids:
        return []
    ((rows,),) = await get_engine().read(summaries.COUNTS_BELOW, {"ids": list(set(ids))})
    counts = {node_id: SpanCounts(*row) for node_id, *row in rows}
    for node_id in ids:
        if node_id not in counts:
            raise await absent(get_engine(), "span", node_id)
    return [counts[node_id] for node_id in ids]
