"""Progress bars in a terminal, the same for whatever takes long."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

__all__ = ["progress_bars"]


def progress_bars(*columns: ProgressColumn, quiet: bool = False) -> Progress:
    """Bars on standard error, with their descriptions first, while a person watches a terminal.

    Args:
        *columns: What follows on the description.
        quiet: Show none.

    Returns:
        A context manager; ``add_task`` begins a bar in it.

    Raises:
        ImportError: rich is not installed; it comes with the extra ``[cli]``.
    """
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),  # it may name what somebody recorded
        *columns,
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
