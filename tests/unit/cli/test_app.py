"""The table of commands, what starting them imports, and errors as people and programs get them."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import typer
from rich.table import Table
from rich.text import Text
from rich.tree import Tree
from typer.testing import CliRunner

from artigraph_neo4j.cli import app as application
from artigraph_neo4j.cli.app import COMMANDS, app
from artigraph_neo4j.cli.browser import address
from artigraph_neo4j.cli.output import Terminal, say
from artigraph_neo4j.common.wording import visible
from artigraph_neo4j.errors import NotFoundError

CLI = Path(application.__file__).parent

HEAVY = {
    "aioboto3", "aiobotocore", "boto3", "botocore", "fsspec", "networkx", "numpy", "pandas",
    "polars", "psutil", "pyarrow", "sqlalchemy",
}  # fmt: skip


def imported(program: str, *arguments: str) -> set[str]:
    """The packages that a fresh Python has after a program."""
    code = (
        f"import sys\nsys.argv = ['artigraph', *{arguments!r}]\n"
        f"try:\n    {program}\nexcept SystemExit:\n    pass\n"
        "print('LOADED', *{name.partition('.')[0] for name in sys.modules}, *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert imported("import artigraph_neo4j") & (HEAVY | {"neo4j", "neomodel", "asyncio"}) == set()


def test_help_imports_nothing_heavy() -> None:
    loaded = imported("from artigraph_neo4j.cli import main; main()", "--help")
    assert "artigraph_neo4j.cli.app" in loaded
    assert loaded & (HEAVY | {"neo4j", "neomodel", "asyncio", "artigraph_neo4j._public"}) == set()


def test_a_command_imports_what_it_needs() -> None:
    program = "from artigraph_neo4j.cli import main; main()"
    loaded = imported(program, "ls", "--url", "bolt://127.0.0.1:1?x", "--limit", "0")
    assert {"neo4j", "artigraph_neo4j.cli.runs"} <= loaded
    assert loaded & (HEAVY | {"artigraph_neo4j.cli.show", "artigraph_neo4j.exchange"}) == set()


def test_pandas_can_be_imported_after_the_driver() -> None:
    program = (
        "from artigraph_neo4j.cli.app import _import_driver; _import_driver(); import pandas; "
        "import numpy; print(pandas.DataFrame)"
    )
    assert {"neo4j", "pandas", "numpy"} <= imported(program)


def test_every_command_is_what_the_table_says() -> None:
    group: Any = typer.main.get_command(app)
    ctx = group.make_context("artigraph", ["ls"])
    assert group.list_commands(ctx) == list(COMMANDS)
    for name, (module, said) in COMMANDS.items():
        command = group.get_command(ctx, name)
        assert command.name == name
        assert command.help.replace("\n", " ").startswith(said), name
        source = (CLI / f"{module}.py").read_text()
        assert "commands = typer.Typer(add_completion=False)" in source
    assert group.get_command(ctx, "no-such-command") is None
    listed = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).output
    for name, (_, said) in COMMANDS.items():
        assert said in listed, name


def call(monkeypatch: pytest.MonkeyPatch, error: Exception, *arguments: str) -> Any:
    from artigraph_neo4j.cli import lost

    def fails(*_: object, **__: object) -> Any:
        raise error

    monkeypatch.setattr(lost, "run", fails)
    return CliRunner().invoke(app, ["lost", *arguments])


def test_an_error_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    done = call(monkeypatch, NotFoundError("no [bold] \x1b]0;title\x07 here"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "error: no [bold] \\x1b]0;title\\x07 here\n"


def test_with_json_an_error_is_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    done = call(monkeypatch, NotFoundError("no \x1b[31m"), "--json")
    assert (done.exit_code, done.stderr) == (1, "")
    assert json.loads(done.stdout) == {"error": {"type": "NotFoundError", "message": "no \x1b[31m"}}
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["ls", "--json", "--limit", "0"],
        ["ls", "--json", "--no-such-option"],
        ["delete", "--json"],
        ["lost", "--silence", "often", "--json"],
        ["no-such-command", "--json"],
        ["schema", "no-such-command", "--json"],
        ["--no-such-option", "--json"],
    ],
    ids=" ".join,
)
def test_with_json_a_wrong_command_line_is_an_object(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2, done.output
    assert json.loads(done.stdout)["error"]["message"]


def test_without_json_a_wrong_command_line_is_told_as_usual() -> None:
    done = CliRunner().invoke(app, ["ls", "--no-such-option"])
    assert done.exit_code == 2
    assert "No such option" in done.stderr


HOSTILE = "\x1b[2J\x9b31m\x07\r\u202e\ud800 bell"


def test_recorded_text_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("head", title=HOSTILE)
    table.add_row(Text(HOSTILE))
    tree = Tree(Text(HOSTILE))
    tree.add(HOSTILE)
    console = Terminal()
    console.print(table)
    console.print(tree)
    console.print(HOSTILE, style="red")
    say(f"{HOSTILE}\n")
    said = capsys.readouterr().out
    assert said.count("\\x1b[2J\\x9b31m") == 5
    assert not [c for c in said if not c.isprintable() and c != "\n"]
    assert visible("as it\tis\n") == "as it\tis\n"


def test_commands_print_by_one_module() -> None:
    """A console of rich's own, or ``print``, would obey what somebody recorded."""
    found: list[str] = []
    for path in CLI.glob("*.py"):
        if path.name in ("output.py", "__init__.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in ("Console", "print", "typer.echo", "sys.stdout.write"):
                    found.append(f"{path.name} {called}")
    assert found == ["app.py typer.echo"]  # the version


def test_browser_is_opened_with_the_user_name_filled_in() -> None:
    info: Any = SimpleNamespace(
        browser_url="http://127.0.0.1:7474/browser/", bolt_url="bolt://127.0.0.1:7687",
        username="neo4j",
    )  # fmt: skip
    found = urlsplit(address(info))
    assert found.path == "/browser/"
    assert parse_qs(found.query) == {"connectURL": ["bolt://neo4j@127.0.0.1:7687"]}
