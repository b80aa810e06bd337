"""``Lazy``: a field whose value stays where it is stored until it is asked for."""

from __future__ import annotations

import copy
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, cast, overload

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.model.fields import FieldOptions, make_field
from artigraph_neo4j.serializer.base import Serializer
from artigraph_neo4j.storage.base import Storage

if TYPE_CHECKING:
    from artigraph_neo4j.serializer.file import File

__all__ = ["Lazy", "Reference", "lazy_field"]

T = TypeVar("T")


class Reference(ABC):
    """A reference from a ``Lazy`` that was read to its stored value.

    Attributes:
        serializer: The name of the serializer that wrote it.
        size: Number of stored bytes.
        digest: Their SHA-256, in hex.
        text: Whether they are known to be UTF-8 text.
    """

    serializer: str
    size: int
    digest: str
    text: bool = False

    @property
    def place(self) -> str | None:
        """The place of the bytes, for people; None where the graph has them."""
        return None

    @abstractmethod
    async def load(self, columns: Sequence[Any] | None, row_groups: Sequence[int] | None) -> Any:
        """See ``Lazy.load``."""

    @abstractmethod
    async def load_range(self, start: int, stop: int) -> bytes:
        """See ``Lazy.load_range``."""

    @abstractmethod
    async def save(self, path: str | os.PathLike[str]) -> Path:
        """See ``Lazy.save``."""


class Lazy(Generic[T]):
    """A value that is not read together with the artifact it belongs to.

    ::

        @dataclass
        class Run(ArtifactModel, version=1):
            score: float
            frame: Lazy[pd.DataFrame]

        run_id = await Run(0.9, Lazy(frame)).create()
        run = await Run.read(run_id)   # one round trip, nothing from a storage
        frame = await run.frame.load()

    A ``Lazy`` that was read stands for stored bytes, which never change: every ``load`` reads them
    again and keeps nothing, and as a field of a new artifact it shares the stored bytes. Two are
    equal when they stand for the same bytes of the same serializer; a ``Lazy`` that holds a value
    equals only itself. Copies and pickles of a ``Lazy`` that was read stand for the same bytes and
    load nothing; after unpickling it uses the engine that is set where it is loaded.

    Args:
        value: The value to record.
    """

    __slots__ = ("_reference", "_value")

    def __init__(self, value: T) -> None:
        self._value: T = value
        self._reference: Reference | None = None

    @classmethod
    def of_stored(cls, reference: Reference) -> Lazy[Any]:
        """Make a ``Lazy`` that stands for a stored value."""
        made: Lazy[Any] = cls.__new__(cls)
        made._value = cast(Any, None)
        made._reference = reference
        return made

    @property
    def reference(self) -> Reference | None:
        """The reference to the stored value; None for a ``Lazy`` that holds a value."""
        return self._reference

    @property
    def held(self) -> T:
        """The value that this object holds.

        Raises:
            SerializationError: This object was read from the graph; use ``load``.
        """
        if self._reference is not None:
            raise SerializationError("this Lazy holds no value, it was read; await its load()")
        return self._value

    @property
    def size(self) -> int | None:
        """Number of stored bytes; None for a ``Lazy`` that holds a value."""
        return None if self._reference is None else self._reference.size

    @property
    def digest(self) -> str | None:
        """The SHA-256 of the stored bytes, in hex; None for a ``Lazy`` that holds a value."""
        return None if self._reference is None else self._reference.digest

    async def load(
        self, *, columns: Sequence[Any] | None = None, row_groups: Sequence[int] | None = None
    ) -> T:
        """Read the value: one request to its storage, none where the graph or this object has it.

        Args:
            columns: Labels of the columns to read, for values stored as Parquet or Arrow files.
                They come in the order in which they are stored, whatever the order here.
            row_groups: Numbers of the groups of rows to read, from 0: those of a Parquet file, the
                record batches of an Arrow file. A part of a value is fetched in a few requests for
                ranges of bytes, and is **not checked** against the SHA-256 of the whole.

        Returns:
            The value, or the part of it.

        Raises:
            BlobNotFoundError: The value is gone from its storage.
            IntegrityError: The bytes are not those that were written; parts are not checked.
            StorageError: The storage failed, or was not named by this program or its environment.
            SerializationError: The bytes cannot be read, the serializer cannot read parts, or there
                are no such parts; or this object holds a value, of which there are no parts.
            EngineError: This object was unpickled, and no engine is set.
        """
        if self._reference is not None:
            found: T = await self._reference.load(columns, row_groups)
            return found
        if columns is not None or row_groups is not None:
            raise SerializationError(
                "this Lazy holds a value that is not stored yet; load() it and take the part of it"
            )
        return self._value

    async def load_range(self: Lazy[bytes] | Lazy[File], start: int, stop: int) -> bytes:
        """Read the bytes from ``start`` up to, but not including, ``stop``, as a slice would.

        One request to the storage, for these bytes only. They are **not checked** against the
        SHA-256 of the whole.

        Args:
            start: Position of the first byte, from 0.
            stop: Position after the last byte; it may be beyond the end.

        Raises:
            ValueError: ``start`` or ``stop`` is negative.
            SerializationError: The value is of another type, or not stored yet.
            BlobNotFoundError, StorageError, EngineError: See ``load``.
        """
        if start < 0 or stop < 0:
            raise ValueError(f"a range goes from 0 on, not from {start} to {stop}")
        return await self._stored("load_range").load_range(start, stop)

    async def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the stored bytes, as they are, to a file. A failure leaves no file behind.

        A stored frame becomes a Parquet file, and a ``File`` the file that it was. Never more than
        a few chunks are in memory.

        Args:
            path: The file, which is replaced if it exists.

        Returns:
            The path.

        Raises:
            OSError: The file cannot be written.
            BlobNotFoundError, IntegrityError, StorageError, EngineError: See ``load``.
            SerializationError: The value is not stored yet.
        """
        return await self._stored("save").save(path)

    def _stored(self, what: str) -> Reference:
        if self._reference is None:
            raise SerializationError(
                f"{what}() is for what was read; this Lazy holds a value that is not stored yet"
            )
        return self._reference

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Lazy):
            return NotImplemented
        if self._reference is None or other._reference is None:
            return self is other
        return self._key() == other._key()

    def __hash__(self) -> int:
        return id(self) if self._reference is None else hash(self._key())

    def _key(self) -> tuple[str, str]:
        reference = cast(Reference, self._reference)
        return reference.serializer, reference.digest

    def __copy__(self) -> Lazy[T]:
        return self._again(self._value)

    def __deepcopy__(self, memo: dict[int, Any]) -> Lazy[T]:
        return self._again(copy.deepcopy(self._value, memo))

    def _again(self, value: T) -> Lazy[T]:
        return Lazy(value) if self._reference is None else Lazy.of_stored(self._reference)

    def __reduce__(self) -> tuple[Callable[..., Lazy[Any]], tuple[Any]]:
        if self._reference is None:
            return Lazy, (self._value,)
        return Lazy.of_stored, (self._reference,)

    def __repr__(self) -> str:
        if self._reference is None:
            return f"<Lazy {type(self._value).__qualname__}, not stored>"
        return f"<Lazy {self._reference.serializer}, {self._reference.size} bytes>"


@overload
def lazy_field(
    *,
    serializer: Serializer[T],
    storage: Storage | None = None,
    default: Lazy[T] | None,
    **options: Unpack[FieldOptions],
) -> Lazy[T]: ...
@overload
def lazy_field(
    *,
    serializer: Serializer[T],
    storage: Storage | None = None,
    **options: Unpack[FieldOptions],
) -> Lazy[T]: ...
@overload
def lazy_field(
    *,
    serializer: None = None,
    storage: Storage | None = None,
    default: Any = ...,
    **options: Unpack[FieldOptions],
) -> Any: ...
def lazy_field(
    *,
    serializer: Serializer[Any] | None = None,
    storage: Storage | None = None,
    **options: Any,
) -> Any:
    """Return an ``artifact_field`` whose value is always read back as a ``Lazy``.

    For a field that holds a ``Lazy``, the annotation ``Lazy[...]`` is enough. This function also
    says how and where the value is stored, and it makes a value that was stored before the field
    was lazy, or that is assigned without ``Lazy``, come back as a ``Lazy`` too.

    Args:
        serializer: Turns the value into bytes; by default it is inferred from the value's type.
        storage: The storage of the bytes; see ``artifact_field``.
        **options: Everything else that ``dataclasses.field`` takes.

    Returns:
        A ``dataclasses.Field``, typed as the field's value.

    Raises:
        ModelError: ``serializer`` is not a serializer, or ``storage`` is not a storage.
    """
    return make_field(serializer, storage, lazy=True, **options)
