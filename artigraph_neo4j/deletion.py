"""Deleting spans and artifacts with all below them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from artigraph_neo4j import deleter
from artigraph_neo4j.current import get_engine
from artigraph_neo4j.deleter import Deleter, DeleteReport, Progress, batches
from artigraph_neo4j.engine import Engine
from artigraph_neo4j.errors import ArtifactTypeError, NotFoundError, SpanError
from artigraph_neo4j.graph import deleting

__all__ = [
    "DeleteReport",
    "Progress",
    "delete_artifacts",
    "delete_nodes",
    "delete_span",
    "delete_spans",
    "resume_deletes",
]

IDLE_SECONDS = 300
"""A delete that nobody has worked on for so long was killed; the next one finishes it."""


async def delete_span(
    span_id: str, /, *, dry_run: bool = False, progress: Progress | None = None
) -> DeleteReport:
    """Delete a span with all spans and artifacts below it; see ``delete_spans``."""
    return await delete_spans(span_id, dry_run=dry_run, progress=progress)


async def delete_spans(
    *span_ids: str, dry_run: bool = False, progress: Progress | None = None
) -> DeleteReport:
    """Delete spans with all spans and artifacts below them. There is no way back.

    An artifact that a span outside of these trees has too stays; one that such a span only used
    goes. Once the first transaction is through, the trees are no longer found by anything; their
    nodes then go in transactions of 10,000 at the most. What a killed delete leaves is finished by
    ``resume_deletes``, or by any later delete after five minutes.

    Six round trips for a small tree, and about five for each 10,000 nodes of a large one. A dry run
    is one, which reads all of the trees.

    Args:
        *span_ids: Their ids; one that is being deleted already is joined.
        dry_run: Only count.
        progress: Called with what was deleted so far, after every transaction, in the event loop.

    Returns:
        What this call deleted, without the rest of killed deletes that it finished.

    Raises:
        NotFoundError: There is no such span; of the (at most 10,000) ids sent with it none is
            deleted.
        SpanError: An id is that of an artifact.
        ConnectionFailed: The database stayed out of reach; ``resume_deletes`` finishes it.
    """
    return await delete_nodes(spans=span_ids, dry_run=dry_run, progress=progress)


async def delete_artifacts(
    *artifact_ids: str, dry_run: bool = False, progress: Progress | None = None
) -> DeleteReport:
    """Delete artifacts with what is nested in them, from all spans that have or used them.

    Three round trips, and one more for each 10,000 nodes. A dry run is one.

    Args:
        *artifact_ids: Their ids.
        dry_run: Only count.
        progress: As in ``delete_spans``.

    Returns:
        What this call deleted.

    Raises:
        NotFoundError: There is no such artifact; none is deleted.
        ArtifactTypeError: An id is that of a span, or of a model nested in an artifact.
        ConnectionFailed: The database stayed out of reach; ``resume_deletes`` finishes it.
    """
    return await delete_nodes(artifacts=artifact_ids, dry_run=dry_run, progress=progress)


async def delete_nodes(
    *,
    spans: Iterable[str] = (),
    artifacts: Iterable[str] = (),
    lenient: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> DeleteReport:
    """Delete both, by as many ids as there are; what ``delete_spans`` and the others call.

    Args:
        spans: Ids of spans, as ``delete_spans`` takes them.
        artifacts: Ids of artifacts, as ``delete_artifacts`` takes them.
        lenient: Pass over ids of what is no longer there, for ids that a query found.
        dry_run: Only count.
        progress: As in ``delete_spans``.
    """
    work = Deleter(get_engine(), progress)
    if dry_run:
        return await _count(work.engine, list(spans), list(artifacts), lenient)
    trees = await _mark(work.engine, deleting.MARK_SPANS, spans, lenient)
    loose = await _mark(work.engine, deleting.MARK_ARTIFACTS, artifacts, lenient)
    await work.spans(trees)
    await work.artifacts(loose)
    await _finish(Deleter(work.engine, None), IDLE_SECONDS)
    return work.done


async def resume_deletes(*, progress: Progress | None = None) -> DeleteReport:
    """Finish deletes that were cut short, whatever process began them.

    It does not wait to see whether they are still being worked on, and if they are, it helps. One
    round trip when there are none.

    Args:
        progress: As in ``delete_spans``.

    Returns:
        What this call deleted.

    Raises:
        ConnectionFailed: The database stayed out of reach.
    """
    work = Deleter(get_engine(), progress)
    await _finish(work, None)
    return work.done


async def _finish(work: Deleter, idle: int | None) -> None:
    for is_span, ids in await work.engine.read(deleting.MARKED, {"idle": idle}):
        await (work.spans(ids) if is_span else work.artifacts(ids))


async def _count(
    engine: Engine, spans: list[str], artifacts: list[str], lenient: bool
) -> DeleteReport:
    parameters = {"spans": spans, "artifacts": artifacts}
    ((*wrong, counts),) = await engine.read(deleting.COUNT_DOOMED, parameters)
    for kind, rows in zip(("span", "artifact"), wrong, strict=True):
        if rows and not lenient:
            raise _refusal(*rows[0], is_span=kind == "span")
    return replace(DeleteReport(*counts), dry_run=True)


async def _mark(engine: Engine, statement: str, ids: Iterable[str], lenient: bool) -> list[str]:
    marked: list[str] = []
    for batch in batches(ids, deleter.BATCH):
        ((wrong, found),) = await engine.write(statement, {"ids": batch, "lenient": lenient})
        if wrong and not lenient:
            raise _refusal(*wrong[0], is_span=statement is deleting.MARK_SPANS)
        marked += found
    return marked


def _refusal(node_id: str, exists: bool, owner: str | None = None, *, is_span: bool) -> Exception:
    if not exists:
        kind = "span" if is_span else "artifact"
        return NotFoundError(f"there is no {kind} with id {node_id!r}; nothing was deleted")
    if is_span:
        return SpanError(f"{node_id!r} is the id of an artifact; delete_artifacts deletes it")
    if owner is None:
        return ArtifactTypeError(f"{node_id!r} is the id of a span; delete_spans deletes it")
    return ArtifactTypeError(
        f"{node_id!r} is nested in {owner!r}, which cannot be read without it; delete the whole "
        "artifact"
    )
