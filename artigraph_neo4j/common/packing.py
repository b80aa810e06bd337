"""Packing of things into groups that are bounded in several ways, such as in nodes and in bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["packed"]

T = TypeVar("T")


def packed(
    items: Iterable[T], cost: Callable[[T], tuple[int, ...]], limits: tuple[int, ...]
) -> Iterator[list[T]]:
    """Group items in their order, as many together as fit within all limits; one fits always.

    Args:
        items: The items.
        cost: What an item takes of each limit.
        limits: Maximum of each cost in a group of several.
    """
    group: list[T] = []
    held = (0,) * len(limits)
    for item in items:
        more = cost(item)
        total = tuple(a + b for a, b in zip(held, more, strict=True))
        if group and any(a > b for a, b in zip(total, limits, strict=True)):
            yield group
            group, total = [], more
        group.append(item)
        held = total
    if group:
        yield group
