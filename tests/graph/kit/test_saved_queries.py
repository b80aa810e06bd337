"""Each query of the kit for Neo4j Browser: what it finds, and from which index it starts."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from neo4j import AsyncGraphDatabase

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Span,
    add_tags,
    artifact_field,
    cached,
    create_span_artifact,
    get_engine,
    read_span,
    read_span_artifact,
    revise_artifact,
    span_context,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import ArtigraphError
from artigraph_neo4j.local.kit import saved_queries, style_as_grass, write_kit
from artigraph_neo4j.storage.memory import MemoryStorage
from tests.graph import plans

pytestmark = pytest.mark.statements

STORAGE = MemoryStorage("tests-saved-queries").register()
GIVEN = {"id": "x", "tag": "x", "origin": "x", "source": "x"}
QUERIES = {query.name: query for query in saved_queries()}


@dataclass
class SavedTable(ArtifactModel, version=3):
    rows: str = artifact_field(storage=STORAGE)


@dataclass
class SavedScore(ArtifactModel, version=1):
    value: float


class Recorded:
    """A run: a table, a score made from it, a span that fails, a tag."""

    def __init__(self) -> None:
        self.tag = new_id()
        self.ids: dict[str, str] = {}


@pytest.fixture
async def run(engine: Engine) -> Recorded:
    made = Recorded()
    async with span_context(label="saved run") as top:
        content = new_id() * 10
        for label in ("table", "copy"):
            await create_span_artifact("current", label=label, data=SavedTable(content))
        with pytest.raises(ValueError, match="too little"):
            async with span_context(label="outer"):
                async with span_context(label="inner") as inner:
                    raise ValueError("too little data")
        async with span_context(label="fit") as fit:
            await read_span_artifact(top.node_id, label="table", model=SavedTable)
            score = await create_span_artifact("current", label="score", data=SavedScore(0.5))
        await add_tags(fit, made.tag)
        made.ids = {"top": top.node_id, "inner": inner.node_id, "fit": fit.node_id, "score": score}
    return made


async def rows(name: str, **parameters: Any) -> list[dict[str, Any]]:
    """What a query returns, by column."""
    columns = [c.rpartition(" AS ")[2].strip() for c in _returned(QUERIES[name].text)]
    found = await get_engine().read(QUERIES[name].text, parameters)
    return [dict(zip(columns, row, strict=True)) for row in found]


def _returned(text: str) -> list[str]:
    tail = text.rpartition("RETURN ")[2].split("ORDER BY")[0].split("LIMIT")[0]
    columns, depth = [""], 0
    for character in tail:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and not depth:
            columns.append("")
        else:
            columns[-1] += character
    return columns


def _nodes(found: list[dict[str, Any]]) -> set[str]:
    """The ids of all nodes in paths."""
    paths = [path for row in found for path in row.values() if path is not None]
    return {node["node_id"] for path in paths for node in path.nodes if "node_id" in node}


async def test_latest_runs(run: Recorded) -> None:
    found = await rows("Latest runs")
    assert len(found) <= 25
    (mine,) = [row for row in found if row["id"] == run.ids["top"]]
    assert (mine["run"], mine["status"], mine["error"]) == ("saved run", "OK", None)
    assert mine["seconds"] > 0


async def test_the_latest_run_as_a_tree(run: Recorded) -> None:
    found = await rows("The latest run, as a tree")
    assert set(run.ids.values()) <= _nodes(found)
    assert len(_nodes(found)) == 4 + 3


async def test_one_span_as_a_tree(run: Recorded) -> None:
    assert _nodes(await rows("One span, as a tree", id=run.ids["fit"])) == {
        run.ids["fit"],
        run.ids["score"],
    }
    assert set(run.ids.values()) <= _nodes(await rows("One span, as a tree", id=run.ids["top"]))


async def test_what_failed_and_why(run: Recorded) -> None:
    found = await rows("What failed, and why")
    (mine,) = [row for row in found if row["run"] == "saved run" and row["id"] == run.ids["inner"]]
    assert (mine["span"], mine["type"], mine["error"]) == ("inner", "ValueError", "too little data")
    assert all(row["span"] != "outer" for row in found if row["run"] == "saved run")


async def test_everything_under_an_artifacts_span(run: Recorded, query: Any) -> None:
    found = await rows("Everything under an artifact's span", id=run.ids["score"])
    assert _nodes(found) == {run.ids["fit"], run.ids["score"]}
    ((table,),) = await query(
        "MATCH (:ArtigraphNode {node_id: $id})-[:HAS_ARTIFACT {label: 'table'}]->(a) "
        "RETURN a.node_id",
        id=run.ids["top"],
    )
    found = await rows("Everything under an artifact's span", id=table)
    assert {*run.ids.values(), table} <= _nodes(found)
    blobs = {n["blob_id"] for r in found if r["made"] for n in r["made"].nodes if "blob_id" in n}
    assert len(blobs) == 2


async def test_what_an_artifact_fed(run: Recorded, query: Any) -> None:
    ((table,),) = await query(
        "MATCH (:ArtigraphNode {node_id: $id})-[:HAS_ARTIFACT {label: 'table'}]->(a) "
        "RETURN a.node_id",
        id=run.ids["top"],
    )
    found = await rows("What an artifact fed", id=table)
    assert {row["node"]["node_id"] for row in found} == {table, run.ids["fit"], run.ids["score"]}
    assert sorted(r["link"].type for r in found if r["link"] is not None) == ["MADE_BY", "USED"]


async def test_what_an_artifact_came_from(run: Recorded) -> None:
    found = await rows("What an artifact came from", id=run.ids["score"])
    kinds = [row["link"].type for row in found if row["link"] is not None]
    assert sorted(kinds) == ["MADE_BY", "MADE_BY", "USED"]
    ids = {row["node"]["node_id"] for row in found}
    assert {run.ids["score"], run.ids["fit"], run.ids["top"]} <= ids
    assert len(ids) == 4


async def test_how_an_artifact_came_from_another(run: Recorded, query: Any) -> None:
    ((table,),) = await query(
        "MATCH (:ArtigraphNode {node_id: $id})-[:HAS_ARTIFACT {label: 'table'}]->(a) "
        "RETURN a.node_id",
        id=run.ids["top"],
    )
    name = "How an artifact came from another"
    ((way,),) = [list(row.values()) for row in await rows(name, id=run.ids["score"], origin=table)]
    assert [node["node_id"] for node in way.nodes] == [run.ids["score"], run.ids["fit"], table]
    assert await rows(name, id=table, origin=run.ids["score"]) == []


async def test_newer_versions_of_what_an_artifact_came_from(run: Recorded, query: Any) -> None:
    name = "Newer versions of what an artifact came from"
    assert await rows(name, id=run.ids["score"]) == []
    ((table,),) = await query(
        "MATCH (:ArtigraphNode {node_id: $id})-[:HAS_ARTIFACT {label: 'table'}]->(a) "
        "RETURN a.node_id",
        id=run.ids["top"],
    )
    newer = await revise_artifact(table, SavedTable("corrected"))
    found = await rows(name, id=run.ids["score"])
    # Not the span that made the table: it does not come from it.
    assert {row["node"]["node_id"] for row in found} == {run.ids["score"], run.ids["fit"], table}
    assert [r["version"]["node_id"] for r in found if r["version"] is not None] == [newer]
    assert sorted(r["link"].type for r in found if r["link"] is not None) == ["MADE_BY", "USED"]
    # A newer version of the artifact itself is a revision, and nothing above it is old.
    await revise_artifact(run.ids["score"], SavedScore(0.6))
    assert await rows(name, id=newer) == []


async def test_what_with_a_tag_came_from_what_with_another(run: Recorded, query: Any) -> None:
    ((table,),) = await query(
        "MATCH (:ArtigraphNode {node_id: $id})-[:HAS_ARTIFACT {label: 'table'}]->(a) "
        "RETURN a.node_id",
        id=run.ids["top"],
    )
    tag, source = new_id(), new_id()
    await add_tags(run.ids["score"], tag)
    name = "What with a tag came from what with another"
    assert await rows(name, tag=tag, source=source) == []
    await add_tags(table, source)
    ((way,),) = [list(row.values()) for row in await rows(name, tag=tag, source=source)]
    assert [node["node_id"] for node in way.nodes] == [run.ids["score"], run.ids["fit"], table]


async def test_calls_that_were_remembered() -> None:
    calls: list[int] = []

    @cached(version=new_id())
    async def make(n: int) -> SavedScore:
        calls.append(n)
        return SavedScore(n)

    for n in (1, 2, 1):
        await make(n)
    found = await rows("Calls that were remembered")
    (mine,) = [row for row in found if row["function"].endswith("remembered.<locals>.make")]
    assert (len(calls), mine["ran"] >= 2, mine["from_the_cache"] >= 1) == (2, True, True)


async def test_models_by_version(run: Recorded) -> None:
    found = await rows("Models by version")
    (mine,) = [row for row in found if row["model"] == "SavedTable"]
    assert (mine["version"], mine["artifacts"] >= 2) == (3, True)


async def test_largest_and_shared_stored_values(run: Recorded) -> None:
    async with span_context(label="large"):
        for _ in range(3):
            await create_span_artifact("current", data=SavedTable("x" * 5_000_000))
    (largest, *_) = found = await rows("Largest and shared stored values")
    assert len(found) <= 25
    assert [row["bytes"] for row in found] == sorted((r["bytes"] for r in found), reverse=True)
    mine = next(row for row in found if row["fields"] == ["SavedTable.rows"])
    assert mine["references"] >= 3
    assert mine["saved"] == (mine["references"] - 1) * mine["bytes"]
    assert largest["bytes"] >= mine["bytes"]


async def test_open_and_lost_spans(run: Recorded) -> None:
    async with span_context(Span(label="still open")) as span:
        found = await rows("Open spans, and lost ones")
        (mine,) = [row for row in found if row["id"] == span.node_id]
        assert (mine["span"], mine["process_ended"]) == ("still open", False)
        assert mine["silent_for"] < 300
        assert mine["pid"]
    assert all(row["id"] != span.node_id for row in await rows("Open spans, and lost ones"))
    assert (await read_span(span.node_id)).status == "OK"


async def test_what_has_a_tag(run: Recorded) -> None:
    (row,) = await rows("What has a tag", tag=run.tag)
    assert row["node"]["node_id"] == run.ids["fit"]
    assert row["tag"]["name"] == run.tag


async def test_queries_start_at_an_index_and_are_bounded(graph_service: Any) -> None:
    auth = (graph_service.username, graph_service.password)
    # What lists all of a kind reads an index from its start; blobs have none by size.
    scans = {"NodeIndexScan", "NodeByLabelScan"}
    async with (
        AsyncGraphDatabase.driver(graph_service.uri, auth=auth) as driver,
        driver.session(database=graph_service.database) as session,
    ):
        for name, query in QUERIES.items():
            assert "LIMIT" in query.text
            result = await session.run("EXPLAIN " + query.text, GIVEN)
            found = plans.operators((await result.consume()).plan)
            by_parameter = "$id" in query.text or "$tag" in query.text
            assert {f for f in found if "Scan" in f} <= (set() if by_parameter else scans), name
            if name != "Largest and shared stored values":
                assert "NodeByLabelScan" not in found, name
            if by_parameter:
                assert any("Seek" in operator for operator in found), name


def test_there_are_fifteen_in_files_that_both_apps_import(tmp_path: Path) -> None:
    kit = write_kit(tmp_path / "new", spans=["Trial", "a span"], models=["Zebra", "Ärger"])
    assert len(QUERIES) == 15
    with kit.csv.open(newline="", encoding="utf-8") as file:
        folder, *lines = csv.DictReader(file)
    assert list(folder) == ["name", "description", "query", "id", "parentId", "isFolder"]
    assert (folder["isFolder"], folder["parentId"]) == ("true", "")
    assert [line["name"] for line in lines] == list(QUERIES)
    assert len({line["id"] for line in (folder, *lines)}) == 16
    assert {line["parentId"] for line in lines} == {folder["id"]}
    assert all(line["description"] and len(line["name"]) < 500 for line in lines)
    with zipfile.ZipFile(io.BytesIO(kit.zip.read_bytes())) as archive:
        names = archive.namelist()
        first = archive.read(names[1]).decode()
    assert names == ["Artigraph/", *(f"Artigraph/{name}.cypher" for name in QUERIES)]
    assert first.splitlines()[0] == "// Latest runs"
    style = kit.style.read_text(encoding="utf-8")
    for label in ("Trial", "Zebra", "Ärger"):
        assert f"\nnode.{label} {{" in style
    assert "a span" not in style  # no selector of theirs can name it
    again = write_kit(tmp_path / "again", spans=["Trial", "a span"], models=["Zebra", "Ärger"])
    assert again.zip.read_bytes() == kit.zip.read_bytes()


def test_captions_are_one_property_each() -> None:
    captions = [line for line in style_as_grass().splitlines() if line.startswith("  caption")]
    assert len(captions) > 15
    for line in captions:
        value = line.removeprefix('  caption: "').removesuffix('";')
        assert value == "<type>" or (value[0], value[-1]) == ("{", "}")
        assert value.count("{") <= 1


def test_a_kit_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtigraphError, match="could not be written"):
        write_kit(tmp_path / "file")
