"""The floor: what one writes by hand who knows Cypher and the driver, and needs only this.

It does the least that gives the same answers: no index but the one on ids, no checks, no retries,
no objects, nothing kept from being deleted meanwhile, no order; running a write twice is an error.
With ``OURS`` it writes the very labels, properties, constraints and relationships of the library
(``test_same_graph.py`` compares both graphs), and so pays for the library's indexes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pyarrow as pa
from neo4j import AsyncDriver, AsyncSession
from uuid_utils import uuid7

from tests.benchmarks.models import BenchPair

WRITE_ROWS = 5000
"""Rows in a statement."""


@dataclass(frozen=True)
class Rules:
    """The labels of what is written, which say which indexes and constraints have to be kept.

    Attributes:
        node: The label with the unique id.
        span: Further labels of spans.
        artifact: Further labels of artifacts.
        has: The type of the relationship from a span to its artifacts.
        keyed: Whether it has the key that makes labels unique within a span.
        words: A label by which full-text search knows of a node, now or later; or none.
    """

    node: str
    span: str
    artifact: str
    has: str
    keyed: bool = False
    words: str = ""

    @property
    def new_span(self) -> str:
        return f"{self.node}:{self.span}{self.words}"

    @property
    def new_artifact(self) -> str:
        return f"{self.node}:{self.artifact}:BenchPair{self.words}"

    def link(self, label: str, key: str) -> str:
        more = f", key: {key}" if self.keyed else ""
        return f"{self.has} {{label: {label}{more}}}"


LEAST = Rules("FloorNode", "FloorSpan", "FloorArtifact", "FLOOR_ARTIFACT")
"""A unique id, which every write seeks by; ``RULE`` is all that has to be created."""

OURS = Rules("ArtigraphNode", "Span", "Artifact", "HAS_ARTIFACT", keyed=True)
"""As the library does, except that full-text search never learns of a node."""

RULE = "CREATE CONSTRAINT floor_id IF NOT EXISTS FOR (n:FloorNode) REQUIRE n.node_id IS UNIQUE"


def artifacts(of: Rules) -> str:
    """Artifacts of one span."""
    return f"""
MATCH (s:{of.node} {{node_id: $span}}) USING INDEX SEEK s:{of.node}(node_id)
WITH s, datetime($at) AS at
UNWIND $rows AS r
CREATE (s)-[:{of.link("r[1]", "r[2]")}]->(:{of.new_artifact} {{
  node_id: r[0], artifact_label: r[1], label_: r[1], model: 'BenchPair', model_version: 1,
  codec: $codec, recorded_at: at, step: r[3], loss: r[4]}})-[:MADE_BY]->(s)
"""


def _spans(of: Rules) -> str:
    return f"""
MATCH (p:{of.node} {{node_id: $parent}}) USING INDEX SEEK p:{of.node}(node_id)
UNWIND $rows AS r
CREATE (p)-[:PARENT_OF]->(s:{of.new_span} {{
  node_id: r[0], label: r[1], label_: r[1], status: 'OK', opened_at: datetime(r[2]),
  closed_at: datetime(r[3]), duration_: r[4], root_id: p.root_id, depth: p.depth + 1}})"""


def spans(of: Rules) -> str:
    """Spans below one."""
    return f"{_spans(of)}\n"


def spans_with_artifact(of: Rules) -> str:
    """Spans below one, each with an artifact."""
    return f"""{_spans(of)}
  -[:{of.link("r[6]", "r[7]")}]->(:{of.new_artifact} {{
  node_id: r[5], artifact_label: r[6], label_: r[6], model: 'BenchPair', model_version: 1,
  codec: $codec, recorded_at: datetime(r[2]), step: r[8], loss: r[9]}})-[:MADE_BY]->(s)
"""


def opening(of: Rules) -> str:
    """One span that stays open."""
    return f"""
MATCH (p:{of.node} {{node_id: $parent}}) USING INDEX SEEK p:{of.node}(node_id)
CREATE (p)-[:PARENT_OF]->(:{of.new_span}:ArtigraphOpen {{
  node_id: $id, label: $label, label_: $label, status: 'UNSET', opened_at: datetime($at),
  root_id: p.root_id, depth: p.depth + 1, writer_id: $writer}})
"""


def closing(of: Rules) -> str:
    """The end of a span."""
    return f"""
MATCH (n:{of.node} {{node_id: $id}}) USING INDEX SEEK n:{of.node}(node_id)
SET n.status = 'OK', n.closed_at = datetime($at), n.duration_ = $seconds, n.writer_id = null
REMOVE n:ArtigraphOpen
"""


ROOT = """
CREATE (n:FloorNode:FloorSpan {node_id: $id, root_id: $id, depth: 0, opened_at: datetime()})
"""

COMMIT = """
MATCH (n:FloorNode {node_id: $id}) USING INDEX SEEK n:FloorNode(node_id)
SET n.at = $at
"""
"""The least that a commit can be about."""

READ_ARTIFACTS = """
MATCH (s:ArtigraphNode {node_id: $span}) USING INDEX SEEK s:ArtigraphNode(node_id)
MATCH (s)-[h:HAS_ARTIFACT]->(a:Artifact)
WITH collect([h.label, labels(a), a{.*, recorded_at: toString(a.recorded_at)}]) AS found
UNWIND range(0, size(found) - 1, 1000) AS i
RETURN found[i..i + 1000]
"""

READ_COLUMNS = """
MATCH (s:ArtigraphNode {node_id: $span}) USING INDEX SEEK s:ArtigraphNode(node_id)
MATCH (s)-[:HAS_ARTIFACT]->(a:BenchPair)
WITH s.node_id AS span, collect(a) AS found
UNWIND range(0, size(found) - 1, 1000) AS i
WITH span, found[i..i + 1000] AS part
RETURN [x IN part | x.node_id], [x IN part | x.artifact_label], [x IN part | span],
  [x IN part | x.model],
  [x IN part | x.recorded_at.epochSeconds * 1000000 + x.recorded_at.microsecond],
  [x IN part | x.step], [x IN part | x.loss]
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
    driver: AsyncDriver,
    database: str | None,
    span: str,
    artifacts_: dict[str, BenchPair],
    of: Rules = OURS,
) -> list[str]:
    """All artifacts of a span, by label; their ids."""
    at = datetime.now(UTC).isoformat()
    rows = [
        [str(uuid7()), label, _key(span, label) if of.keyed else None, pair.step, pair.loss]
        for label, pair in artifacts_.items()
    ]
    async with driver.session(database=database) as session:
        for part in _parts(rows):
            await _run(session, artifacts(of), span=span, at=at, codec=codec(), rows=part)
    return [row[0] for row in rows]


async def write_spans(
    driver: AsyncDriver,
    database: str | None,
    parent: str,
    labels: Sequence[str],
    of: Rules = OURS,
) -> list[str]:
    """Spans below another, opened and closed already; their ids."""
    rows = [[str(uuid7()), label, *_times()] for label in labels]
    async with driver.session(database=database) as session:
        for part in _parts(rows):
            await _run(session, spans(of), parent=parent, rows=part)
    return [row[0] for row in rows]


async def write_spans_with_artifact(
    driver: AsyncDriver,
    database: str | None,
    parent: str,
    pairs: Sequence[BenchPair],
    of: Rules = OURS,
) -> list[str]:
    """Spans below another with an artifact each; the ids of the spans."""
    rows = []
    for pair in pairs:
        span = str(uuid7())
        key = _key(span, "pair") if of.keyed else None
        rows.append([span, "work", *_times(), str(uuid7()), "pair", key, pair.step, pair.loss])
    async with driver.session(database=database) as session:
        for part in _parts(rows):
            await _run(session, spans_with_artifact(of), parent=parent, codec=codec(), rows=part)
    return [row[0] for row in rows]


async def span_with_artifact(
    driver: AsyncDriver,
    database: str | None,
    parent: str,
    writer: str,
    pair: BenchPair,
    of: Rules = OURS,
) -> str:
    """One span with one artifact, awaited one by one: three auto-commits, a round trip each."""
    span = str(uuid7())
    opened = datetime.now(UTC)
    async with driver.session(database=database) as session:
        await _run(
            session, opening(of), parent=parent, id=span, label="work", writer=writer,
            at=opened.isoformat(),
        )  # fmt: skip
        key = _key(span, "pair") if of.keyed else None
        row = [str(uuid7()), "pair", key, pair.step, pair.loss]
        at = datetime.now(UTC).isoformat()
        await _run(session, artifacts(of), span=span, at=at, codec=codec(), rows=[row])
        closed = datetime.now(UTC)
        await _run(
            session, closing(of), id=span, at=closed.isoformat(),
            seconds=(closed - opened).total_seconds(),
        )  # fmt: skip
    return span


async def three_commits(driver: AsyncDriver, database: str | None, node_id: str, at: int) -> None:
    """Three commits that change one property of one node."""
    async with driver.session(database=database) as session:
        for _ in range(3):
            await _run(session, COMMIT, id=node_id, at=at)


async def root(driver: AsyncDriver, database: str | None) -> str:
    """A new span for what is written with ``LEAST``; its id."""
    span = str(uuid7())
    async with driver.session(database=database) as session:
        await _run(session, ROOT, id=span)
    return span


async def read(
    driver: AsyncDriver, database: str | None, statement: str, **parameters: Any
) -> list[list[Any]]:
    """All rows of a statement that returns chunks of them."""
    async with driver.session(database=database) as session:
        result = await session.run(statement, parameters)  # type: ignore[arg-type]
        return [row async for (chunk,) in result for row in chunk]


async def read_columns(driver: AsyncDriver, database: str | None, span: str) -> pa.Table:
    """The artifacts of a span as an Arrow table."""
    async with driver.session(database=database) as session:
        result = await session.run(READ_COLUMNS, span=span)
        chunks = await result.values()
    columns = [list(chain.from_iterable(parts)) for parts in zip(*chunks, strict=True)]
    text, time = pa.string(), pa.timestamp("us", tz="UTC")
    types = [text, text, text, text, time, pa.int64(), pa.float64()]
    names = ["node_id", "label", "span_id", "model", "recorded_at", "step", "loss"]
    arrays = [pa.array(cells, of) for cells, of in zip(columns, types, strict=True)]
    return pa.table(dict(zip(names, arrays, strict=True)))


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
