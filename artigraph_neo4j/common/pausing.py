"""A pause of Python's garbage collector while many objects are made and stay alive."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["collector_paused", "undisturbed"]

T = TypeVar("T")

_THREAD_FROM = 200
"""Minimum number of objects that are made in a thread."""

_lock = threading.Lock()
_pauses = 0
_ours = False


@contextmanager
def collector_paused() -> Generator[None]:
    """Pause the collector of cycles in the whole process; blocks may overlap.

    The collector would search the growing heap again and again for objects that cannot be freed
    yet, which takes up to half the time of a large read. Do not await inside a block, so that the
    pause is short.
    """
    global _pauses, _ours
    with _lock:
        _pauses += 1
        if _pauses == 1 and gc.isenabled():
            _ours = True
            gc.disable()
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if _pauses == 0 and _ours:
                _ours = False
                gc.enable()


async def undisturbed(count: int, work: Callable[[], T]) -> T:
    """Make ``count`` objects; many of them in a thread, with the collector paused.

    The caller's loop would be blocked for as long as many take.
    """

    def paused() -> T:
        with collector_paused():
            return work()

    return work() if count < _THREAD_FROM else await asyncio.to_thread(paused)
