"""Storages that this process may open: those named by its program or its environment.

A stored value names its storage, and anyone who can write to the graph can write any name there. So
a name from a graph or from a file opens nothing by itself: it only selects among the storages that
were named here.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from urllib.parse import unquote

from artigraph_neo4j.common.hiding import hidden
from artigraph_neo4j.common.registry import load_entry_points
from artigraph_neo4j.errors import StorageError
from artigraph_neo4j.storage.base import Storage, living, registered

__all__ = ["find_storage", "how_to_name", "open_default", "open_storage", "storage_names"]

ENTRY_POINTS = "artigraph.storages"
"""Entry point group in which packages name a module, ``name = "package.module"``, that registers
their storages when it is imported."""

VARIABLE = "ARTIGRAPH_STORAGES"
"""Environment variable with the names of storages that may be opened, separated by commas."""

DEFAULT = "ARTIGRAPH_STORAGE"
"""Environment variable with the storage of large values, which may be opened, too."""

_CLASSES = {
    "file": ("artigraph_neo4j.storage.file", "FileSystemStorage"),
    "fsspec": ("artigraph_neo4j.storage.fsspec", "FsspecStorage"),
    "memory": ("artigraph_neo4j.storage.memory", "MemoryStorage"),
    "obstore": ("artigraph_neo4j.storage.obstore", "ObstoreStorage"),
    "s3": ("artigraph_neo4j.storage.aws", "S3Storage"),
}
"""Module and class of storages by the scheme of their default name, whose rest is the address."""

_opened: dict[str, Storage] = {}
"""Storages opened by name, kept alive; one that the program makes itself takes precedence."""


def find_storage(name: str) -> Storage | None:
    """Find the storage of a name that was read from a graph or a file, if it may be opened.

    Storages that may be opened are, in this order: registered ones; the newest instance with the
    name that the program keeps alive; those listed in the environment variable
    ``ARTIGRAPH_STORAGES`` (names such as ``s3:bucket/prefix`` and ``file:/path``, separated by
    commas) and the one in ``ARTIGRAPH_STORAGE``; those that installed packages register by the
    entry point group ``artigraph.storages``. An ``s3:`` or ``file:`` name in the environment
    includes all storages below it.

    Returns:
        The storage, or None: then ``how_to_name`` tells the line to add.

    Raises:
        StorageError: The environment names the storage, but it cannot be made.
    """
    found = registered.get(name) or living.get(name)
    if found is None and _environment_names(name):
        made = _made(name)
        found = made if made is not None and made.name == name else None  # not file:/a/../b
    if found is None and load_entry_points(ENTRY_POINTS):
        found = registered.get(name)
    return found


def open_storage(name: str | os.PathLike[str]) -> Storage:
    """Open the storage of a name that the user gave, on a command line or in settings.

    It is made if it does not exist yet. Never call this with a name from a graph or a file.

    Args:
        name: A URL, such as ``s3://bucket/prefix`` or ``gs://bucket``; a path, as a ``Path`` or as
            a text that begins with ``/``, ``./``, ``../`` or ``~``; the name of a storage, such as
            ``s3:bucket/prefix``, ``file:/path`` or ``fsspec:gs://bucket``; or ``memory:name``.

    Raises:
        StorageError: The name does not tell the storage's address, or it cannot be made.
    """
    name = _name_of(os.fspath(name), paths=not isinstance(name, str))
    found = find_storage(name) or _made(name)
    if found is None:
        raise StorageError(
            f"{hidden(name)!r} does not say where the storage is, as s3://bucket/prefix, /path, "
            "file:///path and gs://bucket do; or make it in a program and register() it"
        )
    return found


def open_default() -> Storage | None:
    """Open the storage that ``ARTIGRAPH_STORAGE`` names; None if it is not set.

    Raises:
        StorageError: It is set to what does not name a storage, or the storage cannot be made.
    """
    name = os.environ.get(DEFAULT, "").strip()
    try:
        return open_storage(name) if name else None
    except (StorageError, ImportError) as error:
        raise StorageError(f"{DEFAULT} in the environment: {error}") from error


def storage_names() -> list[str]:
    """Return the names of all storages that this process has made so far, sorted."""
    return sorted({*registered.names(), *living})


def how_to_name(name: str) -> str:
    """The next step if a storage was not named, for the end of a message."""
    scheme, _, rest = name.partition(":")
    if scheme not in _CLASSES or scheme == "memory" or not rest:
        return "make the storage of that name in this program, and register() it"
    arguments = ", ".join(map(repr, rest.split("/", 1) if scheme == "s3" else [rest]))
    code = f"{_CLASSES[scheme][1]}({arguments}).register()"
    if "," in name:
        return f"if it is yours, add {code} to the program"
    return f"if it is yours, add {code} to the program, or set {VARIABLE}={name!r}"


def _name_of(given: str, *, paths: bool = False) -> str:
    """The name of a storage, from its name, URL or path; a path's if ``paths`` is true."""
    if paths or given.startswith(("/", "./", "../", "~")) or given in (".", ".."):
        return f"file:{Path(os.path.abspath(Path(given).expanduser())).as_posix()}"
    scheme, separator, rest = given.partition("://")
    if not separator or ":" in scheme:
        return given
    if scheme == "s3" and "?" in rest:
        raise StorageError(
            "a URL s3://bucket/prefix takes no options after a question mark; pass them to "
            "S3Storage, or set the AWS_* variables"
        )
    if scheme in ("s3", "memory"):
        return f"{scheme}:{rest.rstrip('/')}"
    return f"file:{unquote(rest)}" if scheme == "file" else f"fsspec:{given}"


def _environment_names(name: str) -> bool:
    named = [part.strip() for part in os.environ.get(VARIABLE, "").split(",")]
    named.append(os.environ.get(DEFAULT, "").strip())
    return any(_covers(_name_of(part), name) for part in named if part)


def _covers(named: str, name: str) -> bool:
    below = named.startswith(("s3:", "file:")) and name.startswith(f"{named.rstrip('/')}/")
    return name == named or below


def _made(name: str) -> Storage | None:
    """Make a storage from its name, or return None if the name does not tell its address."""
    if (known := _opened.get(name)) is not None:
        return known
    scheme, _, rest = name.partition(":")
    if not rest or scheme not in _CLASSES:
        return None
    module, cls = _CLASSES[scheme]
    made: Storage | None = getattr(importlib.import_module(module), cls).from_name(rest)
    return None if made is None else _opened.setdefault(made.name, made)
