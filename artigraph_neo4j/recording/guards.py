"""Functions that are asked before something is written, and may refuse by raising."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from artigraph_neo4j.graph.attempts import Ask
from artigraph_neo4j.model.base import ModelBase

__all__ = ["Check", "of_artifacts", "of_tags"]


class Check(Protocol):
    """A look at what an atomic batch has written, just before its commit."""

    async def verify(self, ask: Ask) -> None:
        """Look, by reading statements in the transaction of the batch.

        Raises:
            PolicyError: The batch must not be committed; it is rolled back.
        """

    def tell(self) -> None:
        """Warn about what was found, after the commit, where the block ends."""


of_tags: list[Callable[[str, Iterable[str]], Awaitable[None]]] = []
"""Functions of the id of a node and the names of its new tags."""

of_artifacts: list[Callable[[Sequence[ModelBase], str], Awaitable[None]]] = []
"""Functions of artifacts and the id of the span that they will be recorded in."""
