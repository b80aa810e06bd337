"""The fixtures themselves: what a killed run left behind is ended by the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from artigraph_neo4j.local.process import Process, server_environment
from artigraph_neo4j.local.record import Record
from tests import services


def test_leftovers_of_a_killed_run_are_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "DISK", tmp_path)
    monkeypatch.setattr(services, "MEMORY", tmp_path / "none")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    sleep = [sys.executable, "-c", "import time; time.sleep(300)"]
    started = {}
    for owner in (ended.pid, os.getpid()):
        directory = tmp_path / f"{owner}-shared-x"
        directory.mkdir()
        process = Process.start(sleep, log=directory / "log", env=server_environment())
        Record("2026.09.0", {"neo4j": process}, {"bolt": 1}).write(directory)
        started[owner] = process
    try:
        services.discard_leftovers()
        assert not started[ended.pid].alive()
        assert not (tmp_path / f"{ended.pid}-shared-x").exists()
        assert started[os.getpid()].alive()  # this run still needs it
    finally:
        for process in started.values():
            process.kill()
