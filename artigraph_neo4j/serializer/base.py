"""What a serializer is, and how the one for a value is found."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import IO, Any, ClassVar, Generic, Self, TypeVar

from artigraph_neo4j.common.registry import Registry, load_entry_points
from artigraph_neo4j.errors import SerializationError

__all__ = [
    "MAX_DEPTH",
    "Serializer",
    "check_part",
    "exactly",
    "find_serializer",
    "infer_serializer",
    "serializer_names",
    "shorten_path",
]

T = TypeVar("T")

MAX_DEPTH = 200
"""How deep containers may be nested, so that what could be written can also be read back, from
whatever depth of calls."""


class Serializer(ABC, Generic[T]):
    """Turns values of some types into bytes and back.

    Subclass it, set ``name`` and implement the two methods. An instance is used for one field by
    ``artifact_field(serializer=...)``, or for all values of its ``types`` after ``register()``.

    Attributes:
        name: A short stable name; it is stored with every value, so never change it.
        types: The types whose values it is inferred for once registered, subclasses included.
        text: Whether the bytes are UTF-8 text; then they are stored as a string in the graph, which
            a person can read in Neo4j Browser.
        heavy: Whether the work is worth a worker thread (parquet is, a number is not).
        version: Of the format that it writes; it has to read all former ones.
        raw: Whether the bytes are the value's own, of which any range means something.
    """

    name: ClassVar[str]
    types: ClassVar[tuple[type[Any], ...]] = ()
    text: ClassVar[bool] = False
    heavy: ClassVar[bool] = False
    version: ClassVar[int] = 1
    raw: ClassVar[bool] = False

    @abstractmethod
    def serialize(self, value: T, /) -> bytes:
        """The value as bytes.

        A serializer that would give back another value or type must refuse the value here.

        Raises:
            SerializationError: The value cannot come back as it is.
        """

    @abstractmethod
    def deserialize(self, data: bytes, /) -> T:
        """The value that ``data`` was made from.

        Raises:
            SerializationError: The bytes are not of this serializer's format.
        """

    def write(self, value: T, file: IO[bytes], /) -> None:
        """Write to ``file`` what ``serialize`` would return.

        The default does just that. Override it, for a format that can be written piece by piece,
        and large values need no second copy in memory.

        Args:
            value: The value.
            file: Open for writing; it can neither seek nor be read.

        Raises:
            SerializationError: The value cannot come back as it is.
        """
        file.write(self.serialize(value))

    def read(self, file: IO[bytes], /) -> T:
        """The value that was written to ``file``, which is at its beginning and can seek.

        The default reads all bytes and calls ``deserialize``. Override it together with ``write``.

        Raises:
            SerializationError: The bytes are not of this serializer's format.
        """
        return self.deserialize(file.read())

    def read_part(
        self,
        file: IO[bytes],
        /,
        *,
        columns: Sequence[Any] | None = None,
        row_groups: Sequence[int] | None = None,
    ) -> T:
        """Some columns, or groups of rows, of the value in ``file``; see ``Lazy.load``.

        Args:
            file: Each read of it may be a request to a storage, so read no more than is needed.
            columns: Labels of the columns; None for all.
            row_groups: Numbers of the groups, from 0; None for all.

        Raises:
            SerializationError: The format has no such parts, as the default says, or the value has
                not these.
        """
        raise SerializationError(
            f"serializer {self.name!r} cannot read a part of a value; load all of it"
        )

    def register(self) -> Self:
        """Make this the inferred serializer for its ``types``; returns itself.

        Of two serializers for one type the one registered last is inferred.

        Raises:
            ValueError: Another serializer has this name.
        """
        _by_name.add(self.name, self)
        for type_ in self.types:
            _by_type[type_] = self
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


def exactly(type_: type[T], value: T) -> T:
    """The value, which is of this very type: a subclass would come back as something else.

    Raises:
        SerializationError: It is of another type.
    """
    if type(value) is type_:
        return value
    got, wanted = type(value), type_
    raise SerializationError(
        f"a value of type {got.__module__}.{got.__qualname__} is not exactly a "
        f"{wanted.__module__}.{wanted.__qualname__}; convert it, or give the field a serializer "
        "of your own"
    )


def check_part(kind: str, wanted: Sequence[Any] | None, there: Sequence[Any]) -> None:
    """Refuse to read a part of a value that is not there.

    Raises:
        SerializationError: One of ``wanted`` is none of ``there``; it says which there are.
    """
    found = there if isinstance(there, range) else set(there)
    missing = next((item for item in wanted or () if item not in found), _NOTHING)
    if missing is not _NOTHING:
        known = f"0 to {len(there) - 1}" if isinstance(there, range) else f"{list(there)[:20]}"
        raise SerializationError(
            f"there is no {kind} {missing!r}; there are {known if len(there) else 'none'}"
        )


_NOTHING = object()


def shorten_path(steps: list[str]) -> str:
    """The way to a place in a value as text, from its steps, inner ones first."""
    path = steps[::-1]
    return "".join(path if len(path) <= 20 else [*path[:10], "…", *path[-10:]])


_by_name: Registry[Serializer[Any]] = Registry("serializer")
_by_type: dict[type[Any], Serializer[Any]] = {}

_OF_PACKAGE = {
    "datetime": "artigraph_neo4j.serializer.datetime",
    "numpy": "artigraph_neo4j.serializer.numpy",
    "pandas": "artigraph_neo4j.serializer.pandas",
    "polars": "artigraph_neo4j.serializer.polars",
    "pyarrow": "artigraph_neo4j.serializer.arrow",
}
"""Modules of ours that register serializers for a package's types, imported when one turns up."""

_OF_NAME = {
    "arrow": "artigraph_neo4j.serializer.arrow",
    "datetime": "artigraph_neo4j.serializer.datetime",
    "file": "artigraph_neo4j.serializer.file",
    "numpy": "artigraph_neo4j.serializer.numpy",
    "pandas": "artigraph_neo4j.serializer.pandas",
    "polars": "artigraph_neo4j.serializer.polars",
    "time": "artigraph_neo4j.serializer.datetime",
    "timedelta": "artigraph_neo4j.serializer.datetime",
}
"""The same by the first part of a stored name."""

ENTRY_POINTS = "artigraph.serializers"
"""Third parties name their module here: ``name = "package.module"``; importing it registers."""


def find_serializer(name: str) -> Serializer[Any] | None:
    """The serializer of this name, or None.

    Looks at what is registered, then imports what may register it: a module of this library, then
    those that installed packages name in the entry point group ``artigraph.serializers``.
    """
    found = _by_name.get(name)
    if found is None and (module := _OF_NAME.get(name.split(".")[0])):
        importlib.import_module(module)
        found = _by_name.get(name)
    if found is None and load_entry_points(ENTRY_POINTS):
        found = _by_name.get(name)
    return found


def infer_serializer(type_: type[Any]) -> Serializer[Any] | None:
    """The registered serializer for the nearest class in ``type_.__mro__``, or None."""
    for cls in type_.__mro__:
        if cls not in _by_type and (module := _OF_PACKAGE.get(cls.__module__.split(".")[0])):
            importlib.import_module(module)
        if cls in _by_type:
            return _by_type[cls]
    if type_.__module__ != "builtins" and load_entry_points(ENTRY_POINTS):
        return next((_by_type[cls] for cls in type_.__mro__ if cls in _by_type), None)
    return None


def serializer_names() -> list[str]:
    """The names of all registered serializers, sorted."""
    return _by_name.names()
