"""How far values are on their way to and from storages, for who waits for them."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    pass

__all__ = [
    "OnTransfer",
    "Transfer",
    "reporting",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Transfer:
    """How far one value is.

    Attributes:
        serial: Tells transfers apart that go on at once.
        direction: ``"upload"`` or ``"download"``.
        what: The model and field.
        storage: The storage's name.
        total: How many bytes there are.
        done: How many of them have gone.
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
"""Called when a transfer begins, after each chunk and at its end; on another thread, so briefly."""

_serials = itertools.count(1)


@contextmanager
def reporting(
    on_transfer: OnTransfer | None,
    direction: Literal["upload", "download"],
    what: str,
    storage: str,
    total: int,
) -> Generator[Callable[[int], None]]:
    """Report a transfer that goes on inside the block, which says how many more bytes have gone."""
    if on_transfer is None:
        yield lambda _: None
        return
    now = Transfer(next(_serials), direction, what, storage, total)

    def report(done: int, state: Literal["running", "done", "failed"] = "running") -> None:
        nonlocal now
        now = replace(now, done=done, state=state)
        try:
            on_transfer(now)
        except Exception:  # whoever watches must not break what is watched
            logger.exception("on_transfer failed")

    report(0)
    try:
        yield lambda more: report(now.done + more)
    except BaseException:
        report(now.done, "failed")
        raise
    report(total, "done")
