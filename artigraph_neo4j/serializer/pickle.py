"""pickle, only on request: it is never chosen automatically, and never found by name.

Reading a pickle runs the code that its bytes name, so anyone who can write to the graph or the
bucket can run code in every process that reads it. A pickle also becomes unreadable when a class is
moved. It is therefore only used if a field names it, both in the class that writes and in the class
that reads: ``artifact_field(serializer=pickle_serializer)``. A program that trusts all stored bytes
may call ``pickle_serializer.register()``, which allows it to read pickles in any field.
"""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer

__all__ = ["PickleSerializer", "pickle_serializer"]

_PROTOCOL = 5
"""Protocol that every supported Python reads."""


class PickleSerializer(Serializer[Any]):
    """Any value that can be pickled; its class decides if it comes back equal."""

    name: ClassVar[str] = "pickle"
    heavy: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """Return the value as a pickle.

        Raises:
            SerializationError: The value cannot be pickled.
        """
        try:
            return pickle.dumps(value, protocol=_PROTOCOL)
        except Exception as error:  # the class's code may raise anything
            raise SerializationError(
                f"it cannot be pickled: {type(error).__name__}: {error}"
            ) from error

    def deserialize(self, data: bytes, /) -> Any:
        """Return the value. This runs code that the bytes name.

        Raises:
            SerializationError: The bytes are not a pickle, or one of its classes does not exist.
        """
        try:
            return pickle.loads(data)  # noqa: S301 - requested by the field's author
        except Exception as error:
            raise SerializationError(
                f"it cannot be unpickled: {type(error).__name__}: {error}"
            ) from error


pickle_serializer = PickleSerializer()
"""The serializer; on purpose it is not registered, see above."""
