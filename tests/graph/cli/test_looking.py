"""``artigraph ls``, ``show``, ``artifact``, ``export``, ``import``, ``doctor``: as they are run."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Lazy,
    SchemaState,
    Span,
    add_tags,
    artifact_field,
    create_span_artifact,
    read_span_tree,
    span_context,
)
from artigraph_neo4j.cli import checks
from artigraph_neo4j.cli.app import app
from artigraph_neo4j.cli.options import age
from artigraph_neo4j.cli.show import DEPTH, tree_of
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.storage.file import FileSystemStorage


@dataclass
class LookedInner(ArtifactModel, version=2):
    x: Any


class LookedSpan(Span):
    """A class of the user's."""


@pytest.fixture
def run(graph_service: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: Engine) -> Any:
    for name, value in graph_service.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setenv("ARTIGRAPH_STORAGES", f"file:{tmp_path}")

    async def command(*arguments: str, code: int = 0) -> str:
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert result.exit_code == code, result.output
        return result.output

    return command


async def a_run(storage: FileSystemStorage, label: str) -> Any:
    @dataclass
    class Looked(ArtifactModel, version=3):
        number: float
        day: date
        text: str
        data: bytes
        nothing: None
        inner: LookedInner
        many: list[LookedInner]
        big: str = artifact_field(storage=storage)
        lazy: Any = None

    async with span_context(label=f"{label} [bold]") as top:
        node_id = await create_span_artifact(
            "current", label="looked [red]",
            data=Looked(
                1.5, date(2024, 2, 29), "täxt\n", b"\0\1", None, LookedInner(LookedInner(7)),
                [LookedInner("deep")], "large " * 1000, Lazy(b"later"),
            ),
        )  # fmt: skip
        with pytest.raises(ValueError, match="no"):
            async with span_context(LookedSpan(label=f"{label} failed")) as failed:
                raise ValueError("no good [/red]\nat all")
    return SimpleNamespace(top=top, failed=failed, artifact=node_id)


@dataclass
class LookedScore(ArtifactModel, version=1):
    auc: float
    params: dict[str, Any]


async def test_runs_side_by_side(run: Any) -> None:
    label = new_id()
    ids: list[str] = []
    for name, auc in (("a", 0.123456), ("b", 0.9), ("c [x]", 0.5)):
        async with span_context(LookedSpan(label=f"{label}/{name}")) as made:
            score = LookedScore(auc, {"lr": 0.1})
            await create_span_artifact("current", label="metrics", data=score)
        ids.append(made.node_id)
    said = await run("compare", *ids[:2])
    assert "metrics.auc" in said
    assert "0.1235" in said
    assert "metrics.params.lr" not in said
    assert "metrics.params.lr" in await run("compare", *ids[:2], "--all")
    assert "nothing differs" in await run("compare", *ids, "--columns", "metrics.params.lr")
    told = json.loads(await run("compare", *ids, "--columns", "metrics.auc", "--json"))
    assert [item["node_id"] for item in told["runs"]] == ids
    assert [item["values"]["metrics.auc"] for item in told["runs"]] == [0.123456, 0.9, 0.5]
    given = ("ls", "--label", label, "--order-by", "-metrics.auc")
    told = json.loads(await run(*given, "--json"))
    assert [item["node_id"] for item in told["runs"]] == [ids[1], ids[2], ids[0]]
    lines = (await run(*given, "--columns", "metrics.params.lr,metrics.auc")).splitlines()
    assert next(line.split()[0] for line in lines if label in line) == f"{label}/b"
    assert "no run fits" in await run("ls", "--label", f"{label}?", "--columns", "lr")


async def test_a_tree_in_a_pipe_is_whole_and_has_rounded_numbers(run: Any) -> None:
    async with span_context(label=f"{new_id()} {'long ' * 10}") as made:
        score = LookedScore(0.123456789, {"lr": 0.1, "a long name of a parameter": 3})
        await create_span_artifact("current", label=f"metrics {'of the test ' * 3}", data=score)
    line = next(line for line in (await run("show", made.node_id)).splitlines() if "◆" in line)
    assert "auc=0.1235, params=" in line
    assert line.endswith("…")
    assert made.node_id in await run("compare", made.node_id, "--all")


async def test_ls(
    run: Any, tmp_path: Path, statements: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    label = new_id()
    made = await a_run(FileSystemStorage(tmp_path / "ls"), label)
    await add_tags(made.top, "looked at")
    said = await run("ls", "--label", label)
    assert f"{label} [bold]" in said
    assert made.top.node_id in said
    assert "2 (1 failed)" in said
    monkeypatch.setenv("COLUMNS", "80")
    narrow = (await run("ls", "--label", label)).splitlines()
    (row,) = [number for number, line in enumerate(narrow) if f"{label} [bold]" in line]
    assert "2 (1 failed)" in narrow[row]
    assert narrow[row + 1].split() == [made.top.node_id]
    monkeypatch.delenv("COLUMNS")
    (piped,) = [ln for ln in (await run("ls", "--label", label)).splitlines() if label in ln]
    assert piped.split()[-1] == made.top.node_id
    (facts,) = json.loads(await run("ls", "--label", label, "--json"))["spans"]
    assert facts["node_id"] == made.top.node_id
    assert (facts["spans"], facts["failed"], facts["open"], facts["artifacts"]) == (2, 1, 0, 1)
    assert facts["opened_at"] == made.top.opened_at.isoformat()

    async def found(*arguments: str) -> list[str]:
        given = ("ls", "--json", "--label", label, *arguments)
        return [item["node_id"] for item in json.loads(await run(*given))["spans"]]

    top, failed = made.top.node_id, made.failed.node_id
    assert await found("--all") == [failed, top]
    assert await found("--all", "-n", "1") == [failed]
    assert await found("--all", "--status", "error") == [failed]
    assert await found("--status", "error") == []
    assert await found("--all", "--class", "LookedSpan") == [failed]
    assert await found("--class", "Unheard of") == []
    assert await found("--since", "1h") == [top]
    assert await found("--tag", "looked at") == [top]
    assert await found("--open") == []
    async with span_context(label=f"{label} open") as still:
        assert await found("--open") == [still.node_id]
        assert "open" in await run("ls", "--label", label, "--open")
    assert "no run fits" in await run("ls", "--label", new_id())
    assert "is not an age" in await run("ls", "--since", "soon", code=2)


def test_ages() -> None:
    assert age("1d12h") == timedelta(days=1, hours=12)
    assert age("2w90m5s") == timedelta(weeks=2, minutes=90, seconds=5)


async def test_show(run: Any, tmp_path: Path) -> None:
    made = await a_run(FileSystemStorage(tmp_path / "show"), "shown")
    said = await run("show", made.top.node_id)
    assert "shown [bold]  OK" in said
    assert "looked [red] Looked v3  number=1.5" in said
    assert "ValueError: no good [/red] at all" in said
    assert "LookedSpan  ERROR" in said
    assert made.artifact not in said
    said = await run("show", made.top.node_id, "--ids", "--fields")
    assert made.artifact in said
    assert "day: 2024-02-29" in said
    assert "Looked" not in (await run("show", made.top.node_id, "--no-artifacts")).replace(
        "LookedSpan", ""
    )
    said = await run("show", made.top.node_id, "-n", "1")
    assert "1 more spans right below" in said
    assert "1 spans were left out" in said
    facts = json.loads(await run("show", made.top.node_id, "--json"))
    assert [(s["node_id"], s["parent"]) for s in facts["spans"]] == [
        (made.top.node_id, None), (made.failed.node_id, made.top.node_id)
    ]  # fmt: skip
    assert facts["spans"][0]["artifacts"][0]["label"] == "looked [red]"
    assert "there is no span" in await run("show", "nowhere", code=1)


async def test_show_a_deep_tree() -> None:
    async def below(depth: int) -> None:
        async with span_context(label=f"level {depth}"):
            if depth < DEPTH + 3:
                await below(depth + 1)

    async with span_context(label="level 0") as top:
        await below(1)
    console = Console(record=True, width=300, file=io.StringIO())
    console.print(tree_of(await read_span_tree(top.node_id)))
    text = console.export_text()
    assert f"level {DEPTH} " in text
    assert f"level {DEPTH + 1}" not in text
    assert "… deeper spans: artigraph show" in text


async def test_artifact(run: Any, tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path / "artifact")
    made = await a_run(storage, "artifact")
    said = await run("artifact", made.artifact, "--codec")
    for expected in ("looked [red]", "Looked version 3", "2024-02-29", "inner/x/x", "many/0/x",
                     "(lazy)", storage.name[:20], '"fields"', "None"):  # fmt: skip
        assert expected in said
    facts = json.loads(await run("artifact", made.artifact, "--json"))
    fields = {field["path"]: field for field in facts["fields"]}
    assert (facts["span_id"], facts["nested"]) == (made.top.node_id, 3)
    assert (fields["number"]["value"], fields["number"]["kind"]) == (1.5, "float")
    assert fields["big"]["size"] == fields["big"]["blob"]["size"] == 6000
    assert fields["inner/x/x"]["value"] == 7
    assert fields["data"]["value"]["bytes"] == 2
    nested = fields["inner/x/x"]["node_id"]
    assert "x" in await run("artifact", nested)

    out = tmp_path / "out"
    for path, expected in (
        ("text", "täxt\n".encode()), ("number", b"1.5"), ("day", b'"2024-02-29"'),
        ("data", b"\0\1"), ("big", b"large " * 1000), ("inner/x/x", b"7"), ("lazy", b"later"),
    ):  # fmt: skip
        digest = hashlib.sha256(expected).hexdigest()
        assert digest in await run("artifact", made.artifact, "--field", path, "--out", str(out))
        assert out.read_bytes() == expected
    saved = json.loads(
        await run("artifact", made.artifact, "--field", "big", "--out", str(out), "--json")
    )["saved"]
    assert saved == {
        "path": str(out), "size": 6000, "digest": hashlib.sha256(b"large " * 1000).hexdigest()
    }  # fmt: skip

    async def error(*arguments: str, code: int = 1) -> str:
        return str(await run("artifact", *arguments, code=code))

    assert "its fields are inner/x" in await error(made.artifact, "--field", "inner", "--out", "x")
    assert "is None" in await error(made.artifact, "--field", "nothing", "--out", "x")
    assert "it has number, day" in await error(made.artifact, "--field", "nmber", "--out", "x")
    assert "go together" in await error(made.artifact, "--field", "big", code=2)
    assert "both go to" in await error(
        made.artifact, "--json", "--field", "big", "--out", "-", code=2
    )
    assert "is the id of a span" in await error(made.top.node_id)
    assert "there is no artifact" in await error("nowhere")
    place = fields["big"]["blob"]["location"]
    await storage.update(place, b"changed " * 750)
    assert "SHA-256" in await error(made.artifact, "--field", "big", "--out", str(out))
    assert out.read_bytes() == b"large " * 1000  # what was there stays


async def test_a_process_that_knows_no_class(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await a_run(FileSystemStorage(tmp_path / "process"), "process")

    def command(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        program = Path(sys.executable).parent / "artigraph"
        return subprocess.run([program, *arguments], capture_output=True, check=False)

    monkeypatch.delenv("ARTIGRAPH_STORAGES")
    save = (command, "artifact", made.artifact, "--field", "big", "--out", "-")
    done = await asyncio.to_thread(*save)
    assert done.returncode == 1
    assert b"set ARTIGRAPH_STORAGES=" in done.stderr  # a graph does not choose what is opened
    monkeypatch.setenv("ARTIGRAPH_STORAGES", f"file:{tmp_path}/process")
    done = await asyncio.to_thread(*save)
    assert (done.returncode, done.stdout) == (0, b"large " * 1000), done.stderr
    done = await asyncio.to_thread(command, "show", made.failed.node_id)
    assert done.returncode == 0
    assert b"ValueError: no good [/red] at all" in done.stdout
    assert b"\x1b" not in done.stdout  # no colours in a pipe
    done = await asyncio.to_thread(command, "show", "nowhere")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"error: there is no span")


async def test_export_and_import(run: Any, tmp_path: Path) -> None:
    made = await a_run(FileSystemStorage(tmp_path / "export"), "exported")
    path = tmp_path / "run.jsonl"
    said = await run("export", made.top.node_id, str(path))
    assert "exported 2 spans, 1 artifacts with 3 nested models" in said
    assert "--blobs writes them too" in said
    facts = json.loads(await run("export", made.top.node_id, str(path), "--blobs", "--json"))
    assert (facts["spans"], facts["bytes"]) == (2, 6000)
    await run("delete", made.top.node_id, "--yes")
    said = await run("import", str(path), "--storage", f"file:{tmp_path}/there")
    assert "6 nodes are new" in said
    assert "1 stored values uploaded (6.0 kB)" in said
    assert json.loads(await run("import", str(path), "--json"))["new"] == 0
    tables = await run("export", made.top.node_id, str(tmp_path / "t"), "--format", "parquet")
    assert "1 artifacts" in tables
    async with span_context(label="nothing stored") as plain:
        pass
    said = await run("export", plain.node_id, str(path), "--blobs")
    assert said == f"exported 1 spans, 0 artifacts with 0 nested models to {path}\n"
    await run("export", made.top.node_id, str(path))
    path.write_text(path.read_text()[:-20])
    assert f"{path}, line" in await run("import", str(path), code=1)
    assert "'nowhere' does not say where the storage is" in await run(
        "import", str(path), "--storage", "nowhere", code=1
    )
    assert "there is no span" in await run("export", "nowhere", str(path), code=1)
    assert "leave --blobs away" in await run(
        "export", "x", "y", "--blobs", "--format", "parquet", code=2
    )


@pytest.mark.statements
async def test_doctor(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, session_engine: Engine
) -> None:
    await a_run(FileSystemStorage(tmp_path / "doctor"), "doctor")
    real = checks._storage

    async def only_here(engine: Engine, name: str, given: Any) -> checks.Check:
        """Other tests leave references to storages that are gone by now."""
        if str(tmp_path) in name:
            return await real(engine, name, given)
        return checks.Check(f"storage {name}", "ok", "of another test")

    monkeypatch.setattr(checks, "_storage", only_here)
    facts = json.loads(await run("doctor", "--json"))
    found = {check["name"]: check for check in facts["checks"]}
    for name in ("python", "packages", "port", "connection", "server", "clock", "schema"):
        assert found[name]["result"] == "ok", found[name]
    assert found[f"storage file:{tmp_path}/doctor"]["result"] == "ok"
    assert {"credentials", "open spans", "deletes"} <= found.keys()
    said = await run("doctor", "--url", "bolt://127.0.0.1:1", code=1)
    assert "fail port" in said
    assert "fix: start Neo4j" in said
    monkeypatch.setenv("NEO4J_PASSWORD", "wrong-and-secret")
    said = await run("doctor", code=1)
    assert "refused the login" in said
    assert "wrong-and-secret" not in said
    monkeypatch.delenv("NEO4J_URI")
    assert "nothing says where the graph is" in await run("doctor", code=1)


async def test_doctor_tells_of_the_oldest_lost_span(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    ages = timedelta(minutes=5), timedelta(days=3, hours=2), timedelta(hours=1)
    lost = [SimpleNamespace(span=SimpleNamespace(opened_at=now - age)) for age in ages]

    async def found() -> Any:
        return lost

    monkeypatch.setattr(checks, "find_lost_spans", found)
    monkeypatch.setattr(checks, "read_open_spans", found)
    assert (await checks._open_spans()).text == (
        "3 open, 3 of them lost, the oldest opened 3 d 2 h ago"
    )


def test_what_doctor_makes_of_what_it_finds() -> None:
    assert checks._clock(0.5).result == "ok"
    assert "ahead" in checks._clock(3).text
    assert (checks._clock(-3).result, checks._clock(-400).result) == ("warn", "fail")
    assert checks._server("5.26.28", "community").result == "ok"
    assert checks._server("2026.09.0", "enterprise").result == "ok"
    assert checks._server("5.20.0", "community").result == "fail"


@pytest.mark.parametrize(("local", "result"), [(True, "warn"), (False, "fail")])
async def test_doctor_of_a_new_graph(
    local: bool, result: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none_yet() -> SchemaState:
        return SchemaState(None, 3, None, ())

    monkeypatch.setattr(checks, "check_schema", none_yet)
    assert (await checks._schema(local=local)).result == result


async def test_doctor_without_a_bucket(engine: Engine, s3_service: Any) -> None:

    storage = s3_service.storage()
    assert (await checks._storage(engine, storage.name, storage)).result == "ok"
    nowhere = replace(s3_service, bucket="no-such-bucket")
    storage = nowhere.storage()
    found = await checks._storage(engine, storage.name, storage)
    assert found.result == "fail"
    assert (await checks._storage(engine, "unheard of", None)).result == "warn"


def test_every_command_has_json() -> None:
    import typer

    def commands(group: Any, above: str = "") -> Iterator[tuple[str, Any]]:
        ctx = group.context_class(group)
        for name in group.list_commands(ctx):
            command = group.get_command(ctx, name)
            if hasattr(command, "commands"):
                yield from commands(command, f"{above}{name} ")
            else:
                yield f"{above}{name}", command

    found = dict(commands(typer.main.get_command(app)))
    assert len(found) >= 19
    for name, command in found.items():
        assert "--json" in [option for p in command.params for option in p.opts], name
    page = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
    for name in found:
        assert f"`{name}" in page or f"`{name.split()[-1]}" in page, name


async def test_completion(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/bash")
    done = await asyncio.to_thread(
        lambda: subprocess.run(
            [Path(sys.executable).parent / "artigraph"],
            env=os.environ
            | {
                "_ARTIGRAPH_COMPLETE": "complete_bash",
                "COMP_WORDS": "artigraph ar",
                "COMP_CWORD": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    )
    assert done.stdout.split() == ["artifact"], done.stderr


@pytest.mark.statements
async def test_a_narrow_terminal(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    label = new_id()[-12:]
    made = await a_run(FileSystemStorage(tmp_path / "narrow"), label)
    said = await run("ls", "--label", label)
    assert made.top.node_id in said
    assert "artifacts" not in said
    assert max(map(len, said.splitlines())) <= 80
