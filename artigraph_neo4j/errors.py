"""Every error this library raises on purpose.

::

    ArtigraphError
    ├── ArgumentError          an argument is not what the function takes  (also a TypeError)
    ├── EngineError            no engine is set, or it cannot be used as asked
    │   ├── ConnectionFailed   the database could not be reached in time
    │   └── SchemaError        the graph has no schema, or one of another version
    ├── LocalStackError        the local Neo4j or S3 could not be provisioned, started or stopped
    ├── NotFoundError          no span or artifact has this id or label    (also a LookupError)
    ├── SeveralFoundError      one was asked for, several fit              (also a LookupError)
    ├── FilterError            a filter cannot be meant so                 (also a ValueError)
    ├── RevisionError          the artifact has a newer version already
    ├── PolicyError            an artifact comes from what a policy forbids
    ├── DuplicateLabelError    the span already has an artifact so labeled (also a ValueError)
    ├── ModelError             a model or span class cannot be used as it is defined
    │   ├── ArtifactTypeError  the stored artifact is of another model     (also a TypeError)
    │   ├── UnknownModelError  no class, or several, fit a stored model    (also a LookupError)
    │   └── MigrationError     a stored version cannot become today's class
    ├── SpanError              a span cannot be opened, entered or closed so
    │   └── RunExistsError     a run has this key already
    ├── SerializationError     a value cannot be written, or bytes cannot be read back
    ├── BatchError             some of what a batch had to write could not be recorded
    ├── ArchiveError           an exported file cannot be written or read   (also a ValueError)
    └── StorageError           a storage failed
        ├── BlobNotFoundError  a stored value is missing from its storage  (also a LookupError)
        └── IntegrityError     a stored value is not the one that was written

Errors of the driver or of a storage's client stay reachable as ``__cause__``. No message holds a
password or a secret key.
"""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = [
    "ArchiveError",
    "ArgumentError",
    "ArtifactTypeError",
    "ArtigraphError",
    "BatchError",
    "BlobNotFoundError",
    "ConnectionFailed",
    "DuplicateLabelError",
    "EngineError",
    "FilterError",
    "IntegrityError",
    "LocalStackError",
    "MigrationError",
    "ModelError",
    "NotFoundError",
    "PolicyError",
    "RevisionError",
    "RunExistsError",
    "SchemaError",
    "SerializationError",
    "SeveralFoundError",
    "SpanError",
    "StorageError",
    "UnknownModelError",
]


class ArtigraphError(Exception):
    """The root of all errors raised by this library."""

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows: the caller's code, the error and its cause.

        Frames of this library, and of packages below it, do not help its callers;
        ``traceback.print_exc()`` shows them.
        """
        shown = [*traceback.format_list(_of_the_caller(self.__traceback__))]
        error: BaseException | None = self
        while error is not None and len(shown) < _SHOWN_LINES:
            text = "".join(traceback.format_exception_only(error)).rstrip()
            shown.append(text if error is self else f"caused by {text}")
            error = error.__cause__
        return ["Traceback (without lines of artigraph_neo4j):", *(s.rstrip() for s in shown)]


_SHOWN_LINES = 50

_OURS = (str(Path(__file__).parent), *(sysconfig.get_path(p) for p in ("stdlib", "purelib")))


def _of_the_caller(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    """Return the frames outside of installed packages and of Python itself."""
    return [f for f in traceback.extract_tb(trace) if not f.filename.startswith(_OURS)]


class ArgumentError(ArtigraphError, TypeError):
    """An argument is not what the function takes, such as a number for a span's id."""


class EngineError(ArtigraphError):
    """No engine is set, or it cannot be used as asked."""


class ConnectionFailed(EngineError):  # noqa: N818 - "ConnectionError" would hide the built-in one
    """The database could not be reached in time, could not do the work, or refused the login.

    Attributes:
        unconfirmed: Whether a write may be in the graph all the same: it was sent, and no answer
            came.
    """

    unconfirmed: bool = False


class SchemaError(EngineError):
    """The graph has no schema of this library, or one of another version."""


class LocalStackError(ArtigraphError):
    """The local Neo4j or S3 could not be provisioned, started or stopped."""


class NotFoundError(ArtigraphError, LookupError):
    """No span or artifact has this id or label."""


class SeveralFoundError(ArtigraphError, LookupError):
    """One span or artifact was asked for, and more than one fit."""


class FilterError(ArtigraphError, ValueError):
    """A filter names something unknown, or compares what cannot be compared."""


class RevisionError(ArtigraphError):
    """The artifact has a newer version already; revise that one."""


class PolicyError(ArtigraphError):
    """An artifact comes from something that a policy forbids, so it was not tagged or recorded."""


class DuplicateLabelError(ArtigraphError, ValueError):
    """The span already has an artifact with this label."""


class ModelError(ArtigraphError):
    """A model or span class cannot be used as it is defined."""


class ArtifactTypeError(ModelError, TypeError):
    """The stored artifact is of another model than the one it was read through."""


class UnknownModelError(ModelError, LookupError):
    """No class of this program, or more than one, fits a stored model."""


class MigrationError(ModelError):
    """A stored version of a model cannot become today's class."""


class SpanError(ArtigraphError):
    """A span cannot be opened, entered or closed in this way."""


class RunExistsError(SpanError):
    """A run has this key already, and was not to be resumed or cannot be: another process runs it.

    Attributes:
        span: The newest attempt, as it was read.
    """

    def __init__(self, message: str, span: Any) -> None:
        self.span = span
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.span)


class SerializationError(ArtigraphError):
    """A value cannot be serialized, or stored bytes cannot be read back."""


class ArchiveError(ArtigraphError, ValueError):
    """An exported file cannot be written, or a file is not a valid one; the message says where."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that a batch could not record.

    Attributes:
        kind: ``"span"``, ``"end of span"``, ``"properties of span"`` or ``"artifact"``.
        node_id: Its id.
        label: Its label, or None.
        cause: The error that prevented it.
    """

    kind: str
    node_id: str
    label: str | None
    cause: BaseException

    def __str__(self) -> str:
        label = "" if self.label is None else f"{self.label!r} "
        return f"{self.kind} {label}({self.node_id}): {self.cause}"


class BatchError(ArtigraphError):
    """Some of what a batch had to write could not be recorded, or may not have been.

    Attributes:
        lost: Items that are not in the graph, in the order in which they should have been written.
        unconfirmed: Items that may be in the graph: they were sent, and no answer came.
            ``Batch.lost`` and ``Batch.unconfirmed`` say more once the database is in reach again.
        recorded: Number of spans, ends of spans and artifacts that the batch has recorded so far.
    """

    def __init__(
        self, lost: Sequence[Lost], recorded: int, unconfirmed: Sequence[Lost] = ()
    ) -> None:
        self.lost = tuple(lost)
        self.unconfirmed = tuple(unconfirmed)
        self.recorded = recorded
        said: list[str] = []
        if lost:
            said.append(f"{len(lost)} writes of a batch were lost")
        if unconfirmed:
            subject = "" if lost else "writes of a batch "
            said.append(f"{len(unconfirmed)} {subject}may be recorded or not")
        said.append(f"{recorded} others were recorded" if recorded else "nothing was recorded")
        both = [*self.lost, *self.unconfirmed]
        shown = "; ".join(map(str, both[:3]))
        names = " and ".join(n for n, x in ((".lost", lost), (".unconfirmed", unconfirmed)) if x)
        more = f"; and {len(both) - 3} more, in {names}" if len(both) > 3 else ""
        super().__init__(f"{', '.join(said)}: {shown}{more}")


class StorageError(ArtigraphError):
    """A storage failed to keep, return or delete bytes."""


class BlobNotFoundError(StorageError, LookupError):
    """A stored value is missing from its storage."""


class IntegrityError(StorageError):
    """A stored value is not the one that was written."""
