"""All below a span out to a file and in again: nothing lost, nothing changed, nothing twice."""

from __future__ import annotations

import gzip
import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    NotFoundError,
    Span,
    add_tags,
    artifact_field,
    create_span_artifact,
    delete_span,
    export_graph,
    get_engine,
    import_graph,
    link_artifact,
    read_annotations,
    read_child_artifacts,
    read_child_spans,
    read_lineage,
    read_revisions,
    read_span,
    revise_artifact,
    span_context,
    write_note,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import ArchiveError, IntegrityError, StorageError
from artigraph_neo4j.exchange.archive import exporting, importing, reading
from artigraph_neo4j.recording import objects
from artigraph_neo4j.storage.file import FileSystemStorage
from artigraph_neo4j.storage.memory import MemoryStorage
from tests.graph.exchange.test_archive_checks import written


@dataclass
class PortableLeaf(ArtifactModel, version=1):
    value: Any


@dataclass
class PortableWhole(ArtifactModel, version=1):
    value: Any
    leaf: PortableLeaf | None = None
    leaves: list[PortableLeaf] | None = None


class PortableSpan(Span):
    """Has properties of every type that Neo4j knows, by Cypher."""


@pytest.fixture
def stored(tmp_path: Path) -> Any:
    storage = FileSystemStorage(tmp_path / "here")

    @dataclass
    class PortableStored(ArtifactModel, version=1):
        text: str = artifact_field(storage=storage)

    return PortableStored


async def a_run(stored: Any) -> tuple[Span, Span, str, str]:
    """A span with one below it that failed, revisions, uses, a shared artifact, tags and notes."""
    async with span_context(label="top") as top:
        first = await create_span_artifact(
            "current", label="one",
            data=PortableWhole(
                [1.5], PortableLeaf(float("nan")), [PortableLeaf(1), PortableLeaf("x")]
            ),
        )  # fmt: skip
        second = await revise_artifact(first, PortableWhole("new"))
        kept = await create_span_artifact("current", label="kept", data=stored("much " * 100))
        with pytest.raises(ValueError, match="no good"):
            async with span_context(PortableSpan(label="low")) as low:
                await PortableWhole.read(second)
                await create_span_artifact("current", label=None, data=stored("much " * 100))
                await link_artifact("current", kept, label="shared")
                raise ValueError("no good")
    await add_tags(low, "good", "bad")
    await write_note(second, "look\nhere  ")
    return top, low, second, kept


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def without_places(path: Path) -> list[Any]:
    """All but the header and where blobs are, which another graph has elsewhere."""
    found = lines(path)[1:-1]
    for record in found:
        for node in record.get("nodes", ()):
            for blob in node["blobs"]:
                del blob["location"]
    return found


async def test_the_last_reading_of_a_torn_artifact_counts(
    tmp_path: Path, query: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was slept for, too: what became whole in the last pause was thought torn."""
    async with span_context(label="torn") as top:
        node_id = await create_span_artifact("current", label="one", data=PortableLeaf(1))
    set_seal = "MATCH (a:ArtigraphNode {node_id: $id}) SET a.seal_ = $seal RETURN 1"
    await get_engine().write(set_seal, {"id": node_id, "seal": "of something else"})
    pauses: list[float] = []

    async def becomes_whole(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            await get_engine().write(set_seal, {"id": node_id, "seal": None})

    monkeypatch.setattr(objects, "TORN_PAUSES", (0.0, 0.01))
    monkeypatch.setattr(objects.asyncio, "sleep", becomes_whole)
    report = await export_graph(top, tmp_path / "torn.jsonl")
    assert (report.artifacts, len(pauses)) == (1, 2)
    await get_engine().write(set_seal, {"id": node_id, "seal": "of something else"})
    with pytest.raises(ArchiveError, match=f"artifact {node_id}.*seal.*nothing was exported"):
        await export_graph(top, tmp_path / "torn.jsonl")
    await delete_span(top)


async def test_out_and_in_again(stored: Any, tmp_path: Path) -> None:
    top, low, second, _ = await a_run(stored)
    path, again = tmp_path / "run.jsonl", tmp_path / "again.jsonl"
    report = await export_graph(top.node_id, path, blobs=True)
    assert (report.spans, report.artifacts, report.nested) == (2, 4, 3)
    assert (report.used, report.blobs, report.bytes, report.open) == (1, 2, 500, 0)
    header, *_, end = lines(path)
    assert (header["format"], header["span"], header["blobs"]) == (1, top.node_id, True)
    counts = {"spans": 2, "artifacts": 4, "nodes": 9, "blobs": 2, "used": 1}
    assert end == {"kind": "end", **counts, "sha256": end["sha256"]}
    assert (await import_graph(path)).new == 0

    await delete_span(top.node_id)
    done = await import_graph(path)
    assert (done.spans, done.artifacts, done.nested, done.new) == (2, 4, 3, 9)
    assert (done.uploaded, done.bytes, done.shared, done.left_out) == (1, 500, 0, 0)
    await export_graph(top.node_id, again)
    assert without_places(again) == without_places(path)
    twice = await import_graph(path)
    assert (twice.new, twice.uploaded) == (0, 0)
    await export_graph(top.node_id, again)
    assert without_places(again) == without_places(path)

    assert [s.node_id for s in await read_child_spans(top.node_id)] == [low.node_id]
    found = await read_span(low.node_id)
    assert isinstance(found, PortableSpan)
    assert (found.status, found.exception_message, found.writer_id) == ("ERROR", "no good", None)
    assert (found.opened_at, found.closed_at) == (low.opened_at, low.closed_at)
    assert [r.value for r in await read_revisions(second)] == ["new", [1.5]]
    newest, shared = await read_child_artifacts(top.node_id)
    assert (newest.value, shared.text) == ("new", "much " * 100)
    assert len(await read_child_artifacts(low.node_id)) == 2
    assert (await read_annotations(low.node_id)).tags == {"good", "bad"}
    assert (await read_annotations(second)).note == "look\nhere  "
    down = await read_lineage(second, "down")
    assert low.node_id in [step.node_id for step in down.spans]
    with pytest.raises(ValueError, match="already"):  # the label is taken, as it was
        await create_span_artifact(top.node_id, label="one", data=PortableLeaf(2))


async def test_one_batch_after_the_other(
    stored: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statements: list[Any]
) -> None:
    top, *_ = await a_run(stored)
    whole, parts = tmp_path / "whole.jsonl", tmp_path / "parts.jsonl.gz"
    statements.clear()
    await export_graph(top.node_id, whole)
    assert len(statements) == 5  # where it is, spans, ids of artifacts, artifacts, uses
    for name in ("SPANS", "NODES"):
        monkeypatch.setattr(reading, name, 1)
    monkeypatch.setattr(importing, "NODES", 1)
    told: list[Any] = []
    await export_graph(top.node_id, parts, progress=lambda report: told.append(report.spans))
    assert told[-1] == 2
    unzipped = tmp_path / "unzipped.jsonl"
    unzipped.write_bytes(gzip.decompress(parts.read_bytes()))
    assert sorted(map(str, lines(unzipped)[1:-1])) == sorted(map(str, lines(whole)[1:-1]))
    await delete_span(top.node_id)
    statements.clear()
    done = await import_graph(parts)
    assert (done.new, done.left_out, done.shared) == (9, 0, 2)
    await export_graph(top.node_id, unzipped)
    assert sorted(map(str, lines(unzipped)[1:-1])) == sorted(map(str, lines(whole)[1:-1]))


async def test_part_of_a_tree(tmp_path: Path, query: Any) -> None:
    async with span_context(label="root") as root:
        used = await create_span_artifact("current", label="used", data=PortableLeaf(1))
        async with span_context(label="part") as part:
            async with span_context(label="deep") as deep:
                await PortableLeaf.read(used)
    path, all_of_it = tmp_path / "part.jsonl", tmp_path / "all.jsonl"
    await export_graph(root.node_id, all_of_it)
    report = await export_graph(part.node_id, path)
    assert (report.spans, report.artifacts, report.used) == (2, 0, 1)

    async def places() -> list[Any]:
        found = [await read_span(part.node_id), await read_span(deep.node_id)]
        return [(s.root_id, s.depth) for s in found]

    await delete_span(part.node_id)  # it goes back below its parent
    assert (await import_graph(path)).left_out == 0
    assert await places() == [(root.node_id, 1), (root.node_id, 2)]
    assert await read_child_spans(root.node_id) == [part]

    await delete_span(root.node_id)  # without that it is a root
    assert (await import_graph(path)).left_out == 1
    assert await places() == [(part.node_id, 0), (part.node_id, 1)]
    await import_graph(all_of_it)  # and below it, once that is there
    assert await places() == [(root.node_id, 1), (root.node_id, 2)]
    assert await read_child_spans(root.node_id) == [part]
    assert (await import_graph(path)).left_out == 0
    assert await query(
        "MATCH (s:ArtigraphNode {node_id: $id})-[u:USED]->(a) RETURN a.node_id", id=deep.node_id
    ) == [[used]]


async def test_stored_values(stored: Any, tmp_path: Path) -> None:
    top, _, _, kept = await a_run(stored)
    path = tmp_path / "run.jsonl"
    await export_graph(top.node_id, path, blobs=True)
    await delete_span(top.node_id)
    there = FileSystemStorage(tmp_path / "there")
    done = await import_graph(path, storage=there)
    assert (done.uploaded, done.shared) == (1, 0)
    for file in (tmp_path / "here").rglob("*-*"):
        file.unlink() if file.is_file() else None
    assert (await stored.read(kept)).text == "much " * 100  # from there
    await delete_span(top.node_id)
    (blob,) = [p for p in (tmp_path / "run.jsonl.blobs").rglob("*") if p.is_file()]
    blob.write_bytes(b"else")
    with pytest.raises(IntegrityError, match="is not what was exported"):
        await import_graph(path)
    with pytest.raises(NotFoundError):
        await read_span(top.node_id)  # the first batch held all


@pytest.mark.parametrize("umask", [0o002, 0o027], ids=oct)
async def test_the_umask_says_who_may_read(stored: Any, tmp_path: Path, umask: int) -> None:
    top, *_ = await a_run(stored)
    path = tmp_path / "run.jsonl"
    before = os.umask(umask)
    try:
        await export_graph(top.node_id, path, blobs=True)
    finally:
        os.umask(before)
    (blob,) = [p for p in (tmp_path / "run.jsonl.blobs").rglob("*") if p.is_file()]
    for file in (path, blob):
        assert file.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.statements
async def test_a_storage_that_nobody_named(tmp_path: Path) -> None:
    """Its references are imported and counted; to read a value it has to be named."""

    others = MemoryStorage(new_id())

    @dataclass
    class PortableElsewhere(ArtifactModel, version=1):
        text: str = artifact_field(storage=others)

    async with span_context(label="top") as top:
        kept = await create_span_artifact("current", label="x", data=PortableElsewhere("much"))
    path, changed = tmp_path / "run.jsonl", tmp_path / "changed.jsonl"
    await export_graph(top.node_id, path)
    found = lines(path)
    ((blob,),) = [node["blobs"] for line in found[1:-1] for node in line.get("nodes", ())]
    blob["storage"] = f"file:{tmp_path / 'there'}"
    written(changed, found, honest=True)
    await delete_span(top.node_id)
    done = await import_graph(changed)
    assert (done.artifacts, done.shared, done.uploaded, done.left_out) == (1, 1, 0, 0)
    assert not (tmp_path / "there").exists()
    with pytest.raises(StorageError, match=r"named neither .* FileSystemStorage\(.*\.register"):
        await PortableElsewhere.read(kept)

    there = FileSystemStorage(tmp_path / "there")
    await there.put(others.blobs[blob["location"]], key=blob["location"])
    assert (await PortableElsewhere.read(kept)).text == "much"


async def test_broken_files(stored: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top, *_ = await a_run(stored)
    path, broken = tmp_path / "run.jsonl", tmp_path / "broken.jsonl"
    await export_graph(top.node_id, path)
    text = path.read_text().splitlines()
    await delete_span(top.node_id)
    monkeypatch.setattr(importing, "NODES", 1)

    async def error(*rows: str) -> str:
        broken.write_text("".join(f"{row}\n" for row in rows))
        with pytest.raises(ArchiveError) as caught:
            await import_graph(broken)
        return str(caught.value)

    assert "is empty" in await error()
    assert "line 1: not the header" in await error("{}")
    newer = json.dumps(json.loads(text[0]) | {"format": 9, "library": "7.0"})
    assert "format 9, written by artigraph-neo4j 7.0" in await error(newer)
    said = await error(*text[:2], text[2][:40])
    assert "line 3: not JSON" in said
    with pytest.raises(NotFoundError):  # all of it was looked at first
        await read_span(top.node_id)
    assert "ends early, after line 3" in await error(*text[:3])
    assert "there are lines after the last line" in await error(*text, text[-1])
    assert "line 2: a line of kind 'other'" in await error(text[0], '{"kind": "other"}')
    assert "line 2: not a JSON object" in await error(text[0], "[]")
    assert "NaN is not JSON" in await error(text[0], '{"kind": NaN}')
    span = json.loads(text[1])
    for change, expected in (
        ({"labels": ["ArtigraphNode", "Span", "Blob"]}, "labels that no Span has"),
        ({"labels": ["Span"]}, "labels that no Span has"),
        ({"labels": ["ArtigraphNode", "Span", "\0"]}, "a label that is empty"),
        ({"parent": 3}, "'parent' is not a text or null"),
        ({"tags": [["a"]]}, "'tags' is not a list of rows"),
        ({"properties": span["properties"] | {"x": {"$what": 1}}}, "is not a kind of property"),
        ({"properties": {"node_id": "a", "root_id": "b"}}, "'depth' is missing"),
    ):
        said = await error(text[0], json.dumps(span | change))
        assert "line 2: " in said
        assert expected in said
    with pytest.raises(ArchiveError, match="cannot be read after line 0"):
        await import_graph(tmp_path / "none.jsonl")
    broken.write_bytes(text[0].encode() + b"\n\xff\n")
    with pytest.raises(ArchiveError, match="not UTF-8"):
        await import_graph(broken)
    assert (await import_graph(path)).left_out == 0  # goes on from there
    await export_graph(top.node_id, broken)
    assert lines(broken)[1:] == lines(path)[1:]


async def test_what_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFoundError, match="nothing was exported"):
        await export_graph("no such span", tmp_path / "none")
    assert not (tmp_path / "none").exists()
    async with span_context(label="taken") as span:
        await create_span_artifact("current", label="a", data=PortableLeaf(1))
        report = await export_graph("current", tmp_path / "open.jsonl")
    assert report.open == 1
    await delete_span(span.node_id)
    path = tmp_path / "open.jsonl"
    await import_graph(path)
    (artifact,) = [r["nodes"][0]["properties"]["node_id"] for r in lines(path)[:-1] if "nodes" in r]
    path.write_text(path.read_text().replace(artifact, new_id()))
    written(path, lines(path), honest=True)
    with pytest.raises(ArchiveError, match="another artifact under a label"):
        await import_graph(path)
    with pytest.raises(ArchiveError, match="cannot be written"):
        await export_graph(span.node_id, path / "below a file")
    with pytest.raises(ValueError, match="'jsonl' or 'parquet'"):
        await export_graph(span.node_id, path, format="csv")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="hold no stored values"):
        await export_graph(span.node_id, path, format="parquet", blobs=True)
    monkeypatch.delitem(sys.modules, "artigraph_neo4j.exchange.archive.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ArchiveError, match="need pyarrow"):
        await export_graph(span.node_id, tmp_path / "tables", format="parquet")
    assert exporting.ExportReport(Path("x")).spans == 0


async def test_tables(stored: Any, tmp_path: Path) -> None:
    import pandas as pd
    import pyarrow.parquet as pq

    top, low, second, kept = await a_run(stored)
    when = datetime(2024, 1, 1, tzinfo=UTC)
    for value in (1, 2.5, None):
        await create_span_artifact(low.node_id, label=None, data=PortableLeaf(value))
    await create_span_artifact(
        top.node_id, label="typed", data=PortableWhole(timedelta(1), PortableLeaf(when))
    )
    report = await export_graph(top.node_id, tmp_path / "t", format="parquet")
    assert (report.spans, report.artifacts, report.nested) == (2, 8, 4)
    spans = pd.read_parquet(tmp_path / "t" / "spans.parquet").set_index("node_id")
    assert spans.loc[low.node_id, "parent_id"] == top.node_id
    assert spans.loc[low.node_id, ["class", "status", "exception_type"]].tolist() == [
        "PortableSpan", "ERROR", "ValueError"
    ]  # fmt: skip
    assert spans.loc[low.node_id, "opened_at"] == low.opened_at
    assert list(spans.loc[low.node_id, "tags"]) == ["bad", "good"]
    artifacts = pd.read_parquet(tmp_path / "t" / "artifacts.parquet").set_index("node_id")
    assert len(artifacts) == 12
    assert artifacts.loc[kept, ["label", "stored_bytes", "model"]].tolist() == [
        "kept", 500, "PortableStored"
    ]  # fmt: skip
    assert artifacts.loc[second, "supersedes"] in artifacts.index
    assert artifacts.loc[kept, "span_id"] == top.node_id
    whole = pq.read_table(tmp_path / "t" / "models" / "PortableWhole.parquet").to_pylist()
    assert {row["value"] for row in whole} >= {"new"}  # a column of several types is text
    assert (tmp_path / "t" / "models" / "PortableStored.parquet").exists()


async def test_a_column_has_the_type_of_its_values(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    @dataclass
    class PortableColumns(ArtifactModel, version=1):
        number: float
        day: date
        took: timedelta
        when: datetime
        many: list[float]
        data: bytes
        nothing: None = None
        node_id_: int = 1

    when = datetime(2024, 1, 1, tzinfo=UTC)
    async with span_context(label="columns") as span:
        for number in (1, 2.5):
            await create_span_artifact(
                "current", label=None,
                data=PortableColumns(
                    number, date(2024, 1, 1), timedelta(1), when, [1.0], b"x"
                ),
            )  # fmt: skip
    await export_graph(span.node_id, tmp_path, format="parquet")
    table = pq.read_table(tmp_path / "models" / "PortableColumns.parquet")
    types = {field.name: field.type for field in table.schema}
    assert types["number"] == pa.float64()
    assert types["day"] == pa.date32()
    assert types["took"] == pa.duration("us")
    assert types["when"] == pa.timestamp("us", tz="UTC")
    assert types["many"] == pa.list_(pa.float64())
    assert table["data"].to_pylist() == [b"x", b"x"]
    assert table["nothing"].null_count == 2
