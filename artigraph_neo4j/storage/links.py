"""The check that symbolic links do not lead out of a storage's directory."""

from __future__ import annotations

import os
from pathlib import Path

from artigraph_neo4j.errors import StorageError

__all__ = ["refuse_outside"]


def refuse_outside(directory: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Refuse a path that leads out of a directory by symbolic links; the directory may be a link.

    Raises:
        StorageError: The path leads out of the directory.
    """
    root = os.path.realpath(directory)
    if not Path(os.path.realpath(path)).is_relative_to(root):
        raise StorageError(
            f"a symbolic link leads from {path} out of {directory}, which this storage does not "
            "follow; make a storage of the other directory"
        )
