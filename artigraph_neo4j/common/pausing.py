"""A pause of Python's garbage collector while many objects are made and stay alive."""

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
