"""Files and directories for this user only, and locks between processes."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from artigraph_neo4j.errors import LocalStackError

__all__ = [
    "disk_errors_said",
    "disk_usage",
    "exclusive",
    "private_directory",
    "refuse_foreign",
    "write_private",
]


def private_directory(path: Path) -> None:
    """Make a directory that only this user can enter, or restrict an existing one.

    Raises:
        LocalStackError: The directory belongs to another user, or is a symbolic link.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise LocalStackError(f"{path} is a symbolic link; name the directory it leads to instead")
    refuse_foreign(path)
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o700)


def refuse_foreign(path: Path) -> None:
    """Refuse a directory in which another user could replace files.

    Raises:
        LocalStackError: The directory belongs to another user.
    """
    if sys.platform != "win32" and path.stat().st_uid != os.getuid():
        raise LocalStackError(
            f"{path} belongs to another user; name a directory of your own with ARTIGRAPH_HOME or "
            "--dir"
        )


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read; it appears whole or not at all.

    A symbolic link at the path is replaced, not followed.
    """
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
    """Hold a lock that is released when the process ends, even if it is killed.

    Raises:
        LocalStackError: This system does not have such locks.
    """
    if sys.platform == "win32":
        raise LocalStackError(
            "the local stack runs on Linux and macOS; use docker/compose.yaml on Windows"
        )
    import fcntl  # not at the top, since the library is imported on Windows, too

    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.open(path, flags, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


@contextmanager
def disk_errors_said() -> Generator[None]:
    """Convert errors of the disk into errors that tell the next step.

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
    """Return the bytes that a directory takes on the disk."""
    total = 0
    for root, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512
            except OSError:  # a file that a server removed in between
                continue
    return total
