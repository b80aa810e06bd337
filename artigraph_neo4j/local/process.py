"""Server processes that outlive the one that started them, known by pid and start time."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local.needs import need

__all__ = ["Process", "free_port", "tail"]

# Starts the server in a session of its own and ends at once: so no terminal's Ctrl-C reaches it,
# and it is no child that somebody would have to wait for.
_LAUNCH = """
import json, subprocess, sys
job = json.load(sys.stdin)
with open(job["log"], "ab") as log:
    server = subprocess.Popen(job["command"], env=job["env"], stdin=subprocess.DEVNULL,
                              stdout=log, stderr=log, start_new_session=True, cwd=job["cwd"])
print(server.pid, flush=True)
import os; os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this machine; a pid alone may meanwhile be another's."""

    pid: int
    created: float

    @classmethod
    def start(cls, command: Sequence[str], *, log: Path, env: Mapping[str, str]) -> Process:
        """Start a server that writes its output to ``log``.

        Raises:
            LocalStackError: It cannot be started.
        """
        job = {"command": list(command), "log": str(log), "env": dict(env), "cwd": str(log.parent)}
        launched = subprocess.run(  # noqa: S603 - this very interpreter
            [sys.executable, "-SE", "-c", _LAUNCH],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            check=False,
        )
        if launched.returncode or not launched.stdout.strip():
            raise LocalStackError(f"{command[0]} could not be started: {launched.stderr[-2000:]}")
        pid = int(launched.stdout)
        psutil = need("psutil")
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess as error:
            raise LocalStackError(f"{command[0]} ended at once:\n{tail(log)}") from error

    def alive(self) -> bool:
        """Whether this very process runs."""
        psutil = need("psutil")
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 0.05
            return bool(same and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    def signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self, timeout: float) -> bool:
        """Ask it to end, wait, then insist; whether it ended by itself."""
        self.signal(signal.SIGTERM)
        if self.wait(timeout):
            return True
        self.signal(signal.SIGKILL)
        self.wait(10)
        return False

    def kill(self) -> None:
        """End it without a word."""
        self.signal(signal.SIGKILL)
        self.wait(10)

    def wait(self, timeout: float) -> bool:
        """Wait until it has ended and let go of its ports; whether it did in time."""
        end = time.monotonic() + timeout
        while not self._gone():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def _gone(self) -> bool:
        """A zombie is gone too, once its last thread is: until then its sockets are open."""
        psutil = need("psutil")
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.created) >= 0.05:
                return True
            return bool(process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1)
        except psutil.NoSuchProcess:
            return True


def free_port(preferred: Iterable[int] = ()) -> int:
    """The first of the preferred ports that is free on loopback, else any free one."""
    for port in [*preferred, 0]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise LocalStackError("no free port on 127.0.0.1")


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log."""
    with suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    return f"({log} cannot be read)"
