"""Walks over a graph that was read: what is reached, and in which order it can be made."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["in_order", "reach"]


def reach(starts: Iterable[str], onward: Mapping[str, Iterable[str]]) -> set[str]:
    """All nodes that are reached, the starts among them. Each is visited once."""
    found = set(starts)
    work = list(found)
    while work:
        for following in onward.get(work.pop(), ()):
            if following not in found:
                found.add(following)
                work.append(following)
    return found


def in_order(
    nodes: Iterable[str], before: Mapping[str, Iterable[str]], key: Callable[[str], Any]
) -> tuple[list[str], set[str]]:
    """Nodes in an order in which each comes after all that it needs.

    Of the nodes that could come next, the one with the least key does. Where nodes need each other
    in a circle, the one with the least key comes too early.

    Args:
        nodes: The nodes.
        before: What each needs; needs outside the nodes are ignored.
        key: Sorts nodes that do not depend on each other: the time.

    Returns:
        All nodes, and those that came before something that they need.
    """
    wanted = set(nodes)
    needs = {
        node: {b for b in before.get(node, ()) if b in wanted and b != node} for node in wanted
    }
    after: dict[str, list[str]] = {}
    for node, needed in needs.items():
        for other in needed:
            after.setdefault(other, []).append(node)
    left = {node: len(needed) for node, needed in needs.items()}
    ready = [(key(node), node) for node, count in left.items() if not count]
    heapq.heapify(ready)
    waiting = sorted(wanted, key=lambda node: (key(node), node), reverse=True)
    order: list[str] = []
    done: set[str] = set()
    early: set[str] = set()
    while len(order) < len(wanted):
        node = heapq.heappop(ready)[1] if ready else waiting.pop()
        if node in done:
            continue
        if any(other not in done for other in needs[node]):
            early.add(node)
        done.add(node)
        order.append(node)
        for following in after.get(node, ()):
            left[following] -= 1
            if not left[following] and following not in done:
                heapq.heappush(ready, (key(following), following))
    return order, early
