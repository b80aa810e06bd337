"""The same functions without ``await``: for scripts, notebooks and frameworks that are not async.

Each waits for what the function of the same name in ``artigraph_neo4j`` does; arguments, results,
errors and costs are the same. They work in any thread and also where an event loop runs already, as
in a notebook (which then waits as well). The current span is shared in both directions: a span that
was opened here is current for async code that is started inside, and the other way round.

``Model.create`` and ``Model.read`` are ``create_artifact(artifact)`` and ``read_artifact(Model,
id)``, and ``run`` waits for whatever else has to be awaited: ``run(model.frame.load())``.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, cast, overload

from artigraph_neo4j import annotations as _annotations
from artigraph_neo4j import (
    backlog,
    batches,
    deletion,
    gc,
    layout,
    lineage,
    lost,
    migrations,
    portable,
    queries,
    retention,
    revisions,
    spans,
    trees,
)
from artigraph_neo4j import find as _find
from artigraph_neo4j.batches import Batch
from artigraph_neo4j.context import enter_batch, resume
from artigraph_neo4j.deletion import DeleteReport, Progress
from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.find import Explanation, Filter, Page, Query
from artigraph_neo4j.find.filters import Order, Ref
from artigraph_neo4j.find.query import STREAM_ROWS
from artigraph_neo4j.graph.nodes import Span
from artigraph_neo4j.iothread import IOThread
from artigraph_neo4j.models import ArtifactModel

__all__ = [
    "Results",
    "add_tags",
    "batch",
    "check_schema",
    "close_lost_spans",
    "collect_garbage",
    "create_artifact",
    "create_span_artifact",
    "create_span_artifacts",
    "delete_artifacts",
    "delete_span",
    "delete_spans",
    "export_graph",
    "find_artifacts",
    "find_lost_spans",
    "find_retired",
    "find_spans",
    "import_artigraph",
    "import_graph",
    "install_schema",
    "link_artifact",
    "migrate_artifacts",
    "migration_backlog",
    "read_ancestor_spans",
    "read_annotations",
    "read_artifact",
    "read_child_artifacts",
    "read_child_spans",
    "read_descendant_artifacts",
    "read_descendant_spans",
    "read_lineage",
    "read_open_spans",
    "read_parent_span",
    "read_revisions",
    "read_root_spans",
    "read_span",
    "read_span_artifact",
    "read_span_artifacts",
    "read_span_tree",
    "remove_tags",
    "resume_deletes",
    "retain",
    "revise_artifact",
    "run",
    "span_context",
    "upgrade_schema",
    "write_note",
]

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound=Span)
M = TypeVar("M", bound=ArtifactModel)

_callers: dict[int, IOThread] = {}
"""The thread where coroutines of waiting callers run, by process: a forked child needs its own. It
is another one than where I/O happens, so that encoding a large value holds up nobody's I/O."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Wait for a coroutine, with this context's variables; the current span is one of them.

    Args:
        work: What would be awaited in async code.

    Returns:
        What it returns; what it raises is raised here.

    Raises:
        RuntimeError: This is the thread where such coroutines run: a progress callback for example
            cannot wait.
    """
    thread = _callers.get(os.getpid())
    if thread is None:
        thread = _callers.setdefault(os.getpid(), IOThread(name="artigraph-sync"))
    future = thread.submit(work)
    try:
        return future.result()
    except BaseException:  # KeyboardInterrupt in this thread: what is under way ends by itself
        future.cancel()
        raise


def _waiting(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    @wraps(function)
    def wait(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(function(*args, **kwargs))

    return wait


add_tags = _waiting(_annotations.add_tags)
check_schema = _waiting(layout.check_schema)
close_lost_spans = _waiting(lost.close_lost_spans)
collect_garbage = _waiting(gc.collect_garbage)
create_span_artifact = _waiting(spans.create_span_artifact)
create_span_artifacts = _waiting(spans.create_span_artifacts)
delete_artifacts = _waiting(deletion.delete_artifacts)
delete_span = _waiting(deletion.delete_span)
delete_spans = _waiting(deletion.delete_spans)
export_graph = _waiting(portable.export_graph)
find_lost_spans = _waiting(lost.find_lost_spans)
find_retired = _waiting(retention.find_retired)
import_graph = _waiting(portable.import_graph)
install_schema = _waiting(layout.install_schema)
link_artifact = _waiting(lineage.link_artifact)
migrate_artifacts = _waiting(migrations.migrate_artifacts)
migration_backlog = _waiting(backlog.migration_backlog)
read_ancestor_spans = _waiting(queries.read_ancestor_spans)
read_annotations = _waiting(_annotations.read_annotations)
read_child_artifacts = _waiting(queries.read_child_artifacts)
read_child_spans = _waiting(queries.read_child_spans)
read_descendant_artifacts = _waiting(queries.read_descendant_artifacts)
read_descendant_spans = _waiting(queries.read_descendant_spans)
read_lineage = _waiting(lineage.read_lineage)
read_open_spans = _waiting(lost.read_open_spans)
read_parent_span = _waiting(queries.read_parent_span)
read_revisions = _waiting(revisions.read_revisions)
read_root_spans = _waiting(queries.read_root_spans)
read_span = _waiting(queries.read_span)
read_span_artifacts = _waiting(spans.read_span_artifacts)
read_span_tree = _waiting(trees.read_span_tree)
remove_tags = _waiting(_annotations.remove_tags)
resume_deletes = _waiting(deletion.resume_deletes)
retain = _waiting(retention.retain)
revise_artifact = _waiting(revisions.revise_artifact)
upgrade_schema = _waiting(layout.upgrade_schema)
write_note = _waiting(_annotations.write_note)

if TYPE_CHECKING:
    from artigraph_neo4j import upstream

    import_artigraph = _waiting(upstream.import_artigraph)
else:  # as in ``artigraph_neo4j``: only where it is asked for

    def __getattr__(name: str) -> Any:
        """Import what is needed once in a program's life, if ever, when it is asked for."""
        if name == "import_artigraph":
            from artigraph_neo4j.upstream import import_artigraph

            return globals().setdefault(name, _waiting(import_artigraph))
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@overload
def read_span_artifact(span: str, /, *, label: str, model: type[M]) -> M: ...
@overload
def read_span_artifact(span: str, /, *, label: str) -> Any: ...
def read_span_artifact(
    span: str, /, *, label: str, model: type[ArtifactModel] = ArtifactModel
) -> Any:
    """``await artigraph_neo4j.read_span_artifact(...)``; see there."""
    return run(spans.read_span_artifact(span, label=label, model=model))


def create_artifact(
    artifact: ArtifactModel, label: str | None = None, *, span: str | None = None
) -> str:
    """``await artifact.create(label, span=span)``; see there."""
    return run(artifact.create(label, span=span))


def read_artifact(model: type[M], node_id: str) -> M:
    """``await model.read(node_id)``; see there."""
    return run(model.read(node_id))


class span_context(spans.span_context[S]):  # noqa: N801 - used like a function
    """``artigraph_neo4j.span_context`` for a ``with`` block; ``async with`` works as well."""

    def __enter__(self) -> S:
        span = run(self.__aenter__())
        if self.cell is not None:
            resume(self.cell)
        return span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.cell is not None:
            self.cell.leave()  # in this context; the other one is of the coroutine's own
        run(self.__aexit__(kind, error, trace))


class batch(batches.batch):  # noqa: N801 - used like a function
    """``artigraph_neo4j.batch`` for a ``with`` block; ``async with`` works as well.

    ``run(unit.flush())`` writes what waits before the end of the block.
    """

    def __enter__(self) -> Batch:
        unit = run(self.__aenter__())
        enter_batch(unit)
        return unit

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()  # in this context; the other one is of the coroutine's own
        run(self.__aexit__(kind, error, trace))


async def _some(stream: AsyncIterator[T]) -> list[T]:
    """What a query reads at once, without a hop to the other thread for each."""
    found: list[T] = []
    async for item in stream:
        found.append(item)
        if len(found) == STREAM_ROWS:
            break
    return found


async def _end(stream: AsyncIterator[Any]) -> None:
    if isinstance(stream, AsyncGenerator):
        await stream.aclose()


class Results(Generic[T]):
    """A query whose results are waited for; the methods are those of ``find.Query``.

    ``for item in results`` reads 1,000 at a time.
    """

    def __init__(self, query: Query[T]) -> None:
        self._query = query

    def __repr__(self) -> str:
        return repr(self._query)

    def __iter__(self) -> Iterator[T]:
        return self._each(self._query.__aiter__())

    def stream(self) -> Iterator[T]:
        """See ``Query.stream``."""
        return self._each(self._query.stream())

    def _each(self, stream: AsyncIterator[T]) -> Iterator[T]:
        try:
            while chunk := run(_some(stream)):
                yield from chunk
        finally:
            run(_end(stream))

    def where(self, *filters: Filter | Callable[[Any], Filter | int]) -> Self:
        """See ``Query.where``."""
        return type(self)(self._query.where(*filters))

    def search(self, text: str, *, syntax: str = "plain") -> Self:
        """See ``Query.search``."""
        return type(self)(self._query.search(text, syntax=syntax))

    def order_by(self, *keys: str | Ref | Order | Callable[[Any], object]) -> Self:
        """See ``Query.order_by``."""
        return type(self)(self._query.order_by(*keys))

    def limit(self, count: int) -> Self:
        """See ``Query.limit``."""
        return type(self)(self._query.limit(count))

    def with_history(self) -> Self:
        """See ``ArtifactQuery.with_history``."""
        return type(self)(self._artifacts().with_history())

    def with_nested(self) -> Self:
        """See ``ArtifactQuery.with_nested``."""
        return type(self)(self._artifacts().with_nested())

    def _artifacts(self) -> _find.ArtifactQuery[Any]:
        if not isinstance(self._query, _find.ArtifactQuery):
            raise FilterError("only artifacts have versions, and models within them")
        return cast("_find.ArtifactQuery[ArtifactModel]", self._query)

    def read(self) -> list[T]:
        """See ``Query.read``."""
        return run(self._query.read())

    def read_first(self) -> T | None:
        """See ``Query.read_first``."""
        return run(self._query.read_first())

    def read_one(self) -> T:
        """See ``Query.read_one``."""
        return run(self._query.read_one())

    def read_one_or_none(self) -> T | None:
        """See ``Query.read_one_or_none``."""
        return run(self._query.read_one_or_none())

    def read_page(self, size: int = 100, *, after: str | None = None) -> Page[T]:
        """See ``Query.read_page``."""
        return run(self._query.read_page(size, after=after))

    def read_ids(self) -> list[str]:
        """See ``Query.read_ids``."""
        return run(self._query.read_ids())

    def count(self) -> int:
        """See ``Query.count``."""
        return run(self._query.count())

    def exists(self) -> bool:
        """See ``Query.exists``."""
        return run(self._query.exists())

    def delete(self, *, dry_run: bool = False, progress: Progress | None = None) -> DeleteReport:
        """See ``Query.delete``."""
        return run(self._query.delete(dry_run=dry_run, progress=progress))

    def explain(self) -> Explanation:
        """See ``Query.explain``; nothing is sent."""
        return self._query.explain()


@overload
def find_spans(cls: type[S], /, *filters: Filter | Callable[[Any], Filter]) -> Results[S]: ...
@overload
def find_spans(*filters: Filter | Callable[[Any], Filter]) -> Results[Span]: ...
def find_spans(*filters: Any) -> Results[Any]:
    """See ``artigraph_neo4j.find_spans``."""
    return Results(_find.find_spans(*filters))


@overload
def find_artifacts(*filters: Filter) -> Results[ArtifactModel]: ...
@overload
def find_artifacts(
    model: type[M], /, *filters: Filter | Callable[[M], Filter | int]
) -> Results[M]: ...
def find_artifacts(*filters: Any) -> Results[Any]:
    """See ``artigraph_neo4j.find_artifacts``."""
    return Results(_find.find_artifacts(*filters))
