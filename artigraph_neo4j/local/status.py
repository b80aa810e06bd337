"""The state of the servers in a directory, and the size of their data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from artigraph_neo4j.local import neo4j, s3
from artigraph_neo4j.local.files import disk_usage
from artigraph_neo4j.local.record import Record, StackInfo

__all__ = ["ServerStatus", "StackStatus", "status_of"]


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The state of one server: if it runs, if it answers, and the size of its data in bytes."""

    name: str
    version: str
    url: str
    pid: int | None
    running: bool
    answers: bool
    bytes: int


@dataclass(frozen=True, slots=True)
class StackStatus:
    """The state of a stack: its directory, its addresses (None while it is down), its servers."""

    directory: Path
    info: StackInfo | None
    servers: tuple[ServerStatus, ...]

    @property
    def healthy(self) -> bool:
        """True if every server answers."""
        return all(server.answers for server in self.servers)


def status_of(
    directory: Path,
    record: Record,
    info: StackInfo | None,
    *,
    version: str,
    password: str,
    with_s3: bool,
) -> StackStatus:
    """Ask every server of a stack, and return the state of the stack."""
    servers = [
        _server(
            directory / "neo4j", record, "bolt", version, lambda url: neo4j.answers(url, password)
        )
    ]
    if with_s3:
        servers.append(_server(directory / "s3", record, "s3", s3.version(), s3.answers))
    return StackStatus(directory, info, tuple(servers))


def _server(
    data: Path, record: Record, port: str, version: str, ask: Callable[[str], bool]
) -> ServerStatus:
    process = record.processes.get(data.name)
    running = process is not None and process.alive()
    scheme = "bolt" if port == "bolt" else "http"
    url = f"{scheme}://127.0.0.1:{record.ports[port]}" if running else ""
    return ServerStatus(
        name=data.name,
        version=version,
        url=url,
        pid=process.pid if process and running else None,
        running=running,
        answers=running and ask(url),
        bytes=disk_usage(data),
    )
