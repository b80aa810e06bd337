"""Works off what is marked to be deleted, in transactions of bounded size, and counts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from artigraph_neo4j.engine import Engine
from artigraph_neo4j.errors import EngineError
from artigraph_neo4j.graph import deleting
from artigraph_neo4j.graph.connection import ConflictError

__all__ = ["DeleteReport", "Deleter", "Progress", "batches"]

BATCH = 10_000
"""Nodes that one transaction deletes at the most."""
ROOTS = 1_000
"""Trees that are worked on together."""
LOOK = 100_000
"""Spans that one look into the trees returns, the deepest: each look walks through what is left."""
LINKS_EACH = 5
"""Relationships, for each of these nodes, that one transaction deletes at the most."""
TRIES = 100
"""Failures in a row after which a delete gives up."""


@dataclass(frozen=True, slots=True)
class DeleteReport:
    """What was deleted, or would be.

    Attributes:
        spans: Spans.
        artifacts: Artifacts, not counting those nested in others.
        nested: Models nested in them.
        blobs: References to values in storages; the values themselves are left to ``gc``.
        bytes: The size of these values.
        kept: Artifacts of deleted spans that stay, since a span that stays has them too.
        uses: Times that a span which stays used an artifact that went; it no longer says so.
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
        """Nodes of the graph: spans, artifacts, nested models and blobs."""
        return self.spans + self.artifacts + self.nested + self.blobs


Progress = Callable[[DeleteReport], object]


def batches(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    """Lists of at most so many, in the same order."""
    rest = iter(ids)
    while batch := list(islice(rest, size)):
        yield batch


class Deleter:
    """Deletes what is marked.

    Attributes:
        engine: The engine it works through.
        done: What it has deleted so far.
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
        rows = await self.engine.write(deleting.SPANS_TO_DELETE, parameters)
        return [node_id for (chunk,) in rows for node_id in chunk]

    async def _span_batches(self, ids: list[str]) -> bool:
        """Whether all of them could be deleted."""
        while ids:
            batch = ids[: self._size]
            await self._artifacts_of(batch)
            row = await self._run(deleting.DELETE_SPANS, batch)
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
            row = await self._run(deleting.UNLINK_ARTIFACTS, spans)
            if row is not None:
                doomed, kept, more = row
                self._count(kept=kept)
                await self.artifacts(doomed)

    async def artifacts(self, ids: Sequence[str]) -> None:
        """Delete marked artifacts with what is nested in them."""
        while ids:
            batch = ids[: self._size]
            row = await self._run(deleting.DELETE_ARTIFACTS, batch)
            if row is not None:
                artifacts, nested, blobs, size, uses, more = row
                self._count(artifacts=artifacts, nested=nested, blobs=blobs, bytes=size, uses=uses)
                if not more:
                    ids = ids[len(batch) :]

    async def _run(self, statement: str, ids: Sequence[str]) -> list[Any] | None:
        """The row of a statement; None when it has to be tried again, perhaps with less."""
        parameters = {"ids": list(ids), "limit": self._size, "links": LINKS_EACH * self._size}
        try:
            (row,) = await self.engine.write(statement, parameters)
        except ConflictError as error:  # someone is writing below: what they wrote goes next
            await asyncio.sleep(random.uniform(0.01, 0.1))  # noqa: S311
            failed: EngineError | ConflictError = error
        except EngineError as error:
            if "OutOfMemory" not in str(error) or self._size == 1:
                raise
            self._size = max(1, self._size // 4)
            failed = error
        else:
            self._failures = 0
            return row
        self._failures += 1
        if self._failures > TRIES:
            raise EngineError(
                "a delete does not get on, since others keep writing to what it deletes; stop "
                "them, then finish it with resume_deletes()"
            ) from failed
        return None

    def _count(self, **counts: int) -> None:
        totals = {name: getattr(self.done, name) + count for name, count in counts.items()}
        self.done = replace(self.done, **totals)
        if self._progress is not None:
            self._progress(self.done)
