"""A registry of named objects, each name once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from typing import Generic, TypeVar

__all__ = ["Registry", "load_entry_points"]

T = TypeVar("T")


class Registry(Generic[T]):
    """A table from names to objects, each name once.

    Args:
        kind: The kind of the objects, for messages: ``"serializer"``, ``"storage"``.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._items: dict[str, T] = {}

    def add(self, name: str, item: T) -> None:
        """Register ``item``; registering the same object again changes nothing.

        Raises:
            ValueError: Another object has this name.
        """
        known = self._items.setdefault(name, item)
        if known is not item:
            raise ValueError(
                f"a {self._kind} named {name!r} is registered already ({known!r}); "
                f"give this one another name"
            )

    def get(self, name: str) -> T | None:
        """Return the object registered under ``name``, or None."""
        return self._items.get(name)

    def names(self) -> list[str]:
        """Return all registered names, sorted."""
        return sorted(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._items.values()))


@cache
def load_entry_points(group: str) -> bool:
    """Import once all modules that installed packages name in a group; True if there are any."""
    points = entry_points(group=group)
    for point in points:
        point.load()
    return bool(points)
