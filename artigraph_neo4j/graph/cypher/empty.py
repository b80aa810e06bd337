"""The statement that empties a graph that only tests use."""

from __future__ import annotations

__all__ = ["EMPTY", "EMPTY_AT_ONCE"]

EMPTY_AT_ONCE = 10_000
"""Maximum number of nodes that one statement deletes."""

EMPTY = """
MATCH (n) WHERE NOT (n:ArtigraphGraph OR n:ArtigraphLane OR n:ArtigraphWriter)
WITH n LIMIT $limit
DETACH DELETE n
RETURN count(*)
"""
"""A statement that deletes nodes, except those that identify the graph and its writers.

It deletes ``$limit`` nodes, or all that are left, and returns their number.
"""
