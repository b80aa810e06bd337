"""Storages that this process may open: those that its program or its environment named.

A stored value names its storage, and whoever can write to the graph can write any name there. So a
name from a graph or from a file opens nothing by itself: it only selects among what was named here.
"""

from __future__ import annotations

import importlib
import os

from artigraph_neo4j.common.registry import load_entry_points
from artigraph_neo4j.errors import StorageError
from artigraph_neo4j.storage.base import Storage, living, registered

__all__ = ["find_storage", "how_to_name", "open_storage", "storage_names"]

ENTRY_POINTS = "artigraph.storages"
"""Entry point group in which packages name a module, ``name = "package.module"``, that registers
their storages when it is imported."""

VARIABLE = "ARTIGRAPH_STORAGES"
"""Environment variable with the names of storages that may be opened, separated by commas."""

BUCKET = "ARTIGRAPH_S3_BUCKET"
"""Environment variable with the bucket that ``artigraph env`` prints; it names that bucket too."""

_CLASSES = {
    "file": ("artigraph_neo4j.storage.file", "FileSystemStorage"),
    "fsspec": ("artigraph_neo4j.storage.fsspec", "FsspecStorage"),
    "obstore": ("artigraph_neo4j.storage.obstore", "ObstoreStorage"),
    "s3": ("artigraph_neo4j.storage.aws", "S3Storage"),
}
"""Module and class of the storages whose default name, after the scheme, says where they are."""

_opened: dict[str, Storage] = {}
"""Storages that were opened by their names, kept alive; one that the program makes goes before."""


def find_storage(name: str) -> Storage | None:
    """The storage of a name that was read from a graph or a file, if this process may open it.

    It may open what was named before: storages that are registered, then the newest instance of the
    name that the program keeps alive, then what the environment variable ``ARTIGRAPH_STORAGES``
    lists (names such as ``s3:bucket/prefix`` and ``file:/path``, separated by commas) and the
    bucket in ``ARTIGRAPH_S3_BUCKET``, then what installed packages register by the entry point
    group ``artigraph.storages``. An ``s3:`` or ``file:`` name in the environment covers what lies
    below it.

    Returns:
        The storage, or None: then ``how_to_name`` is the line to add.

    Raises:
        StorageError: The environment names it, and it cannot be made.
    """
    found = registered.get(name) or living.get(name)
    if found is None and _environment_names(name):
        made = _made(name)
        found = made if made is not None and made.name == name else None  # not file:/a/../b
    if found is None and load_entry_points(ENTRY_POINTS):
        found = registered.get(name)
    return found


def open_storage(name: str) -> Storage:
    """The storage of a name that the user gave, on a command line or in settings; made if needed.

    Never to be called with a name from a graph or a file.

    Args:
        name: The name of a storage, such as ``s3:bucket/prefix``, ``file:/path`` or
            ``fsspec:gs://bucket``; or a URL, such as ``s3://bucket/prefix``.

    Raises:
        StorageError: The name does not say where the storage is, or it cannot be made.
    """
    name = _name_of(name)
    found = find_storage(name) or _made(name)
    if found is None:
        raise StorageError(
            f"{name!r} does not say where the storage is, as s3:bucket/prefix, file:/path and "
            "fsspec:gs://bucket do; make it in a program and register() it"
        )
    return found


def storage_names() -> list[str]:
    """The names of all storages that this process has made so far, sorted."""
    return sorted({*registered.names(), *living})


def how_to_name(name: str) -> str:
    """The next step for a storage that was not named, for the end of a message."""
    scheme, _, rest = name.partition(":")
    if scheme not in _CLASSES or not rest:
        return "make the storage of that name in this program, and register() it"
    arguments = ", ".join(map(repr, rest.split("/", 1) if scheme == "s3" else [rest]))
    code = f"{_CLASSES[scheme][1]}({arguments}).register()"
    if "," in name:
        return f"if it is yours, add {code} to the program"
    return f"if it is yours, add {code} to the program, or set {VARIABLE}={name!r}"


def _name_of(given: str) -> str:
    """The name of a storage, given as it is or as a URL."""
    scheme, separator, rest = given.partition("://")
    if not separator or ":" in scheme:
        return given
    if scheme == "s3":
        return f"s3:{rest.rstrip('/')}"
    return f"file:{rest}" if scheme == "file" and rest.startswith("/") else f"fsspec:{given}"


def _environment_names(name: str) -> bool:
    named = [part.strip() for part in os.environ.get(VARIABLE, "").split(",")]
    if bucket := os.environ.get(BUCKET):
        named.append(f"s3:{bucket}")
    return any(_covers(_name_of(part), name) for part in named if part)


def _covers(named: str, name: str) -> bool:
    below = named.startswith(("s3:", "file:")) and name.startswith(f"{named.rstrip('/')}/")
    return name == named or below


def _made(name: str) -> Storage | None:
    """A storage made of its name, or None if the name does not say where it is."""
    if (known := _opened.get(name)) is not None:
        return known
    scheme, _, rest = name.partition(":")
    if not rest or scheme not in _CLASSES:
        return None
    module, cls = _CLASSES[scheme]
    made: Storage | None = getattr(importlib.import_module(module), cls).from_name(rest)
    return None if made is None else _opened.setdefault(made.name, made)
