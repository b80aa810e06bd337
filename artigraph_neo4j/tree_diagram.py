"""The picture of a tree of spans: its nodes and relationships, the nearest to the top first."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from artigraph_neo4j.colours import ARTIFACT, BLOB, STATUS, UNSET
from artigraph_neo4j.diagram import Diagram, DiagramEdge, DiagramNode
from artigraph_neo4j.graph.facts import exception_name, own_facts, span_name
from artigraph_neo4j.graph.names import users_labels
from artigraph_neo4j.graph.spans import seconds_of
from artigraph_neo4j.wording import duration_text, size_text

if TYPE_CHECKING:
    from artigraph_neo4j.graph.nodes import Span
    from artigraph_neo4j.model.summary import ArtifactSummary, FieldSummary
    from artigraph_neo4j.trees import SpanTree

__all__ = ["tree_diagram"]


def tree_diagram(tree: SpanTree) -> Diagram:
    """Spans, their artifacts, and what storages have of these; each once, breadth first."""
    nodes: dict[str, DiagramNode] = {}
    edges: list[DiagramEdge] = []
    todo = deque([tree])
    while todo:
        node = todo.popleft()
        span_id = node.span.node_id
        nodes[span_id] = _span_node(node.span)
        for artifact in node.artifacts:
            nodes.setdefault(artifact.node_id, _artifact_node(artifact))
            edges.append(
                DiagramEdge(span_id, artifact.node_id, "HAS_ARTIFACT", artifact.label or "")
            )
            for blob in artifact.fields:
                if blob.blob_id is not None:
                    nodes.setdefault(blob.blob_id, _blob_node(blob))
                    edge = DiagramEdge(artifact.node_id, blob.blob_id, "STORED_IN", blob.name)
                    edges.append(edge)
        edges.extend(
            DiagramEdge(span_id, child.span.node_id, "PARENT_OF") for child in node.children
        )
        todo.extend(node.children)
    return Diagram(list(nodes.values()), list(dict.fromkeys(edges)), "down", tree.left_out)


def _span_node(span: Span) -> DiagramNode:
    words = [] if type(span).__name__ == "Span" else [type(span).__name__]
    if span.status != "OK":
        words.append(exception_name(span) if span.status == "ERROR" else span.status)
    if span.duration is not None:
        words.append(duration_text(span.duration))
    attributes: dict[str, Any] = own_facts(span) | {
        "label": span.label,
        "status": span.status,
        "opened_at": span.opened_at,
        "closed_at": span.closed_at,
        "duration": seconds_of(span),
        "exception_type": span.exception_type,
        "exception_message": span.exception_message,
        "classes": ["Span", *users_labels(span.node_labels)],
    }
    lines = (span_name(span), " · ".join(words)) if words else (span_name(span),)
    return DiagramNode(span.node_id, "span", lines, STATUS.get(span.status, UNSET), attributes)


def _artifact_node(artifact: ArtifactSummary) -> DiagramNode:
    attributes: dict[str, Any] = {
        "label": artifact.label,
        "model": artifact.model,
        "model_version": artifact.model_version,
        "recorded_at": artifact.recorded_at,
        "stored_size": artifact.stored_size,
        "fields": {field.name: field.value for field in artifact.fields if field.value is not None},
    }
    small = [f"{f.name} {f.text}" for f in artifact.fields if f.kind in _NUMBERS][:3]
    lines = (artifact.model, " · ".join(small)) if small else (artifact.model,)
    return DiagramNode(artifact.node_id, "artifact", lines, ARTIFACT, attributes)


_NUMBERS = frozenset({"bool", "int", "float"})


def _blob_node(blob: FieldSummary) -> DiagramNode:
    attributes = {
        "serializer": blob.kind,
        "size": blob.size,
        "storage": blob.storage,
        "location": blob.location,
        "digest": blob.digest,
    }
    lines = (blob.kind, size_text(blob.size or 0))
    return DiagramNode(blob.blob_id or "", "blob", lines, BLOB, attributes)
