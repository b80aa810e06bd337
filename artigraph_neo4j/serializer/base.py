"""The base class of serializers, their registry, and the look-up of the one for a value."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, ClassVar, Generic, Self, TypeVar

from artigraph_neo4j.common.registry import Registry, load_entry_points
from artigraph_neo4j.errors import ArtigraphError, SerializationError

__all__ = [
    "DamagedError",
    "Serializer",
    "check_part",
    "exactly",
    "find_serializer",
    "infer_serializer",
    "register_type",
    "serializer_names",
    "serializer_types",
    "shorten_path",
    "shown",
    "undisturbed",
    "unreadable",
    "unwritable",
]

T = TypeVar("T")


class Serializer(ABC, Generic[T]):
    """Base class of converters of values of some types to bytes and back.

    Subclass it, set ``name`` and implement the two methods. An instance is used for one field by
    ``artifact_field(serializer=...)``, or for all values of its ``types`` after ``register()``.
    The bytes that it reads may be chosen by anyone who can write to the graph or the bucket.

    Attributes:
        name: A short name that never changes, since it is stored with every value.
        types: The types, including subclasses, for whose values it is inferred once registered.
        text: Whether the bytes are UTF-8 text. They are then stored as a string in the graph, which
            people can read in Neo4j Browser.
        heavy: Whether the work runs in a worker thread: right for Parquet, needless for a number.
        version: The version of the format that it writes; it reads all earlier ones, too.
        raw: Whether the bytes are the value itself, so that any range of them can be read.
    """

    name: ClassVar[str]
    types: ClassVar[tuple[type[Any], ...]] = ()
    text: ClassVar[bool] = False
    heavy: ClassVar[bool] = False
    version: ClassVar[int] = 1
    raw: ClassVar[bool] = False

    @abstractmethod
    def serialize(self, value: T, /) -> bytes:
        """Return the value as bytes.

        A serializer must refuse a value here if another value or type would come back.

        Raises:
            SerializationError: The value cannot come back unchanged.
        """

    @abstractmethod
    def deserialize(self, data: bytes, /) -> T:
        """Return the value from which ``serialize`` made ``data``.

        Raises:
            SerializationError: The bytes are not of this serializer's format.
        """

    def write(self, value: T, file: IO[bytes], /) -> None:
        """Write the bytes that ``serialize`` would return to ``file``.

        The default calls ``serialize``. Override it for a format that can be written piece by
        piece, so that large values do not need a second copy in memory.

        Args:
            value: The value.
            file: A file open for writing, which supports neither seeking nor reading.

        Raises:
            SerializationError: The value cannot come back unchanged.
        """
        file.write(self.serialize(value))

    def read(self, file: IO[bytes], /) -> T:
        """Return the value that was written to ``file``.

        The file is at its start and can seek. The default reads all bytes and calls
        ``deserialize``. Override it together with ``write``.

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
        """Return some columns, or groups of rows, of the value in ``file``; see ``Lazy.load``.

        Args:
            file: A file that can seek. Each read may be a request to a storage, so read no more
                than is needed.
            columns: Labels of the columns; None for all.
            row_groups: Numbers of the groups, from 0; None for all.

        Raises:
            SerializationError: The format does not support parts, as by default, or the value does
                not have these parts.
        """
        raise SerializationError(
            f"serializer {self.name!r} cannot read a part of a value; load all of it"
        )

    def register(self) -> Self:
        """Make this serializer the inferred one for its ``types``, and return it.

        If two serializers have the same type, the one registered last is inferred.

        Raises:
            ValueError: Another serializer has this name.
        """
        _by_name.add(self.name, self)
        for type_ in self.types:
            register_type(type_, self)
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


def register_type(type_: type[Any], serializer: Serializer[Any]) -> None:
    """Make a serializer the inferred one for a type, without making its name known."""
    _by_type[type_] = serializer


def exactly(type_: type[T], value: T) -> T:
    """Return a value after checking that it is of exactly this type, not of a subclass.

    A value of a subclass would come back as one of the type itself.

    Raises:
        SerializationError: The value is of another type.
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
    """Refuse to read a part that the value does not have.

    Args:
        kind: The name of the kind of part, for the message.
        wanted: The parts to read; None for all.
        there: The parts that the value has.

    Raises:
        SerializationError: One of ``wanted`` is not in ``there``; the message lists ``there``.
    """
    found: Container[Any]
    try:
        found = there if isinstance(there, range) else set(there)
    except TypeError:  # labels that cannot be hashed
        found = there
    missing = next((item for item in wanted or () if item not in found), _NOTHING)
    if missing is not _NOTHING:
        known = f"0 to {len(there) - 1}" if isinstance(there, range) else shown(list(there)[:20])
        raise SerializationError(
            f"there is no {kind} {shown(missing)}; there are {known if len(there) else 'none'}"
        )


_NOTHING = object()


def shorten_path(steps: list[str]) -> str:
    """Return the path to a place in a value as text, given its steps, innermost first."""
    path = steps[::-1]
    return "".join(path if len(path) <= 20 else [*path[:10], "…", *path[-10:]])


def shown(value: object, characters: int = 80) -> str:
    """Return the start of a value's ``repr`` for a message, or its type if ``repr`` fails.

    It fails for an integer with too many digits, and may fail in a class's own ``__repr__``.
    """
    try:
        return repr(value)[:characters]
    except Exception:  # raised by the code of a user's class
        return f"(a {type(value).__qualname__})"


class DamagedError(Exception):
    """The bytes were not written by this library; ``unreadable`` converts it for users."""


@contextmanager
def unreadable(form: str) -> Generator[None]:
    """Convert every error of a block or function that reads stored bytes into one of ours.

    Args:
        form: The format that the bytes should have, with an article: ``"an Arrow file"``.

    Raises:
        SerializationError: The block failed. Errors of this library, such as those of a storage
            that is read piece by piece, pass unchanged.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, _PASSING):
            raise
        raise SerializationError(
            f"the bytes are not {form} ({_reason(error)}); they were damaged, or written by "
            "something else: restore them from a backup, or record the value again"
        ) from error


def undisturbed(call: Callable[[], T]) -> T:
    """Return the result of a call that parses Python's notation, as the headers of ``.npy`` are.

    CPython 3.11 and 3.12 count for all threads together how deep they are in a syntax tree, so
    that one of them may fail with a ``SystemError`` because of another
    (https://github.com/python/cpython/issues/106905). The call is made again then.

    Args:
        call: Can be made again.
    """
    for _ in range(_TRIES):
        try:
            return call()
        except SystemError as error:
            if "recursion depth" not in str(error):
                raise
        time.sleep(0.001)
    return call()


_TRIES = 50
"""Maximum number of failures because of other threads, one after the other."""


@contextmanager
def unwritable(form: str, advice: str = "") -> Generator[None]:
    """Turn every error of a block or function that writes a value into one of ours.

    Args:
        form: The format that is written, with an article.
        advice: Another next step than to convert the value.

    Raises:
        SerializationError: The block failed. Errors of this library pass unchanged.
    """
    try:
        yield
    except BaseException as error:
        is_of_file = isinstance(error, OSError) and error.errno is not None  # pyarrow sets none
        if is_of_file or isinstance(error, _PASSING):
            raise
        raise SerializationError(
            f"{form} cannot hold the value ({_reason(error)}); {advice or _ADVICE}"
        ) from error


_ADVICE = "convert it, or give the field another serializer: artifact_field(serializer=...)"

_PASSING = (
    ArtigraphError,
    KeyboardInterrupt,
    GeneratorExit,
    asyncio.CancelledError,
    concurrent.futures.CancelledError,
)
"""Errors that are not caused by the bytes. Others that are not an ``Exception`` are: panics of
polars, or a ``SystemExit`` from an imported module."""


def _reason(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # raised by the code of a user's class
        text = ""
    if isinstance(error, DamagedError):
        return text
    return f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__


_by_name: Registry[Serializer[Any]] = Registry("serializer")
_by_type: dict[type[Any], Serializer[Any]] = {}

_OF_PACKAGE = {
    "PIL": "artigraph_neo4j.serializer.pillow",
    "datetime": "artigraph_neo4j.serializer.datetime",
    "keras": "artigraph_neo4j.serializer.keras",
    "lightgbm": "artigraph_neo4j.serializer.lightgbm",
    "matplotlib": "artigraph_neo4j.serializer.matplotlib",
    "networkx": "artigraph_neo4j.serializer.networkx",
    "numpy": "artigraph_neo4j.serializer.numpy",
    "onnx": "artigraph_neo4j.serializer.onnx",
    "pandas": "artigraph_neo4j.serializer.pandas",
    "plotly": "artigraph_neo4j.serializer.plotly",
    "polars": "artigraph_neo4j.serializer.polars",
    "pyarrow": "artigraph_neo4j.serializer.arrow",
    "scipy": "artigraph_neo4j.serializer.sparse",
    "sklearn": "artigraph_neo4j.serializer.sklearn",
    "torch": "artigraph_neo4j.serializer.torch",
    "xgboost": "artigraph_neo4j.serializer.xgboost",
}
"""Our modules that register serializers for a package's types; the first value imports them."""

_OF_NAME = {
    "arrow": "artigraph_neo4j.serializer.arrow",
    "bytes": "artigraph_neo4j.serializer.core",
    "date": "artigraph_neo4j.serializer.datetime",
    "datetime": "artigraph_neo4j.serializer.datetime",
    "file": "artigraph_neo4j.serializer.file",
    "html": "artigraph_neo4j.serializer.note",
    "json": "artigraph_neo4j.serializer.json",
    "json-sorted": "artigraph_neo4j.serializer.json",
    "lightgbm": "artigraph_neo4j.serializer.lightgbm",
    "markdown": "artigraph_neo4j.serializer.note",
    "msgpack": "artigraph_neo4j.serializer.msgpack",
    "networkx": "artigraph_neo4j.serializer.networkx",
    "numpy": "artigraph_neo4j.serializer.numpy",
    "onnx": "artigraph_neo4j.serializer.onnx",
    "pandas": "artigraph_neo4j.serializer.pandas",
    "picture": "artigraph_neo4j.serializer.picture",
    "pillow": "artigraph_neo4j.serializer.pillow",
    "plotly": "artigraph_neo4j.serializer.plotly",
    "polars": "artigraph_neo4j.serializer.polars",
    "scipy": "artigraph_neo4j.serializer.sparse",
    "sklearn": "artigraph_neo4j.serializer.sklearn",
    "str": "artigraph_neo4j.serializer.core",
    "time": "artigraph_neo4j.serializer.datetime",
    "timedelta": "artigraph_neo4j.serializer.datetime",
    "torch": "artigraph_neo4j.serializer.torch",
    "xgboost": "artigraph_neo4j.serializer.xgboost",
}
"""Our modules by the first part of a stored serializer's name."""

ENTRY_POINTS = "artigraph.serializers"
"""Entry point group in which packages name modules that register their serializers."""


def find_serializer(name: str) -> Serializer[Any] | None:
    """Return the serializer of this name, or None.

    If the name is not registered, modules that may register it are imported: that of this library,
    then those in the entry point group ``artigraph.serializers``.

    Raises:
        SerializationError: The name is known, and needs a package that is not installed.
    """
    found = _by_name.get(name)
    if found is None and (module := _OF_NAME.get(name.split(".")[0])):
        _import(module)
        found = _by_name.get(name)
    if found is None and load_entry_points(ENTRY_POINTS):
        found = _by_name.get(name)
    return found


def _import(module: str) -> None:
    """Import one of our modules.

    Raises:
        SerializationError: It needs a package that is not installed; the message names the extra.
    """
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise SerializationError(f"{error}; or store a File that the package wrote") from error


def infer_serializer(type_: type[Any]) -> Serializer[Any] | None:
    """Return the serializer registered for the nearest class in ``type_.__mro__``, or None.

    Raises:
        SerializationError: Its values need a package that is not installed.
    """
    for cls in type_.__mro__:
        if cls not in _by_type and (module := _OF_PACKAGE.get(cls.__module__.split(".")[0])):
            _import(module)
        if cls in _by_type:
            return _by_type[cls]
    if type_.__module__ != "builtins" and load_entry_points(ENTRY_POINTS):
        return next((_by_type[cls] for cls in type_.__mro__ if cls in _by_type), None)
    return None


def serializer_types() -> dict[type[Any], Serializer[Any]]:
    """Return the serializers by type; imports all of this library whose packages are there."""
    for module in {*_OF_NAME.values(), *_OF_PACKAGE.values()}:
        with suppress(ImportError):
            importlib.import_module(module)
    return dict(_by_type)


def serializer_names() -> list[str]:
    """Return the names of all registered serializers, sorted."""
    return _by_name.names()
