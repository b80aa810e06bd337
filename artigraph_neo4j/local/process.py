"""Server processes that outlive the process that started them, identified by pid and start time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local.needs import need

__all__ = ["Process", "created_at", "server_environment", "tail"]

# Starts the server in a new session and ends at once: so a terminal's Ctrl-C does not reach the
# server, and nobody has to wait for it as a child. Only this user can read its files.
_LAUNCH = """
import json, os, subprocess, sys
job = json.load(sys.stdin)
os.umask(0o077)
flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
with os.fdopen(os.open(job["log"], flags, 0o600), "ab") as log:
    server = subprocess.Popen(job["command"], env=job["env"], stdin=subprocess.DEVNULL,
                              stdout=log, stderr=log, start_new_session=True, cwd=job["cwd"])
print(server.pid, flush=True)
os._exit(0)
"""

_INHERITED = ("HOME", "JAVA_TOOL_OPTIONS", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "TMPDIR")

TOLERANCE = 0.05
"""Maximum seconds by which two readings of one start time differ."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this machine; its start time distinguishes it from a later one with its pid.

    Attributes:
        pid: The process id.
        created: The start time, as ``created_at`` returns it.
    """

    pid: int
    created: float

    @classmethod
    def start(cls, command: Sequence[str], *, log: Path, env: Mapping[str, str]) -> Process:
        """Start a server in the directory of its log, and append its output to the log.

        Raises:
            LocalStackError: The server cannot be started.
        """
        job = {"command": list(command), "log": str(log), "env": dict(env), "cwd": str(log.parent)}
        launched = subprocess.run(  # noqa: S603 - this interpreter
            [sys.executable, "-SE", "-c", _LAUNCH],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            check=False,
        )
        if launched.returncode or not launched.stdout.strip():
            reason = launched.stderr.strip().rpartition("\n")[2]
            raise LocalStackError(f"{command[0]} could not be started: {reason}")
        pid = int(launched.stdout)
        psutil = need("psutil")
        try:
            return cls(pid, created_at(psutil.Process(pid)))
        except psutil.NoSuchProcess as error:
            raise LocalStackError(f"{command[0]} ended at once:\n{tail(log)}") from error

    @classmethod
    def with_argument(cls, argument: str) -> Iterator[Process]:
        """Find processes of this user that have exactly this argument."""
        psutil = need("psutil")
        for process in psutil.process_iter(["uids", "cmdline"]):
            info = process.info
            mine = info["uids"] is not None and info["uids"].real == os.getuid()
            if mine and argument in (info["cmdline"] or ()):
                with suppress(psutil.Error):
                    yield cls(process.pid, created_at(process))

    def alive(self) -> bool:
        """Return True if the process still runs."""
        psutil = need("psutil")
        process = self._find()
        try:
            return process is not None and bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False

    def listens(self, port: int) -> bool:
        """Return True if this process, not another one, listens on a port."""
        psutil = need("psutil")
        process = self._find()
        try:
            found: list[Any] = process.net_connections("tcp") if process else []
        except psutil.Error:
            return False
        return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in found)

    def signal(self, number: int) -> None:
        """Send a signal if the process still runs."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self, timeout: float) -> bool:
        """Ask the process to end, kill it after ``timeout`` seconds; True if it ended by itself."""
        self.signal(signal.SIGTERM)
        if self.wait(timeout):
            return True
        self.kill()
        return False

    def kill(self) -> None:
        """Kill the process."""
        self.signal(signal.SIGKILL)
        self.wait(10)

    def wait(self, timeout: float) -> bool:
        """Wait until the process has ended and released its ports; False after the timeout."""
        end = time.monotonic() + timeout
        while not self._gone():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def _gone(self) -> bool:
        """True if it has ended; a zombie has, once its last thread and its sockets are gone."""
        psutil = need("psutil")
        process = self._find()
        try:
            return process is None or (
                process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
            )
        except psutil.Error:
            return True

    def _find(self) -> Any:
        """The process, or None if it has ended or its pid belongs to another one."""
        psutil = need("psutil")
        try:
            process = psutil.Process(self.pid)
            return process if abs(created_at(process) - self.created) < TOLERANCE else None
        except psutil.Error:
            return None


def created_at(process: Any) -> float:
    """The start time of a process in seconds; on Linux counted from the boot of the machine.

    On Linux the time of day would change whenever the clock is set, and a running server would look
    like another process.
    """
    created = float(process.create_time())
    return created - need("psutil").boot_time() if sys.platform == "linux" else created


def server_environment() -> dict[str, str]:
    """The environment variables that a server inherits; none of them can be a secret."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log."""
    with suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    return f"({log} cannot be read)"
