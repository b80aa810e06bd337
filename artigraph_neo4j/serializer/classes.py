"""Classes by name in stored data: found, and checked to be of a harmless kind, before any use."""

from __future__ import annotations

import dataclasses
import importlib
from enum import Enum
from typing import Any, Literal

from artigraph_neo4j.errors import SerializationError

__all__ = ["Kind", "class_name", "find_class", "kind_of"]

Kind = Literal["enum", "namedtuple", "dataclass"]


def kind_of(cls: type[Any]) -> Kind | None:
    """Which kind of class that can be stored by name this is, if any."""
    if issubclass(cls, Enum):
        return "enum"
    if issubclass(cls, tuple) and hasattr(cls, "_fields") and hasattr(cls, "_make"):
        return "namedtuple"
    if dataclasses.is_dataclass(cls):
        return "dataclass"
    return None


def class_name(cls: type[Any]) -> str:
    """``module:qualname``, by which another process finds the class.

    Raises:
        SerializationError: It cannot be found by that name, as a class inside a function cannot.
    """
    name = f"{cls.__module__}:{cls.__qualname__}"
    try:
        found = _look_up(name)
    except (ImportError, AttributeError, TypeError):
        found = None
    if found is not cls:
        raise SerializationError(
            f"class {name} cannot be found by that name when it is read back; define it at the top "
            "of a module"
        )
    return name


def find_class(name: str, kind: Kind) -> Any:
    """The class of that name, which has to be of that kind.

    Raises:
        SerializationError: It is not there, or is something else.
    """
    try:
        found = _look_up(name)
    except (ImportError, AttributeError, TypeError) as error:
        raise SerializationError(f"class {name} of the stored value is not there: {error}") from error
    if kind_of(found) != kind:
        raise SerializationError(f"{name} was a {kind} when the value was stored, and is none now")
    return found


def _look_up(name: str) -> type[Any]:
    """Only ever steps from a module to a class, and from a class to a class in it."""
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = vars(found)[part] if part in vars(found) else getattr(found, part)
        if not isinstance(found, type):
            raise TypeError(f"{name} is no class")
    return found  # type: ignore[no-any-return]
