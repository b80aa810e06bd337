"""References to the bytes of stored fields, and the storages and serializers to read them by."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from artigraph_neo4j.errors import SerializationError, StorageError
from artigraph_neo4j.serializer.base import Serializer, find_serializer
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.storage.known import find_storage, how_to_name

__all__ = ["BlobRef", "reading", "serializer_of", "storage_of"]


@dataclass(frozen=True, slots=True)
class BlobRef:
    """The place of the bytes of one field."""

    storage: str
    location: str
    digest: str
    size: int


@contextmanager
def reading(where: str, serializer: str, size: int) -> Generator[None]:
    """Turn any exception of a serializer into an error that names the value that was read.

    Raises:
        SerializationError: The bytes cannot be read.
    """
    try:
        yield
    except StorageError:  # from a file that is fetched while it is read
        raise
    except (Exception, SystemExit) as error:  # from a serializer or a module it imports
        raise SerializationError(
            f"{where}: serializer {serializer!r} could not read the {size} stored bytes: {error}"
        ) from error


def storage_of(where: str, name: str, *first: Storage | None) -> Storage:
    """Return the storage of a name: the one of ``first`` that has it, or one this program named.

    Raises:
        StorageError: Neither this program nor its environment named such a storage.
    """
    for storage in first:
        if storage is not None and storage.name == name:
            return storage
    found = find_storage(name)
    if found is None:
        raise StorageError(
            f"{where}: its storage {name!r} was named neither by this program nor by its "
            f"environment; {how_to_name(name)}"
        )
    return found


def serializer_of(where: str, name: str, own: Serializer[Any] | None) -> Serializer[Any]:
    """Return the serializer of a name: the field's ``own``, if it has the name, or a known one.

    Raises:
        SerializationError: No serializer of that name is known.
    """
    if own is not None and own.name == name:
        return own
    found = find_serializer(name)
    if found is None:
        raise SerializationError(
            f"{where}: its serializer {name!r} is not known to this process; "
            "register() one of that name, or give it to the field with artifact_field"
        )
    return found
