"""Mutated bytes for every serializer, read in processes of their own: ``make fuzz``.

Each input is made of a seed and its number, so that a run can be repeated and any input made again.
A process that dies, hangs or takes too much memory is seen by the one that started it; the input is
kept in a folder, to be copied to ``tests/data/fuzz`` with the mend.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.fuzz.mutation import input_of
from tests.fuzz.probe import MEMORY_EXIT, read_all

STARTING_SECONDS = 30.0
"""Processor time that the first input may take besides, with all imports."""

CHUNK = 100_000
"""Inputs that one process reads; imports cost it some seconds."""


@dataclass
class Run:
    """One run: its inputs are those numbered from ``start`` to ``stop``."""

    seed: int
    start: int
    stop: int
    only: list[str]
    folder: Path
    seconds: float
    patience: float
    faults: Counter[str] = field(default_factory=Counter[str])

    def all(self) -> int:
        """Read all inputs, or as many as the time allows; return the next number."""
        began = time.monotonic()
        at = self.start
        while at < self.stop and time.monotonic() - began < self.seconds:
            at = self._some(at, min(at + CHUNK, self.stop))
            spent = time.monotonic() - began
            print(f"{at - self.start:,} inputs, {spent:,.0f} s, {self.faults.total()} faults",
                  flush=True)  # fmt: skip
        return at

    def _some(self, start: int, stop: int) -> int:
        """Read some inputs in one process; return the number to go on with."""
        with tempfile.TemporaryDirectory() as folder:
            progress, said = Path(folder, "progress"), Path(folder, "progress.faults")
            progress.write_bytes(start.to_bytes(8, "little"))
            said.touch()
            command = [sys.executable, "-m", "tests.fuzz", "--read", str(progress)]
            command += ["--seed", str(self.seed), "--start", str(start), "--stop", str(stop)]
            command += ["--only", *self.only] if self.only else []
            with Path(folder, "errors").open("wb") as errors:
                process = subprocess.Popen(command, stdout=errors, stderr=errors)
            end = self._watch(process, progress)
            for line in said.read_text().splitlines():
                found = json.loads(line)
                self._keep(found["number"], found["fault"])
            at = int.from_bytes(progress.read_bytes(), "little")
            if process.returncode == 0:
                return stop
            if process.returncode != MEMORY_EXIT:
                told = Path(folder, "errors").read_text(errors="replace")[-1500:]
                self._keep(at, end or f"died with {process.returncode}", told)
            return at + 1

    def _watch(self, process: subprocess.Popen[bytes], progress: Path) -> str | None:
        """Wait for the process; end it when it hangs."""
        last, busy = -1, 0.0
        first = int.from_bytes(progress.read_bytes(), "little")
        while True:
            try:
                process.wait(0.25)
            except subprocess.TimeoutExpired:
                pass
            else:
                return None
            at = int.from_bytes(progress.read_bytes(), "little")
            try:
                times = psutil.Process(process.pid).cpu_times()
            except psutil.NoSuchProcess:
                continue
            is_first = last in (-1, first) and at == first
            if at != last:
                last, busy = at, times.user + times.system
            elif times.user + times.system - busy > self.patience + STARTING_SECONDS * is_first:
                process.kill()
                process.wait()
                return f"hangs for more than {self.patience:.0f} s"

    def _keep(self, number: int, what: str, told: str = "") -> None:
        name, data = input_of(self.seed, number, self.only)
        self.faults[f"{name}: {what[:100]}"] += 1
        if self.faults[f"{name}: {what[:100]}"] > 5:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
        path.write_bytes(data)
        print(f"{path} (seed {self.seed}, number {number}): {what}\n{told}", flush=True)


def main() -> None:
    """Read the command line, and run."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="how many inputs")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="how long at most")
    parser.add_argument("--seed", type=int, default=0, help="which inputs")
    parser.add_argument("--start", type=int, default=0, help="number of the first input")
    parser.add_argument("--patience", type=float, default=10, help="processor time of one input")
    parser.add_argument("--only", nargs="+", default=[], help="names of serializers")
    parser.add_argument("--folder", type=Path, default=Path("fuzz-findings"), help="for findings")
    parser.add_argument("--stop", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    stop = args.stop or args.start + args.count
    if args.read:
        read_all(args.seed, args.start, stop, args.only, args.read)
        return
    run = Run(args.seed, args.start, stop, args.only, args.folder, args.seconds, args.patience)
    at = run.all()
    for what, count in run.faults.most_common():
        print(f"{count:6} × {what}")
    print(f"{at - args.start:,} inputs with seed {args.seed} were read, {run.faults.total()} badly")
    sys.exit(bool(run.faults))


if __name__ == "__main__":
    main()
