"""``artigraph schema`` and ``artigraph migrate``, as a person and as a program run them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from artigraph_neo4j import engine_context, span_context
from artigraph_neo4j.cli.app import app
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.graph.schema import SCHEMA_VERSION

OLD = """
import asyncio, sys
from dataclasses import dataclass
from artigraph_neo4j import ArtifactModel, set_engine

@dataclass
class CommandPoint(ArtifactModel, version=1):
    x: int

@dataclass
class CommandLost(ArtifactModel, version=1):
    x: int

async def main():
    print(await CommandPoint(1).create(), await CommandPoint(-1).create())
    print(await CommandLost(1).create())

set_engine()
asyncio.run(main())
"""

NEW = """
from dataclasses import dataclass
from artigraph_neo4j import ArtifactModel, migration

@dataclass
class CommandPoint(ArtifactModel, version=2):
    y: int

    @migration(1)
    def step(data):
        if data["x"] < 0:
            raise ValueError("negative [really]")
        return {"y": data["x"]}

@dataclass
class CommandLost(ArtifactModel, version=3):
    x: int

    @migration(2)
    def step(data):
        return data
"""


@pytest.fixture
def environment(graph_service: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in graph_service.environment.items():
        monkeypatch.setenv(name, value)


def command(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    return result.output


def test_schema(environment: None, session_engine: Any) -> None:
    with engine_context(session_engine):
        assert f"needed is {SCHEMA_VERSION}" in command("schema", "install")
        assert command("schema", "check").startswith(f"schema version {SCHEMA_VERSION}; needed")
        assert f"schema version {SCHEMA_VERSION}; needed" in command("schema", "upgrade")
        facts = json.loads(command("schema", "upgrade", "--json"))
        assert facts == {
            "version": SCHEMA_VERSION,
            "needed": SCHEMA_VERSION,
            "library": facts["library"],
            "missing": [],
            "before": SCHEMA_VERSION,
        }


def test_migrate(environment: None, tmp_path: Path, session_engine: Any) -> None:
    program = subprocess.run(
        [sys.executable, "-c", OLD], capture_output=True, text=True, check=True
    )
    good, bad, lost = program.stdout.split()
    (tmp_path / "command_models.py").write_text(NEW)

    def run(*arguments: str, code: int) -> str:
        # A process of its own: the models of other tests would be migrated, too.
        done = subprocess.run(
            [Path(sys.executable).parent / "artigraph", "migrate", *arguments],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    said = run("command_models.py", "--dry-run", code=1)
    assert "1 could be migrated, 1 failed" in said
    assert "negative [really]" in said
    facts = json.loads(run("command_models", "--json", code=1))
    assert (facts["migrated"], facts["failed"], facts["dry_run"]) == (1, 1, False)
    assert [f["node_id"] for f in facts["failures"]] == [bad]
    backlog = {(r["model"], r["version"]): r for r in facts["backlog"]}
    assert backlog["CommandPoint", 1]["artifacts"] == 2
    assert backlog["CommandPoint", 1]["status"] == "can migrate"
    assert backlog["CommandLost", 1]["status"] == "no path"
    assert backlog["CommandLost", 1]["detail"] == "no step from version 1; the class is version 3"
    said = run("command_models.py", code=1)
    assert "CommandPoint" in said
    assert "0 migrated, 1 failed" in said
    assert "could not be imported" in _error("no_such_module")
    (tmp_path / "json.py").write_text("")
    assert "another module is named json" in _error("json.py")
    with engine_context(session_engine) as engine:
        session = engine.write(
            "MATCH (a:ArtigraphNode) WHERE a.node_id IN $ids DETACH DELETE a",
            {"ids": [good, bad, lost]},
        )
        import asyncio

        asyncio.run(session)


def _error(module: str) -> str:
    done = subprocess.run(
        [Path(sys.executable).parent / "artigraph", "migrate", module],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    return done.stderr


async def test_runs_are_chosen_to_be_exported_and_deleted(
    graph_service: Any, session_engine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in graph_service.environment.items():
        monkeypatch.setenv(name, value)

    async def run(*arguments: str, code: int = 0) -> str:
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert result.exit_code == code, result.output
        return result.output

    label = f"chosen {new_id()}"
    with engine_context(session_engine):
        for number in range(2):
            async with span_context(label=f"{label}/{number}"):
                async with span_context(label=f"{label}/inner"):
                    pass
        with pytest.raises(ValueError, match="no good"):
            async with span_context(label=f"{label}/bad"):
                raise ValueError("no good")
    out = tmp_path / "all"
    said = await run("export", "--all", str(out), "--label", label)
    assert said.startswith(f"exported 5 spans, 0 artifacts with 0 nested models to {out}\n")
    assert len(list(out.glob("*.jsonl"))) == 3
    assert "exported 0 spans" in await run("export", "--all", str(out), "--label", new_id())
    tables = ("--all", str(tmp_path / "tables"), "--format", "parquet", "--label", label)
    assert "exported 5 spans" in await run("export", *tables, "--since", "1d")
    assert "exported 0 spans" in await run("export", *tables, "--before", "2d")
    assert len(list((tmp_path / "tables" / "spans").glob("day=*/part.parquet"))) in (1, 2)
    assert "would delete: 1 spans" in await run(
        "delete", "--label", label, "--status", "error", "--dry-run"
    )
    assert "would delete: 0 spans" in await run(
        "delete", "--label", label, "--before", "1d", "--dry-run"
    )
    assert "would delete: 5 spans" in await run(
        "delete", "--label", label, "--since", "1d", "--dry-run"
    )
    assert "deleted: 5 spans" in await run("delete", "--label", label, "--yes")
    assert "no run fits" in await run("ls", "--label", label)
    assert "imported 5 spans" in await run("import", str(out))
    assert "deleted: 5 spans" in await run("delete", "--label", label, "--yes")
    for arguments in (
        ["delete"], ["delete", "x", "--label", "y"], ["delete", "--resume", "--label", "y"],
        ["export", str(out)], ["export", "a", "b", "--all"], ["export", "a", "b", "--since", "1d"],
        ["delete", "--label", "x", "--json"],
    ):  # fmt: skip
        await run(*arguments, code=2)
