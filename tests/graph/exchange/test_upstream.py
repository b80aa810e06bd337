"""Importing a database that Artigraph 0.0.5 made; ``tests/data/artigraph-0.0.5/make.py`` did."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Span,
    artifact_info,
    delete_span,
    read_child_artifacts,
    read_child_spans,
    read_descendant_spans,
    read_span,
    read_span_artifact,
    read_span_artifacts,
    sync,
)
from artigraph_neo4j.errors import BlobNotFoundError, NotFoundError, StorageError
from artigraph_neo4j.graph.attempts import Statement
from artigraph_neo4j.storage.file import FileSystemStorage
from artigraph_neo4j.upstream import (
    ArtifactMapping,
    ArtifactSequence,
    RawArtifact,
    import_artigraph,
    storage_name,
)

DATA = Path(__file__).parents[2] / "data" / "artigraph-0.0.5"
FRAME = pd.DataFrame({"x": [1, 2, 3], "y": ["a", "b", None]})
FILES = "artigraph-file-system-values"
CLOUD = "artigraph-s3-artifacts-old"


@dataclass
class OldScore(ArtifactModel, version=1):
    auc: float
    count: int
    name: str
    nothing: None
    rows: list[Any]
    table: dict[str, Any]


@dataclass
class OldTimes(ArtifactModel, version=3):
    naive: datetime
    aware: datetime
    took: timedelta
    data: bytes


@dataclass
class OldFrames(ArtifactModel, version=1):
    line: Any
    plane: Any
    frame: pd.DataFrame
    polars: pl.DataFrame
    arrow: pa.Table


@dataclass
class OldParquet(ArtifactModel, version=1):
    table: pa.Table


@dataclass
class OldInner(ArtifactModel, version=3):
    y: int

    @classmethod
    def migrate(cls, version: int, data: dict[str, Any]) -> OldInner:
        assert version == 2
        return cls(y=data["x"])


@dataclass
class OldNest(ArtifactModel, version=1):
    inner: OldInner
    by_name: dict[str, Any]
    in_order: list[OldInner]


@dataclass
class OldFiled(ArtifactModel, version=1):
    frame: pd.DataFrame
    text: str


@dataclass
class OldClouded(ArtifactModel, version=1):
    frame: pd.DataFrame


@dataclass
class OldPickled(ArtifactModel, version=1):
    value: Any
    x: int


@dataclass
class OldShouted(ArtifactModel, version=1):
    text: Any


@pytest.fixture
def database(tmp_path: Path) -> str:
    shutil.copy(DATA / "artigraph.db", tmp_path)
    return f"sqlite+aiosqlite:///{tmp_path / 'artigraph.db'}"


@pytest.fixture
def source() -> str:
    """All tests share a graph, and ids would be the same."""
    return uuid4().hex


@pytest.fixture
async def storages(s3_service: Any, engine: Engine) -> dict[str, Any]:
    cloud = s3_service.storage()
    for path in (DATA / "s3").iterdir():
        data, key = path.read_bytes(), f"old/{path.name}"
        # Where the engine does its I/O: clients belong to a loop.
        await engine.call(partial(cloud.put, data, key=key))
    return {FILES: FileSystemStorage(DATA / "files"), CLOUD: cloud}


@pytest.fixture
def roots(query: Any) -> Any:
    """The root spans that were imported since the fixture was made, first ones first."""

    async def read(source: str) -> list[Span]:
        from artigraph_neo4j.exchange.upstream.database import open_database
        from artigraph_neo4j.exchange.upstream.tree import grow

        tree = grow(open_database(str(DATA / "artigraph.db")).nodes(), source)
        return [await read_span(span.new_id) for span in tree.spans if span.depth == 0]

    return read


async def test_everything(
    database: str, source: str, storages: Any, roots: Any, query: Any, statements: list[Statement]
) -> None:
    seen: list[tuple[int, int]] = []
    await query("RETURN 1")
    statements.clear()
    report = await import_artigraph(
        database, source=source, storages=storages, progress=lambda *at: seen.append(at)
    )
    # What is there; spans; what is there; live blobs of what goes to storages; artifacts.
    assert len(statements) <= 6 + 3  # three let full-text search find them
    assert (report.spans, report.artifacts, report.known) == (5, 15, 0)
    assert seen[-1] == (20, 20)
    assert [(n.what, n.reason.split(",")[0].split(" reads")[0]) for n in report.as_bytes] == [
        ("OldPickled pickle, field value", "serializer 'lab-pickle' pickles"),
        ("OldShouted shout, field text", "serializer 'lab-shout' is none of Artigraph's; give "
         "serializers= a function"),
    ]  # fmt: skip
    assert [n.reason[-21:] for n in report.notes] == ["; it is now 'score#9'"]
    assert [n.what for n in report.skipped] == ["x"]
    study, store, killed = await roots(source)

    rows = {
        row["node_id"]: row
        for row in map(
            dict,
            _rows("SELECT * FROM artigraph_node WHERE node_type LIKE '%span' ORDER BY node_id"),
        )
    }
    first = rows[min(rows)]
    assert study.opened_at == datetime.fromisoformat(first["span_opened_at"]).replace(tzinfo=UTC)
    assert study.closed_at == datetime.fromisoformat(first["span_closed_at"]).replace(tzinfo=UTC)
    assert (study.status, study.label, study.extra["imported_id_"]) == ("UNSET", None, min(rows))
    assert killed.closed_at is None
    (trial,) = await read_child_spans(study.node_id)
    assert "trial_span" in trial.node_labels
    assert (trial.extra["trial_note"], trial.extra["trial_seed"]) == ("first", 7)
    (inner,) = await read_child_spans(trial.node_id)
    assert (inner.depth, inner.root_id) == (2, study.node_id)
    assert await read_descendant_spans(study.node_id) == [trial, inner]

    labeled = await read_span_artifacts(study.node_id)
    assert set(labeled) == {"score", "score#9", "raw"}
    quoted = "naïve “quoted”"
    assert labeled["score"] == OldScore(0.93, 2**70, quoted, None, [1, [2.5, "x"]], {"a": {"b": 1}})
    info = artifact_info(labeled["score"])
    assert info is not None
    assert (info.model, info.model_version, info.label) == ("OldScore", 1, "score")
    (created,) = _rows("SELECT node_created_at AS t FROM artigraph_node WHERE node_id = 2")
    assert info.recorded_at == datetime.fromisoformat(created["t"]).replace(tzinfo=UTC)
    assert labeled["score#9"] == OldInner(1)
    assert labeled["raw"] == RawArtifact({"__is_artifact_model__": True})
    assert OldInner(2) in await read_child_artifacts(study.node_id)

    assert await read_span_artifact(trial.node_id, label="times", model=OldTimes) == OldTimes(
        datetime(2023, 8, 4, 12, 30, 1, 5),
        datetime(2023, 8, 4, 12, 30, tzinfo=timezone(timedelta(hours=2))),
        timedelta(days=2, microseconds=3),
        b"\x00\xff",
    )
    nest = await read_span_artifact(trial.node_id, label="nest", model=OldNest)
    assert nest == OldNest(
        OldInner(3),
        {"a key": OldInner(4), "deep": {"z": OldInner(5)}},
        [OldInner(i) for i in range(11)],
    )
    frames = await read_span_artifact(inner.node_id, label="frames", model=OldFrames)
    assert frames.line.tolist() == [1.5, 2.5]
    assert (frames.plane == np.arange(6).reshape(2, 3)).all()
    pd.testing.assert_frame_equal(frames.frame, FRAME)
    assert frames.polars.equals(pl.DataFrame({"p": [1, 2]}))
    table = pa.table({"a": [1, None], "b": ["x", "y"]})
    assert frames.arrow.equals(table)
    assert (await read_span_artifact(inner.node_id, label="table", model=OldParquet)).table == table

    stored = await read_span_artifacts(store.node_id)
    pd.testing.assert_frame_equal(stored["filed"].frame, FRAME)
    assert stored["filed"].text == "on disk"
    pd.testing.assert_frame_equal(stored["cloud"].frame, FRAME)
    assert stored["pickle"].value.startswith(b"\x80")
    assert stored["pickle"].x == 5
    assert stored["shout"] == OldShouted(b"HELLO")
    assert stored["map"] == ArtifactMapping({"a": OldInner(6)})
    assert stored["seq"] == ArtifactSequence([1, "two"])


def _rows(text: str) -> Iterator[sqlite3.Row]:
    connection = sqlite3.connect(DATA / "artigraph.db")
    connection.row_factory = sqlite3.Row
    try:
        yield from connection.execute(text).fetchall()
    finally:
        connection.close()


def test_without_await(database: str, source: str, storages: Any) -> None:
    first = sync.import_artigraph(database, source=source, storages=storages)
    second = sync.import_artigraph(database, source=source, storages=storages, dry_run=True)
    assert second.known == first.spans + first.artifacts == 20


async def test_again_adds_nothing(
    database: str, source: str, storages: Any, query: Any, statements: list[Statement]
) -> None:
    first = await import_artigraph(database, source=source, storages=storages, batch=3)
    before = await query("MATCH (n) RETURN count(n), sum(COUNT { (n)--() })")
    statements.clear()
    second = await import_artigraph(database, source=source, storages=storages)
    assert len(statements) == 3  # which spans are there; their ends; which artifacts are there
    assert (second.spans, second.artifacts) == (0, 0)
    assert second.known == first.spans + first.artifacts == 20
    assert second.as_bytes == []
    assert await query("MATCH (n) RETURN count(n), sum(COUNT { (n)--() })") == before


async def test_a_dry_run_writes_nothing_and_says_the_same(
    database: str, source: str, storages: Any, statements: list[Statement]
) -> None:
    report = await import_artigraph(database, source=source, storages=storages, dry_run=True)
    assert {s.access for s in statements} == {"read"}
    assert (report.spans, report.artifacts, report.dry_run) == (5, 15, True)
    real = await import_artigraph(database, source=source, storages=storages)
    assert (real.nested, real.as_bytes, real.notes, real.skipped) == (
        report.nested, report.as_bytes, report.notes, report.skipped
    )  # fmt: skip


async def test_what_could_not_be_read_comes_later(
    database: str, source: str, storages: Any, roots: Any, tmp_path: Path
) -> None:
    empty = {FILES: FileSystemStorage(tmp_path / "empty")}
    report = await import_artigraph(database, source=source, storages=empty)
    reasons = {note.what: note.reason for note in report.skipped}
    assert report.artifacts == 13
    assert "there is no file" in reasons["OldFiled filed"]
    assert f"is in storage {CLOUD!r}; say where that is" in reasons["OldClouded cloud"]
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    ((location,),) = _rows(
        "SELECT remote_artifact_location FROM artigraph_node "
        f"WHERE remote_artifact_storage = '{CLOUD}'"
    )
    (damaged / "old").mkdir()
    (damaged / location).write_bytes(b"other")
    wrong = {CLOUD: FileSystemStorage(damaged)}
    report = await import_artigraph(database, source=source, storages=wrong)
    reasons = {note.what: note.reason for note in report.skipped}
    assert "are not those that were stored" in reasons["OldClouded cloud"]
    report = await import_artigraph(database, source=source, storages=storages)
    assert (report.artifacts, report.known) == (2, 18)
    assert {"filed", "cloud"} <= set(await read_span_artifacts((await roots(source))[1].node_id))


@pytest.mark.statements
async def test_pickles_and_serializers_of_others(
    database: str, source: str, storages: Any, roots: Any
) -> None:
    report = await import_artigraph(
        database,
        source=source,
        storages=storages,
        allow_pickle=True,
        serializers={"lab-shout": lambda data: data.decode().lower()},
    )
    assert report.as_bytes == []
    stored = await read_span_artifacts((await roots(source))[1].node_id)
    assert stored["pickle"] == OldPickled(1 + 2j, 5)
    assert stored["shout"] == OldShouted("hello")


async def test_a_value_that_cannot_be_read_stays_bytes(
    database: str, source: str, storages: Any, roots: Any
) -> None:
    def broken(data: bytes) -> Any:
        raise RuntimeError("no")

    own = {"lab-shout": broken, "lab-pickle": lambda data: object()}
    report = await import_artigraph(database, source=source, storages=storages, serializers=own)
    assert [note.reason.split(":")[0] for note in report.as_bytes] == [
        "its value would not come back as it is",
        "serializer 'lab-shout' cannot read its 5 bytes",
    ]
    stored = await read_span_artifacts((await roots(source))[1].node_id)
    assert stored["shout"] == OldShouted(b"HELLO")


async def test_spans_that_ended_since_and_labels_taken_since(
    database: str, source: str, storages: Any, roots: Any
) -> None:
    await import_artigraph(database, source=source, storages=storages)
    study, _, killed = await roots(source)
    path = database.removeprefix("sqlite+aiosqlite:///")
    at = killed.opened_at + timedelta(seconds=90)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE artigraph_node SET span_closed_at = ? WHERE node_id = ?",
            (at.replace(tzinfo=None).isoformat(" "), killed.extra["imported_id_"]),
        )
        connection.execute(
            "INSERT INTO artigraph_node (node_id, node_parent_id, node_type, node_created_at, "
            "node_updated_at, artifact_label, artifact_serializer, database_artifact_value) "
            "VALUES (1000, ?, 'database_artifact', '2024-01-01', '2024-01-01', 'new', "
            "'artigraph-string', 'text')",
            (study.extra["imported_id_"],),
        )
    connection.close()
    await RawArtifact("first").create("new", span=study.node_id)
    report = await import_artigraph(database, source=source, storages=storages)
    assert (report.spans, report.artifacts) == (0, 1)
    assert report.notes[-1].reason.endswith("it is now 'new#1000'")
    ended = await read_span(killed.node_id)
    assert ended.closed_at == at
    assert ended.duration == timedelta(seconds=90)
    new = await read_span_artifacts(study.node_id)
    assert (new["new"], new["new#1000"]) == (RawArtifact("first"), RawArtifact("text"))
    # What was deleted here comes back whole.
    await delete_span(study.node_id)
    report = await import_artigraph(database, source=source, storages=storages)
    assert report.spans == 3
    assert len(await read_descendant_spans(study.node_id)) == 2


async def test_another_name_for_a_model(database: str, source: str, roots: Any) -> None:
    type("TypeOfSpan", (Span,), {"__module__": __name__})
    with sqlite3.connect(database.removeprefix("sqlite+aiosqlite:///")) as connection:
        for old, new in ((b'"OldScore"', b'"Blob"'), (b'"OldTimes"', b'"TypeOfSpan"')):
            text = "SELECT node_id, database_artifact_value FROM artigraph_node"
            for node_id, value in connection.execute(text).fetchall():
                if value and old in value:
                    connection.execute(
                        "UPDATE artigraph_node SET database_artifact_value = ? WHERE node_id = ?",
                        (value.replace(old, new), node_id),
                    )
    connection.close()
    report = await import_artigraph(database, source=source)
    reasons = {note.what: note.reason for note in report.skipped}
    assert "is a label of this library" in reasons["Blob score"]
    assert "is the label of a span class already" in reasons["TypeOfSpan times"]
    names = {"Blob": "OldScore", "TypeOfSpan": "OldTimes"}
    report = await import_artigraph(database, source=source, names=names)
    assert report.artifacts == 2


async def test_no_such_database(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no file"):
        await import_artigraph(str(tmp_path / "none.db"))
    (tmp_path / "text.db").write_text("this is no database " * 100)
    with pytest.raises(StorageError, match="cannot be read as an SQLite database"):
        await import_artigraph(str(tmp_path / "text.db"))
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE x (y)")
    other.close()
    with pytest.raises(NotFoundError, match="the table artigraph_node is not there"):
        await import_artigraph(str(tmp_path / "other.db"))
    later = sqlite3.connect(tmp_path / "later.db")
    later.execute("CREATE TABLE artigraph_node (id, node_type)")
    later.close()
    with pytest.raises(NotFoundError, match="has no column node_parent_id"):
        await import_artigraph(f"sqlite:///{tmp_path / 'later.db'}")
    with pytest.raises(ValueError, match="batch must be 1"):
        await import_artigraph("x", batch=0)
    with pytest.raises(StorageError, match="cannot be opened") as error:
        await import_artigraph("postgresql+asyncpg://user:secret@127.0.0.1:9/none")
    assert "secret" not in str(error.value)
    assert issubclass(BlobNotFoundError, StorageError)


def test_names_of_storages() -> None:
    assert storage_name("/tmp/A b") == "artigraph-file-system-tmp-a-b"
    assert storage_name("s3://my.bucket/a/b/") == "artigraph-s3-my-bucket-a-b"
    assert storage_name("s3://artifacts/old") == CLOUD


def test_the_command(
    database: str, graph_service: Any, s3_service: Any, storages: Any, source: str,
    session_engine: Engine,
) -> None:  # fmt: skip
    environment = os.environ | graph_service.environment | s3_service.environment

    def run(*arguments: str, code: int) -> str:
        done = subprocess.run(
            [Path(sys.executable).parent / "artigraph", "import-artigraph", *arguments],
            capture_output=True, text=True, check=False, env=environment,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    places = [f"--storage={FILES}={DATA / 'files'}", "--storage=s3://artifacts/old"]
    said = run(database, "--dry-run", f"--source={source}", code=1)
    assert "could be imported: 5 spans, 13 artifacts" in said
    assert "OldFiled filed: field 'frame' is in storage" in said
    facts = json.loads(run(database, *places, f"--source={source}", "--json", code=1))
    assert (facts["spans"], facts["artifacts"]) == (5, 15)
    assert [note["what"] for note in facts["skipped"]] == ["x"]
