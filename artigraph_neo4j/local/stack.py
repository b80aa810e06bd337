"""The local stack: start, stop, look at Neo4j and S3 in one directory."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local import neo4j, s3
from artigraph_neo4j.local.files import exclusive
from artigraph_neo4j.local.jars import provision
from artigraph_neo4j.local.paths import cache_directory, default_directory
from artigraph_neo4j.local.process import Process, free_port
from artigraph_neo4j.local.record import Credentials, Record, StackInfo

__all__ = ["DEFAULT_VERSION", "LocalStack", "ServerStatus", "StackStatus", "running_stack"]

logger = logging.getLogger(__name__)

DEFAULT_VERSION = "2026.09.0"

ATTEMPTS = 3
"""How often servers are started anew when a port of theirs was taken meanwhile."""


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server: whether it runs, whether it answers, and the size of its data in bytes."""

    name: str
    version: str
    url: str
    pid: int | None
    running: bool
    answers: bool
    bytes: int


@dataclass(frozen=True, slots=True)
class StackStatus:
    """A stack: where its data is, how to reach it (None when it is down), and its servers."""

    directory: Path
    info: StackInfo | None
    servers: tuple[ServerStatus, ...]

    @property
    def healthy(self) -> bool:
        """Whether every server answers."""
        return all(server.answers for server in self.servers)


class LocalStack:
    """Neo4j and S3 with their data in one directory; several stacks may run side by side.

    Args:
        directory: Where data and records are; by default the user's data directory, or
            ``ARTIGRAPH_HOME``.
        neo4j_version: A version that a lock is shipped for. The data of one version is not opened
            by an older one.
        s3: Whether S3 belongs to it.
        heap: Memory for Neo4j's heap, as Java writes it.
    """

    def __init__(
        self,
        directory: Path | str | None = None,
        *,
        neo4j_version: str = DEFAULT_VERSION,
        s3: bool = True,
        heap: str = "1g",
    ) -> None:
        self.directory = (
            default_directory() if directory is None else Path(directory).expanduser().absolute()
        )
        self.neo4j_version = neo4j_version
        self._s3 = s3
        self._heap = heap

    def up(self, timeout: float = 120) -> StackInfo:
        """Start what does not run; returns when all answers. Blocks, the first time for minutes.

        Ports of the last start, else the usual ones, are taken where they are free.

        Args:
            timeout: Seconds for the servers to answer; fetching jars does not count.

        Raises:
            LocalStackError: Something could not be fetched or started.
        """
        # The jars have a lock of their own: stacks in other directories need not wait for this.
        jars = provision(self.neo4j_version, cache_directory())
        with self._locked():
            record = self._living()
            if record.processes and record.neo4j_version != self.neo4j_version:
                raise LocalStackError(
                    f"Neo4j {record.neo4j_version} runs in {self.directory}; stop it first "
                    f"(artigraph down) or name another directory for {self.neo4j_version}"
                )
            record.neo4j_version = self.neo4j_version
            credentials = Credentials.of(self.directory)
            deadline = time.monotonic() + timeout
            for attempt in range(ATTEMPTS):
                try:
                    self._start(record, credentials, jars, deadline)
                    break
                except LocalStackError:
                    self._stop(record, 10)
                    taken = self._taken(record)
                    if not taken or attempt == ATTEMPTS - 1:
                        raise
                    # Another program took a port between our look and the server's start.
                    record.ports |= dict.fromkeys(taken, 0)
                except BaseException:
                    self._stop(record, 10)
                    raise
            return self._info(record, credentials)

    def down(self, timeout: float = 60) -> None:
        """Stop all servers cleanly; no error when none runs. Data and credentials stay.

        Args:
            timeout: Seconds after which a server that does not end is killed.
        """
        with self._locked():
            self._stop(self._living(), timeout)

    def kill(self) -> None:
        """Kill Neo4j without a word, as a crash would; its data survives that."""
        process = Record.read(self.directory).processes.get("neo4j")
        if process is not None:
            process.kill()

    def info(self) -> StackInfo | None:
        """How to reach the stack; None when Neo4j does not run here."""
        record = Record.read(self.directory)
        process = record.processes.get("neo4j")
        if process is None or not process.alive():
            return None
        return self._info(record, Credentials.of(self.directory))

    def status(self) -> StackStatus:
        """What runs, whether it answers, and how large the data is."""
        record = Record.read(self.directory)
        servers = [
            self._status(record, "neo4j", record.neo4j_version or self.neo4j_version, "bolt")
        ]
        if self._s3:
            servers.append(self._status(record, "s3", "SeaweedFS", "s3"))
        return StackStatus(self.directory, self.info(), tuple(servers))

    # -- inside --------------------------------------------------------------------------------

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with exclusive(self.directory / "stack.lock"):
            yield

    def _living(self) -> Record:
        """The record without processes that are gone."""
        record = Record.read(self.directory)
        for name, process in list(record.processes.items()):
            if not process.alive():
                logger.info("%s of %s is gone; its record is removed", name, self.directory)
                del record.processes[name]
        return record

    def _start(
        self, record: Record, credentials: Credentials, jars: list[Path], deadline: float
    ) -> None:
        if self._s3 and "s3" not in record.processes:
            self._start_s3(record, credentials)
        if "neo4j" not in record.processes:
            self._start_neo4j(record, jars)
        self._wait(record, credentials, deadline)

    @staticmethod
    def _taken(record: Record) -> list[str]:
        return [name for name, port in record.ports.items() if port and free_port([port]) != port]

    def _start_neo4j(self, record: Record, jars: list[Path]) -> None:
        for name, usual in (("bolt", 7687), ("http", 7474)):
            record.ports[name] = free_port(_wishes(record, name, usual))
        home = self.directory / "neo4j"
        neo4j.prepare_home(home, record.ports, heap=self._heap)
        command = neo4j.command(self.neo4j_version, home, jars, heap=self._heap)
        record.processes["neo4j"] = Process.start(
            command, log=self._log("neo4j"), env=dict(os.environ)
        )
        record.write(self.directory)  # at once: who kills us now must find the server

    def _start_s3(self, record: Record, credentials: Credentials) -> None:
        taken: set[int] = set()
        for name, usual in s3.PORTS.items():
            port = free_port([p for p in _wishes(record, name, usual) if p not in taken])
            record.ports[name] = port
            taken.add(port)
        record.processes["s3"] = Process.start(
            s3.command(self.directory / "s3", record.ports),
            log=self._log("s3"),
            env=s3.environment(credentials.s3_access_key, credentials.s3_secret_key),
        )
        record.write(self.directory)

    def _wait(self, record: Record, credentials: Credentials, deadline: float) -> None:
        if self._s3:
            s3.wait_until_ready(
                self._s3_url(record), record.processes["s3"], self._log("s3"), deadline=deadline
            )
        neo4j.wait_until_ready(
            self._bolt_url(record),
            credentials.neo4j_password,
            record.processes["neo4j"],
            self._log("neo4j"),
            deadline=deadline,
        )

    def _stop(self, record: Record, timeout: float) -> None:
        for process in record.processes.values():
            process.signal(signal.SIGTERM)  # to all first, so that they end side by side
        for name, process in list(record.processes.items()):
            if not process.stop(timeout):
                logger.warning("%s did not end within %.0f s and was killed", name, timeout)
            del record.processes[name]
        record.write(self.directory)

    def _log(self, server: str) -> Path:
        logs = self.directory / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        return logs / f"{server}.log"

    @staticmethod
    def _bolt_url(record: Record) -> str:
        return f"bolt://127.0.0.1:{record.ports['bolt']}"

    @staticmethod
    def _s3_url(record: Record) -> str:
        return f"http://127.0.0.1:{record.ports['s3']}"

    def _info(self, record: Record, credentials: Credentials) -> StackInfo:
        has_s3 = "s3" in record.processes
        return StackInfo(
            bolt_url=self._bolt_url(record),
            browser_url=f"http://127.0.0.1:{record.ports['http']}/browser/",
            username=neo4j.USER,
            password=credentials.neo4j_password,
            database="neo4j",
            s3_endpoint=self._s3_url(record) if has_s3 else "",
            s3_access_key=credentials.s3_access_key if has_s3 else "",
            s3_secret_key=credentials.s3_secret_key if has_s3 else "",
            s3_bucket=s3.BUCKET,
            s3_region=s3.REGION,
            neo4j_version=record.neo4j_version,
            directory=self.directory,
        )

    def _status(self, record: Record, name: str, version: str, port: str) -> ServerStatus:
        process = record.processes.get(name)
        running = process is not None and process.alive()
        number = record.ports.get(port)
        scheme = "bolt" if port == "bolt" else "http"
        return ServerStatus(
            name,
            version,
            f"{scheme}://127.0.0.1:{number}" if number else "",
            process.pid if process and running else None,
            running,
            bool(running and number and _answers(number)),
            _size(self.directory / name),
        )


def _wishes(record: Record, name: str, usual: int) -> list[int]:
    """Ports to try first: that of the last start, then the usual one; 0 there means any."""
    last = record.ports.get(name, usual)
    return [last, usual] if last else []


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def _size(directory: Path) -> int:
    total = 0
    for root, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512
            except OSError:  # a file that the server removed meanwhile
                continue
    return total


def running_stack() -> StackInfo | None:
    """The stack of the default directory if it runs, else None. Starts nothing."""
    try:
        return LocalStack().info()
    except LocalStackError:  # the extra is not installed, so nothing can run
        return None
