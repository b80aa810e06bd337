"""Typed, versioned artifacts and nested spans, kept as a graph in Neo4j.

The public names are those of ``__all__``, with those of ``artigraph_neo4j.errors``,
``artigraph_neo4j.find``, ``artigraph_neo4j.serializer``, ``artigraph_neo4j.storage``,
``artigraph_neo4j.sync`` and ``artigraph_neo4j.local``.
"""

from typing import TYPE_CHECKING

from artigraph_neo4j._version import __version__ as __version__
from artigraph_neo4j._version import __version__
from artigraph_neo4j.common.progress import (
    Transfer,
)
from artigraph_neo4j.common.public import publish
from artigraph_neo4j.engine.configure import engine_context, get_engine, set_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.neomodel import bind_neomodel
from artigraph_neo4j.engine.scope import get_current_span_id
from artigraph_neo4j.errors import ArtigraphError, BatchError, Lost, NotFoundError
from artigraph_neo4j.exchange.archive import ExportReport, ImportReport, export_graph, import_graph
from artigraph_neo4j.find import (
    find_artifacts,
    find_spans,
)
from artigraph_neo4j.find.lineage import (
    Lineage,
    LineageLink,
    LineageStep,
    read_lineage,
)
from artigraph_neo4j.find.span_tree import SpanTree, read_span_tree
from artigraph_neo4j.find.summary import ArtifactSummary, FieldSummary
from artigraph_neo4j.find.terms import (
    F,
)
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
from artigraph_neo4j.upkeep.garbage.collect import collect_garbage, take_new_graph_id
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.base import ArtifactInfo, artifact_info
from artigraph_neo4j.model.fields import artifact_field
from artigraph_neo4j.model.lazy import Lazy, lazy_field
from artigraph_neo4j.model.steps import migration
from artigraph_neo4j.recording.annotations import (
    Annotations,
    add_tags,
    read_annotations,
    remove_tags,
    write_note,
)
from artigraph_neo4j.recording.artifact_model import ArtifactModel
from artigraph_neo4j.recording.batch import batch
from artigraph_neo4j.recording.decorator import CallArguments, spanned
from artigraph_neo4j.recording.links import (
    link_artifact,
    use,
)
from artigraph_neo4j.recording.queue import Batch
from artigraph_neo4j.recording.results import ResultList
from artigraph_neo4j.recording.revisions import read_revisions, revise_artifact
from artigraph_neo4j.recording.spans import (
    create_span_artifact,
    create_span_artifacts,
    read_span_artifact,
    read_span_artifacts,
    span_context,
)
from artigraph_neo4j.recording.used import record_used
from artigraph_neo4j.serializer.base import Serializer
from artigraph_neo4j.serializer.file import File
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.upkeep.delete import (
    DeleteReport,
    delete_artifacts,
    delete_span,
    delete_spans,
    resume_deletes,
)
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
from artigraph_neo4j.values.bar import (
    transfer_bar,
)

if TYPE_CHECKING:
    from artigraph_neo4j._public import *  # noqa: F403
    from artigraph_neo4j._public import __all__ as __all__
else:
    # The driver of Neo4j imports pandas where it is installed, which takes half a second; so it is
    # imported when the first name is asked for, and "artigraph --help" does without it.

    def __getattr__(name):
        """Import the public names when the first one is asked for, and modules by themselves."""
        from importlib import import_module

        if name in ("errors", "find", "gc", "local", "serializer", "storage", "sync", "upstream"):
            return import_module(f"{__name__}.{name}")
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        public = import_module(f"{__name__}._public")
        if name == "import_artigraph":  # once in a graph's life, if ever
            return import_module(f"{__name__}.upstream").import_artigraph
        if name in public.__all__ or name == "__all__":
            globals().update({n: getattr(public, n) for n in public.__all__ if hasattr(public, n)})
            return globals().setdefault(name, getattr(public, name))
        raise import_module(f"{__name__}.common.former").unknown_name(name, public.__all__)

    def __dir__():
        return sorted({*globals(), *__getattr__("__all__")})
