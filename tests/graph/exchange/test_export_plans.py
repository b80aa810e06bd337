"""What an export costs the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from artigraph_neo4j import ArtifactModel, batch, create_span_artifact, span_context
from artigraph_neo4j.graph.cypher import archive
from artigraph_neo4j.graph.parameters import with_one_map
from tests.graph import plans

PAGE = 20


@dataclass
class Timed(ArtifactModel, version=1):
    n: int


STATEMENTS = pytest.mark.parametrize("statement", ["EXPORT_SPANS", "EXPORT_USED"])


async def run_of(spans: int) -> tuple[str, str]:
    """The ids of a run's root, and of one span between it and others."""
    async with batch(), span_context(label="exported") as root, span_context(label="part") as part:
        for _ in range(spans):
            async with span_context(label="step"):
                pass
    return root.node_id, part.node_id


async def cost(session: Any, statement: str, root: str, span: str) -> int:
    """The database hits of a page."""
    given = {"root": root, "span": span, "after": "", "size": PAGE}
    text = "PROFILE " + getattr(archive, statement)
    result = await session.run(*with_one_map(text, given))
    return plans.hits((await result.consume()).profile)


@pytest.mark.statements
@STATEMENTS
@pytest.mark.parametrize("whole", [True, False], ids=["of a run", "of a part"])
async def test_a_page_costs_the_same_however_long_the_run(
    statement: str, whole: bool, session: Any
) -> None:
    costs = []
    for spans in (100, 1000):
        root, part = await run_of(spans)
        costs.append(await cost(session, statement, root, root if whole else part))
    assert costs[1] < 1.2 * costs[0], costs


@pytest.mark.statements
@STATEMENTS
async def test_only_below_a_part_are_the_spans_above_looked_at(
    statement: str, session: Any
) -> None:
    root, part = await run_of(100)
    whole = await cost(session, statement, root, root)
    assert await cost(session, statement, root, part) > whole + 3 * PAGE


@pytest.mark.statements
async def test_the_librarys_own_times_are_read_as_text(session: Any) -> None:
    """The driver takes longer to make an object of a time than for all else of a node."""
    async with span_context(label="timed") as span:
        artifact = await create_span_artifact("current", label="result", data=Timed(1))
    given = {"root": span.node_id, "span": span.node_id, "after": "", "size": PAGE}
    result = await session.run(*with_one_map(archive.EXPORT_SPANS, given))
    ((((_, properties, *_),),),) = await result.values()
    assert isinstance(properties["opened_at"], str)
    assert isinstance(properties["closed_at"], str)
    given = {"root": span.node_id, "span": span.node_id, "ids": [artifact]}
    result = await session.run(*with_one_map(archive.EXPORT_ARTIFACTS, given))
    (((((properties, *_),), *_),),) = (await result.values())[0]
    assert isinstance(properties["recorded_at"], str)
