"""A small disk of the database's own, which can be full: a file system in memory, for root only."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Disk", "small_disk"]

SIZE = "1g"
"""Size of the disk: what a long soak needs, transaction logs included."""

_PIECE = bytes(1024 * 1024)


class Disk:
    """A mounted directory.

    Args:
        directory: The directory.
    """

    def __init__(self, directory: Path) -> None:
        self._filler = directory / "filler"

    def fill(self) -> None:
        """Leave no byte free."""
        with self._filler.open("wb", buffering=0) as file:
            for piece in (_PIECE, _PIECE[:4096]):
                try:
                    while file.write(piece):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def clear(self) -> None:
        """Free what was filled."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(directory: Path) -> Iterator[Disk | None]:
    """Mount a small disk at a new directory; yields None where that is not permitted.

    A directory that is a disk already is taken as it is, and stays so.
    """
    if directory.is_mount():
        yield Disk(directory)
        return
    directory.mkdir(parents=True, mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(directory)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        yield None
        return
    try:
        yield Disk(directory)
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)
