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
    find_artifacts,
    find_spans,
    install_schema,
    migration_backlog,
    read_child_artifacts,
    read_descendant_spans,
    read_lineage,
    read_revisions,
    read_root_spans,
    read_span_artifacts,
    take_new_graph_id,
    upgrade_schema,
)
from artigraph_neo4j.errors import SchemaError
from artigraph_neo4j.find import span as of_span
from artigraph_neo4j.graph.names import INDEXED_LABEL, WORDS
from artigraph_neo4j.graph.schema import SCHEMA_VERSION
from artigraph_neo4j.local import StackInfo
from artigraph_neo4j.testing import difference
from artigraph_neo4j.upkeep import upgrade
from tests.layout import models
from tests.layout.write import export
from tests.services import empty, run

NODES = 29
"""Number of spans, artifacts and nested artifacts in the file."""


async def read_back() -> None:
    """Everything in the graph is what was recorded."""
    (root,) = await read_root_spans()
    spans = [root, *await read_descendant_spans(root.node_id)]
    labels = ["root", "first", "second", models.LONG, "fails", None]
    labels += ["derives", "shares", "revises", "open"]
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
    assert await find_spans().search("derives").read() == [by_label["derives"]]
    assert await find_artifacts().search("derived").count() == 1


def _plain(artifact: Any) -> dict[str, Any]:
    return {
        name: (str(value.dtype), value.tolist()) if isinstance(value, np.ndarray) else value
        for name, value in sorted(vars(artifact).items())
    }


async def check_makers(engine: Engine) -> None:
    """What version 4 of the layout has beside that: the maker only, not spans that share."""
    rows = await engine.read(
        "MATCH (n:Artifact) "
        "RETURN [(n)<-[h:HAS_ARTIFACT]-(m) WHERE h.linked_at IS NULL | m.node_id], "
        "[(n)-[:MADE_BY]->(s) | s.node_id]",
        {},
    )
    assert all(by_label == made_by for by_label, made_by in rows)
    assert {len(made_by) for _, made_by in rows} == {0, 1}
    derives = await find_spans(of_span.label == "derives").read_one()
    derived = (await read_span_artifacts(derives.node_id))["derived"]
    for version in await read_revisions(derived):
        up = await read_lineage(version, "up")
        assert [step.label for step in up.steps] == ["derives", "tree", "first"]


async def test_an_older_graph_is_refused_and_upgraded(
    version_3: StackInfo, driver: AsyncDriver
) -> None:
    with engine_context(create_schema=True) as engine:
        before = await export_raw(driver)
        with pytest.raises(SchemaError, match=r'has schema version 3.*"artigraph schema upgrade"'):
            await read_root_spans()
        state = await check_schema()
        assert (state.version, state.needed, state.is_current) == (3, SCHEMA_VERSION, False)
        assert (await install_schema()).version == 3
        assert await export_raw(driver) == before

        seen: list[tuple[int, int]] = []
        assert await upgrade_schema(progress=lambda *now: seen.append(now)) == 3
        assert seen[-1] == (NODES, NODES)
        assert (await check_schema()).is_current
        await read_back()
        await check_makers(engine)
        after = await export(engine)
        assert len(after["nodes"]) == len(before["nodes"])
        assert [r for r in after["relationships"] if r[1] != "MADE_BY"] == before["relationships"]
        for (labels, old), (more, new) in zip(before["nodes"], after["nodes"], strict=True):
            has_words = "Blob" not in labels and any(name in old for name in WORDS)
            assert set(more) == {*labels, *([INDEXED_LABEL] if has_words else [])}
            added = {"schema_version", "library_version"}
            assert {k: v for k, v in new.items() if k not in added} == {
                k: v for k, v in old.items() if k not in added
            }
        assert {row.status for row in await migration_backlog()} == {"current"}
        # Again: nothing changes.
        assert await upgrade_schema() == SCHEMA_VERSION
        assert await export(engine) == after


async def test_a_layout_that_was_never_released_is_refused(
    version_3: StackInfo, driver: AsyncDriver
) -> None:
    async with driver.session() as session:
        await run(session, "MATCH (g:ArtigraphGraph) SET g.schema_version = 2")
    with engine_context():
        with pytest.raises(SchemaError, match="version 2.*no release.*begin at version 3.*import"):
            await upgrade_schema()
        assert (await check_schema()).version == 2


async def export_raw(driver: AsyncDriver) -> Any:
    class Reader:
        async def read(self, text: str, parameters: Any) -> Any:
            async with driver.session() as session:
                return await run(session, text, **parameters)

    return await export(Reader())  # type: ignore[arg-type]


async def test_killed_in_the_middle_and_run_again(version_3: StackInfo) -> None:
    program = [sys.executable, "-m", "tests.layout.upgrading"]
    first = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert first.stdout.readline() == f"10 {NODES}\n"
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    with engine_context() as engine:
        with pytest.raises(SchemaError, match="schema version 3"):
            await read_root_spans()
        begin = time.monotonic()
        again = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
        said, _ = await asyncio.to_thread(again.communicate, timeout=120)
        assert again.returncode == 0
        # It waited for a sign of life from the first, then went on where that was.
        assert time.monotonic() - begin > 2
        done = [*range(20, NODES, 10), NODES, NODES]
        assert said.splitlines() == [*(f"{n} {NODES}" for n in done), "was 3"]
        await read_back()
        await check_makers(engine)


@pytest.mark.long
async def test_two_upgraders_do_not_collide(version_3: StackInfo) -> None:
    program = [sys.executable, "-m", "tests.layout.upgrading"]
    both = [subprocess.Popen(program, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [(await asyncio.to_thread(p.communicate, timeout=120))[0].splitlines() for p in both]
    assert [p.returncode for p in both] == [0, 0]
    assert sorted(map(len, said)) == [1, 2 + (NODES + 9) // 10]
    with engine_context() as engine:
        await read_back()
        await check_makers(engine)


@pytest.mark.statements
async def test_empty_copied_newer_and_damaged_databases(
    server: StackInfo, version_3: StackInfo, driver: AsyncDriver
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
            new = await take_new_graph_id()
        rows = await run(
            session, "MATCH (g:ArtigraphGraph) RETURN g.graph_id, g.copied_from <> $new", new=new
        )
        assert rows == [[new, True]]
        await run(session, "MATCH (g:ArtigraphGraph) SET g.schema_version = 99")
        with engine_context():
            for call in (check_schema, install_schema, upgrade_schema, read_root_spans):
                with pytest.raises(SchemaError, match=r"version 99.*upgrade the library"):
                    await call()


@pytest.mark.statements
@pytest.mark.parametrize("pairs", [10_000, pytest.param(50_000, marks=pytest.mark.long)])
async def test_many_nodes(
    pairs: int, version_3: StackInfo, driver: AsyncDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upgrade says while it lasts that it goes on, so that no other takes it over."""
    monkeypatch.setattr(upgrade, "LEASE_SECONDS", 0.4)
    async with driver.session() as session:
        await run(
            session,
            "UNWIND range(1, $pairs) AS i CALL (i) {"
            " CREATE (:ArtigraphNode:Span {node_id: 's' + i})-[:HAS_ARTIFACT]->"
            "(a:ArtigraphNode:Artifact {node_id: 'a' + i}) } IN TRANSACTIONS OF 20000 ROWS",
            pairs=pairs,
        )
        with engine_context() as engine:
            sent: list[str] = []
            engine.observers.append(lambda statement: sent.append(statement.text))
            seen: list[tuple[int, int]] = []
            assert await upgrade_schema(progress=lambda *now: seen.append(now)) == 3
        assert len(seen) == 2 * pairs // 10_000 + 2
        assert upgrade._ALIVE in sent
        rows = await run(
            session,
            "MATCH (a:Artifact)-[:MADE_BY]->(s) WHERE s.node_id = 's' + substring(a.node_id, 1) "
            "RETURN count(*)",
        )
        assert rows == [[pairs]]
        await empty(session)
