"""Export files that lie: refused before anything of them is written."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    NotFoundError,
    Span,
    artifact_field,
    create_span_artifact,
    delete_span,
    export_graph,
    get_engine,
    import_graph,
    read_descendant_artifacts,
    read_lineage,
    read_revisions,
    read_span,
    revise_artifact,
    span_context,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import ArchiveError, StorageError
from artigraph_neo4j.exchange.archive.totals import Totals
from artigraph_neo4j.storage.file import FileSystemStorage


@dataclass
class CheckedInner(ArtifactModel, version=1):
    x: int


@dataclass
class Checked(ArtifactModel, version=1):
    x: int
    inner: CheckedInner


Records = list[dict[str, Any]]


async def exported(path: Path) -> tuple[Span, Records]:
    """A tree that is in the file, and no longer in the graph."""
    async with span_context(label="top") as top:
        for number in range(3):
            await create_span_artifact(
                "current", label=f"a{number}", data=Checked(number, CheckedInner(number))
            )
        async with span_context(label="low"):
            await read_descendant_artifacts(top)
    await export_graph(top, path)
    await delete_span(top)
    return top, records_of(path)


def records_of(path: Path) -> Records:
    return [json.loads(line) for line in path.read_text().splitlines()]


def written(path: Path, records: Records, *, honest: bool) -> None:
    """Write records; ``honest`` ones have a last line that fits them."""
    if honest:
        totals = Totals()
        for record in records[:-1]:
            totals.add(record, json.dumps(record) + "\n")
        records = [*records[:-1], totals.last_line()]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def of(records: Records, kind: str) -> Records:
    return [record for record in records if record.get("kind") == kind]


def without(kind: str, number: int = 0) -> Callable[[Records], None]:
    return lambda records: records.remove(of(records, kind)[number])


def drop_nested(records: Records) -> None:
    of(records, "artifact")[1]["nodes"].pop()


def change(records: Records) -> None:
    of(records, "artifact")[0]["nodes"][0]["properties"]["x"] = 7


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (without("artifact", 1), "it should hold 3 artifacts, and holds 2"),
        (without("used"), "it should hold 3 used, and holds 2"),
        (without("span", 1), "it should hold 2 spans, and holds 1"),
        (drop_nested, "it should hold 8 nodes, and holds 7"),
        (change, "its text was changed since it was exported"),
    ],
)
async def test_a_file_is_what_its_last_line_says(
    tmp_path: Path, lie: Callable[[Records], None], said: str
) -> None:
    path = tmp_path / "lie.jsonl"
    top, records = await exported(path)
    lie(records)
    written(path, records, honest=False)
    with pytest.raises(ArchiveError, match=f"not what its last line says: {said}"):
        await import_graph(path)
    with pytest.raises(NotFoundError):
        await read_span(top.node_id)


async def test_an_old_last_line_is_no_escape(tmp_path: Path) -> None:
    path = tmp_path / "lie.jsonl"
    _, records = await exported(path)
    for missing in ("sha256", "nodes", "spans"):
        changed = [*records[:-1], {k: v for k, v in records[-1].items() if k != missing}]
        written(path, changed, honest=False)
        with pytest.raises(ArchiveError, match=f"'{missing}' is missing"):
            await import_graph(path)


def twice(records: Records) -> None:
    records.insert(-1, of(records, "artifact")[0])


def same_id(records: Records) -> None:
    low = of(records, "span")[1]["properties"]
    of(records, "artifact")[0]["nodes"][1]["properties"]["node_id"] = low["node_id"]


def below_another(records: Records) -> None:
    of(records, "span")[1]["parent"] = new_id()


def too_deep(records: Records) -> None:
    of(records, "span")[1]["properties"]["depth"] = 7


def other_root(records: Records) -> None:
    of(records, "span")[1]["properties"]["root_id"] = new_id()


def other_header(records: Records) -> None:
    records[0]["span"] = records[0]["root"] = new_id()


def no_such_top(records: Records) -> None:
    records[0]["span"] = new_id()


def wrong_key(records: Records) -> None:
    row = of(records, "artifact")[0]["spans"][0]
    row[1] = "another label"


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (twice, "is in the file twice"),
        (same_id, "is in the file twice"),
        (below_another, "which is not in the file"),
        (too_deep, "has depth 7, below one of 0"),
        (other_root, "is of another tree than the header says"),
        (other_header, "is of another tree than the header says"),
        (no_such_top, "of the header is not in the file"),
        (wrong_key, "the key of the label 'another label' is not that of span"),
    ],
)
async def test_lines_fit_each_other(
    tmp_path: Path, lie: Callable[[Records], None], said: str
) -> None:
    path = tmp_path / "lie.jsonl"
    top, records = await exported(path)
    lie(records)
    written(path, records, honest=True)
    with pytest.raises(ArchiveError, match=f"line .*{said}.*; nothing was imported"):
        await import_graph(path)
    with pytest.raises(NotFoundError):
        await read_span(top.node_id)


async def test_an_honest_file_that_was_written_anew_is_imported(tmp_path: Path) -> None:
    """Else the tests above would prove nothing."""
    path = tmp_path / "again.jsonl"
    top, records = await exported(path)
    written(path, records, honest=True)
    report = await import_graph(path)
    assert (report.spans, report.artifacts, report.nested, report.new) == (2, 3, 3, 8)
    zipped = tmp_path / "again.jsonl.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert (await import_graph(zipped)).new == 0
    await delete_span(top)


async def test_an_id_is_not_that_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "lie.jsonl"
    top, _ = await exported(path)
    await import_graph(path)
    before = path.read_text()
    async with span_context(label="mine") as mine:
        artifact = await create_span_artifact("current", label="x", data=CheckedInner(1))
    low = of([json.loads(line) for line in before.splitlines()], "span")[1]
    for theirs, ours in (
        (low["properties"]["node_id"], artifact),
        (of_artifact(before), mine.node_id),
        (of_artifact(before), artifact),  # recorded at another time
    ):
        records = [json.loads(line) for line in before.replace(theirs, ours).splitlines()]
        for record in of(records, "artifact"):
            for row in record["spans"]:
                row[2] = None
        written(path, records, honest=True)
        with pytest.raises(ArchiveError, match=f"the graph has something else under the id {ours}"):
            await import_graph(path)
    links = "MATCH (:ArtigraphNode {node_id: $id})-[r]-() RETURN type(r) ORDER BY type(r)"
    assert await get_engine().read(links, {"id": artifact}) == [["HAS_ARTIFACT"], ["MADE_BY"]]
    await delete_span(mine)
    await delete_span(top)


def of_artifact(text: str) -> str:
    records = [json.loads(line) for line in text.splitlines()]
    node_id: str = of(records, "artifact")[0]["nodes"][0]["properties"]["node_id"]
    return node_id


async def test_links_of_others_come_back(tmp_path: Path) -> None:
    """A run that others used, or revised, was deleted and is imported again."""
    path = tmp_path / "prepared.jsonl"
    async with span_context(label="prepare") as prepare:
        rows = await create_span_artifact("current", label=None, data=CheckedInner(1))
    async with span_context(label="train") as train:
        await CheckedInner.read(rows)
        mean = await create_span_artifact("current", label="mean", data=CheckedInner(2))
    newest = await revise_artifact(rows, CheckedInner(3))
    lineage = await read_lineage(mean, "up")
    assert [step.label for step in lineage.steps] == ["train", None, "prepare"]
    await export_graph(prepare, path)
    await delete_span(prepare)
    assert [step.label for step in (await read_lineage(mean, "up")).steps] == ["train"]
    report = await import_graph(path)
    assert report.left_out == 0
    assert await read_lineage(mean, "up") == lineage
    assert [a.node_id for a in await read_revisions(rows)] == [newest, rows]
    assert (await import_graph(path)).new == 0
    await delete_span(train)
    await delete_span(prepare)
    assert (await import_graph(path)).left_out == 1  # that "train" used it
    await delete_span(prepare)


async def test_a_newer_version_elsewhere_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    async with span_context(label="old") as old:
        first = await create_span_artifact("current", label=None, data=CheckedInner(1))
    newest = await revise_artifact(first, CheckedInner(2))
    move = (
        "MATCH (:Span {node_id: $old})-[h:HAS_ARTIFACT]->(a {node_id: $id}) "
        "MATCH (s:Span {node_id: $new}) DELETE h CREATE (s)-[:HAS_ARTIFACT]->(a) RETURN 1"
    )
    async with span_context(label="new") as new:
        pass
    parameters = {"old": old.node_id, "id": newest, "new": new.node_id}
    assert await get_engine().write(move, parameters)
    await export_graph(old, path)
    await delete_span(old)
    assert len(await read_revisions(newest)) == 1
    assert (await import_graph(path)).left_out == 0
    assert [a.node_id for a in await read_revisions(newest)] == [newest, first]
    await delete_span(old)
    await delete_span(new)


async def test_artifacts_that_cannot_be_read_are_exported(tmp_path: Path) -> None:
    """They are copied as they are; a table has a row for each."""
    import pandas as pd

    storage = FileSystemStorage(tmp_path / "gone")

    @dataclass
    class CheckedStored(ArtifactModel, version=1):
        text: str = artifact_field(storage=storage)

    async with span_context(label="broken") as top:
        whole = await create_span_artifact("current", label="whole", data=CheckedInner(1))
        junk = await create_span_artifact("current", label="junk", data=CheckedInner(2))
        await create_span_artifact("current", label="gone", data=CheckedStored("much " * 100))
    for file in (tmp_path / "gone").rglob("*-*"):
        if file.is_file():
            file.unlink()
    await get_engine().write(
        "MATCH (a:ArtigraphNode {node_id: $id}) SET a.codec = 'no [json' RETURN 1", {"id": junk}
    )
    path = tmp_path / "broken.jsonl"
    assert (await export_graph(top, path)).artifacts == 3
    await export_graph(top, tmp_path / "tables", format="parquet")
    tables = pd.read_parquet(tmp_path / "tables" / "artifacts.parquet")
    assert len(tables) == 3
    await delete_span(top)
    assert (await import_graph(path)).artifacts == 3
    assert await CheckedInner.read(whole) == CheckedInner(1)
    await delete_span(top)


async def test_a_file_opens_no_storage_of_its_choosing(tmp_path: Path) -> None:
    """Stored values of a file go where the program says, never where the file does."""
    here = FileSystemStorage(tmp_path / "here")

    @dataclass
    class CheckedPlaced(ArtifactModel, version=1):
        text: str = artifact_field(storage=here)

    path = tmp_path / "placed.jsonl"
    async with span_context(label="placed") as top:
        await create_span_artifact("current", label="x", data=CheckedPlaced("much " * 100))
    await export_graph(top, path, blobs=True)
    await delete_span(top)
    records = records_of(path)
    chosen = tmp_path / "chosen by the file"
    for record in of(records, "artifact"):
        for blob in record["nodes"][0]["blobs"]:
            blob["storage"] = f"file:{chosen}"
    written(path, records, honest=True)
    with pytest.raises(StorageError, match="named neither by this program nor by its environment"):
        await import_graph(path)
    assert not chosen.exists()
    assert (await import_graph(path, storage=here)).uploaded == 1
    await delete_span(top)
