"""A process that has the library loaded and forks programs: a start costs milliseconds.

It reads a line of JSON for each program and answers with a line that has its process id. It has no
thread and no connection, so what it forks is as good as a fresh process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.faults.plan import Plan
from tests.faults.program import Place, run

__all__ = ["Nursery"]


class Nursery:
    """Starts programs. A context manager: its end ends those that still run."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._started: list[int] = []

    def start(
        self, plan: Plan, number: int, place: Place, directory: Path, *, servers: bool
    ) -> int:
        """Start a program; its errors go to a file beside its journal.

        Returns:
            Its process id.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {
            "plan": [plan.seed, plan.run, servers],
            "number": number,
            "place": vars(place),
            "directory": str(directory),
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        self._started.append(pid)
        return pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pid in filter(alive, self._started):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.communicate()


def alive(pid: int) -> bool:
    """Whether a process that the nursery forked is still there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    """Fork a program for each line that comes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: none becomes a zombie
    for line in sys.stdin:
        pid = os.fork()
        if pid:
            print(pid, flush=True)
            continue
        order = json.loads(line)
        directory, number = Path(order["directory"]), order["number"]
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for stream, name in ((0, os.devnull), (1, "out"), (2, "err")):
            path = os.devnull if stream == 0 else str(directory / f"{number}.{name}")
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), stream)
        seed, name, servers = order["plan"]
        run(Plan.of(seed, name, servers=servers), number, Place(**order["place"]), directory)
        return


if __name__ == "__main__":
    main()
