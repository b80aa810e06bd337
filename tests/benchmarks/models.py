"""What the workloads record: a model of two fields, one whose value goes to a storage, and one that
has a newer version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from artigraph_neo4j import ArtifactModel, migration


@dataclass
class BenchPair(ArtifactModel, version=1):
    step: int
    loss: float


@dataclass
class BenchValue(ArtifactModel, version=1):
    value: bytes


@dataclass
class BenchMoved(ArtifactModel, version=2):
    step: int
    score: float

    @migration(1)
    def to_score(data: dict[str, Any]) -> dict[str, Any]:
        return {"step": data["step"], "score": 1 / (1 + data["loss"])}


def pairs(count: int) -> dict[str, BenchPair]:
    """Artifacts by label."""
    return {f"pair {i}": BenchPair(i, i / 7) for i in range(count)}
