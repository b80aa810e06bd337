"""Files that others must not read, and locks that other processes respect."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from artigraph_neo4j.errors import LocalStackError

__all__ = ["disk_errors_said", "disk_usage", "exclusive", "write_private"]


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read; it appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def exclusive(path: Path) -> Generator[None]:
    """Hold a lock that ends with the process, however that ends.

    Raises:
        LocalStackError: This system has no such locks.
    """
    if sys.platform == "win32":
        raise LocalStackError(
            "the local stack runs on Linux and macOS; use docker/compose.yaml on Windows"
        )
    import fcntl  # not at the top: the library itself is imported on Windows too

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def disk_errors_said() -> Generator[None]:
    """Turn an error of the disk into one that says what to do.

    Raises:
        LocalStackError: A file or directory cannot be used.
    """
    try:
        yield
    except OSError as error:
        raise LocalStackError(
            f"the local stack cannot use its files: {error}; name another directory with "
            "ARTIGRAPH_HOME or --dir, or another cache with ARTIGRAPH_CACHE"
        ) from error


def disk_usage(directory: Path) -> int:
    """The bytes that a directory takes on the disk."""
    total = 0
    for root, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512
            except OSError:  # a file that a server removed meanwhile
                continue
    return total
