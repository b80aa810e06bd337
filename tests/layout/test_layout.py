"""A graph of an earlier layout: refused, upgraded, and then read back as it was written."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
from neo4j import AsyncDriver

from artigraph_neo4j import (
    Engine,
    check_schema,
    engine_context,
    install_schema,
    migration_backlog,
    read_child_artifacts,
    read_descendant_spans,
    read_root_spans,
    read_span_artifacts,
    upgrade_schema,
)
from artigraph_neo4j.errors import SchemaError
from artigraph_neo4j.graph.schema import SCHEMA_VERSION
from artigraph_neo4j.local import StackInfo
from artigraph_neo4j.testing import difference
from tests.layout import models
from tests.layout.write import export
from tests.services import empty, run


async def read_back() -> None:
    """Everything in the graph is what was recorded."""
    (root,) = await read_root_spans()
    spans = [root, *await read_descendant_spans(root.node_id)]
    labels = ["root", "first", "second", models.LONG, "fails", None, "open"]
    assert [span.label for span in spans] == labels
    for span in spans:
        expected = models.ARTIFACTS.get(span.label, {}) if span.label else {}
        found = await read_span_artifacts(span.node_id)
        assert list(found) == list(expected)
        for label, artifact in found.items():
            assert difference(_plain(expected[label]), _plain(artifact)) is None, label
    by_label = {span.label: span for span in spans}
    assert (await read_child_artifacts(by_label["first"].node_id))[-1] == models.UNLABELED
    trial = by_label["second"]
    assert isinstance(trial, models.LayoutTrial)
    assert (trial.estimator, trial.score, trial.parameters) == ("trees", 0.75, {"depth": [1, 2]})
    failed = by_label["fails"]
    assert (failed.status, failed.exception_type) == ("ERROR", "ValueError")
    assert failed.exception_message == "it failed, wie geplant: ü"
    assert (by_label["open"].status, by_label["open"].closed_at) == ("UNSET", None)


def _plain(artifact: Any) -> dict[str, Any]:
    return {
        name: (str(value.dtype), value.tolist()) if isinstance(value, np.ndarray) else value
        for name, value in vars(artifact).items()
    }


async def check_shadows(engine: Engine) -> None:
    """What version 2 of the layout has beside that."""
    rows = await engine.read("MATCH (n:ArtigraphNode) RETURN labels(n), properties(n)", {})
    assert rows
    for labels, values in rows:
        label = values.get("label" if "Span" in labels else "artifact_label")
        assert values.get("label_") == (label[:256] if label else None)
        duration = None
        if "Span" in labels and "closed_at" in values:
            opened, closed = (values[k].to_native() for k in ("opened_at", "closed_at"))
            duration = (closed - opened).total_seconds()
        assert values.get("duration_") == duration


async def check_marks(engine: Engine) -> None:
    """What version 3 of the layout has beside that."""
    rows = await engine.read(
        "MATCH (n:ArtigraphNode) RETURN n.status, n.closed_at IS NULL, "
        "EXISTS { (n)-[:STORED_IN]->(:Blob) }, "
        "[l IN labels(n) WHERE l IN ['ArtigraphFailed', 'ArtigraphOpen', 'ArtigraphStored']]",
        {},
    )
    assert {(status, opened, stored, *marks) for status, opened, stored, marks in rows} == {
        ("OK", False, False),
        ("ERROR", False, False, "ArtigraphFailed"),
        ("UNSET", True, False, "ArtigraphOpen"),
        (None, True, False),
        (None, True, True, "ArtigraphStored"),
    }


async def test_an_older_graph_is_refused_and_upgraded(
    version_1: StackInfo, driver: AsyncDriver
) -> None:
    with engine_context(create_schema=True) as engine:
        before = await export_raw(driver)
        with pytest.raises(SchemaError, match=r'has schema version 1.*"artigraph schema upgrade"'):
            await read_root_spans()
        state = await check_schema()
        assert (state.version, state.needed, state.is_current) == (1, SCHEMA_VERSION, False)
        assert "artigraph_text" in state.missing
        assert "artigraph_node_id" not in state.missing
        assert (await install_schema()).version == 1
        assert await export_raw(driver) == before

        seen: list[tuple[int, int]] = []
        assert await upgrade_schema(progress=lambda *now: seen.append(now)) == 1
        assert seen[-1] == (24, 24)
        assert (await check_schema()).is_current
        await read_back()
        await check_shadows(engine)
        await check_marks(engine)
        after = await export(engine)
        assert len(after["nodes"]) == len(before["nodes"])
        assert after["relationships"] == before["relationships"]
        for (_, old), (_, new) in zip(before["nodes"], after["nodes"], strict=True):
            added = {"label_", "duration_", "schema_version", "library_version"}
            assert {k: v for k, v in new.items() if k not in added} == {
                k: v for k, v in old.items() if k not in added
            }
        assert {row.status for row in await migration_backlog()} == {"current"}
        # Again: nothing changes.
        assert await upgrade_schema() == SCHEMA_VERSION
        assert await export(engine) == after


async def test_a_graph_of_version_2_is_upgraded(server: StackInfo, version_2: StackInfo) -> None:
    with engine_context() as engine:
        assert (await check_schema()).version == 2
        assert await upgrade_schema() == 2
        assert (await check_schema()).is_current
        await read_back()
        await check_shadows(engine)
        await check_marks(engine)


async def export_raw(driver: AsyncDriver) -> Any:
    class Reader:
        async def read(self, text: str, parameters: Any) -> Any:
            async with driver.session() as session:
                return await run(session, text, **parameters)

    return await export(Reader())  # type: ignore[arg-type]


async def test_the_indexes_find_what_was_upgraded(version_1: StackInfo) -> None:
    with engine_context() as engine:
        await upgrade_schema()
        rows = await engine.read(
            "CALL db.index.fulltext.queryNodes('artigraph_text', $text) YIELD node "
            "RETURN coalesce(node.label, node.artifact_label)",
            {"text": "natives"},
        )
        assert rows == [["natives"]]
        rows = await engine.read(
            "MATCH (s:Span) USING INDEX s:Span(label_) WHERE s.label_ = $start RETURN s.label",
            {"start": models.LONG[:256]},
        )
        assert rows == [[models.LONG]]


async def test_killed_in_the_middle_and_run_again(version_1: StackInfo) -> None:
    program = [sys.executable, "-m", "tests.layout.upgrading"]
    first = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "10 24\n"
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    with engine_context() as engine:
        with pytest.raises(SchemaError, match="schema version 1"):
            await read_root_spans()
        begin = time.monotonic()
        again = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
        said, _ = await asyncio.to_thread(again.communicate, timeout=120)
        assert again.returncode == 0
        # It waited for a sign of life from the first, then went on where that was.
        assert time.monotonic() - begin > 2
        rest, step = ["20 24", "24 24", "24 24"], ["10 24", "20 24", "24 24", "24 24"]
        assert said.splitlines() == [*rest, *step, "was 1"]
        await read_back()
        await check_shadows(engine)
        await check_marks(engine)


async def test_two_upgraders_do_not_collide(version_1: StackInfo) -> None:
    program = [sys.executable, "-m", "tests.layout.upgrading"]
    both = [subprocess.Popen(program, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [(await asyncio.to_thread(p.communicate, timeout=120))[0].splitlines() for p in both]
    assert [p.returncode for p in both] == [0, 0]
    assert sorted(map(len, said)) == [1, 9]
    with engine_context() as engine:
        await read_back()
        await check_shadows(engine)
        await check_marks(engine)


async def test_properties_of_users_are_not_overwritten(
    version_1: StackInfo, driver: AsyncDriver
) -> None:
    async with driver.session() as session:
        await run(session, "MATCH (s:LayoutTrial) SET s.duration_ = 'long'")
        with engine_context():
            with pytest.raises(SchemaError, match=r"1 spans.*duration_.*rename"):
                await upgrade_schema()
            await run(session, "MATCH (s:LayoutTrial) SET s.took = s.duration_ REMOVE s.duration_")
            assert await upgrade_schema() == 1


async def test_empty_newer_and_damaged_databases(
    server: StackInfo, version_1: StackInfo, driver: AsyncDriver
) -> None:
    async with driver.session() as session:
        await empty(session)
        with engine_context():
            assert (await check_schema()).version is None
            with pytest.raises(SchemaError, match="artigraph schema install"):
                await upgrade_schema()
            assert (await install_schema()).is_current
            assert await read_root_spans() == []
            await run(session, "DROP INDEX artigraph_text")
            assert (await check_schema()).missing == ("artigraph_text",)
            assert await upgrade_schema() == SCHEMA_VERSION
            assert (await check_schema()).is_current
        await run(session, "MATCH (g:ArtigraphGraph) SET g.schema_version = 99")
        with engine_context():
            for call in (check_schema, install_schema, upgrade_schema, read_root_spans):
                with pytest.raises(SchemaError, match=r"version 99.*upgrade the library"):
                    await call()


async def test_a_hundred_thousand_spans(
    version_1: StackInfo, driver: AsyncDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with driver.session() as session:
        await run(
            session,
            "UNWIND range(1, 100000) AS i CALL (i) {"
            " CREATE (s:ArtigraphNode:Span {node_id: 'x' + i, label: 'span ' + i, depth: 0,"
            " root_id: 'x' + i, status: 'OK', opened_at: datetime('2026-01-01T00:00:00Z'),"
            " closed_at: datetime('2026-01-01T00:00:01.5Z')}) } IN TRANSACTIONS OF 20000 ROWS",
        )
        begin = time.monotonic()
        with engine_context():
            seen: list[tuple[int, int]] = []
            assert await upgrade_schema(progress=lambda *now: seen.append(now)) == 1
        print(f"100,000 spans in {time.monotonic() - begin:.1f} s")
        assert len(seen) == 2 * 12
        rows = await run(
            session, "MATCH (s:Span {duration_: 1.5}) WHERE s.label_ = s.label RETURN count(s)"
        )
        assert rows == [[100_000]]
        await empty(session)
