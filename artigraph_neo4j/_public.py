"""The names of the package's root, imported together when the first of them is used."""

from typing import TYPE_CHECKING

from artigraph_neo4j._version import __version__
from artigraph_neo4j.common.progress import Transfer
from artigraph_neo4j.common.public import publish
from artigraph_neo4j.engine.carrying import carry_span, parent_environment
from artigraph_neo4j.engine.configure import engine_context, get_engine, set_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.neomodel import bind_neomodel
from artigraph_neo4j.engine.scope import get_current_span_id
from artigraph_neo4j.errors import ArgumentError, ArtigraphError, BatchError, Lost, NotFoundError
from artigraph_neo4j.exchange.archive import (
    ExportReport,
    ImportReport,
    export_graph,
    export_tables,
    import_graph,
)
from artigraph_neo4j.find import find_artifacts, find_spans
from artigraph_neo4j.find.counts import SpanCounts, read_span_counts
from artigraph_neo4j.find.lineage import Lineage, LineageLink, LineageStep, read_lineage
from artigraph_neo4j.find.series import Series, read_series
from artigraph_neo4j.find.span_tree import SpanTree, read_span_tree
from artigraph_neo4j.find.summary import ArtifactSummary, FieldSummary
from artigraph_neo4j.find.terms import F
from artigraph_neo4j.find.tree import (
    read_ancestor_spans,
    read_child_artifacts,
    read_child_spans,
    read_descendant_artifacts,
    read_descendant_spans,
    read_parent_span,
    read_root_spans,
    read_span,
)
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.base import ArtifactInfo, artifact_info
from artigraph_neo4j.model.fields import artifact_field
from artigraph_neo4j.model.lazy import Lazy, lazy_field
from artigraph_neo4j.model.steps import migration
from artigraph_neo4j.model.unreadable import ArtifactRecord, UnreadableArtifact
from artigraph_neo4j.questions.calls import (
    CachedCall,
    CachedCalls,
    CachedFunction,
    read_cached_calls,
)
from artigraph_neo4j.questions.contrast import Contrast, Suspect, contrast
from artigraph_neo4j.questions.diff import diff
from artigraph_neo4j.questions.difference import Difference, Divergence, RunDiff
from artigraph_neo4j.questions.impact import Impact, ImpactRun, impact
from artigraph_neo4j.questions.policy import Policy, Violation, check_policies, registered_policies
from artigraph_neo4j.questions.recipe import MissingInput, Recipe, RecipeStep, StoredBytes, recipe
from artigraph_neo4j.questions.report import report
from artigraph_neo4j.questions.stale import Cause, ReplayPlan, Staleness, replay_plan, stale
from artigraph_neo4j.questions.why import Way, why
from artigraph_neo4j.recording.annotations import (
    Annotations,
    add_tags,
    read_annotations,
    remove_tags,
    write_note,
)
from artigraph_neo4j.recording.artifact_model import ArtifactModel
from artigraph_neo4j.recording.batch import Batch
from artigraph_neo4j.recording.block import batch
from artigraph_neo4j.recording.cache import Cache, CallKey, Miss
from artigraph_neo4j.recording.decorator import CallArguments, cached, explain_miss, spanned
from artigraph_neo4j.recording.links import link_artifact, use
from artigraph_neo4j.recording.results import ResultList
from artigraph_neo4j.recording.revisions import read_revisions, revise_artifact
from artigraph_neo4j.recording.series import log_metrics
from artigraph_neo4j.recording.span_artifacts import (
    create_span_artifact,
    create_span_artifacts,
    read_span_artifact,
    read_span_artifacts,
)
from artigraph_neo4j.recording.spans import span_context
from artigraph_neo4j.recording.used import record_used
from artigraph_neo4j.serializer.base import Serializer
from artigraph_neo4j.serializer.file import File
from artigraph_neo4j.serializer.note import Html, Markdown
from artigraph_neo4j.serializer.picture import Picture
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.upkeep.delete import (
    DeleteReport,
    delete_artifacts,
    delete_span,
    delete_spans,
    resume_deletes,
)
from artigraph_neo4j.upkeep.garbage.collect import collect_garbage, take_new_graph_id
from artigraph_neo4j.upkeep.lost import OpenSpan, close_lost_spans, find_lost_spans, read_open_spans
from artigraph_neo4j.upkeep.migrate.backlog import ModelBacklog, migration_backlog
from artigraph_neo4j.upkeep.migrate.bulk import (
    MigrationProgress,
    MigrationReport,
    migrate_artifacts,
)
from artigraph_neo4j.upkeep.migrate.rewriter import MigrationFailure
from artigraph_neo4j.upkeep.retain import find_retired, retain
from artigraph_neo4j.upkeep.schema import SchemaState, check_schema, install_schema, upgrade_schema
from artigraph_neo4j.values.bar import transfer_bar

if TYPE_CHECKING:
    from artigraph_neo4j.upstream import import_artigraph

__all__ = [
    "Annotations",
    "ArgumentError",
    "ArtifactInfo",
    "ArtifactModel",
    "ArtifactRecord",
    "ArtifactSummary",
    "ArtigraphError",
    "Batch",
    "BatchError",
    "Cache",
    "CachedCall",
    "CachedCalls",
    "CachedFunction",
    "CallArguments",
    "CallKey",
    "Cause",
    "Contrast",
    "DeleteReport",
    "Difference",
    "Divergence",
    "Engine",
    "ExportReport",
    "F",
    "FieldSummary",
    "File",
    "Html",
    "Impact",
    "ImpactRun",
    "ImportReport",
    "Lazy",
    "Lineage",
    "LineageLink",
    "LineageStep",
    "Lost",
    "Markdown",
    "MigrationFailure",
    "MigrationProgress",
    "MigrationReport",
    "Miss",
    "MissingInput",
    "ModelBacklog",
    "NotFoundError",
    "OpenSpan",
    "Picture",
    "Policy",
    "Recipe",
    "RecipeStep",
    "ReplayPlan",
    "ResultList",
    "RunDiff",
    "SchemaState",
    "Serializer",
    "Series",
    "Span",
    "SpanCounts",
    "SpanTree",
    "Staleness",
    "Storage",
    "StoredBytes",
    "Suspect",
    "Transfer",
    "UnreadableArtifact",
    "Violation",
    "Way",
    "__version__",
    "add_tags",
    "artifact_field",
    "artifact_info",
    "batch",
    "bind_neomodel",
    "cached",
    "carry_span",
    "check_policies",
    "check_schema",
    "close_lost_spans",
    "collect_garbage",
    "contrast",
    "create_span_artifact",
    "create_span_artifacts",
    "delete_artifacts",
    "delete_span",
    "delete_spans",
    "diff",
    "engine_context",
    "explain_miss",
    "export_graph",
    "export_tables",
    "find_artifacts",
    "find_lost_spans",
    "find_retired",
    "find_spans",
    "get_current_span_id",
    "get_engine",
    "impact",
    "import_artigraph",
    "import_graph",
    "install_schema",
    "lazy_field",
    "link_artifact",
    "log_metrics",
    "migrate_artifacts",
    "migration",
    "migration_backlog",
    "parent_environment",
    "read_ancestor_spans",
    "read_annotations",
    "read_cached_calls",
    "read_child_artifacts",
    "read_child_spans",
    "read_descendant_artifacts",
    "read_descendant_spans",
    "read_lineage",
    "read_open_spans",
    "read_parent_span",
    "read_revisions",
    "read_root_spans",
    "read_series",
    "read_span",
    "read_span_artifact",
    "read_span_artifacts",
    "read_span_counts",
    "read_span_tree",
    "recipe",
    "record_used",
    "registered_policies",
    "remove_tags",
    "replay_plan",
    "report",
    "resume_deletes",
    "retain",
    "revise_artifact",
    "set_engine",
    "span_context",
    "spanned",
    "stale",
    "take_new_graph_id",
    "transfer_bar",
    "upgrade_schema",
    "use",
    "why",
    "write_note",
]

publish("artigraph_neo4j", __all__, globals())
