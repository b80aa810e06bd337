"""``--url`` and ``--json``: on every command that docs/cli.md promises them for, and obeyed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from artigraph_neo4j.cli.app import app

STACK = {"up", "down", "status", "env", "browser"}
"""They are about the local stack; all others work on a graph."""

NEEDED = {
    "artifact": ["ID"],
    "check": ["json"],
    "compare": ["ID"],
    "contrast": ["--label", "run"],
    "delete": ["ID", "--yes"],
    "diff": ["ID", "ID"],
    "export": ["ID", "out.jsonl"],
    "impact": ["ID"],
    "import": ["run.jsonl"],
    "import-artigraph": ["old.db"],
    "migrate": ["json"],
    "new-graph-id": ["--yes"],
    "recipe": ["ID"],
    "report": ["ID"],
    "retain": ["--keep-last", "1"],
    "show": ["ID"],
    "stale": ["ID"],
    "why": ["ID", "ID"],
}
"""What commands do not start without."""


def commands(group: object, before: str = "") -> Iterator[tuple[str, TyperCommand]]:
    assert isinstance(group, TyperGroup)
    ctx = group.context_class(group)
    for word in group.list_commands(ctx):
        command = group.get_command(ctx, word)
        if isinstance(command, TyperCommand):
            yield before + word, command
        else:
            yield from commands(command, f"{before}{word} ")


ALL = dict(commands(get_command(app)))
ON_A_GRAPH = sorted(set(ALL) - STACK)


def options(name: str) -> set[str]:
    return {word for parameter in ALL[name].params for word in parameter.opts}


def test_every_command_is_looked_at() -> None:
    assert set(ALL) >= STACK | set(NEEDED) | {"ls", "lost", "gc", "doctor", "schema check"}


def test_the_order_is_that_of_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "cli.md").read_text().partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    told = [word for row in rows for word in re.findall(r"`([a-z-]+)", row)]
    said = CliRunner().invoke(app, ["--help"], env={"TERMINAL_WIDTH": "100"}).output
    listed = re.findall(r"^│ ([a-z][a-z-]*)", said, re.MULTILINE)
    assert listed == [name for name in told if name not in ("install", "upgrade")]  # of schema


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_command_has_json(name: str) -> None:
    assert "--json" in options(name)


@pytest.mark.parametrize("name", ON_A_GRAPH)
def test_every_command_on_a_graph_has_url(name: str) -> None:
    assert "--url" in options(name)


@pytest.mark.parametrize("name", sorted(STACK))
def test_commands_on_the_stack_have_no_url(name: str) -> None:
    assert "--url" not in options(name)


@pytest.mark.parametrize("name", ON_A_GRAPH)
def test_url_goes_before_the_environment(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEO4J_URI", "bolt://127.0.0.1:1")
    (tmp_path / "old.db").touch()
    (tmp_path / "run.jsonl").write_text(json.dumps({"kind": "header", "format": 1}) + "\n")
    given = [*name.split(), *NEEDED.get(name, []), "--url", "ftp://meant.example"]
    found = CliRunner().invoke(app, given, env={"TERMINAL_WIDTH": "1000"})
    assert found.exit_code == 1, found.output
    assert "'ftp' is not a Neo4j URL scheme" in found.output, found.output
