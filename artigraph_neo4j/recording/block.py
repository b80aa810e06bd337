"""``batch``: a block that records spans and artifacts without waiting, many in one statement."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.scope import (
    Share,
    current_batch,
    enter_batch,
    enter_share,
    innermost_batch,
)
from artigraph_neo4j.errors import ArgumentError
from artigraph_neo4j.recording.batch import SECONDS, Batch
from artigraph_neo4j.recording.queue import ROWS

__all__ = ["batch", "batch_for"]


def batch_for(engine: Engine) -> Batch | None:
    """The current batch of this context, if it writes to the graph of ``engine``."""
    unit = current_batch(engine)
    return unit if isinstance(unit, Batch) else None


class batch:  # noqa: N801 - used like a function
    """Record without waiting for the database, inside an ``async with`` block.

    ::

        async with batch():
            for step in range(100_000):
                async with span_context(label="step"):
                    await create_span_artifact("current", label="loss", data=Loss(0.1))

    The functions are the same. Inside, opening and closing spans and recording artifacts return at
    once: ids, parents and the current span are as always, and the objects that were recorded may
    be changed afterwards. The data is written in the background, ``rows`` nodes in one statement,
    or fewer after ``seconds``; the end of the block waits until everything is in the graph. When
    the database is slower than the program, calls wait for it, so that memory stays bounded. Values
    that go to a storage are uploaded in the background, too. All other calls, reads above all,
    first write the data that is waiting, so that they find it.

    A process that dies loses the data that was not written yet. A span is never written before its
    parent, and an artifact never before its span or only in part.

    Data that cannot be recorded (a label that is already taken, a span that was deleted in between)
    does not hold up the rest: the next call inside, or the end of the block, raises a
    ``BatchError`` that names it. An exception that leaves the block propagates; the data recorded
    so far stays.

    With ``atomic=True`` everything is written at the end, in one transaction, or nothing if the
    block fails or anything cannot be recorded. Reads inside the block do not find its data.

    A block inside another one joins it; its end waits until the data it recorded is in the graph,
    and it alone is told of what it lost. An atomic block inside a non-atomic one is independent of
    it. Tasks that are started inside take part; data that they add after the end of the block is
    written as without a batch.

    No round trip to enter; one for each ``rows`` nodes, the rest of them at the end.

    Args:
        atomic: Whether everything is written or nothing.
        rows: Number of nodes that are written in one statement.
        seconds: Maximum seconds that data waits before it is written.

    Raises:
        ValueError: ``rows`` is less than one, or ``seconds`` is negative.
        BatchError: On leaving, or from a call inside: something was lost.
    """

    def __init__(self, *, atomic: bool = False, rows: int = ROWS, seconds: float = SECONDS) -> None:
        if rows < 1 or seconds < 0:
            raise ValueError(
                f"rows has to be 1 or more and seconds not negative: {rows}, {seconds}"
            )
        self._atomic = atomic
        self._rows = rows
        self._seconds = seconds
        self._batch: Batch | None = None
        self._joined = False
        self._share: Share | None = None  # the part of this block, if it joined another's batch

    def leave(self) -> None:
        """Make the outer batch, or none, current again in this context."""
        if self._batch is not None and not self._joined:
            enter_batch(self._batch.outer)

    if not TYPE_CHECKING:  # type checkers say so themselves

        def __enter__(self):
            raise ArgumentError(
                "write: async with batch(...); or, in code that is not async: "
                "from artigraph_neo4j import sync, and: with sync.batch(...)"
            )

        def __exit__(self, *_):
            """For ``with``, which looks for it first."""

    async def __aenter__(self) -> Batch:
        engine = get_engine()
        found = batch_for(engine)
        self._joined = found is not None and (found.atomic or not self._atomic)
        if found is None or not self._joined:
            if found is not None:
                await found.flush()
            found = Batch(
                engine,
                atomic=self._atomic,
                rows=self._rows,
                seconds=self._seconds,
                outer=innermost_batch(),
            )
            enter_batch(found)
        self._share = enter_share(found) if self._joined else None
        self._batch = found
        return found

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        current = self._batch
        if current is None:
            return
        self.leave()
        try:
            if self._joined:
                await current.flush()
            else:
                await current.end(error)
        except Exception as failed:
            if error is None:
                raise
            error.add_note(str(failed))  # the user's error matters more than ours
        finally:
            if self._share is not None:
                self._share.ended = True
