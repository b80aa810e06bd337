"""A model of two versions, for programs that migrate what others record."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from artigraph_neo4j import ArtifactModel, migration

__all__ = ["Figure", "OldFigures", "figure", "old_figures"]


@dataclass
class Figure(ArtifactModel, version=2):
    """All fields follow from ``n``; version 1 had half of it."""

    key: str
    n: int
    text: str

    @migration(1)
    def step(data: dict[str, Any]) -> dict[str, Any]:
        n = 2 * data["half"]
        return {"key": data["key"], "n": n, "text": str(n)}


def figure(key: str) -> Figure:
    """The figure that belongs to a key, as reading gives it."""
    n = 2 * random.Random(key).randrange(10**6)
    return Figure(key, n, str(n))


class OldFigures:
    """The class of version 1; as long as this lives, it is the one that programs record with."""

    def __init__(self, cls: Any) -> None:
        self._cls = cls

    def make(self, key: str) -> Any:
        """The figure that belongs to a key, as version 1 had it."""
        return self._cls(key, figure(key).n // 2)


def old_figures() -> OldFigures:
    """The class of version 1, defined anew."""

    @dataclass
    class Figure(ArtifactModel, version=1):
        key: str
        half: int

    return OldFigures(Figure)
