"""The program that race tests start, and kill: it migrates what is stored of ``RacePoint``.

``python -m tests.graph.upkeep.migrating URI USER PASSWORD DATABASE``; says a line for every batch.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import Any

from artigraph_neo4j import (
    ArtifactModel,
    MigrationProgress,
    engine_context,
    migrate_artifacts,
    migration,
)
from artigraph_neo4j.model.fields import artifact_field
from artigraph_neo4j.storage.memory import MemoryStorage

STORAGE = MemoryStorage("race")


@dataclass
class RaceLeaf(ArtifactModel, version=2):
    n: int

    @migration(1)
    def step(data: dict[str, Any]) -> dict[str, Any]:
        return {"n": 2 * data["n"]}


@dataclass
class RacePoint(ArtifactModel, version=2):
    """All fields say the same number; of version 1, half of it."""

    n: int
    text: str
    items: list[int]
    pair: tuple[int, str]
    leaf: Any
    leaves: Any

    @migration(1)
    def step(data: dict[str, Any]) -> dict[str, Any]:
        n = 2 * data["n"]
        return {
            "n": n,
            "text": str(n) + " " * (n % 7 * 50),
            "items": [n] * (n % 9 + 1),
            "pair": (n, str(n)),
            "leaf": data["leaf"],
            "leaves": [data["leaf_2"], RaceLeaf(n)],
        }

    def check(self) -> int:
        """The number, if it is one and the same."""
        n = self.n
        assert self.text.rstrip() == str(n), self
        assert set(self.items) == {n}, self
        assert self.pair == (n, str(n)), self
        assert self.leaf == RaceLeaf(n), self
        assert self.leaves == [RaceLeaf(n), RaceLeaf(n)], self
        return n


def old() -> tuple[Any, Any]:
    """The classes of version 1, defined anew; as long as they live they are the ones known."""

    @dataclass
    class RaceLeaf(ArtifactModel, version=1):
        n: int

    @dataclass
    class RacePoint(ArtifactModel, version=1):
        n: int
        text: str
        items: list[int]
        leaf: Any
        leaf_2: Any
        gone: Any = artifact_field(default=None)

    return RacePoint, RaceLeaf


def old_point(classes: tuple[Any, Any], n: int) -> Any:
    """Half of ``n`` in every field."""
    point, leaf = classes
    half = n // 2
    return point(half, f"half of {n}", [half], leaf(half), leaf(half), {"gone": leaf(half)})


async def main(uri: str, user: str, password: str, database: str) -> None:
    def say(progress: MigrationProgress) -> None:
        print(progress.done, flush=True)

    with engine_context(uri, username=user, password=password, database=database or None):
        report = await migrate_artifacts(RacePoint, batch=100, progress=say)
    print("report", report.migrated, report.elsewhere, report.failed, flush=True)
    for failure in report.failures[:3]:
        print(repr(failure.error), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
