"""Bulk migration beside readers, beside another one, and killed in the middle."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from artigraph_neo4j import (
    Engine,
    artifact_info,
    create_span_artifacts,
    migrate_artifacts,
    read_child_artifacts,
    read_span_artifacts,
    span_context,
)
from artigraph_neo4j.graph.attempts import Statement
from tests.graph.upkeep import migrating
from tests.graph.upkeep.migrating import RaceLeaf, RacePoint

COUNT = 600


@pytest.fixture
async def stored(query: Any) -> str:
    """A span with ``COUNT`` artifacts of version 1."""
    classes = migrating.old()
    async with span_context() as span:
        for start in range(0, COUNT, 200):
            await create_span_artifacts(
                "current",
                {str(n): migrating.old_point(classes, 2 * n) for n in range(start, start + 200)},
            )
    # The classes of version 1 must be gone: as long as they live, they are the stored ones.
    del classes
    gc.collect()
    return str(span.node_id)


def start(service: Any) -> subprocess.Popen[str]:
    login = [service.username or "", service.password or "", service.database or ""]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.graph.upkeep.migrating", service.uri, *login],
        stdout=subprocess.PIPE,
        text=True,
    )


async def end(process: subprocess.Popen[str]) -> list[int]:
    """What the process reports at its end: migrated, elsewhere, failed."""
    said, _ = await asyncio.to_thread(process.communicate, timeout=200)
    lines = said.splitlines()
    assert process.returncode == 0
    assert lines[-1].startswith("report"), lines
    return [int(word) for word in lines[-1].split()[1:]]


async def check_all(span: str, query: Any) -> None:
    """Everything is of today's version, whole, and there once."""
    found = await read_span_artifacts(span)
    assert {int(label): point.check() for label, point in found.items()} == {
        n: 2 * n for n in range(COUNT)
    }
    counts = await query(
        "MATCH (:Span {node_id: $id})-[:HAS_ARTIFACT]->(a)-[:HAS_FIELD*0..]->(x) "
        "RETURN count(DISTINCT a), count(DISTINCT x), collect(DISTINCT x.model_version), "
        "count(x.seal_)",
        id=span,
    )
    assert counts[0][:3] == [COUNT, COUNT * 4, [2]]
    orphans = await query(
        "MATCH (x:RaceLeaf) WHERE NOT EXISTS {(x)<-[:HAS_FIELD]-()} RETURN count(x)"
    )
    assert orphans == [[0]]


async def test_a_reader_sees_the_old_or_the_new_but_no_mix(
    stored: str, graph_service: Any, query: Any, statements: list[Statement]
) -> None:
    process = start(graph_service)
    seen: list[int] = []

    async def read(how: Callable[[str], Any]) -> None:
        while process.poll() is None:
            found = await how(stored)
            points = found.values() if isinstance(found, dict) else found
            versions = [artifact_info(point).model_version for point in points]  # type: ignore[union-attr]
            seen.append(versions.count(2))
            assert sorted(point.check() for point in points) == [2 * n for n in range(COUNT)]

    async def read_one() -> None:
        point = next(iter((await read_span_artifacts(stored)).values()))
        node_id = artifact_info(point).node_id  # type: ignore[union-attr]
        while process.poll() is None:
            assert (await RacePoint.read(node_id)).check() == 0

    await asyncio.gather(read(read_span_artifacts), read(read_child_artifacts), read_one())
    assert (await end(process))[2] == 0
    again = sum("UNWIND $ids AS id" in s.text for s in statements)
    print(f"{len(seen)} reads, {sorted(set(seen))[:20]}, {again} of them read some again")
    assert any(0 < count < COUNT for count in seen)
    await check_all(stored, query)


@pytest.mark.long
async def test_two_migrators_at_once(stored: str, graph_service: Any, query: Any) -> None:
    first, second = start(graph_service), start(graph_service)
    reports = await asyncio.gather(end(first), end(second))
    assert sum(report[0] for report in reports) == COUNT * 4
    assert [report[2] for report in reports] == [0, 0]
    await check_all(stored, query)


async def test_kill_9_in_the_middle_and_run_again(
    stored: str, graph_service: Any, query: Any, engine: Engine
) -> None:
    for batches in (1, 3):
        process = start(graph_service)
        assert process.stdout is not None
        for _ in range(batches):
            await asyncio.to_thread(process.stdout.readline)
        process.kill()
        await asyncio.to_thread(process.communicate)
    left = await query("MATCH (a:RacePoint {model_version: 1}) RETURN count(a)")
    assert 0 < left[0][0] < COUNT
    found = await read_span_artifacts(stored)
    assert {point.check() for point in found.values()} == {2 * n for n in range(COUNT)}
    report = await migrate_artifacts(RacePoint)
    assert report.failed == 0
    assert (await migrate_artifacts(RaceLeaf)).migrated == 0
    await check_all(stored, query)
