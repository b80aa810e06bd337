"""The commands, their output for people and for programs, and their exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from artigraph_neo4j.cli.app import app
from artigraph_neo4j.cli.browser import address
from artigraph_neo4j.local import LocalStack, StackInfo


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command on the stack in a directory, and returns what it says."""

    def run(*arguments: str, home: Path, code: int = 0) -> str:
        monkeypatch.setenv("ARTIGRAPH_HOME", str(home))
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == code, result.output
        return result.output

    return run


def test_the_commands_of_a_running_stack(
    stack: LocalStack, info: StackInfo, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    home = stack.directory
    assert json.loads(command("up", "--json", home=home))["bolt_url"] == info.bolt_url
    said = command("up", home=home)
    assert info.browser_url in said
    assert f"{info.username} / {info.password}" in said

    status = json.loads(command("status", "--json", home=home))
    assert status["healthy"]
    assert {s["name"]: s["answers"] for s in status["servers"]} == {"neo4j": True, "s3": True}
    assert all(server["bytes"] > 0 and server["version"] for server in status["servers"])
    assert "up" in command("status", home=home)
    assert info.password not in command("status", "--json", home=home)

    assert json.loads(command("env", "--json", home=home)) == info.environment()
    script = command("env", home=home) + '\nprintf %s "$NEO4J_PASSWORD"'
    shell = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert shell.stdout == info.password

    assert info.password in command("browser", "--no-open", home=home)
    assert json.loads(command("browser", "--json", home=home))["browser_url"] == info.browser_url
    assert opened == []
    assert info.bolt_url in command("browser", home=home)
    assert opened == [address(info)]

    assert json.loads(command("down", "--json", home=home))["stopped"] is True
    assert "nothing ran" in command("down", home=home)
    assert json.loads(command("status", "--json", home=home, code=3))["healthy"] is False


def test_a_directory_where_nothing_runs(command: Any, tmp_path: Path) -> None:
    assert "artigraph up" in command("env", home=tmp_path, code=1)
    assert "artigraph up" in command("browser", "--no-open", home=tmp_path, code=1)
    assert "nothing ran" in command("down", "--dir", str(tmp_path / "other"), home=tmp_path)


def test_wrong_usage(command: Any, tmp_path: Path) -> None:
    assert "No such command" in command("nonsense", home=tmp_path, code=2)
    assert "4.4" in command("up", "--neo4j-version", "4.4.0", home=tmp_path, code=1)


def test_the_installed_command_runs() -> None:
    program = Path(sys.executable).parent / "artigraph"
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("artigraph-neo4j ")


def test_without_its_extra_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['typer'] = None; import artigraph_neo4j.cli as c; c.main()"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert answer.stderr.startswith("the command needs typer: pip install")
