"""A small version of the demo's graph, for the tests of Neo4j Browser and for its screenshots."""

from __future__ import annotations

from unittest.mock import patch

from artigraph_neo4j import engine_context
from artigraph_neo4j.demo import study

__all__ = ["fill"]


async def fill(url: str = "local") -> str:
    """Run the demo's study with fewer rows, folds and trials; returns the id of its span."""
    candidates = (study.CANDIDATES[0], study.CANDIDATES[1], study.CANDIDATES[3])
    with (
        patch.object(study, "SAMPLE", 3_000),
        patch.object(study, "FOLDS", study.FOLDS[:2]),
        patch.object(study, "CANDIDATES", candidates),
    ):
        async with engine_context(url, create_schema=True):
            return await study.run_study(lambda _: None)
