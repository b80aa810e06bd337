"""Packing of items into groups with several limits, such as a number of nodes and of bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["packed"]

T = TypeVar("T")


def packed(
    items: Iterable[T], cost: Callable[[T], tuple[int, ...]], limits: tuple[int, ...]
) -> Iterator[list[T]]:
    """Group items in their order, as many as fit within all limits; a single item always fits.

    Args:
        items: The items.
        cost: Returns the share of each limit that an item takes.
        limits: Maximum of each cost in a group of several items.
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
