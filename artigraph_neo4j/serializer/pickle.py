"""pickle, for those who insist: never chosen by itself, and never found by name.

Reading a pickle runs whatever code its bytes name, so whoever may write to the graph or the bucket
may run code in every process that reads; a value also stops being readable when a class is moved.
So this one is used only where a field says so, in the class that writes and in the class that
reads: ``artifact_field(serializer=pickle_serializer)``. Who trusts all that is stored may call
``pickle_serializer.register()``, which lets this process read pickles wherever they turn up.
"""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer

__all__ = ["PickleSerializer", "pickle_serializer"]

_PROTOCOL = 5
"""Fixed, so that what a newer Python writes is read by every supported one."""


class PickleSerializer(Serializer[Any]):
    """Anything that pickles; whether it comes back equal is up to its class."""

    name: ClassVar[str] = "pickle"
    heavy: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """The value as a pickle.

        Raises:
            SerializationError: It does not pickle.
        """
        try:
            return pickle.dumps(value, protocol=_PROTOCOL)
        except Exception as error:  # whatever a class's own code raises
            raise SerializationError(
                f"it cannot be pickled: {type(error).__name__}: {error}"
            ) from error

    def deserialize(self, data: bytes, /) -> Any:
        """The value. This runs code that the bytes name.

        Raises:
            SerializationError: The bytes are no pickle, or a class of it is not there.
        """
        try:
            return pickle.loads(data)  # noqa: S301 - what the field's author asked for
        except Exception as error:
            raise SerializationError(
                f"it cannot be unpickled: {type(error).__name__}: {error}"
            ) from error


pickle_serializer = PickleSerializer()
"""Not registered, on purpose; see above."""
