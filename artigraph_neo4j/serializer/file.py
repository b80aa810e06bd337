"""Files as values of any size, never held in memory as a whole."""

from __future__ import annotations

import filecmp
import os
import shutil
import tempfile
import weakref
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Any, ClassVar, Self

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer, exactly

__all__ = ["File", "FileSerializer", "file_serializer"]

_CHUNK = 1024 * 1024


class File:
    """The content of a file, stored unchanged; a ``Path`` is stored as a path.

    Reading returns a temporary file, which is deleted with the last ``File`` that refers to it, or
    at the end of the process; ``save`` copies its content. Two files are equal if their contents
    are. The name is not part of the content.

    Args:
        path: The path of the file, which must not change until the value is recorded.

    Attributes:
        path: The file on this machine that has the content.
    """

    def __init__(self, path: str | os.PathLike[str], _owner: _Temporary | None = None, /) -> None:
        self.path = Path(path)
        self._owner = _owner

    @classmethod
    def temporary(cls, path: str | os.PathLike[str]) -> Self:
        """Return a ``File`` for a path that is deleted with the last ``File`` that refers to it."""
        return cls(path, _Temporary(str(path)))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Copy the content to ``path``, and return that path."""
        return Path(shutil.copyfile(self.path, path))

    def __fspath__(self) -> str:
        return str(self.path)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, File):
            return NotImplemented
        if self.path == other.path:
            return True
        with suppress(FileNotFoundError):
            return filecmp.cmp(self.path, other.path, shallow=False)
        return False

    __hash__ = None  # type: ignore[assignment] # the content may change

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the owner of a temporary file: only this process deletes it."""
        return {"path": self.path, "_owner": None}

    def __copy__(self) -> Self:
        return type(self)(self.path, self._owner)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __repr__(self) -> str:
        return f"File({str(self.path)!r})"


class _Temporary:
    """The owner of a temporary file, which is deleted when the last reference to it is gone."""

    def __init__(self, path: str) -> None:
        weakref.finalize(self, _delete, path, os.getpid())


def _delete(path: str, pid: int) -> None:
    if os.getpid() == pid:  # a forked child shares the files of its parent
        with suppress(OSError):
            os.unlink(path)


class FileSerializer(Serializer[File]):
    """The content of a file, unchanged.

    Args:
        suffix: The suffix of the names of temporary files, for programs that need one:
            ``artifact_field(serializer=FileSerializer(".onnx"))``.
    """

    name: ClassVar[str] = "file"
    types: ClassVar[tuple[type[Any], ...]] = (File,)
    heavy: ClassVar[bool] = True
    raw: ClassVar[bool] = True

    def __init__(self, suffix: str = "") -> None:
        self.suffix = suffix

    def serialize(self, value: File, /) -> bytes:
        """Return the content.

        Raises:
            SerializationError: The file cannot be read, or changes while it is read.
        """
        held = BytesIO()
        self.write(value, held)
        return held.getvalue()

    def deserialize(self, data: bytes, /) -> File:
        """Return a temporary file with this content."""
        handle, path = self._make()
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        return File.temporary(path)

    def write(self, value: File, file: IO[bytes], /) -> None:
        """Write the content, a piece at a time."""
        try:
            source = exactly(File, value).path.open("rb")
        except OSError as error:
            raise _unreadable(value, error) from error
        with source:
            before = _stamp(source)
            while chunk := source.read(_CHUNK):
                file.write(chunk)
            if _stamp(source) != before:
                raise SerializationError(
                    f"the file {str(value.path)!r} changed while it was read; record it once "
                    "it is complete"
                )

    def read(self, file: IO[bytes], /) -> File:
        """Return a temporary file with the content, written a piece at a time."""
        handle, path = self._make()
        with os.fdopen(handle, "wb") as target:
            shutil.copyfileobj(file, target, _CHUNK)
        return File.temporary(path)

    def _make(self) -> tuple[int, str]:
        return tempfile.mkstemp(prefix="artigraph-", suffix=self.suffix)


def _stamp(file: IO[bytes]) -> tuple[int, int]:
    state = os.fstat(file.fileno())
    return state.st_size, state.st_mtime_ns


def _unreadable(value: File, error: OSError) -> SerializationError:
    return SerializationError(f"the file {str(value.path)!r} cannot be read: {error.strerror}")


file_serializer = FileSerializer().register()
