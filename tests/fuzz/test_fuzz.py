"""A short run of mutated inputs, all inputs that once were read badly, and what a run notices."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.fuzz import faulty
from tests.fuzz.mutation import input_of
from tests.fuzz.probe import fault
from tests.fuzz.seeds import WEIGHTS, serializer

FINDINGS = Path(__file__).parents[1] / "data" / "fuzz"


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz", "--folder", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_short_run(tmp_path: Path) -> None:
    """Other inputs than those of ``make fuzz``, and the same each time."""
    done = run("--count", "3000", "--seed", "7", "--jobs", "2", folder=tmp_path / "findings")
    assert done.stdout.endswith("3,000 inputs with seed 7 were read, 0 badly\n"), done.stdout
    assert done.returncode == 0
    assert not (tmp_path / "findings").exists()


@pytest.mark.long
def test_a_run_notices_all_that_goes_wrong(tmp_path: Path) -> None:
    # Inputs with one of each kind among them.
    arguments = ("--only", faulty.NAME, "--count", "7", "--seed", "7", "--patience", "1")
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == 1
    for what in ("died with -11", "hangs for more than 1 s", r"took \d+ MiB", "SystemExit"):
        assert re.search(what, done.stdout), done.stdout
    assert "builtins.KeyError: 'not ours'" in done.stdout
    kinds = {path.read_bytes()[0] for path in tmp_path.iterdir()}
    assert kinds == set(range(len(faulty.KINDS)))


@pytest.mark.parametrize("path", sorted(FINDINGS.glob("*-*")), ids=lambda path: path.name)
def test_findings(path: Path) -> None:
    """In this process: what crashes it fails the run."""
    name = path.name.rpartition("-")[0]
    assert fault(name, path.read_bytes()) is None


def test_a_run_ends_in_time_and_tells_how_many_it_read(tmp_path: Path) -> None:
    done = run("--count", "100000000", "--seconds", "0", folder=tmp_path)
    assert done.stdout == "0 inputs with seed 0 were read, 0 badly\n"
    progress = tmp_path / "progress"
    progress.write_bytes(bytes(8))
    assert run("--read", str(progress), "--seconds", "0", folder=tmp_path).returncode == 0
    assert progress.read_bytes() == bytes(8)


def test_a_run_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--folder", str(tmp_path), "--count", "1000000"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as made:
        readers: list[psutil.Process] = []
        while not readers:
            readers = psutil.Process(made.pid).children()
        made.kill()
    _, left = psutil.wait_procs(readers, timeout=60)
    assert not left


def test_inputs_can_be_made_again() -> None:
    made = [input_of(3, number) for number in range(300)]
    assert made == [input_of(3, number) for number in range(300)]
    assert len(set(made)) > 250
    assert {name for name, _ in (input_of(1, number) for number in range(2000))} == WEIGHTS.keys()
    assert {input_of(1, number, ["json"])[0] for number in range(20)} == {"json"}


def test_inputs_are_not_all_refused() -> None:
    """A mutation that only ever breaks the outside of a format would try nothing of its inside."""
    read = dict.fromkeys(WEIGHTS, 0)
    for name in WEIGHTS:
        for number in range(80):
            _, data = input_of(5, number, [name])
            try:
                serializer(name).deserialize(data)
            except Exception:
                continue
            read[name] += 1
    assert min(read.values()) >= 1, read
