"""What the workloads record: a model of two fields, and one whose value goes to a storage."""

from __future__ import annotations

from dataclasses import dataclass

from artigraph_neo4j import ArtifactModel


@dataclass
class BenchPair(ArtifactModel, version=1):
    step: int
    loss: float


@dataclass
class BenchValue(ArtifactModel, version=1):
    value: bytes


def pairs(count: int) -> dict[str, BenchPair]:
    """Artifacts by label."""
    return {f"pair {i}": BenchPair(i, i / 7) for i in range(count)}
