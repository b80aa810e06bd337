"""The floor: what one writes by hand who knows Cypher and the driver, and needs only this.

It writes and reads the very labels, properties, constraints and relationships of the library
(``test_same_graph.py`` compares both graphs). It does less otherwise: no checks, no retries, no
objects, nothing kept from being deleted meanwhile, no order; running a write twice is an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from neo4j import AsyncDriver, AsyncSession
from uuid_utils import uuid7

from tests.benchmarks.models import BenchPair

WRITE_ROWS = 5000
"""Rows in a statement."""

ARTIFACTS = """
MATCH (s:ArtigraphNode {node_id: $span}) USING INDEX SEEK s:ArtigraphNode(node_id)
WITH s, datetime($at) AS at
UNWIND $rows AS r
CREATE (s)-[:HAS_ARTIFACT {label: r[1], key: r[2]}]->(:ArtigraphNode:Artifact:BenchPair {
  node_id: r[0], artifact_label: r[1], label_: r[1], model: 'BenchPair', model_version: 1,
  codec: $codec, recorded_at: at, step: r[3], loss: r[4]})-[:MADE_BY]->(s)
"""

SPANS = """
MATCH (p:ArtigraphNode {node_id: $parent}) USING INDEX SEEK p:ArtigraphNode(node_id)
UNWIND $rows AS r
CREATE (p)-[:PARENT_OF]->(:ArtigraphNode:Span {
  node_id: r[0], label: r[1], label_: r[1], status: 'OK', opened_at: datetime(r[2]),
  closed_at: datetime(r[3]), duration_: r[4], root_id: p.root_id, depth: p.depth + 1})
"""

SPANS_WITH_ARTIFACT = """
MATCH (p:ArtigraphNode {node_id: $parent}) USING INDEX SEEK p:ArtigraphNode(node_id)
UNWIND $rows AS r
CREATE (p)-[:PARENT_OF]->(s:ArtigraphNode:Span {
  node_id: r[0], label: r[1], label_: r[1], status: 'OK', opened_at: datetime(r[2]),
  closed_at: datetime(r[3]), duration_: r[4], root_id: p.root_id, depth: p.depth + 1})
  -[:HAS_ARTIFACT {label: r[6], key: r[7]}]->(:ArtigraphNode:Artifact:BenchPair {
  node_id: r[5], artifact_label: r[6], label_: r[6], model: 'BenchPair', model_version: 1,
  codec: $codec, recorded_at: datetime(r[2]), step: r[8], loss: r[9]})-[:MADE_BY]->(s)
"""

OPEN = """
MATCH (p:ArtigraphNode {node_id: $parent}) USING INDEX SEEK p:ArtigraphNode(node_id)
CREATE (p)-[:PARENT_OF]->(:ArtigraphNode:Span:ArtigraphOpen {
  node_id: $id, label: $label, label_: $label, status: 'UNSET', opened_at: datetime($at),
  root_id: p.root_id, depth: p.depth + 1, writer_id: $writer})
"""

CLOSE = """
MATCH (n:ArtigraphNode {node_id: $id}) USING INDEX SEEK n:ArtigraphNode(node_id)
SET n.status = 'OK', n.closed_at = datetime($at), n.duration_ = $seconds, n.writer_id = null
REMOVE n:ArtigraphOpen
"""

READ_ARTIFACTS = """
MATCH (s:ArtigraphNode {node_id: $span}) USING INDEX SEEK s:ArtigraphNode(node_id)
MATCH (s)-[h:HAS_ARTIFACT]->(a:Artifact)
WITH collect([h.label, labels(a), a{.*, recorded_at: toString(a.recorded_at)}]) AS found
UNWIND range(0, size(found) - 1, 1000) AS i
RETURN found[i..i + 1000]
"""

_SPAN_CHUNKS = """
WITH collect([elementId(d), labels(d),
  d{.*, opened_at: toString(d.opened_at), closed_at: toString(d.closed_at)}]) AS found
UNWIND range(0, size(found) - 1, 1000) AS i
RETURN found[i..i + 1000]
"""

READ_DESCENDANTS = f"""
MATCH (s:ArtigraphNode {{node_id: $span}}) USING INDEX SEEK s:ArtigraphNode(node_id)
MATCH (s)-[:PARENT_OF*1..]->(d:Span)
WITH DISTINCT d
{_SPAN_CHUNKS}
"""

READ_CHILDREN = f"""
MATCH (s:ArtigraphNode {{node_id: $span}}) USING INDEX SEEK s:ArtigraphNode(node_id)
MATCH (s)-[:PARENT_OF]->(d:Span)
{_SPAN_CHUNKS}
"""

READ_ANCESTORS = f"""
MATCH (s:ArtigraphNode {{node_id: $span}}) USING INDEX SEEK s:ArtigraphNode(node_id)
MATCH (s)<-[:PARENT_OF*1..]-(d:Span)
WITH DISTINCT d
{_SPAN_CHUNKS}
"""

STREAM_SPANS = """
MATCH (d:Span) USING INDEX SEEK d:Span(root_id, node_id)
WHERE d.root_id = $root AND d.node_id > ''
RETURN [elementId(d), labels(d),
  d{.*, opened_at: toString(d.opened_at), closed_at: toString(d.closed_at)}]
"""


def codec(model: type = BenchPair) -> str:
    """How the two fields are read back."""
    name = f"{model.__module__}:{model.__qualname__}"
    return f'{{"class":"{name}","fields":{{"step":"int","loss":"float"}}}}'


def _key(span: str, label: str) -> str:
    return hashlib.sha256(f"{len(span)}:{span}{label}".encode()).hexdigest()


async def write_artifacts(
    driver: AsyncDriver, database: str | None, span: str, artifacts: dict[str, BenchPair]
) -> list[str]:
    """All artifacts of a span, by label; their ids."""
    at = datetime.now(UTC).isoformat()
    rows = [
        [str(uuid7()), label, _key(span, label), pair.step, pair.loss]
        for label, pair in artifacts.items()
    ]
    async with driver.session(database=database) as session:
        for part in _parts(rows):
            await _run(session, ARTIFACTS, span=span, at=at, codec=codec(), rows=part)
    return [row[0] for row in rows]


async def write_spans(
    driver: AsyncDriver, database: str | None, parent: str, labels: Sequence[str]
) -> list[str]:
    """Spans below another, opened and closed already; their ids."""
    rows = [[str(uuid7()), label, *_times()] for label in labels]
    async with driver.session(database=database) as session:
        for part in _parts(rows):
            await _run(session, SPANS, parent=parent, rows=part)
    return [row[0] for row in rows]


async def write_spans_with_artifact(
    driver: AsyncDriver, database: str | None, parent: str, pairs: Sequence[BenchPair]
) -> list[str]:
    """Spans below another with an artifact each; the ids of the spans."""
    rows = []
    for pair in pairs:
        span = str(uuid7())
        key = _key(span, "pair")
        rows.append([span, "work", *_times(), str(uuid7()), "pair", key, pair.step, pair.loss])
    async with driver.session(database=database) as session:
        for part in _parts(rows):
            await _run(session, SPANS_WITH_ARTIFACT, parent=parent, codec=codec(), rows=part)
    return [row[0] for row in rows]


async def span_with_artifact(
    driver: AsyncDriver, database: str | None, parent: str, writer: str, pair: BenchPair
) -> str:
    """One span with one artifact, awaited one by one: three ``execute_query``."""
    span = str(uuid7())
    opened = datetime.now(UTC)
    await driver.execute_query(
        OPEN, database_=database, parent=parent, id=span, label="work", writer=writer,
        at=opened.isoformat(),
    )  # fmt: skip
    row = [str(uuid7()), "pair", _key(span, "pair"), pair.step, pair.loss]
    at = datetime.now(UTC).isoformat()
    await driver.execute_query(
        ARTIFACTS, database_=database, span=span, at=at, codec=codec(), rows=[row]
    )
    closed = datetime.now(UTC)
    await driver.execute_query(
        CLOSE, database_=database, id=span, at=closed.isoformat(),
        seconds=(closed - opened).total_seconds(),
    )  # fmt: skip
    return span


async def read(
    driver: AsyncDriver, database: str | None, statement: str, **parameters: Any
) -> list[list[Any]]:
    """All rows of a statement that returns chunks of them."""
    async with driver.session(database=database) as session:
        result = await session.run(statement, parameters)  # type: ignore[arg-type]
        return [row async for (chunk,) in result for row in chunk]


def _times() -> tuple[str, str, float]:
    opened = datetime.now(UTC)
    closed = datetime.now(UTC)
    return opened.isoformat(), closed.isoformat(), (closed - opened).total_seconds()


def _parts(rows: list[list[Any]]) -> Iterator[list[list[Any]]]:
    for at in range(0, len(rows), WRITE_ROWS):
        yield rows[at : at + WRITE_ROWS]


async def _run(session: AsyncSession, statement: str, **parameters: Any) -> None:
    result = await session.run(statement, parameters)  # type: ignore[arg-type]
    await result.consume()
