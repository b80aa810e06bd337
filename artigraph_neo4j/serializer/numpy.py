"""numpy arrays and scalars, as ``.npy`` files."""

from __future__ import annotations

import io
from typing import Any, ClassVar

import numpy as np

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer

__all__ = ["ArraySerializer", "ScalarSerializer", "array_serializer", "scalar_serializer"]


def _save(value: Any) -> bytes:
    if value.dtype.hasobject:
        raise SerializationError(
            f"an array of {value.dtype} holds Python objects, which .npy keeps only as pickle; "
            "convert it to a dtype of its own"
        )
    sink = io.BytesIO()
    np.save(sink, value, allow_pickle=False)
    return sink.getvalue()


def _load(data: bytes) -> Any:
    try:
        return np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise SerializationError(f"no .npy file: {error}") from error


class ArraySerializer(Serializer["np.ndarray[Any, Any]"]):
    """Arrays of any shape, dtype and byte order, in C or Fortran order; never as pickle."""

    name: ClassVar[str] = "numpy"
    types: ClassVar[tuple[type[Any], ...]] = (np.ndarray,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: np.ndarray[Any, Any], /) -> bytes:
        """The array as a ``.npy`` file.

        Raises:
            SerializationError: It is a subclass (masked, matrix), or holds Python objects.
        """
        if type(value) is not np.ndarray:
            raise SerializationError(f"{type(value).__qualname__} is not exactly numpy.ndarray")
        return _save(value)

    def deserialize(self, data: bytes, /) -> np.ndarray[Any, Any]:
        """The array."""
        found: np.ndarray[Any, Any] = _load(data)
        return found


class ScalarSerializer(Serializer[np.generic]):
    """numpy's own numbers, dates and texts, as arrays without dimensions."""

    name: ClassVar[str] = "numpy.scalar"
    types: ClassVar[tuple[type[Any], ...]] = (np.generic,)

    def serialize(self, value: np.generic, /) -> bytes:
        """The scalar as a ``.npy`` file."""
        data = _save(np.asarray(value))
        if type(self.deserialize(data)) is not type(value):
            raise SerializationError(f"numpy would change a {type(value).__qualname__}")
        return data

    def deserialize(self, data: bytes, /) -> np.generic:
        """The scalar."""
        found: np.generic = _load(data)[()]
        return found


array_serializer = ArraySerializer().register()
scalar_serializer = ScalarSerializer().register()
