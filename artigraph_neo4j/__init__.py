"""Typed, versioned artifacts and nested spans, kept as a graph in Neo4j.

The names below are the public ones, with those of ``artigraph_neo4j.errors``,
``artigraph_neo4j.serializer``, ``artigraph_neo4j.storage`` and ``artigraph_neo4j.local``.
"""

from artigraph_neo4j._version import __version__
from artigraph_neo4j.context import get_current_span_id
from artigraph_neo4j.current import engine_context, get_engine, set_engine
from artigraph_neo4j.engine import Engine
from artigraph_neo4j.errors import ArtigraphError, NotFoundError
from artigraph_neo4j.graph.nodes import Span
from artigraph_neo4j.lineage import Lineage, LineageStep, link_artifact, read_lineage, use
from artigraph_neo4j.lost import OpenSpan, close_lost_spans, find_lost_spans, read_open_spans
from artigraph_neo4j.model.base import ArtifactInfo, artifact_info
from artigraph_neo4j.model.fields import artifact_field
from artigraph_neo4j.model.migration import migration
from artigraph_neo4j.models import ArtifactModel
from artigraph_neo4j.neomodel_binding import bind_neomodel
from artigraph_neo4j.queries import (
    read_ancestor_spans,
    read_child_artifacts,
    read_child_spans,
    read_descendant_artifacts,
    read_descendant_spans,
    read_parent_span,
    read_root_spans,
    read_span,
)
from artigraph_neo4j.serializer.base import Serializer
from artigraph_neo4j.spans import (
    create_span_artifact,
    create_span_artifacts,
    read_span_artifact,
    read_span_artifacts,
    span_context,
)
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.uses import record_used

__all__ = [
    "ArtifactInfo",
    "ArtifactModel",
    "ArtigraphError",
    "Engine",
    "Lineage",
    "LineageStep",
    "NotFoundError",
    "OpenSpan",
    "Serializer",
    "Span",
    "Storage",
    "__version__",
    "artifact_field",
    "artifact_info",
    "bind_neomodel",
    "close_lost_spans",
    "create_span_artifact",
    "create_span_artifacts",
    "engine_context",
    "find_lost_spans",
    "get_current_span_id",
    "get_engine",
    "link_artifact",
    "migration",
    "read_ancestor_spans",
    "read_child_artifacts",
    "read_child_spans",
    "read_descendant_artifacts",
    "read_descendant_spans",
    "read_lineage",
    "read_open_spans",
    "read_parent_span",
    "read_root_spans",
    "read_span",
    "read_span_artifact",
    "read_span_artifacts",
    "record_used",
    "set_engine",
    "span_context",
    "use",
]
