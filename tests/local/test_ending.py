"""A run of the tests ends when it is told to, whatever the test that runs then does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SWALLOWS = """
import os, signal
def test_that_swallows():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    except KeyboardInterrupt:
        raise AssertionError("a failure of its own") from None
def test_after():
    print("went on")
"""

TAKES = """
import signal
def test_that_takes_the_handler():
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
def test_after():
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
"""


def _pytest(directory: Path, source: str) -> subprocess.CompletedProcess[str]:
    test = directory / "test_it.py"
    test.write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider",
            "-p", "tests.conftest", "--rootdir", directory, test],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_test_that_swallows_the_signal_ends_the_run(tmp_path: Path) -> None:
    ended = _pytest(tmp_path, SWALLOWS)
    assert "terminated" in ended.stdout, ended.stdout
    assert "1 failed" in ended.stdout
    assert "went on" not in ended.stdout


def test_a_test_that_takes_the_handler_fails(tmp_path: Path) -> None:
    ended = _pytest(tmp_path, TAKES)
    assert "2 passed, 1 error" in ended.stdout, ended.stdout
