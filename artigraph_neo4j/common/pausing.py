"""Python's garbage collector, while many objects are made that all stay."""

from __future__ import annotations

import gc
import threading
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["collector_paused"]

_lock = threading.Lock()
_pauses = 0
_ours = False


@contextmanager
def collector_paused() -> Generator[None]:
    """Pause the collector of cycles in the whole process; blocks may overlap.

    It would look through the growing heap again and again, for objects of which none can go: up to
    half the time of a large read. Nothing is awaited inside, so that it is over soon.
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
