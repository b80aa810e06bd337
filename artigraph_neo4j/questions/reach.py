"""Walks over a graph in memory: nodes that are reached, and an order to make them in."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["in_order", "reach"]


def reach(starts: Iterable[str], onward: Mapping[str, Iterable[str]]) -> set[str]:
    """Return all nodes that are reached, with the starts. Each is visited once."""
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
    """Sort nodes so that each comes after all nodes that it needs.

    Of the nodes that could come next, the one with the least key does. Where nodes need each other
    in a circle, the one with the least key comes too early.

    Args:
        nodes: The nodes.
        before: The needs of each node; needs outside the nodes are ignored.
        key: Returns the sort key of nodes that do not depend on each other, such as the time.

    Returns:
        All nodes in order, and the set of those that come before a node that they need.
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
