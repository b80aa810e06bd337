"""``span_context`` and ``batch`` for code that is not async."""

from __future__ import annotations

from types import TracebackType
from typing import TypeVar

from artigraph_neo4j.engine.scope import enter_batch, resume, resume_share
from artigraph_neo4j.engine.waiting import run
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.recording import block, spans
from artigraph_neo4j.recording.batch import Batch

__all__ = ["batch", "span_context"]

S = TypeVar("S", bound=Span)


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
            self.cell.leave()  # in this context; the coroutine has another
        run(self.__aexit__(kind, error, trace))


class batch(block.batch):  # noqa: N801 - used like a function
    """``artigraph_neo4j.batch`` for a ``with`` block; ``async with`` works as well.

    ``run(unit.flush())`` writes the data that waits before the end of the block.
    """

    def __enter__(self) -> Batch:
        unit = run(self.__aenter__())
        enter_batch(unit)
        if self._share is not None:
            resume_share(self._share)
        return unit

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()  # in this context; the coroutine has another
        run(self.__aexit__(kind, error, trace))
