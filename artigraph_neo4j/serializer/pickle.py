"""pickle, only on request: it is never chosen by itself, and never found by name.

Reading a pickle runs the code that its bytes name, so anyone who can write to the graph or the
bucket can run code in every process that reads. A pickle also becomes unreadable when a class is
moved. It is therefore used only where a field names it, in the class that writes and in the class
that reads: ``artifact_field(serializer=pickle_serializer)``. A program that trusts all stored bytes
may call ``pickle_serializer.register()``, which lets it read pickles wherever they turn up.
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
    """Anything that can be pickled; whether it comes back equal depends on its class."""

    name: ClassVar[str] = "pickle"
    heavy: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """Return the value as a pickle.

        Raises:
            SerializationError: The value cannot be pickled.
        """
        try:
            return pickle.dumps(value, protocol=_PROTOCOL)
        except Exception as error:  # whatever a class's own code raises
            raise SerializationError(
                f"it cannot be pickled: {type(error).__name__}: {error}"
            ) from error

    def deserialize(self, data: bytes, /) -> Any:
        """Return the value. This runs code that the bytes name.

        Raises:
            SerializationError: The bytes are not a pickle, or a class of it is not there.
        """
        try:
            return pickle.loads(data)  # noqa: S301 - what the field's author asked for
        except Exception as error:
            raise SerializationError(
                f"it cannot be unpickled: {type(error).__name__}: {error}"
            ) from error


pickle_serializer = PickleSerializer()
"""Not registered, on purpose; see above."""
