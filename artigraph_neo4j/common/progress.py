"""Progress of values on their way to and from storages."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

__all__ = [
    "OnTransfer",
    "Transfer",
    "reporting",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Progress of one value.

    Attributes:
        serial: Number that tells concurrent transfers apart.
        direction: ``"upload"`` or ``"download"``.
        what: The model and field of the value.
        storage: The storage's name.
        total: Number of bytes of the value.
        done: Number of bytes transferred so far.
        state: ``"running"``; ``"done"`` or ``"failed"`` in the last report.
    """

    serial: int
    direction: Literal["upload", "download"]
    what: str
    storage: str
    total: int
    done: int = 0
    state: Literal["running", "done", "failed"] = "running"


OnTransfer = Callable[[Transfer], object]
"""Function called at the start of a transfer, after each chunk and at the end. It is called on
another thread and should be quick."""

_serials = itertools.count(1)


@contextmanager
def reporting(
    on_transfer: OnTransfer | None,
    direction: Literal["upload", "download"],
    what: str,
    storage: str,
    total: int,
) -> Generator[Callable[[int], None]]:
    """Report a transfer inside the block, which calls the yielded function with further bytes."""
    if on_transfer is None:
        yield lambda _: None
        return
    now = Transfer(next(_serials), direction, what, storage, total)

    def report(done: int, state: Literal["running", "done", "failed"] = "running") -> None:
        nonlocal now
        now = replace(now, done=done, state=state)
        try:
            on_transfer(now)
        except Exception:  # an observer must not break the transfer
            logger.exception("on_transfer failed")

    report(0)
    try:
        yield lambda more: report(now.done + more)
    except BaseException:
        report(now.done, "failed")
        raise
    report(total, "done")
