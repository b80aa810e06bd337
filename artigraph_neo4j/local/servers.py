"""Starting, awaiting and stopping the servers of one directory, even those without a record."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local import neo4j, s3
from artigraph_neo4j.local.files import private_directory
from artigraph_neo4j.local.ports import choose_ports, is_free
from artigraph_neo4j.local.process import Process, server_environment
from artigraph_neo4j.local.record import Credentials, Record

__all__ = ["Plan", "Servers", "bolt_url", "s3_url"]

logger = logging.getLogger(__name__)

_PORTS = {"neo4j": neo4j.PORTS, "s3": s3.PORTS}


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings for a start of the servers."""

    names: tuple[str, ...]
    credentials: Credentials
    java: Path
    jars: list[Path]
    heap: str
    deadline: float


class Servers:
    """The servers of a directory; the caller holds its lock."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.record = Record.read(directory)
        for name, process in list(self.record.processes.items()):
            if not process.alive():
                process.wait(10)  # killed just now, it may still hold its ports
                logger.info("%s of %s is gone; its record is removed", name, directory)
                self._forget(name)

    def start(self, plan: Plan) -> None:
        """Start servers that do not run and wait for all; after a failure, stop the new ones."""
        started: set[str] = set()
        try:
            while not self._try_to_start(plan, started):
                pass
        except BaseException:
            self.stop(started, 10)
            raise
        self.record.ready = True
        self.record.write(self.directory)

    def stop(self, names: Collection[str], timeout: float) -> None:
        """Stop these servers, all at the same time."""
        stopping = {n: self.record.processes[n] for n in names if n in self.record.processes}
        for process in stopping.values():
            process.signal(signal.SIGTERM)
        until = time.monotonic() + timeout
        for name, process in stopping.items():
            if not process.stop(max(0, until - time.monotonic())) and timeout > 0:
                logger.warning("%s did not end within %.0f s and was killed", name, timeout)
            self._forget(name)
        self.record.write(self.directory)

    def stop_all(self, timeout: float) -> None:
        """Stop all servers with their data here, including those without a record."""
        self.stop(list(self.record.processes), timeout)
        for name in _PORTS:
            self._stop_strays(name, timeout)

    # -- inside --------------------------------------------------------------------------------

    def _try_to_start(self, plan: Plan, started: set[str]) -> bool:
        """Start and await all servers; return False if other ports have to be tried."""
        for name in plan.names:
            if name not in self.record.processes:
                started.add(name)
                self._launch(name, plan)
        try:
            self._wait(plan)
        except LocalStackError:
            if not self._lost_a_port():
                raise
            return False
        return True

    def _launch(self, name: str, plan: Plan) -> None:
        self._stop_strays(name, 60)
        record = self.record
        record.ports |= choose_ports(_PORTS[name], record.ports)
        data = self.directory / name
        keys = plan.credentials
        environment = server_environment()
        if name == "neo4j":
            neo4j.prepare_home(data, record.ports, heap=plan.heap, password=keys.neo4j_password)
            command = neo4j.command(
                record.neo4j_version, data, plan.java, plan.jars, heap=plan.heap
            )
        else:
            command = s3.command(data, record.ports)
            environment |= s3.environment(keys.s3_access_key, keys.s3_secret_key)
        record.processes[name] = Process.start(command, log=self._new_log(name), env=environment)
        record.ready = False
        record.write(self.directory)  # at once: a later ``up`` must find it if we are killed now

    def _wait(self, plan: Plan) -> None:
        processes, ports = self.record.processes, self.record.ports
        if "s3" in plan.names:
            s3.wait_until_ready(
                s3_url(self.record), processes["s3"], ports, self._log("s3"), plan.deadline
            )
        neo4j.wait_until_ready(
            bolt_url(self.record),
            plan.credentials.neo4j_password,
            processes["neo4j"],
            ports,
            self._log("neo4j"),
            plan.deadline,
        )

    def _lost_a_port(self) -> bool:
        """Return True if a server ended since its port was taken after it was found free."""
        lost = [
            name
            for name, process in self.record.processes.items()
            if not process.alive()
            and not all(is_free(self.record.ports[port]) for port in _PORTS[name])
        ]
        for name in lost:
            self._forget(name)
        return bool(lost)

    def _stop_strays(self, name: str, timeout: float) -> None:
        """Stop servers without a record, which would block the data."""
        data = self.directory / name
        marker = neo4j.marker(data) if name == "neo4j" else s3.marker(data)
        for stray in Process.with_argument(marker):
            logger.warning("stopping %s of %s, which no record knows", name, self.directory)
            stray.stop(timeout)

    def _forget(self, name: str) -> None:
        del self.record.processes[name]
        self.record.ready = False
        if name == "s3":
            s3.remove_sockets(self.record.ports)

    def _log(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"

    def _new_log(self, name: str) -> Path:
        """The path of a new log; the log of the previous start is kept beside it."""
        log = self._log(name)
        private_directory(log.parent)
        if log.exists():
            log.replace(log.with_name(f"{name}.previous.log"))
        return log


def bolt_url(record: Record) -> str:
    """The address of Neo4j for drivers."""
    return f"bolt://127.0.0.1:{record.ports['bolt']}"


def s3_url(record: Record) -> str:
    """The address of S3."""
    return f"http://127.0.0.1:{record.ports['s3']}"
