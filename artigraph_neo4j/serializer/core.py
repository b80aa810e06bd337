"""Text and bytes, stored unchanged."""

from __future__ import annotations

from typing import ClassVar

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer, exactly, unreadable

__all__ = ["BytesSerializer", "StringSerializer", "bytes_serializer", "string_serializer"]


class StringSerializer(Serializer[str]):
    """UTF-8 text. Refuses subclasses of ``str`` and lone surrogates, which UTF-8 cannot hold."""

    name: ClassVar[str] = "str"
    text: ClassVar[bool] = True

    def serialize(self, value: str, /) -> bytes:
        """Return the text in UTF-8.

        Raises:
            SerializationError: The text is of a subclass, or has a lone surrogate, which msgpack
                can store.
        """
        try:
            return exactly(str, value).encode()
        except UnicodeEncodeError as error:
            raise SerializationError(
                "the text has a lone surrogate, which UTF-8 cannot hold; use msgpack_serializer"
            ) from error

    def deserialize(self, data: bytes, /) -> str:
        """Return the text."""
        with unreadable("text in UTF-8"):
            return data.decode()


class BytesSerializer(Serializer[bytes]):
    """Bytes, unchanged. Refuses ``bytearray`` and others, which would come back as ``bytes``."""

    name: ClassVar[str] = "bytes"
    raw: ClassVar[bool] = True

    def serialize(self, value: bytes, /) -> bytes:
        """Return the bytes themselves."""
        return exactly(bytes, value)

    def deserialize(self, data: bytes, /) -> bytes:
        """Return the bytes themselves."""
        return data


string_serializer = StringSerializer().register()
bytes_serializer = BytesSerializer().register()
