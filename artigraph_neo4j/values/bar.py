"""A bar in the terminal for each value on its way."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.common.progress import (
    Transfer,
)

__all__ = [
    "transfer_bar",
]


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
