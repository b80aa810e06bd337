"""Progress bars in the terminal for values being transferred."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from artigraph_neo4j.common.bar import progress_bars
from artigraph_neo4j.common.progress import Transfer
from artigraph_neo4j.common.wording import visible
from artigraph_neo4j.engine.engine import Engine

__all__ = ["transfer_bar"]


@contextmanager
def transfer_bar(engine: Engine, *, at_least: int = 1024 * 1024) -> Generator[None]:
    """Show a bar for each value transferred during the block, if the output is a terminal.

    Args:
        engine: The engine whose transfers are shown. Its own ``on_transfer`` is not called during
            the block.
        at_least: Minimum bytes of a value to show a bar for.

    Raises:
        ImportError: rich is not installed; it comes with the extra ``[cli]``.
    """
    from rich.progress import BarColumn, DownloadColumn, TaskID, TransferSpeedColumn

    bars: dict[int, TaskID] = {}

    def show(transfer: Transfer) -> None:
        if transfer.total < at_least:
            return
        arrow = "↑" if transfer.direction == "upload" else "↓"
        if transfer.serial not in bars:
            bars[transfer.serial] = progress.add_task(
                visible(f"{arrow} {transfer.what}"), total=transfer.total
            )
        progress.update(bars[transfer.serial], completed=transfer.done)
        if transfer.state != "running":
            progress.remove_task(bars.pop(transfer.serial))

    before = engine.on_transfer
    with progress_bars(BarColumn(), DownloadColumn(), TransferSpeedColumn()) as progress:
        engine.on_transfer = show
        try:
            yield
        finally:
            engine.on_transfer = before
