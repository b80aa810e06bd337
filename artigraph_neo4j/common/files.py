"""Files that appear whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["replacing"]


@contextmanager
def replacing(target: Path) -> Generator[Path]:
    """An empty file beside ``target`` that takes its place at the end of the block.

    When the block fails it is deleted, and what was there stays. It has the permissions that the
    umask leaves to new files.

    Raises:
        OSError: The directory does not exist or takes no files.
    """
    made = target.parent / f".artigraph-{secrets.token_hex(8)}"
    made.open("xb").close()
    try:
        yield made
        made.replace(target)
    finally:
        with suppress(FileNotFoundError):
            made.unlink()
