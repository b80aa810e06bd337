"""Mutated bytes for every serializer, read in processes of their own: ``make fuzz``.

Each input is made of a seed and its number, so that a run can be repeated and any input made again.
A process that dies, hangs or takes too much memory is seen by the one that started it; the input is
kept in a folder, to be copied to ``tests/data/fuzz`` with the mend.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.fuzz.mutation import input_of
from tests.fuzz.probe import MEMORY_EXIT, read_all

STARTING_SECONDS = 30.0
"""Processor time that the first input may take besides, with all imports."""

CHUNK = 250_000
"""Maximum inputs that one process reads; imports cost it some seconds."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "RUST_BACKTRACE": "0",
}
"""Environment of processes that read: threads that share such small values only wait."""


@dataclass
class Run:
    """One run: its inputs are those numbered from ``start`` to ``stop``.

    Attributes:
        seed: Chooses the inputs.
        start: Number of the first input.
        stop: Number behind the last input.
        only: Names of the serializers; all if empty.
        folder: Where findings are kept.
        seconds: Maximum seconds until no more inputs are read.
        patience: Maximum seconds of processor time for one input.
        jobs: Number of processes that read at the same time.
        faults: Number of faults by what they are.
        read: Number of inputs that were read.
    """

    seed: int
    start: int
    stop: int
    only: list[str]
    folder: Path
    seconds: float
    patience: float
    jobs: int = 1
    faults: Counter[str] = field(default_factory=Counter[str])
    read: int = 0

    def __post_init__(self) -> None:
        size = min(CHUNK, math.ceil((self.stop - self.start) / self.jobs))
        starts = range(self.start, self.stop, max(size, 1))
        self._chunks = iter([(at, min(at + size, self.stop)) for at in starts])
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def all(self) -> None:
        """Read all inputs, or as many as the time allows."""
        with ThreadPoolExecutor(self.jobs) as pool:
            for done in [pool.submit(self._read_chunks) for _ in range(self.jobs)]:
                done.result()

    def _left(self) -> float:
        return self.seconds - (time.monotonic() - self._began)

    def _read_chunks(self) -> None:
        while self._left() > 0:
            with self._lock:
                at, stop = next(self._chunks, (0, 0))
            if at == stop:
                return
            while at < stop and self._left() > 0:
                after = self._some(at, stop)
                with self._lock:
                    self.read += after - at
                    spent = time.monotonic() - self._began
                    print(f"{self.read:,} inputs, {spent:,.0f} s, {self.faults.total()} faults",
                          flush=True)  # fmt: skip
                at = after

    def _some(self, start: int, stop: int) -> int:
        """Read some inputs in one process; return the number to go on with."""
        with tempfile.TemporaryDirectory() as folder:
            progress, said = Path(folder, "progress"), Path(folder, "progress.faults")
            progress.write_bytes(start.to_bytes(8, "little"))
            said.touch()
            command = [sys.executable, "-m", "tests.fuzz", "--read", str(progress)]
            command += ["--seed", str(self.seed), "--start", str(start), "--stop", str(stop)]
            command += ["--seconds", str(self._left()), "--parent", str(os.getpid())]
            command += ["--only", *self.only] if self.only else []
            with Path(folder, "errors").open("wb") as errors:
                process = subprocess.Popen(
                    command, stdout=errors, stderr=errors, env={**os.environ, **ONE_THREAD}
                )
            end = self._watch(process, progress)
            for line in said.read_text().splitlines():
                found = json.loads(line)
                self._keep(found["number"], found["fault"])
            at = int.from_bytes(progress.read_bytes(), "little")
            if process.returncode == 0:
                return at
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
        with self._lock:
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
    parser.add_argument("--jobs", type=int, default=1, help="how many processes read at once")
    parser.add_argument("--folder", type=Path, default=Path("fuzz-findings"), help="for findings")
    parser.add_argument("--stop", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=int, default=os.getppid(), help=argparse.SUPPRESS)
    args = parser.parse_args()
    stop = args.stop or args.start + args.count
    if args.read:
        read_all(args.seed, args.start, stop, args.only, args.read, args.seconds, args.parent)
        return
    run = Run(
        args.seed, args.start, stop, args.only, args.folder, args.seconds, args.patience, args.jobs
    )
    run.all()
    for what, count in run.faults.most_common():
        print(f"{count:6} × {what}")
    print(f"{run.read:,} inputs with seed {args.seed} were read, {run.faults.total()} badly")
    sys.exit(bool(run.faults))


if __name__ == "__main__":
    main()
