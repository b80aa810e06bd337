"""Two type checkers, strict, on the library and on what users write: each mistake is found.

One run of each checker does both. What users have is the installed package without ``typings/``;
``make test-long`` looks at their programs in that way too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
USERS, MISTAKES = HERE / "users.py", HERE / "mistakes.py"
LIBRARY = ROOT / "artigraph_neo4j"


def marked() -> set[int]:
    lines = MISTAKES.read_text().splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# mistake")}


def output(directory: Path, *command: str | Path) -> str:
    module = [sys.executable, "-m", *command]
    return subprocess.run(module, cwd=directory, capture_output=True, text=True, check=False).stdout


def mypy(directory: Path, *arguments: str | Path) -> None:
    """Run mypy; its errors are the mistakes, and no others."""
    out = output(directory, "mypy", *arguments, USERS, MISTAKES)
    errors = [line for line in out.splitlines() if ": error:" in line]
    assert [line for line in errors if MISTAKES.name not in line] == []
    assert {int(line.split(":")[1]) for line in errors} == marked(), out


def basedpyright(directory: Path, *arguments: str | Path) -> None:
    """Run basedpyright; its errors are the mistakes, and no others."""
    python = ("--pythonpath", sys.executable)
    out = output(directory, "basedpyright", "--outputjson", *python, *arguments, USERS, MISTAKES)
    found = [
        (Path(item["file"]), item["range"]["start"]["line"] + 1, item["message"])
        for item in json.loads(out)["generalDiagnostics"]
        if item["severity"] == "error"
    ]
    assert [item for item in found if item[0] != MISTAKES] == []
    assert {line for _, line, _ in found} == marked(), found


@pytest.mark.timeout(600)
def test_mypy() -> None:
    mypy(ROOT, LIBRARY)


@pytest.mark.timeout(600)
def test_basedpyright() -> None:
    basedpyright(ROOT, LIBRARY)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("checker", ["mypy", "basedpyright"])
def test_what_users_see(checker: str, tmp_path: Path) -> None:
    if checker == "mypy":
        mypy(tmp_path, "--config-file=", "--strict")
    else:
        settings = {"include": [str(USERS), str(MISTAKES)], "typeCheckingMode": "strict"}
        (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
        basedpyright(tmp_path)
