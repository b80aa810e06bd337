"""A table of named things, each name once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from typing import Generic, TypeVar

__all__ = ["Registry", "load_entry_points"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to things, each name once.

    Args:
        kind: What is registered, for messages: ``"serializer"``, ``"storage"``.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._items: dict[str, T] = {}

    def add(self, name: str, item: T) -> None:
        """Register ``item``; registering the same object again changes nothing.

        Raises:
            ValueError: Another thing has this name.
        """
        known = self._items.setdefault(name, item)
        if known is not item:
            raise ValueError(
                f"a {self._kind} named {name!r} is registered already ({known!r}); "
                f"give this one another name"
            )

    def get(self, name: str) -> T | None:
        """The thing registered under ``name``, or None."""
        return self._items.get(name)

    def names(self) -> list[str]:
        """All registered names, sorted."""
        return sorted(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._items.values()))


@cache
def load_entry_points(group: str) -> bool:
    """Import all modules that installed packages name in a group, once; True if there is one."""
    points = entry_points(group=group)
    for point in points:
        point.load()
    return bool(points)
