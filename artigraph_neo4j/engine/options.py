"""Keyword arguments of an engine, checked when it is set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from os import PathLike
from typing import Any, TypedDict, cast

from artigraph_neo4j.common.hiding import hidden
from artigraph_neo4j.common.progress import OnTransfer
from artigraph_neo4j.errors import ArgumentError, StorageError
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.storage.known import open_storage

__all__ = ["EngineOptions", "EngineSettings", "check_options", "engine_settings", "given_storage"]


class EngineSettings(TypedDict, total=False):
    """Keyword arguments that an engine takes as they are given; it has their defaults."""

    offload_bytes: int
    on_transfer: OnTransfer | None
    verify_blobs: bool
    record_used: bool
    record_provenance: bool
    retry_seconds: float


class EngineOptions(EngineSettings, total=False):
    """Keyword arguments of ``set_engine`` and ``engine_context``; see ``set_engine``."""

    username: str | None
    password: str | None
    database: str | None
    create_schema: bool | None
    create_tables: bool | None
    storage: Storage | str | PathLike[str] | None
    trusted_modules: Sequence[str]


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_names(value: object) -> bool:
    if isinstance(value, str) or not isinstance(value, (Sequence, set, frozenset)):
        return False
    return all(isinstance(name, str) for name in cast("Sequence[object]", value))


_TEXT = (_is_text, "a text")
_FLAG = (_is_flag, "True or False")
_TAKEN: dict[str, tuple[Callable[[object], bool], str]] = {
    "username": _TEXT,
    "password": _TEXT,
    "database": _TEXT,
    "create_schema": (lambda value: value is None or _is_flag(value), "True or False"),
    "create_tables": (lambda value: value is None or _is_flag(value), "True or False"),
    "storage": (
        lambda value: value is None or isinstance(value, (Storage, str, PathLike)),
        "a storage, or the URL or path of one, such as 's3://bucket/prefix'",
    ),
    "offload_bytes": (_is_size, "a number of bytes, 0 or more"),
    "on_transfer": (lambda value: value is None or callable(value), "a function of a Transfer"),
    "verify_blobs": _FLAG,
    "record_used": _FLAG,
    "record_provenance": _FLAG,
    "trusted_modules": (_are_names, "names of modules, such as ['mypackage']"),
    "retry_seconds": (_is_number, "a number of seconds, more than 0"),
}


def check_options(options: EngineOptions) -> None:
    """Check names and values.

    Raises:
        ArgumentError: There is no such option, or it does not take such a value.
    """
    for name, value in options.items():
        if name not in _TAKEN:
            near = get_close_matches(name, _TAKEN, n=1)
            known = f"is it {near[0]!r}?" if near else f"there are {', '.join(_TAKEN)}"
            raise ArgumentError(f"there is no option {name!r} of an engine; {known}")
        fits, expected = _TAKEN[name]
        if not fits(value):
            shown = f"a {type(value).__name__}" if name == "password" else _shown(value)
            raise ArgumentError(f"{name} takes {expected}, not {shown}")


def engine_settings(options: EngineOptions) -> EngineSettings:
    """Return those of the options that an engine takes as they are given."""
    taken = EngineSettings.__annotations__
    return cast("EngineSettings", {k: value for k, value in options.items() if k in taken})


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(hidden(value))
    simple = value is None or isinstance(value, (bool, int, float))
    return repr(value) if simple else f"a {type(value).__name__}"


def given_storage(options: EngineOptions) -> Storage | None:
    """The storage that the options name, opened if it is a URL or path.

    Raises:
        StorageError: The URL or path does not name a storage, or the storage cannot be made.
    """
    storage = options.get("storage")
    if storage is None or isinstance(storage, Storage):
        return storage
    try:
        return open_storage(storage)
    except StorageError as error:
        raise StorageError(f"storage: {error}") from error
