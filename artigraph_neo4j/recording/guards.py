"""Functions that are asked before something is written, and may refuse by raising."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from artigraph_neo4j.model.base import ModelBase

__all__ = ["of_artifacts", "of_tags"]

of_tags: list[Callable[[str, Iterable[str]], Awaitable[None]]] = []
"""Functions of the id of a node and the names of its new tags."""

of_artifacts: list[Callable[[Sequence[ModelBase], str], Awaitable[None]]] = []
"""Functions of artifacts and the id of the span that they will be recorded in."""
