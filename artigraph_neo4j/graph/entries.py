"""Entries of dicts, kept as properties next to the dict, so that filters find them.

``params = {"max_depth": 4, "optimizer": {"lr": 0.1}}`` is stored whole, as JSON. The properties
``params.max_depth`` and ``params.optimizer.lr`` are stored next to it. Names of fields never have a
dot, so names cannot clash. These properties are never read back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from artigraph_neo4j.graph.names import entry_property, others_property

__all__ = ["MAX_ENTRIES", "entries_of"]

MAX_ENTRIES = 200
"""Maximum number of entries of a dict that are kept as properties; larger dicts have none."""

_MAX_CHARACTERS = 1000
_MAX_DEPTH = 6
_KINDS = (bool, int, float, str)


def entries_of(
    field: str, value: dict[Any, Any], native: Callable[[Any], object]
) -> dict[str, Any]:
    """Return the properties that hold the entries of a dict.

    An entry that cannot be a property, such as a list, has its path in a separate list, so that
    filters leave it out instead of taking it for missing. ``*`` in that list stands for all.

    Args:
        field: The property that holds the dict.
        value: The dict.
        native: Returns the form in which the graph stores an item or a key exactly, or anything
            that is not a scalar where it cannot.
    """
    found: dict[str, Any] = {}
    others: list[str] = []
    for path, item in _items(value, (), native):
        if len(found) + len(others) >= MAX_ENTRIES:
            return {others_property(field): ["*"]}
        if item is None:
            continue
        stored = native(item)
        if type(stored) not in _KINDS or (type(stored) is str and len(stored) > _MAX_CHARACTERS):
            others.append(".".join(path))
        else:
            found[entry_property(field, path)] = stored
    if others:
        found[others_property(field)] = others
    return found


def _items(
    value: dict[Any, Any], path: tuple[str, ...], native: Callable[[Any], object]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, item in value.items():
        if not _is_name(key, native):  # no filter can ask for it
            continue
        inner: Any = item  # a type checker would narrow the item itself
        if type(item) is dict and item and len(path) < _MAX_DEPTH:
            yield from _items(inner, (*path, key), native)
        else:
            yield (*path, key), item


def _is_name(key: object, native: Callable[[Any], object]) -> bool:
    """Tell if a key can be part of a path: a text without a dot that can name a property."""
    if type(key) is not str or not key or any(c in key for c in ".\\\0"):
        return False
    return type(native(key)) is str
