"""Two type checkers, strict, on what users write: right code passes, each mistake is found.

The checkers see what users have: the installed packages, not ``typings/``, which no wheel has.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
USERS, MISTAKES = HERE / "users.py", HERE / "mistakes.py"


def marked() -> set[int]:
    lines = MISTAKES.read_text().splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# mistake")}


def output(directory: Path, *command: str) -> str:
    module = [sys.executable, "-m", *command]
    return subprocess.run(module, cwd=directory, capture_output=True, text=True, check=False).stdout


def test_mypy(tmp_path: Path) -> None:
    out = output(tmp_path, "mypy", "--config-file=", "--strict", str(USERS), str(MISTAKES))
    found = re.findall(r"^(.*\.py):(\d+): error", out, re.MULTILINE)
    assert {Path(path).name for path, _ in found} == {"mistakes.py"}, out
    assert {int(line) for _, line in found} == marked(), out


def test_basedpyright(tmp_path: Path) -> None:
    settings = {"include": [str(USERS), str(MISTAKES)], "typeCheckingMode": "strict"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    out = output(tmp_path, "basedpyright", "--outputjson", "--pythonpath", sys.executable)
    found = [
        (Path(item["file"]).name, item["range"]["start"]["line"] + 1)
        for item in json.loads(out)["generalDiagnostics"]
        if item["severity"] == "error"
    ]
    assert {name for name, _ in found} == {"mistakes.py"}, out
    assert {line for _, line in found} == marked(), out
