"""Tables of the whole graph: each node once, and the same origins as the graph tells."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from artigraph_neo4j import (
    ArtifactModel,
    create_span_artifact,
    delete_span,
    export_graph,
    export_tables,
    get_engine,
    link_artifact,
    read_lineage,
    revise_artifact,
    span_context,
)
from artigraph_neo4j.exchange.archive import tables
from artigraph_neo4j.graph.cypher.empty import EMPTY, EMPTY_AT_ONCE

USE = """
UNWIND $ids AS id
MATCH (s:ArtigraphNode {node_id: $span})
MATCH (a:ArtigraphNode {node_id: id})
CREATE (s)-[:USED {at: datetime()}]->(a)
"""

LATER = "MADE_BY", "USED"


@dataclass
class TableInner(ArtifactModel, version=1):
    value: Any


@dataclass
class TableRow(ArtifactModel, version=1):
    number: float
    many: list[int]
    inner: TableInner | None = None


@pytest.fixture
async def made() -> tuple[list[str], list[str]]:
    """The ids of runs and of artifacts, each derived from some before it; nothing else is there."""
    while (await get_engine().write(EMPTY, {"limit": EMPTY_AT_ONCE})) != [[0]]:
        pass
    chance = random.Random(3)
    ids: list[str] = []
    runs: list[str] = []
    for number in range(12):
        async with span_context(label=f"run {number}") as run:
            runs.append(run.node_id)
            for _ in range(3):
                async with span_context(label="step") as step:
                    used = chance.sample(ids, min(len(ids), chance.randrange(3)))
                    await get_engine().write(USE, {"span": step.node_id, "ids": used})
                    row = TableRow(number / 3, [number], TableInner(number))
                    ids.append(await create_span_artifact("current", label="row", data=row))
    return runs, ids


def frames(directory: Path) -> dict[str, pl.DataFrame]:
    return {
        name: pl.read_parquet(directory / name / "day=*" / "*.parquet", hive_partitioning=True)
        for name in ("spans", "artifacts", "relationships")
    }


def origins(links: pl.DataFrame, start: str) -> set[str]:
    """All that an artifact came from, hop by hop."""
    hops = links.filter(pl.col("type").is_in(LATER)).select("from_id", "to_id")
    seen = new = pl.DataFrame({"id": [start]})
    while len(new):
        new = hops.join(new, left_on="from_id", right_on="id", how="semi").select(id="to_id")
        new = new.unique().join(seen, on="id", how="anti")
        seen = pl.concat([seen, new])
    return set(seen["id"]) - {start}


DOCUMENT = Path(__file__).parents[3] / "docs" / "cli.md"


def asked(number: int, tables_in: Path) -> str:
    """A question of the page about tables, for the tables of a directory."""
    text = DOCUMENT.read_text().split("```sql\n")[number + 1].split("```")[0]
    return text.replace("'tables/", f"'{tables_in}/")


async def told_by_graph(node_id: str) -> set[str]:
    return {step.node_id for step in (await read_lineage(node_id, "up")).steps}


@pytest.mark.long
async def test_polars_tells_the_origins_that_the_graph_tells(made: Any, tmp_path: Path) -> None:
    _, ids = made
    await export_tables(tmp_path)
    links = frames(tmp_path)["relationships"]
    for node_id in ids:
        assert origins(links, node_id) == await told_by_graph(node_id)


async def test_duckdb_tells_the_origins_that_the_graph_tells(made: Any, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    _, ids = made
    await export_tables(tmp_path)
    question, average = asked(0, tmp_path), asked(1, tmp_path)
    with duckdb.connect() as db:
        for node_id in ids:
            found = {row[0] for row in db.execute(question, {"start": node_id}).fetchall()}
            assert found == await told_by_graph(node_id)
        rows = average.replace("Column", "TableRow").replace("rows", "number")
        ((_, count, mean),) = db.execute(rows).fetchall()
        assert (count, mean) == (36, pytest.approx(11 / 6))


@pytest.mark.statements
async def test_each_node_and_relationship_is_there_once(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, ids = made
    await link_artifact(runs[-1], ids[0], label="shared")
    newer = await revise_artifact(ids[1], TableRow(0.5, [9]))
    for name, size in (("SPANS", 7), ("IDS", 5), ("KINDS", 4)):
        monkeypatch.setattr(tables, name, size)
    report = await export_tables(tmp_path)
    found = frames(tmp_path)
    assert (report.spans, report.artifacts, report.nested) == (48, 37, 36)
    assert len(found["spans"]) == found["spans"]["node_id"].n_unique() == 48
    assert len(found["artifacts"]) == found["artifacts"]["node_id"].n_unique() == 73
    stored = await get_engine().read(
        "MATCH (a:ArtigraphNode)-[r:HAS_ARTIFACT|MADE_BY|USED|SUPERSEDES]->(b:ArtigraphNode) "
        "RETURN a.node_id, type(r), b.node_id", {},
    )  # fmt: skip
    links = found["relationships"].select("from_id", "type", "to_id").rows()
    assert sorted(links) == sorted(map(tuple, stored))
    assert (newer, "SUPERSEDES", ids[1]) in links
    (model,) = (tmp_path / "models" / "TableRow").glob("day=*/part.parquet")
    types = {field.name: field.type for field in pq.read_schema(model)}
    assert (types["number"], types["many"]) == (pa.float64(), pa.list_(pa.int64()))


async def test_partitions_are_kept_up_to_date(made: Any, tmp_path: Path) -> None:
    runs, _ = made
    old = "MATCH (s:Span {root_id: $run}) SET s.opened_at = s.opened_at - duration('P3D')"
    await get_engine().write(old, {"run": runs[0]})
    await export_tables(tmp_path)
    days = sorted(path.name for path in (tmp_path / "spans").iterdir())
    assert len(days) == 2
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "spans" / days[0]).iterdir()}
    for run in runs[1:]:
        await delete_span(run)
    report = await export_tables(tmp_path, since=datetime.now(UTC) - timedelta(days=1))
    assert report.spans == 0
    assert frames(tmp_path)["spans"]["root_id"].unique().to_list() == [runs[0]]
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "spans" / days[0]).iterdir()} == before
    assert (await export_tables(tmp_path, before=datetime.now(UTC))).spans == 4
    assert (await export_tables(tmp_path / "none", label="no such")).spans == 0
    assert (await export_tables(tmp_path / "some", label="run 0")).artifacts == 3


async def test_tables_of_one_run_have_relationships_too(made: Any, tmp_path: Path) -> None:
    runs, _ = made
    report = await export_graph(runs[0], tmp_path, format="parquet")
    links = pl.read_parquet(tmp_path / "relationships.parquet")
    counts = dict(links["type"].value_counts().iter_rows())
    assert counts["HAS_ARTIFACT"] == counts["MADE_BY"] == report.artifacts == 3
    assert counts.get("USED", 0) == report.used
