"""Two type checkers, strict, on what users write: right code passes, each mistake is found."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
USERS, MISTAKES = HERE / "users.py", HERE / "mistakes.py"


def marked() -> set[int]:
    lines = MISTAKES.read_text().splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# mistake")}


def test_mypy() -> None:
    command = [sys.executable, "-m", "mypy", "--strict", str(USERS), str(MISTAKES)]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    found = re.findall(r"^(.*\.py):(\d+): error", out, re.MULTILINE)
    assert {Path(path).name for path, _ in found} == {"mistakes.py"}, out
    assert {int(line) for _, line in found} == marked(), out


def test_basedpyright() -> None:
    command = [sys.executable, "-m", "basedpyright", "--outputjson", str(USERS), str(MISTAKES)]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    found = [
        (Path(item["file"]).name, item["range"]["start"]["line"] + 1)
        for item in json.loads(out)["generalDiagnostics"]
        if item["severity"] == "error"
    ]
    assert {name for name, _ in found} == {"mistakes.py"}, out
    assert {line for _, line in found} == marked(), out
