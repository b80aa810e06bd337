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
    """What a ``Lazy`` that was read knows of its value.

    Attributes:
        serializer: The name of the serializer that wrote it.
        size: How many bytes are stored.
        digest: Their SHA-256, in hex.
        text: Whether they are known to be UTF-8 text.
    """

    serializer: str
    size: int
    digest: str
    text: bool = False

    @property
    def place(self) -> str | None:
        """Where the bytes are, for people; None where the graph has them."""
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

    One that was read stands for what is stored, which never changes: every ``load`` reads anew and
    keeps nothing, and as a field of a new artifact it shares the stored bytes. Two are equal when
    they stand for the same bytes of the same serializer; one that holds a value equals itself only.
    Copies and pickles of one that was read stand for the same bytes, and load nothing; after
    unpickling it uses the engine that is set where it is loaded.

    Args:
        value: The value, to be recorded.
    """

    __slots__ = ("_reference", "_value")

    def __init__(self, value: T) -> None:
        self._value: T = value
        self._reference: Reference | None = None

    @classmethod
    def of_stored(cls, reference: Reference) -> Lazy[Any]:
        """One that stands for what is stored."""
        made: Lazy[Any] = cls.__new__(cls)
        made._value = cast(Any, None)
        made._reference = reference
        return made

    @property
    def reference(self) -> Reference | None:
        """What is known of the stored value; None for one that holds a value."""
        return self._reference

    @property
    def held(self) -> T:
        """The value that this object holds.

        Raises:
            SerializationError: It was read; use ``load``.
        """
        if self._reference is not None:
            raise SerializationError("this Lazy holds no value, it was read; await its load()")
        return self._value

    @property
    def size(self) -> int | None:
        """How many bytes are stored; None for one that holds a value."""
        return None if self._reference is None else self._reference.size

    @property
    def digest(self) -> str | None:
        """The SHA-256 of the stored bytes, in hex; None for one that holds a value."""
        return None if self._reference is None else self._reference.digest

    async def load(
        self, *, columns: Sequence[Any] | None = None, row_groups: Sequence[int] | None = None
    ) -> T:
        """The value; one request to its storage, none where the graph has it or this object.

        Args:
            columns: Labels of the columns to read, for values stored as Parquet or Arrow files; in
                the order they are stored in, whatever the order here.
            row_groups: Numbers of the groups of rows to read, from 0: those of a Parquet file, the
                record batches of an Arrow file. A part of a value is fetched in a few requests for
                ranges of bytes, and is **not checked** against the SHA-256 of the whole.

        Returns:
            The value, or the part of it.

        Raises:
            BlobNotFoundError: It is gone from its storage.
            IntegrityError: It is not the one that was written; parts are not checked.
            StorageError: The storage failed, or was not named by this program or its environment.
            SerializationError: The bytes cannot be read, the serializer reads no parts, or there
                are not these; or a part is asked of one that holds a value.
            EngineError: It was unpickled, and no engine is set.
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
        """The bytes from ``start`` up to, but not with, ``stop``, as a slice would give them.

        One request to the storage, for no other bytes. They are **not checked** against the SHA-256
        of the whole.

        Args:
            start: The first one, from 0.
            stop: The one after the last; it may be beyond the end.

        Raises:
            ValueError: One of them is negative.
            SerializationError: The value is of another type, or not stored yet.
            BlobNotFoundError, StorageError, EngineError: See ``load``.
        """
        if start < 0 or stop < 0:
            raise ValueError(f"a range goes from 0 on, not from {start} to {stop}")
        return await self._stored("load_range").load_range(start, stop)

    async def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the stored bytes, as they are, to a file, of which a failure leaves nothing.

        So a stored frame becomes a Parquet file, and a ``File`` what it was. Never more than a few
        chunks are in memory.

        Args:
            path: The file, which is replaced.

        Returns:
            The path.

        Raises:
            OSError: The file cannot be written.
            BlobNotFoundError, IntegrityError, StorageError, EngineError: See ``load``.
            SerializationError: It is not stored yet.
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
    """An ``artifact_field`` of type ``Lazy[...]``, whatever is given to it and is stored.

    A field that holds a ``Lazy`` needs no more than its type. This says more: how and where the
    value is stored, and that a value which was stored when the field was not lazy, or is assigned
    without ``Lazy``, is read back as a ``Lazy`` too.

    Args:
        serializer: Makes the value bytes; by default it is inferred from the value's type.
        storage: Where the bytes go; see ``artifact_field``.
        **options: All else that ``dataclasses.field`` takes.

    Returns:
        A ``dataclasses.Field``, typed as the field's value.

    Raises:
        ModelError: ``serializer`` or ``storage`` is no such thing.
    """
    return make_field(serializer, storage, lazy=True, **options)
