"""The statement that empties a graph which only tests use."""

from __future__ import annotations

__all__ = ["EMPTY"]

EMPTY = """
MATCH (n) WHERE NOT (n:ArtigraphGraph OR n:ArtigraphLane OR n:ArtigraphWriter)
DETACH DELETE n
RETURN count(*)
"""
"""Everything except what identifies the graph and its writers."""
