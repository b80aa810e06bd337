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
"""The thread that runs coroutines of waiting callers, by process: a forked child needs another. It
is not the I/O thread, so that encoding a large value does not hold up I/O."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Wait for a coroutine, with this context's variables; the current span is one of them.

    Args:
        work: The coroutine.

    Returns:
        The result of the coroutine; its exceptions are raised here.

    Raises:
        RuntimeError: The calling thread is the one that runs these coroutines: a progress callback,
            for example, cannot wait.
    """
    thread = _callers.get(os.getpid())
    if thread is None:
        thread = _callers.setdefault(os.getpid(), IOThread(name="artigraph-sync"))
    future = thread.submit(work)
    try:
        return future.result()
    except BaseException:  # KeyboardInterrupt in this thread: the coroutine ends by itself
        future.cancel()
        raise


def waiting(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make a function that is called without ``await``: each call waits for the coroutine."""

    @wraps(function)
    def wait(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(function(*args, **kwargs))

    return wait
