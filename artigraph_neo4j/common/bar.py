"""Progress bars in a terminal, the same for every operation that takes long."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

__all__ = ["progress_bars"]


def progress_bars(*columns: ProgressColumn, quiet: bool = False) -> Progress:
    """Show bars on standard error, each after its description, where that is a terminal.

    Args:
        *columns: The columns after the description.
        quiet: Whether to show no bars.

    Returns:
        A context manager; ``add_task`` begins a bar in it.

    Raises:
        ImportError: rich is not installed; it comes with the extra ``[cli]``.
    """
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),  # it may contain recorded text
        *columns,
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
