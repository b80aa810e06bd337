"""Names that people expect at the root, above all those of Artigraph 0.0.x, and what to write."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["unknown_name"]

_FORMER = {
    "ArtifactModelConfig": "artifact_field(storage=...) for a field, or set_engine(storage=...)",
    "SpanContext": "span_context(label=...)",
    "create_span": "span_context(label=...), which opens and closes one",
    "current_session": "get_engine().read(cypher, parameters)",
    "read_span_ancestors": "read_ancestor_spans(span)",
    "read_span_children": "read_child_spans(span)",
    "read_span_descendants": "read_descendant_spans(span)",
    "read_span_parent": "read_parent_span(span)",
    "session_context": "get_engine().read(cypher, parameters)",
    "db": "from artigraph_neo4j import set_engine",
    "model": "from artigraph_neo4j import ArtifactModel",
    "api": "from artigraph_neo4j import read_child_spans",
}
_NOT_THE_ROOTS = {
    "ArtifactMapping": "artigraph_neo4j.upstream",
    "ArtifactSequence": "artigraph_neo4j.upstream",
    "above": "artigraph_neo4j.find",
    "artifact": "artigraph_neo4j.find",
    "tagged": "artigraph_neo4j.find",
    "under": "artigraph_neo4j.find",
    "S3Storage": "artigraph_neo4j.storage.aws",
    "FileSystemStorage": "artigraph_neo4j.storage.file",
    "MemoryStorage": "artigraph_neo4j.storage.memory",
    "LocalStack": "artigraph_neo4j.local",
}


def unknown_name(name: str, known: Iterable[str]) -> Exception:
    """The error for a name that the package does not have.

    An ``ImportError`` where there is advice: ``from artigraph_neo4j import ...`` would replace the
    text of an ``AttributeError`` by its own.

    Args:
        name: The name that was asked for.
        known: The public names.
    """
    said = f"module 'artigraph_neo4j' has no attribute {name!r}"
    if name in _FORMER:
        return ImportError(f"{said}; write: {_FORMER[name]}", name="artigraph_neo4j")
    if name in _NOT_THE_ROOTS:
        return ImportError(f"{said}; write: from {_NOT_THE_ROOTS[name]} import {name}")
    near = get_close_matches(name, known, n=3, cutoff=0.75)
    more = f"; is it {' or '.join(near)}?" if near else ""
    return AttributeError(f"{said}{more}", name=name)
