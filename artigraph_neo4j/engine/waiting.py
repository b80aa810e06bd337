"""Waiting for coroutines in code that is not async."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from artigraph_neo4j.common.iothread import IOThread

__all__ = [
    "run",
    "waiting",
]

P = ParamSpec("P")
T = TypeVar("T")

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


def waiting(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The same function without ``await``: each call waits for what it does."""

    @wraps(function)
    def wait(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(function(*args, **kwargs))

    return wait
