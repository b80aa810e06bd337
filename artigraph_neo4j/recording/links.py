"""Links from spans to artifacts that they use or share."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.given import AnyArtifact, AnySpan
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.engine.scope import current_cell
from artigraph_neo4j.errors import DuplicateLabelError, RevisionError, SpanError
from artigraph_neo4j.graph.cypher import links
from artigraph_neo4j.graph.failures import ConflictError
from artigraph_neo4j.graph.names import Label, as_label
from artigraph_neo4j.recording.used import write_used
from artigraph_neo4j.recording.work import artifact_key

__all__ = [
    "link_artifact",
    "use",
]


def use(*artifacts: AnyArtifact) -> None:
    """Record that the current span uses artifacts that it got in another way than by reading.

    Works inside ``record_used(False)``, too. No round trip: the use is recorded when the span ends.
    Artifacts that are not in the graph by then, or that the span itself made, are left out. In a
    forked child of the process that opened the span, the use is recorded at once, in one round
    trip.

    Args:
        *artifacts: Artifacts that were read or recorded, or their ids.

    Raises:
        SpanError: No span is current.
        NotFoundError: An artifact was neither read nor recorded.
    """
    ids = [given.artifact_id(artifact, "artifacts") for artifact in artifacts]
    cell = current_cell()
    if cell is None:
        raise SpanError(
            "no span is current here, so none can use an artifact; "
            'open one with "async with span_context(label=...)"'
        )
    cell.note_used(ids)
    if cell.is_inherited:
        engine = get_engine()
        engine.call_blocking(partial(write_used, engine, cell))


async def link_artifact(
    span: AnySpan, artifact: AnyArtifact, /, *, label: Label | None = None
) -> None:
    """Share an artifact with another span, which then lists it as one of its own.

    The artifact's lineage does not change: it still derives from the span that made it. Linking it
    again changes nothing. One round trip.

    Args:
        span: The span that gets it, its id, or ``"current"``.
        artifact: An artifact that was read or recorded, or its id.
        label: Its label there, unique within that span; or None.

    Raises:
        SpanError: ``"current"`` was given and no span is current; or the artifact is nested in
            another one.
        DuplicateLabelError: The span has another artifact with this label, or this artifact under
            another label.
        RevisionError: The artifact has a newer version.
        NotFoundError: The span or the artifact does not exist.
        ConnectionFailed: The database stayed out of reach.
    """
    span_id, node_id = given.span_id(span), given.artifact_id(artifact)
    if label is not None:
        label = as_label(label, "an artifact's label")
    parameters = {
        "span": span_id,
        "node_id": node_id,
        "label": label,
        "key": None if label is None else artifact_key(span_id, label),
        "at": datetime.now(UTC).isoformat(),
    }
    engine = get_engine()
    try:
        result = await engine.once(links.LINK_ARTIFACT, parameters)
    except ConflictError as error:
        raise DuplicateLabelError(
            f"span {span_id} has another artifact labeled {label!r} already; use another label, "
            "or None to link without one"
        ) from error
    if result.before:
        return
    found_span, found, whole, newer, labels = result.row
    if found_span is None:
        raise await absent(engine, "span", span_id, "; nothing was linked")
    if found is None:
        raise await absent(engine, "artifact", node_id, "; nothing was linked")
    if newer is not None:
        raise RevisionError(f"artifact {node_id} was revised by {newer}; link its newest version")
    if whole is not None:
        raise SpanError(f"artifact {node_id} is nested in artifact {whole}; link that one")
    if label is not None and label not in labels:
        has = f"as {labels[0]!r}" if labels else "without a label"
        raise DuplicateLabelError(
            f"span {span_id} has artifact {node_id} {has} already; an artifact has one label in "
            "a span"
        )
