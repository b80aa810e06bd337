"""How far values are on their way to and from storages, for who waits for them."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from artigraph_neo4j.engine import Engine

__all__ = ["OnTransfer", "Transfer", "reporting", "transfer_bar"]

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


@contextmanager
def transfer_bar(engine: Engine, *, at_least: int = 1024 * 1024) -> Generator[None]:
    """Show a bar for each value that is on its way during the block, if a terminal is watching.

    Args:
        engine: The engine whose transfers are shown; its own ``on_transfer`` rests meanwhile.
        at_least: Values of fewer bytes are not worth a bar.

    Raises:
        ImportError: rich is not installed; it comes with the extra ``[cli]``.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TransferSpeedColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    bars: dict[int, TaskID] = {}

    def show(transfer: Transfer) -> None:
        if transfer.total < at_least:
            return
        arrow = "↑" if transfer.direction == "upload" else "↓"
        if transfer.serial not in bars:
            bars[transfer.serial] = progress.add_task(
                f"{arrow} {transfer.what}", total=transfer.total
            )
        progress.update(bars[transfer.serial], completed=transfer.done)
        if transfer.state != "running":
            progress.remove_task(bars.pop(transfer.serial))

    before = engine.on_transfer
    console = Console(stderr=True)
    with Progress(
        *columns,
        TransferSpeedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        engine.on_transfer = show
        try:
            yield
        finally:
            engine.on_transfer = before
