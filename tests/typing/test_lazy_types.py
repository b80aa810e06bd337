"""What two type checkers say about lazy fields."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from dataclasses import dataclass
from typing import assert_type

import pandas as pd

from artigraph_neo4j import ArtifactModel, File, Lazy, lazy_field
from artigraph_neo4j.serializer.pandas import dataframe_serializer


@dataclass
class Run(ArtifactModel, version=1):
    score: float
    frame: Lazy[pd.DataFrame]
    data: Lazy[bytes]
    file: Lazy[File] | None = lazy_field(default=None)
    other: Lazy[pd.DataFrame] = lazy_field(serializer=dataframe_serializer)


async def use(frame: pd.DataFrame) -> None:
    made = Run(0.5, Lazy(frame), Lazy(b""), None, Lazy(frame))
    run = await Run.read(await made.create())
    assert_type(await run.frame.load(), pd.DataFrame)
    assert_type(await run.frame.load(columns=["a"], row_groups=[0]), pd.DataFrame)
    assert_type(await run.data.load_range(0, 1), bytes)
    if run.file is not None:
        assert_type(await run.file.load(), File)
        assert_type(await run.file.load_range(0, 1), bytes)
"""
WRONG = """

async def misuse(run: Run, frame: pd.DataFrame) -> None:
    Run(0.5, frame, Lazy(b""))
    run.frame.columns
    await run.frame.load_range(0, 1)
"""


@pytest.mark.parametrize("checker", ["mypy", "basedpyright"])
def test_lazy_fields_are_typed(checker: str, tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(PROGRAM)
    (tmp_path / "wrong.py").write_text(PROGRAM + WRONG)
    config = tmp_path / "pyrightconfig.json"
    config.write_text('{"typeCheckingMode": "standard", "pythonVersion": "3.11"}')
    options = {
        "mypy": ["-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path / 'cache'}"],
        "basedpyright": ["-m", "basedpyright", "-p", str(config), "--pythonpath", sys.executable],
    }[checker]
    files = ["right.py", "wrong.py"] if checker == "mypy" else []  # else all in the directory
    command = [sys.executable, *options, *files]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if "error:" in line or "- error" in line]
    assert [line for line in lines if "right.py" in line] == [], done.stdout
    first = PROGRAM.count("\n") + 4
    found = {int(line.split("wrong.py:")[1].split(":")[0]) for line in lines}
    assert found == {first, first + 1, first + 2}, done.stdout
