"""The local stack: start, stop and inspect Neo4j and S3 in one directory."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local import neo4j, s3
from artigraph_neo4j.local.files import disk_errors_said, exclusive, refuse_foreign
from artigraph_neo4j.local.jars import provision
from artigraph_neo4j.local.java import find_java
from artigraph_neo4j.local.paths import cache_directory, default_directory
from artigraph_neo4j.local.record import Credentials, Record, StackInfo
from artigraph_neo4j.local.servers import Plan, Servers, bolt_url, s3_url
from artigraph_neo4j.local.status import StackStatus, status_of

__all__ = ["DEFAULT_VERSION", "LocalStack", "running_stack"]

DEFAULT_VERSION = "2026.09.0"


class LocalStack:
    """Neo4j and S3 with their data in one directory; several stacks may run side by side.

    Args:
        directory: The directory of data and records; by default ``ARTIGRAPH_HOME``, or else below
            the user's data directory.
        neo4j_version: A version that has a lock in this package; by default the version that wrote
            the data, and for new data 2026.09.0. A newer version upgrades the data; an older one is
            refused.
        s3: Whether the stack has an S3.
        heap: The size of Neo4j's heap in Java's notation.
    """

    def __init__(
        self,
        directory: Path | str | None = None,
        *,
        neo4j_version: str | None = None,
        s3: bool = True,
        heap: str = "1g",
    ) -> None:
        self.directory = (
            default_directory() if directory is None else Path(directory).expanduser().absolute()
        )
        self._asked = neo4j_version
        self._names = ("s3", "neo4j") if s3 else ("neo4j",)
        self._heap = heap

    def up(self, timeout: float = 120, *, verify: bool = False) -> StackInfo:
        """Start servers that do not run, and return when all answer. The first time takes minutes.

        The ports of the last start, or else the usual ones, are used if they are free.

        Args:
            timeout: Maximum seconds until all servers answer, without the time to fetch jars.
            verify: Whether every jar is checked byte by byte, not only by its size and time.

        Raises:
            LocalStackError: A jar could not be fetched, or a server could not be started.
        """
        with disk_errors_said():
            return self._up(timeout, verify)

    def down(self, timeout: float = 60) -> None:
        """Stop all servers cleanly, if any run. Data and credentials stay.

        Args:
            timeout: Seconds until a server that does not end is killed.
        """
        if self.directory.exists():
            with disk_errors_said(), self._locked() as servers:
                servers.stop_all(timeout)

    def kill(self) -> None:
        """Kill Neo4j, as a crash would; its data survives."""
        process = Record.read(self.directory).processes.get("neo4j")
        if process is not None:
            process.kill()

    def info(self) -> StackInfo | None:
        """Return addresses and credentials; None unless all servers of the stack run and answer."""
        record = Record.read(self.directory)
        running = record.ready and "neo4j" in record.processes
        if not running or not all(process.alive() for process in record.processes.values()):
            return None
        credentials = Credentials.read(self.directory)
        return None if credentials is None else self._info(record, credentials)

    def status(self) -> StackStatus:
        """Return the state of each server, and the size of its data."""
        record = Record.read(self.directory)
        credentials = Credentials.read(self.directory)
        return status_of(
            self.directory,
            record,
            self.info(),
            version=record.neo4j_version or self._asked or DEFAULT_VERSION,
            password=credentials.neo4j_password if credentials else "",
            with_s3="s3" in self._names and not (record.ready and "s3" not in record.processes),
        )

    # -- inside --------------------------------------------------------------------------------

    def _up(self, timeout: float, verify: bool) -> StackInfo:
        version = self._version(Record.read(self.directory))
        java = find_java(version)  # first, since fetching takes minutes
        # The jars have a separate lock, so stacks in other directories do not wait for this one.
        jars = provision(version, cache_directory(), verify=verify)
        with self._locked() as servers:
            if self._version(servers.record) != version:
                raise LocalStackError(
                    f"another process started Neo4j {servers.record.neo4j_version} in "
                    f"{self.directory} in the meantime; name another directory for {version}"
                )
            servers.record.neo4j_version = version
            credentials = self._credentials()
            deadline = time.monotonic() + timeout
            servers.start(Plan(self._names, credentials, java, jars, self._heap, deadline))
            return self._info(servers.record, credentials)

    @contextmanager
    def _locked(self) -> Generator[Servers]:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        refuse_foreign(self.directory)
        with exclusive(self.directory / "stack.lock"):
            yield Servers(self.directory)

    def _version(self, record: Record) -> str:
        """The version to start: the given one, else the one that wrote the data."""
        found = record.neo4j_version
        asked = self._asked or found or DEFAULT_VERSION
        if found and asked != found:
            running = record.processes.get("neo4j")
            if running is not None and running.alive():
                raise LocalStackError(
                    f"Neo4j {found} runs in {self.directory}; stop it first (artigraph down) or "
                    f"name another directory for {asked}"
                )
            if _order(asked) < _order(found):
                raise LocalStackError(
                    f"the data in {self.directory} is of Neo4j {found}, which {asked} cannot "
                    f"read; name another directory for {asked}"
                )
        return asked

    def _credentials(self) -> Credentials:
        found = Credentials.read(self.directory)
        if found is None and neo4j.has_data(self.directory / "neo4j"):
            raise LocalStackError(
                f"{self.directory} has data but no credentials.json to log in with; restore that "
                "file, or name another directory"
            )
        return found or Credentials.make(self.directory)

    def _info(self, record: Record, credentials: Credentials) -> StackInfo:
        has_s3 = "s3" in record.processes
        return StackInfo(
            bolt_url=bolt_url(record),
            browser_url=f"http://127.0.0.1:{record.ports['http']}/browser/",
            username=neo4j.USER,
            password=credentials.neo4j_password,
            database="neo4j",
            s3_endpoint=s3_url(record) if has_s3 else "",
            s3_access_key=credentials.s3_access_key if has_s3 else "",
            s3_secret_key=credentials.s3_secret_key if has_s3 else "",
            s3_bucket=s3.BUCKET,
            s3_region=s3.REGION,
            neo4j_version=record.neo4j_version,
            directory=self.directory,
        )


def _order(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


def running_stack() -> StackInfo | None:
    """Return the stack of the default directory if it runs, else None. Starts nothing.

    Raises:
        LocalStackError: The stack runs, but its credentials cannot be read.
    """
    try:
        return LocalStack().info()
    except LocalStackError as error:
        if isinstance(error.__cause__, ImportError):  # without the extra, no stack can run
            return None
        raise
