"""The current span carried to other threads and processes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from functools import update_wrapper
from inspect import iscoroutinefunction
from typing import Any, Generic, ParamSpec, TypeVar, cast

from artigraph_neo4j.engine.scope import PARENT, Cell, carried, current_cell, within

__all__ = ["carry_span", "parent_environment"]

P = ParamSpec("P")
R = TypeVar("R")


def parent_environment() -> dict[str, str]:
    """Make the environment by which another process nests its spans below the current one.

    ::

        subprocess.run(command, env={**os.environ, **parent_environment()})

    A process that has them needs no other line: ``"current"`` is this span there until it opens
    another, and what it reads is recorded as used by this span. No round trip, on either side.

    Returns:
        ``ARTIGRAPH_PARENT``, and ``TRACEPARENT`` (of W3C) if a span of OpenTelemetry is current.
        Empty if no span is.
    """
    cell = current_cell()
    found = {} if cell is None else {PARENT: cell.carried()}
    trace = _traceparent()
    return found if trace is None else {**found, "TRACEPARENT": trace}


def _traceparent() -> str | None:
    """The current span of OpenTelemetry, if the program uses that."""
    module: Any = sys.modules.get("opentelemetry.trace")
    if module is None:
        return None
    context = module.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def carry_span(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function that runs in the span that is current now, in any thread or process.

    ::

        pool.map(carry_span(work), items)

    In this process it has this context: the current span, engine and batch. In another one, which
    gets it by pickle, it has the span only; that process sets the engine. No round trip.

    Args:
        function: The function, which may be async; for another process one that pickle can send.
    """
    return cast("Callable[P, R]", _Carried(function))


class _Carried(Generic[P, R]):
    """A function with the span, and in the same process the context, in which it was made."""

    def __init__(self, function: Callable[P, R]) -> None:
        cell = current_cell()
        update_wrapper(self, function)
        self.function = function
        self.parent = None if cell is None else cell.carried()
        self.context: Context | None = copy_context()
        self.pid = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        return {"function": self.function, "parent": self.parent, "context": None, "pid": 0}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if iscoroutinefunction(self.function):
            return cast("R", self._awaited(self.function, *args, **kwargs))
        if self.context is not None and self.pid == os.getpid():
            return self.context.copy().run(self.function, *args, **kwargs)
        with within(self._cell()):
            return self.function(*args, **kwargs)

    def _cell(self) -> Cell | None:
        return None if self.parent is None else carried(self.parent)

    async def _awaited(
        self, function: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any
    ) -> Any:
        if self.context is not None and self.pid == os.getpid():
            work = function(*args, **kwargs)
            return await asyncio.create_task(work, context=self.context.copy())
        with within(self._cell()):
            return await function(*args, **kwargs)
