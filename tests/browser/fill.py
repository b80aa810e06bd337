"""A small version of the demo's graph, for the tests of Neo4j Browser and for its screenshots."""

from __future__ import annotations

from unittest.mock import patch

from artigraph_neo4j import engine_context
from artigraph_neo4j.cli.demo import study
from artigraph_neo4j.local import StackInfo
from artigraph_neo4j.storage.aws import S3Storage

__all__ = ["fill"]


async def fill(stack: StackInfo) -> str:
    """Run the demo's study with fewer rows, folds and trials; returns the id of its span."""
    candidates = (study.CANDIDATES[0], study.CANDIDATES[1], study.CANDIDATES[3])
    storage = S3Storage(
        stack.s3_bucket,
        endpoint_url=stack.s3_endpoint,
        access_key=stack.s3_access_key,
        secret_key=stack.s3_secret_key,
        region_name=stack.s3_region,
    )
    engine = engine_context(
        stack.bolt_url,
        username=stack.username,
        password=stack.password,
        create_schema=True,
        storage=storage,
    )
    with (
        patch.object(study, "SAMPLE", 3_000),
        patch.object(study, "FOLDS", study.FOLDS[:2]),
        patch.object(study, "CANDIDATES", candidates),
    ):
        async with engine:
            return await study.run_study(lambda _: None)
