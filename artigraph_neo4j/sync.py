"""Blocking versions of the library's functions, for code that is not async.

Each function waits for the function of the same name in ``artigraph_neo4j``; arguments, results,
errors and costs are the same. They work in any thread, and where an event loop runs already, as in
a notebook (that loop then waits too). The current span is shared in both directions: a span that
was opened here is current for async code that is started inside, and the other way round.

Use ``create_artifact(artifact)`` for ``Model.create``, ``read_artifact(Model, id)`` for
``Model.read``, and ``run`` to wait for any other awaitable: ``run(model.frame.load())``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from artigraph_neo4j.common.public import publish
from artigraph_neo4j.engine.given import AnyArtifact, AnySpan
from artigraph_neo4j.engine.waiting import run, waiting
from artigraph_neo4j.exchange import archive
from artigraph_neo4j.find import counts, lineage, span_tree, tree
from artigraph_neo4j.find import series as _series
from artigraph_neo4j.find.blocking import Results, find_artifacts, find_spans
from artigraph_neo4j.questions import calls as _calls
from artigraph_neo4j.questions import contrast as _contrast
from artigraph_neo4j.questions import diff as _diff
from artigraph_neo4j.questions import impact as _impact
from artigraph_neo4j.questions import policy as _policy
from artigraph_neo4j.questions import recipe as _recipe
from artigraph_neo4j.questions import report as _report
from artigraph_neo4j.questions import stale as _stale
from artigraph_neo4j.questions import why as _why
from artigraph_neo4j.recording import annotations as _annotations
from artigraph_neo4j.recording import decorator as _decorator
from artigraph_neo4j.recording import links, revisions, span_artifacts
from artigraph_neo4j.recording.artifact_model import ArtifactModel
from artigraph_neo4j.recording.blocking import batch, span_context
from artigraph_neo4j.recording.work import IfExists
from artigraph_neo4j.upkeep import delete, lost, schema
from artigraph_neo4j.upkeep import retain as _retain
from artigraph_neo4j.upkeep.garbage import collect
from artigraph_neo4j.upkeep.migrate import backlog, bulk

__all__ = [
    "Results",
    "add_tags",
    "batch",
    "check_policies",
    "check_schema",
    "close_lost_spans",
    "collect_garbage",
    "contrast",
    "create_artifact",
    "create_span_artifact",
    "create_span_artifacts",
    "delete_artifacts",
    "delete_span",
    "delete_spans",
    "diff",
    "explain_miss",
    "export_graph",
    "export_tables",
    "find_artifacts",
    "find_lost_spans",
    "find_retired",
    "find_spans",
    "impact",
    "import_artigraph",
    "import_graph",
    "install_schema",
    "link_artifact",
    "migrate_artifacts",
    "migration_backlog",
    "read_ancestor_spans",
    "read_annotations",
    "read_artifact",
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
    "remove_tags",
    "replay_plan",
    "report",
    "resume_deletes",
    "retain",
    "revise_artifact",
    "run",
    "span_context",
    "stale",
    "take_new_graph_id",
    "upgrade_schema",
    "why",
    "write_note",
]

M = TypeVar("M", bound=ArtifactModel)

add_tags = waiting(_annotations.add_tags)
check_policies = waiting(_policy.check_policies)
check_schema = waiting(schema.check_schema)
close_lost_spans = waiting(lost.close_lost_spans)
collect_garbage = waiting(collect.collect_garbage)
contrast = waiting(_contrast.contrast)
create_span_artifact = waiting(span_artifacts.create_span_artifact)
create_span_artifacts = waiting(span_artifacts.create_span_artifacts)
delete_artifacts = waiting(delete.delete_artifacts)
delete_span = waiting(delete.delete_span)
delete_spans = waiting(delete.delete_spans)
diff = waiting(_diff.diff)
explain_miss = waiting(_decorator.explain_miss)
export_graph = waiting(archive.export_graph)
export_tables = waiting(archive.export_tables)
find_lost_spans = waiting(lost.find_lost_spans)
find_retired = waiting(_retain.find_retired)
impact = waiting(_impact.impact)
import_graph = waiting(archive.import_graph)
install_schema = waiting(schema.install_schema)
link_artifact = waiting(links.link_artifact)
migrate_artifacts = waiting(bulk.migrate_artifacts)
migration_backlog = waiting(backlog.migration_backlog)
read_ancestor_spans = waiting(tree.read_ancestor_spans)
read_annotations = waiting(_annotations.read_annotations)
read_cached_calls = waiting(_calls.read_cached_calls)
read_child_artifacts = waiting(tree.read_child_artifacts)
read_child_spans = waiting(tree.read_child_spans)
read_descendant_artifacts = waiting(tree.read_descendant_artifacts)
read_descendant_spans = waiting(tree.read_descendant_spans)
read_lineage = waiting(lineage.read_lineage)
read_open_spans = waiting(lost.read_open_spans)
read_parent_span = waiting(tree.read_parent_span)
read_revisions = waiting(revisions.read_revisions)
read_root_spans = waiting(tree.read_root_spans)
read_series = waiting(_series.read_series)
read_span = waiting(tree.read_span)
read_span_artifacts = waiting(span_artifacts.read_span_artifacts)
read_span_counts = waiting(counts.read_span_counts)
read_span_tree = waiting(span_tree.read_span_tree)
recipe = waiting(_recipe.recipe)
remove_tags = waiting(_annotations.remove_tags)
replay_plan = waiting(_stale.replay_plan)
report = waiting(_report.report)
resume_deletes = waiting(delete.resume_deletes)
retain = waiting(_retain.retain)
revise_artifact = waiting(revisions.revise_artifact)
stale = waiting(_stale.stale)
take_new_graph_id = waiting(collect.take_new_graph_id)
upgrade_schema = waiting(schema.upgrade_schema)
why = waiting(_why.why)
write_note = waiting(_annotations.write_note)

if TYPE_CHECKING:
    from artigraph_neo4j import upstream

    import_artigraph = waiting(upstream.import_artigraph)
else:  # as in ``artigraph_neo4j``: imported on first use

    def __getattr__(name: str) -> Any:
        """Import a rarely needed name on first use."""
        if name == "import_artigraph":
            from artigraph_neo4j.upstream import import_artigraph

            return globals().setdefault(name, waiting(import_artigraph))
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@overload
def read_span_artifact(span: AnySpan, /, *, label: str, model: type[M]) -> M: ...
@overload
def read_span_artifact(span: AnySpan, /, *, label: str) -> Any: ...
def read_span_artifact(
    span: AnySpan, /, *, label: str, model: type[ArtifactModel] = ArtifactModel
) -> Any:
    """Wait for ``artigraph_neo4j.read_span_artifact(...)``; see there."""
    return run(span_artifacts.read_span_artifact(span, label=label, model=model))


def create_artifact(
    artifact: ArtifactModel,
    label: str | None = None,
    *,
    span: AnySpan | None = None,
    if_exists: IfExists = "error",
) -> str:
    """Wait for ``artifact.create(label, span=span, if_exists=if_exists)``; see there."""
    return run(artifact.create(label, span=span, if_exists=if_exists))


def read_artifact(model: type[M], node_id: AnyArtifact) -> M:
    """Wait for ``model.read(node_id)``; see there."""
    return run(model.read(node_id))


publish(__name__, __all__, globals())
