"""Retention of root spans: by age, so many of each label, never what is open unless told."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from artigraph_neo4j import (
    Engine,
    NotFoundError,
    create_span_artifact,
    find_retired,
    get_engine,
    read_span,
    resume_deletes,
    retain,
    span_context,
)
from artigraph_neo4j.cli.app import app
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.engine import configure
from artigraph_neo4j.graph.cypher import delete
from tests.examples import few
from tests.graph.models import LINK, Whole


async def _runs(engine: Engine, label: str | None, ages: list[float]) -> list[str]:
    """A closed root span for each age in days, with one artifact."""
    ids = []
    for days in ages:
        async with span_context(label=label) as span:
            await create_span_artifact("current", label="a", data=Whole(1))
        opened = datetime.now(UTC) - timedelta(days=days)
        await engine.write(
            "MATCH (s:ArtigraphNode {node_id: $id}) SET s.opened_at = datetime($at) RETURN 1",
            {"id": span.node_id, "at": opened.isoformat()},
        )
        ids.append(span.node_id)
    return ids


async def _there(ids: list[str]) -> list[bool]:
    found = []
    for node_id in ids:
        try:
            await read_span(node_id)
            found.append(True)
        except NotFoundError:
            found.append(False)
    return found


async def test_by_age_and_by_count(engine: Engine) -> None:
    label = new_id()
    runs = await _runs(engine, label, [50, 40, 30, 20, 10])

    async def retired(**limits: Any) -> list[int]:
        return [runs.index(i) for i in await find_retired(label=label, **limits)]

    day = timedelta(days=1)
    assert await retired(max_age=25 * day) == [0, 1, 2]
    assert await retired(keep_last=1) == [0, 1, 2, 3]
    assert await retired(max_age=25 * day, keep_last=1) == [0, 1, 2]
    assert await retired(max_age=25 * day, keep_last=4) == [0]
    assert await retired(max_age=25 * day, keep_last=9) == []
    assert await retired(keep_last=0) == [0, 1, 2, 3, 4]
    counted = await retain(label=label, keep_last=2)
    assert (counted.dry_run, counted.spans, counted.artifacts) == (True, 3, 3)
    assert all(await _there(runs))
    done = await retain(label=label, keep_last=2, dry_run=False)
    assert (done.dry_run, done.spans, done.artifacts) == (False, 3, 3)
    assert await _there(runs) == [False, False, False, True, True]


async def test_each_label_keeps_its_own(engine: Engine) -> None:
    first, second = new_id(), new_id()
    runs = await _runs(engine, first, [3, 2, 1]) + await _runs(engine, second, [9, 8])
    found = [i for i in await find_retired(keep_last=1) if i in runs]
    assert found == [runs[3], runs[0], runs[1]]


async def test_what_is_open_stays_unless_told(engine: Engine) -> None:
    label = new_id()
    runs = await _runs(engine, label, [3, 2, 1])
    context = span_context(label="open")
    async with span_context(await read_span(runs[0])):
        await asyncio.create_task(context.__aenter__())  # current only there
    limits: dict[str, Any] = {"label": label, "keep_last": 0}
    assert await find_retired(**limits) == runs[1:]
    assert await find_retired(**limits, open_too=True) == runs
    async with span_context(label=label) as latest:
        assert await find_retired(**limits) == runs[1:]
        # An open one is the last of its label all the same.
        assert await find_retired(label=label, keep_last=1) == runs[1:]
    await context.__aexit__(None, None, None)
    assert await find_retired(**limits) == [*runs, latest.node_id]


@pytest.mark.statements
async def test_what_is_being_deleted_is_not_counted(engine: Engine) -> None:
    label = new_id()
    runs = await _runs(engine, label, [3, 2, 1])
    await engine.once(delete.MARK_SPANS, {"ids": [runs[2]], "lenient": False})
    assert await find_retired(label=label, keep_last=1) == [runs[0]]
    await resume_deletes()


async def test_limits_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="say what to keep"):
        await retain()
    with pytest.raises(ValueError, match="keep_last must be 0 or more"):
        await retain(keep_last=-1)
    with pytest.raises(ValueError, match="max_age must not be negative"):
        await retain(max_age=timedelta(days=-1))


@settings(max_examples=few(20))
@given(
    runs=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 60)), max_size=8),
    keep_last=st.none() | st.integers(0, 4),
    max_age=st.none() | st.integers(0, 60),
)
async def test_as_python_would_say_it(
    runs: list[tuple[str, int]], keep_last: int | None, max_age: int | None
) -> None:
    if keep_last is None and max_age is None:
        return
    test = new_id()
    made = []
    for i, (name, days) in enumerate(runs):
        (run,) = await _runs(get_engine(), test + name, [days + 0.5 - i / 1000])
        made.append((test + name, days + 0.5 - i / 1000, run))
    expected = set()
    for name in {label for label, _, _ in made}:
        group = sorted((age, run) for label, age, run in made if label == name)
        for rank, (age, run) in enumerate(group):
            old = max_age is None or age > max_age
            expected |= {run} if old and rank >= (keep_last or 0) else set()
    age_limit = None if max_age is None else timedelta(days=max_age)
    found = await find_retired(keep_last=keep_last, max_age=age_limit)
    assert {run for _, _, run in made} & set(found) == expected


# -- the commands ------------------------------------------------------------------------------


@pytest.fixture
def command(graph_service: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command on the graph under test, and returns what it says."""
    for name, value in graph_service.environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, code: int = 0, answer: str | None = None) -> str:
        result = CliRunner().invoke(app, arguments, input=answer)
        assert result.exit_code == code, result.output
        return result.output

    monkeypatch.setattr(configure, "_default", None)  # and back at the end
    return run


def test_the_delete_command(command: Any, engine: Engine) -> None:
    async def make() -> list[str]:
        ids = []
        for _ in range(3):
            async with span_context(label="cli") as span:
                ids.append(span.node_id)
                ids.append(await create_span_artifact("current", data=Whole(1)))
        await engine.write(LINK, {"span": ids[2], "artifact": ids[1]})
        return ids

    first, shared, second, alone, third, _ = asyncio.run(make())
    counted = json.loads(command("delete", first, alone, "--dry-run", "--json"))
    assert counted == {
        "spans": 1, "artifacts": 1, "nested": 0, "blobs": 0, "bytes": 0, "kept": 1, "uses": 0,
        "dry_run": True,
    }  # fmt: skip
    assert "would delete: 1 spans" in command("delete", first, "--dry-run")
    said = command("delete", first, answer="n\n", code=1)
    assert "1 artifacts stay" in said
    assert asyncio.run(_there([first])) == [True]
    assert "deleted: 1 spans" in command("delete", first, answer="y\n")
    assert asyncio.run(_there([first, second])) == [False, True]
    deleted = json.loads(command("delete", second, alone, "--yes", "--json"))
    assert (deleted["spans"], deleted["artifacts"], deleted["dry_run"]) == (1, 2, False)
    assert "no span or artifact" in command("delete", shared, "--yes", code=1)
    assert "--json cannot ask" in command("delete", third, "--json", code=2)
    assert "give ids, or say which root spans" in command("delete", code=2)
    asyncio.run(engine.once(delete.MARK_SPANS, {"ids": [third], "lenient": False}))
    assert json.loads(command("delete", "--resume", "--json"))["spans"] == 1
    assert asyncio.run(_there([third])) == [False]


def test_the_retain_command(command: Any, engine: Engine) -> None:
    label = new_id()
    runs = asyncio.run(_runs(engine, label, [50, 40, 1]))
    arguments = ("retain", "--label", label, "--keep-last", "1", "--max-age", "45d")
    assert "would delete: 1 spans, 1 artifacts" in command(*arguments)
    assert json.loads(command(*arguments, "--json"))["dry_run"] is True
    assert all(asyncio.run(_there(runs)))
    assert json.loads(command(*arguments, "--json", "--delete"))["spans"] == 1
    assert asyncio.run(_there(runs)) == [False, True, True]
    assert "say what to keep" in command("retain", code=2)
    assert "is not an age" in command("retain", "--max-age", "soon", code=2)
