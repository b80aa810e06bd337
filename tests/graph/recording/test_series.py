"""What spans log: buffered, written behind the program's back, read while it goes on."""

from __future__ import annotations

import asyncio
import copy
import math
import os
import pickle
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j import (
    ArgumentError,
    ArtifactModel,
    Span,
    artifact_info,
    batch,
    create_span_artifact,
    delete_artifacts,
    delete_spans,
    export_graph,
    find_spans,
    import_graph,
    log_metrics,
    read_child_artifacts,
    read_descendant_artifacts,
    read_series,
    read_span,
    read_span_artifacts,
    read_span_tree,
    span_context,
    spanned,
    sync,
)
from artigraph_neo4j.errors import ArtifactTypeError, SpanError
from artigraph_neo4j.find import F, artifact, find_artifacts, logged, span, under
from artigraph_neo4j.recording import series
from artigraph_neo4j.storage.memory import MemoryStorage


@dataclass
class Fitted(ArtifactModel, version=1):
    score: float


PARTS = "MATCH (s:ArtigraphNode {node_id: $id}) RETURN [(s)-[:HAS_FIELD]->(a) | a.node_id]"
USED = "MATCH (:ArtigraphNode {node_id: $id})-[:USED]->(a) RETURN a.node_id"
LEFT = "MATCH (a:ArtigraphNode) WHERE a.node_id IN $ids RETURN a.node_id"
COUNT = """
MATCH (s:ArtigraphNode {node_id: $id})
RETURN COUNT { (s)-[:HAS_FIELD]->() }, size(s.log_) > 0,
  COUNT { (s)-[:HAS_FIELD]->()-[:STORED_IN]->() }
"""


async def test_metrics_of_a_span_cost_no_round_trip_and_are_read_again(
    statements: list[Any], query: Any
) -> None:
    async with span_context(label="run") as run:
        before = len(statements)
        for step in range(100):
            run.log(step=step, loss=1 / (step + 1), **{"val/a.c": float(step)})
        step_of_numpy: Any = np.int64(100)
        run.log({"loss": np.float32(0.5)}, step=step_of_numpy)
        run.log(done=True)
        assert len(statements) == before
    assert len(statements) == before + 2  # the rows, the end
    found = await read_series(run)
    assert (len(found), found.points, found.metrics) == (102, 202, ["done", "loss", "val/a.c"])
    assert found["loss"].steps == list(range(101))
    assert found["loss"].values == [1 / (n + 1) for n in range(100)] + [0.5]
    assert (found["done"].steps, found["done"].values) == ([101], [1.0])
    frame = found.to_pandas()
    assert list(frame.columns) == ["step", "time", "done", "loss", "val/a.c"]
    assert found.to_polars()["step"].to_list() == list(range(102))
    assert "<polyline" in found._repr_html_()
    read = await read_span(run.node_id)
    summary = read.logged["val/a.c"]
    assert (summary.last, summary.min, summary.max, summary.count) == (99.0, 0.0, 99.0, 100)
    assert summary.mean == pytest.approx(49.5)
    assert dict(run.logged) == dict(read.logged)
    assert read.extra == {}
    assert await query(COUNT, id=run.node_id) == [[0, True, 0]]
    assert sync.read_series(run).points == 202


async def test_runs_are_found_and_ordered_by_what_they_logged() -> None:
    async with span_context(label="sweep") as top:
        for name, losses in (("a", [3.0, 1.0, 2.0]), ("b", [5.0, 0.5]), ("c", [math.nan])):
            async with span_context(label=name) as run:
                for loss in losses:
                    run.log({"train.loss": loss})
        async with span_context(label="d"):
            pass
    runs = find_spans(span.root_id == top.node_id, span.depth == 1)
    loss = logged("train.loss")
    assert [s.label for s in await runs.where(loss.min < 0.75).read()] == ["b"]
    assert [s.label for s in await runs.order_by(loss.min).read()] == ["b", "a", "c", "d"]
    by_name = runs.order_by(F("log.train.loss.last").desc())
    assert [s.label for s in await by_name.read()] == ["a", "b", "d", "c"]
    table = await runs.table(loss.min, "log.train.loss.mean", loss.count)
    assert table["log.train.loss.min"] == [1.0, 0.5, None, None]
    assert table["log.train.loss.mean"] == [2.0, 2.75, None, None]
    assert table["log.train.loss.count"] == [3, 2, 0, None]
    assert table.best("log.train.loss.min", mode="min").label == "b"


async def test_many_values_become_artifacts_with_few_nodes(
    engine: Any, query: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(series, "CHUNK_POINTS", 300)
    monkeypatch.setattr(engine, "storage", MemoryStorage("series-test").register())
    monkeypatch.setattr(engine, "offload_bytes", 1000)
    async with span_context(label="long") as run:
        for part in range(5):
            for step in range(200):
                run.log(step=part * 200 + step, loss=float(step))
            found = await read_series(run)  # while it goes on
            assert found["loss"].steps == list(range((part + 1) * 200))
            if part == 0:
                run.log(step=-1, late=1.0)
    found = await read_series(run)
    assert len(found) == 1001
    assert found["late"].values == [1.0]
    ((chunks, rest, stored),) = await query(COUNT, id=run.node_id)
    assert (chunks, rest, stored) == (2, True, 2)
    assert (await read_span(run.node_id)).logged["loss"].count == 1000
    path = tmp_path / "run.jsonl"
    await export_graph(run, path, blobs=True)
    report = await delete_spans(run)
    assert report.blobs == 2
    await import_graph(path)
    again = await read_series(run.node_id)
    assert again.to_arrow().equals(found.to_arrow())
    assert dict((await read_span(run.node_id)).logged) == dict(run.logged)


@pytest.mark.statements
async def test_no_read_of_artifacts_returns_the_parts_of_a_series(
    query: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(series, "CHUNK_POINTS", 100)
    async with span_context(label="top") as top:
        async with span_context(label="long") as run:
            made = await create_span_artifact("current", label="model", data=Fitted(0.5))
            for step in range(300):
                run.log(step=step, loss=float(step))
                if step % 150 == 149:
                    await read_series(run)
    ((parts,),) = await query(PARTS, id=run.node_id)
    assert len(parts) == 2
    for span_id, read in (
        (run.node_id, read_child_artifacts),
        (top.node_id, read_descendant_artifacts),
    ):
        assert [info.node_id for info in map(artifact_info, await read(span_id))] == [made]
    assert list(await read_span_artifacts(run)) == ["model"]
    for found in (find_artifacts(under(top)), find_artifacts(under(run))):
        assert await found.read_ids() == [made]
    assert not set(parts) & set(
        await find_artifacts().order_by(artifact.recorded_at.desc()).read_ids()
    )
    assert not await find_artifacts(artifact.model == series.CHUNK_MODEL).exists()
    tree = await read_span_tree(top)
    assert [a.model for _, node in tree.walk() for a in node.artifacts] == ["Fitted"]
    assert "logged loss 299.0; 300 values" in str(tree)
    assert "300 values" in tree._repr_html_()
    assert "300 values" in (await read_span(run.node_id))._repr_html_()
    report = await export_graph(top, tmp_path / "tables", format="parquet")
    assert (report.spans, report.artifacts) == (2, 1)
    assert sorted(file.name for file in (tmp_path / "tables" / "models").iterdir()) == [
        "Fitted.parquet"
    ]
    # Who asks for them gets them, and they go with their span only.
    whole = find_artifacts(series.SeriesChunk).with_nested()
    assert set(parts) <= set(await whole.read_ids())
    assert (await series.SeriesChunk.read(parts[0])).rows in (150, 300)
    with pytest.raises(ArtifactTypeError, match="is nested in"):
        await delete_artifacts(parts[0])
    async with span_context(label="reader") as reader:
        await series.SeriesChunk.read(parts[0])
    assert (await query(USED, id=reader.node_id)) == []
    expected = await delete_spans(top, dry_run=True)
    done = await delete_spans(top)
    assert replace(expected, dry_run=False) == done
    assert await query(LEFT, ids=parts) == []


async def test_a_span_that_is_entered_again_and_two_processes_keep_all_rows(query: Any) -> None:
    async with span_context(label="resumed") as run:
        run.log(step=0, loss=1.0)
    other = await read_span(run.node_id)
    async with span_context(other):  # another log of the same span, as in another process
        for _ in range(5):
            other.log(step=1, n=1.0)
            await read_series(other)
        other.log(step=1, loss=3.0)
    assert await query(COUNT, id=run.node_id) == [[1, True, 0]]  # what the first one left
    async with span_context(run):
        run.log(step=2, loss=2.0)
    found = await read_series(run)
    assert found["loss"].steps == [0, 1, 2]
    summary = (await read_span(run.node_id)).logged["loss"]
    assert (summary.last, summary.min, summary.max, summary.count) == (2.0, 1.0, 3.0, 3)
    assert summary.mean == 2.0


@pytest.mark.parametrize("atomic", [False, True])
async def test_in_a_batch_the_rows_follow_the_span(atomic: bool) -> None:
    async with batch(atomic=atomic):
        async with span_context(label="batched") as run:
            run.log(loss=1.0)
    for _ in range(100):
        if len(await read_series(run)):
            break
        await asyncio.sleep(0.05)
    assert (await read_series(run))["loss"].values == [1.0]


async def test_threads_functions_and_copies() -> None:
    @spanned
    async def train(n: int) -> None:
        log_metrics({"n": n}, step=n)

    async with span_context(label="top") as run:
        threads = [
            threading.Thread(target=lambda: [run.log(x=1.0) for _ in range(50)]) for _ in "ab"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        await train(3)
        copied = pickle.loads(pickle.dumps(copy.deepcopy(run)))
        with pytest.raises(SpanError, match="not open here"):
            copied.log(x=1)
    assert (await read_series(run))["x"].steps == list(range(100))
    (child,) = await find_spans(span.root_id == run.node_id, span.depth == 1).read()
    assert (await read_series(child))["n"].values == [3.0]


@pytest.mark.parametrize(
    ("metrics", "step", "told"),
    [
        ({"x": "1"}, None, "metric 'x' is a str, not one number"),
        ({"x": np.zeros(2)}, None, "metric 'x' is a ndarray, not one number"),
        ({"x": 2**53 + 1}, None, "is not exactly a float"),
        ({"x": 10**400}, None, "is not exactly a float"),
        ({"step": 1}, None, "every row has one already"),
        ({"": 1}, None, "is not a name of a metric"),
        ({"x": 1}, "a", "a step is an int"),
        ({f"m{n}": 1 for n in range(1001)}, None, "1,000 metrics at the most"),
    ],
)  # fmt: skip
async def test_what_is_not_a_metric_is_refused_where_it_is_logged(
    metrics: Any, step: Any, told: str
) -> None:
    async with span_context(label="wrong") as run:
        with pytest.raises(ArgumentError, match=told):
            run.log(metrics, step=step)
        run.log({})
    assert len(await read_series(run)) == 0
    with pytest.raises(SpanError, match="not open here"):
        Span(label="never").log(x=1)
    with pytest.raises(SpanError, match="no span is current"):
        log_metrics({"x": 1})


VALUES = st.floats(width=64) | st.integers(-(2**53), 2**53)
ROWS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1), max_size=12)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=st.lists(ROWS, min_size=1, max_size=3), chunk=st.integers(1, 20))
def test_rows_come_back_as_they_were(
    parts: Any, chunk: int, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "CHUNK_POINTS", chunk)

    async def check() -> None:
        async with span_context(label="any") as run:
            for rows in parts:
                for row in rows:
                    run.log(row)
                await read_series(run)
        found, read = await read_series(run), await read_span(run.node_id)
        rows = [row for part in parts for row in part]
        for name in {name for row in rows for name in row}:
            values = [float(row[name]) for row in rows if name in row]
            assert repr(found[name].values) == repr(values)
            assert found[name].steps == [n for n, row in enumerate(rows) if name in row]
            real = [value for value in values if not math.isnan(value)]
            summary = read.logged[name]
            assert repr(summary.last) == repr(values[-1])
            assert summary.count == len(real)
            assert (summary.min, summary.max) == ((min(real), max(real)) if real else (None, None))

    asyncio.run(check())


KILLED = """
import os, sys
from artigraph_neo4j import set_engine, sync
from artigraph_neo4j.recording import series
series.SECONDS = 0.1
set_engine(create_schema=True)
with sync.span_context(label="killed") as run:
    for step in range(1000):
        run.log(step=step, loss=0.5)
    print(run.node_id, flush=True)
    sys.stdin.readline()
    series.SECONDS = 1000
    for step in range(1000, 1500):
        run.log(step=step, loss=0.5)
    os.kill(os.getpid(), 9)
"""


async def test_a_killed_process_loses_only_what_was_not_written(graph_service: Any) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED,
        env=os.environ | graph_service.environment,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    run_id = (await child.stdout.readline()).decode().strip()
    for _ in range(600):  # read while the other process goes on
        if len(await read_series(run_id)) == 1000:
            break
        await asyncio.sleep(0.1)
    child.stdin.write(b"\n")
    assert await child.wait() == -9
    found = await read_series(run_id)
    assert 1000 <= len(found) <= 1500
    assert found["loss"].steps == list(range(len(found)))
