"""The public module of a name, as tracebacks, pickles and ``help`` show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any

__all__ = ["publish"]

ROOT = "artigraph_neo4j"


def publish(module: str, names: Iterable[str], found: Mapping[str, Any]) -> None:
    """Set ``__module__`` of classes and functions to the public module that exports them.

    The private module that defines a name may change; pickles and logs with the public module stay
    right. A name that the root of the package exports keeps the root.

    Args:
        module: The public module's name.
        names: The names that it exports.
        found: The globals of the public module.
    """
    for name in names:
        item = found.get(name)
        if isinstance(item, type | FunctionType) and item.__module__.startswith(f"{ROOT}."):
            item.__module__ = module
