"""Deletion of spans and artifacts with everything below them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.given import AnyArtifact, AnySpan
from artigraph_neo4j.errors import ArtifactTypeError, EngineError, NotFoundError, SpanError
from artigraph_neo4j.graph.cursor import unchunked
from artigraph_neo4j.graph.cypher import delete
from artigraph_neo4j.graph.failures import ConflictError, TooLargeError

__all__ = [
    "DeleteReport",
    "Deleter",
    "Progress",
    "batches",
    "delete_artifacts",
    "delete_nodes",
    "delete_span",
    "delete_spans",
    "resume_deletes",
]

IDLE_SECONDS = 300
"""Seconds without progress after which a delete counts as killed; the next one finishes it."""


async def delete_span(
    span: AnySpan, /, *, dry_run: bool = False, progress: Progress | None = None
) -> DeleteReport:
    """Delete a span with all spans and artifacts below it; see ``delete_spans``."""
    return await delete_spans(span, dry_run=dry_run, progress=progress)


async def delete_spans(
    *spans: AnySpan, dry_run: bool = False, progress: Progress | None = None
) -> DeleteReport:
    """Delete spans with all spans and artifacts below them. This cannot be undone.

    An artifact that also belongs to a span outside of these trees stays; an artifact that such a
    span only used is deleted. After the first transaction no query finds the trees any more; their
    nodes are then deleted in transactions of at most 10,000. The rest of a killed delete is
    finished by ``resume_deletes``, or by any later delete after five minutes.

    Five round trips for a small tree, six if an artifact in it has nested models or was used by
    many; and at most five for each 10,000 nodes of a large one. A dry run is one round trip, which
    reads all of the trees.

    Args:
        *spans: Spans, their ids, or ``"current"``. If another delete of a span is under way, this
            call helps to finish it.
        dry_run: Whether to count only.
        progress: Called with the counts so far, after every transaction, in the event loop.

    Returns:
        The counts of this call, without the rest of killed deletes that it finished.

    Raises:
        NotFoundError: A span does not exist; none of the (at most 10,000) spans sent with it is
            deleted.
        SpanError: An id is that of an artifact.
        ConnectionFailed: The database stayed out of reach; ``resume_deletes`` finishes it.
    """
    ids = [given.span_id(span, "spans") for span in spans]
    return await delete_nodes(spans=ids, dry_run=dry_run, progress=progress)


async def delete_artifacts(
    *artifacts: AnyArtifact, dry_run: bool = False, progress: Progress | None = None
) -> DeleteReport:
    """Delete artifacts with all models nested in them, from all spans that have or used them.

    Three round trips, and one more for each 10,000 nodes. A dry run is one round trip.

    Args:
        *artifacts: Artifacts, or their ids.
        dry_run: Whether to count only.
        progress: As in ``delete_spans``.

    Returns:
        The counts of this call.

    Raises:
        NotFoundError: An artifact does not exist; none is deleted.
        ArtifactTypeError: An id is that of a span, or of a model nested in an artifact.
        ConnectionFailed: The database stayed out of reach; ``resume_deletes`` finishes it.
    """
    ids = [given.artifact_id(artifact, "artifacts") for artifact in artifacts]
    return await delete_nodes(artifacts=ids, dry_run=dry_run, progress=progress)


async def delete_nodes(
    *,
    spans: Iterable[str] = (),
    artifacts: Iterable[str] = (),
    lenient: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> DeleteReport:
    """Delete spans and artifacts by any number of ids, for ``delete_spans`` and its siblings.

    Args:
        spans: Ids of spans, as ``delete_spans`` takes them.
        artifacts: Ids of artifacts, as ``delete_artifacts`` takes them.
        lenient: Whether to skip ids that do not exist any more, for ids that a query found.
        dry_run: Whether to count only.
        progress: As in ``delete_spans``.
    """
    work = Deleter(get_engine(), progress)
    if dry_run:
        return await _count(work.engine, list(spans), list(artifacts), lenient)
    trees = await _mark(work.engine, delete.MARK_SPANS, spans, lenient)
    loose = await _mark(work.engine, delete.MARK_ARTIFACTS, artifacts, lenient)
    await work.spans(trees)
    await work.artifacts(loose)
    await _finish(Deleter(work.engine, None), IDLE_SECONDS)
    return work.done


async def resume_deletes(*, progress: Progress | None = None) -> DeleteReport:
    """Finish deletes that were interrupted, whatever process began them.

    It does not wait to see whether another process still works on them; if one does, this call
    helps. One round trip when there are none.

    Args:
        progress: As in ``delete_spans``.

    Returns:
        The counts of this call.

    Raises:
        ConnectionFailed: The database stayed out of reach.
    """
    work = Deleter(get_engine(), progress)
    await _finish(work, None)
    return work.done


async def _finish(work: Deleter, idle: int | None) -> None:
    for is_span, ids in await work.engine.ask(delete.MARKED, {"idle": idle}):
        await (work.spans(ids) if is_span else work.artifacts(ids))


async def _count(
    engine: Engine, spans: list[str], artifacts: list[str], lenient: bool
) -> DeleteReport:
    parameters = {"spans": spans, "artifacts": artifacts}
    ((*wrong, counts),) = await engine.ask(delete.COUNT_DOOMED, parameters)
    for kind, rows in zip(("span", "artifact"), wrong, strict=True):
        if rows and not lenient:
            raise _refusal(*rows[0], is_span=kind == "span")
    return replace(DeleteReport(*counts), dry_run=True)


async def _mark(engine: Engine, statement: str, ids: Iterable[str], lenient: bool) -> list[str]:
    marked: list[str] = []
    for batch in batches(ids, BATCH):
        # Once: a copy that the network holds back must not delete what was imported again.
        done = await engine.once(statement, {"ids": batch, "lenient": lenient})
        if done.before:
            marked += batch
            continue
        wrong, found = done.row
        if wrong and not lenient:
            raise _refusal(*wrong[0], is_span=statement is delete.MARK_SPANS)
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


BATCH = 10_000
"""Maximum number of nodes that one transaction deletes."""

ROOTS = 1_000
"""Maximum number of trees that are deleted together."""

LOOK = 100_000
"""Maximum spans fetched per pass, deepest first; every pass walks the rest of the trees again."""

LINKS_EACH = 5
"""Maximum number of relationships, for each of these nodes, that one transaction deletes."""

TRIES = 100
"""Number of failures in a row after which a delete gives up."""


@dataclass(frozen=True, slots=True)
class DeleteReport:
    """The counts of a delete, or of a dry run.

    Attributes:
        spans: Number of spans.
        artifacts: Number of artifacts, without those nested in others.
        nested: Number of models nested in them.
        blobs: Number of references to values in storages; ``gc`` deletes the values themselves.
        bytes: Size of these values in bytes.
        kept: Number of artifacts of deleted spans that stay, as another span has them too.
        uses: Number of times that a remaining span used a deleted artifact; these records are
            deleted too.
        dry_run: Whether nothing was deleted.
    """

    spans: int = 0
    artifacts: int = 0
    nested: int = 0
    blobs: int = 0
    bytes: int = 0
    kept: int = 0
    uses: int = 0
    dry_run: bool = False

    @property
    def nodes(self) -> int:
        """The number of nodes of the graph: spans, artifacts, nested models and blobs."""
        return self.spans + self.artifacts + self.nested + self.blobs


Progress = Callable[[DeleteReport], object]


def batches(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yield lists of at most ``size`` ids, in the same order."""
    rest = iter(ids)
    while batch := list(islice(rest, size)):
        yield batch


class Deleter:
    """Deletes spans and artifacts that are marked for deletion.

    Attributes:
        engine: The engine that runs the statements.
        done: The counts so far.
    """

    def __init__(self, engine: Engine, progress: Progress | None) -> None:
        self.engine = engine
        self.done = DeleteReport()
        self._progress = progress
        self._size = BATCH
        self._failures = 0

    async def spans(self, roots: Sequence[str]) -> None:
        """Delete the trees below marked spans, from the bottom up."""
        for ids in batches(roots, ROOTS):
            leaves = done = False
            while not done:
                found = await self._look(ids, leaves)
                complete = not leaves and len(found) < LOOK
                leaves = not await self._span_batches(found)
                done = not found or (complete and not leaves)

    async def _look(self, roots: list[str], leaves: bool) -> list[str]:
        parameters = {"ids": roots, "leaves": leaves, "limit": LOOK}
        rows = await self.engine.write(delete.SPANS_TO_DELETE, parameters)
        return unchunked(rows)

    async def _span_batches(self, ids: list[str]) -> bool:
        """Delete spans without children; return False if a transaction has to be repeated."""
        while ids:
            batch = ids[: self._size]
            await self._artifacts_of(batch)
            row = await self._run(delete.DELETE_SPANS, batch)
            if row is None:
                return False
            spans, more = row
            self._count(spans=spans)
            if not more:
                ids = ids[len(batch) :]
        return True

    async def _artifacts_of(self, spans: list[str]) -> None:
        more = True
        while more:
            row = await self._run(delete.UNLINK_ARTIFACTS, spans)
            if row is not None:
                doomed, kept, more, artifacts, blobs, size, uses = row
                self._count(kept=kept, artifacts=artifacts, blobs=blobs, bytes=size, uses=uses)
                await self.artifacts(doomed)

    async def artifacts(self, ids: Sequence[str]) -> None:
        """Delete marked artifacts with all models nested in them."""
        while ids:
            batch = ids[: self._size]
            row = await self._run(delete.DELETE_ARTIFACTS, batch)
            if row is not None:
                artifacts, nested, blobs, size, uses, more = row
                self._count(artifacts=artifacts, nested=nested, blobs=blobs, bytes=size, uses=uses)
                if not more:
                    ids = ids[len(batch) :]

    async def _run(self, statement: str, ids: Sequence[str]) -> list[Any] | None:
        """Return the row of a statement; None when it has to be tried again, perhaps with less."""
        parameters = {
            "ids": list(ids), "limit": self._size, "each": LINKS_EACH,
            "links": LINKS_EACH * self._size,
        }  # fmt: skip
        try:
            (row,) = await self.engine.write(statement, parameters)
        except ConflictError as error:  # another program writes below; its nodes are deleted next
            await asyncio.sleep(random.uniform(0.01, 0.1))  # noqa: S311
            failed: EngineError | ConflictError = error
        except TooLargeError as error:
            if self._size == 1:
                raise
            self._size = max(1, self._size // 4)
            failed = error
        else:
            self._failures = 0
            return row
        self._failures += 1
        if self._failures > TRIES:
            raise EngineError(
                "a delete makes no progress, since other programs keep writing to its nodes; stop "
                "them, then finish it with resume_deletes()"
            ) from failed
        return None

    def _count(self, **counts: int) -> None:
        totals = {name: getattr(self.done, name) + count for name, count in counts.items()}
        self.done = replace(self.done, **totals)
        if self._progress is not None:
            self._progress(self.done)
