"""The servers that tests run on: given by the environment, in Docker, or the local stack."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neo4j import AsyncSession

from artigraph_neo4j.local import LocalStack, StackInfo
from artigraph_neo4j.local.process import Process
from artigraph_neo4j.local.record import Record
from artigraph_neo4j.local.s3 import PORTS as s3_ports
from artigraph_neo4j.storage.aws import S3Storage

DISK = Path(tempfile.gettempdir()) / f"artigraph-tests-{os.getuid()}"
"""Stacks of test runs, a directory each, where the next run finds what a killed one left."""

MEMORY = Path(os.environ.get("ARTIGRAPH_TEST_SHM", "/dev/shm")) / DISK.name
"""The same on a file system in memory, where a commit does not wait for a disk."""

ROOM = 2 * 1024**3
"""Bytes that have to be free there; a stack needs a tenth of it."""

VERSION = os.environ.get("ARTIGRAPH_TEST_NEO4J", "2026.09.0")


@dataclass(frozen=True)
class GraphService:
    uri: str
    username: str | None
    password: str | None = field(repr=False)
    database: str | None

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a program finds it."""
        return {
            "NEO4J_URI": self.uri,
            "NEO4J_USERNAME": self.username or "",
            "NEO4J_PASSWORD": self.password or "",
            "NEO4J_DATABASE": self.database or "neo4j",
        }


@dataclass(frozen=True)
class S3Service:
    endpoint: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a program finds it, but for the bucket."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
        }

    def storage(self, prefix: str = "", **options: Any) -> S3Storage:
        """A storage on it; options replace what it would be given."""
        given: dict[str, Any] = {
            "endpoint_url": self.endpoint,
            "region_name": self.region,
            "access_key": self.access_key,
            "secret_key": self.secret_key,
        }
        return S3Storage(self.bucket, prefix, **(given | options))


_STARTS_FAST = "-XX:+UseSerialGC -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
_LIVES_BRIEFLY = f"-XX:TieredStopAtLevel=1 {_STARTS_FAST}"
_OPTIONS = "JAVA_TOOL_OPTIONS"

AOT_CACHE = "ARTIGRAPH_TEST_AOT_CACHE"
"""Names a file of Java's from an earlier run, with which servers start.

It has the classes of Neo4j, and which of its methods ran how often. A server that starts with it
takes a third less processor time until its first answers, and two thirds of it for the statements
that it plans. Java takes it only for the version of Neo4j, and of Java, that it was made with.
"""

AOT_CACHE_OUTPUT = "ARTIGRAPH_TEST_AOT_CACHE_OUTPUT"
"""Names the file to write when the server that most tests share ends. One that is there is used and
stays: tests that are run once more, since they failed, are too few for Java to learn from."""


def hurry_servers() -> None:
    """Have Neo4j start fast rather than run fast, for servers that live for a test or two.

    For these the second compiler, a collector that works beside the program, and the check of byte
    code whose hash was checked never pay for their time.
    """
    cache, _ = _caches()
    options = f"{_LIVES_BRIEFLY} -XX:AOTCache={cache}" if cache else _LIVES_BRIEFLY
    os.environ.setdefault(_OPTIONS, options)


def _caches() -> tuple[str | None, str | None]:
    """The file of Java's to start servers with, and the one to write."""
    output = os.environ.get(AOT_CACHE_OUTPUT)
    if output and os.path.exists(output):
        return output, None
    return os.environ.get(AOT_CACHE), output


@contextmanager
def _for_many_tests() -> Iterator[None]:
    """The server that starts inside has both compilers.

    Most of the time of the tests of the graph is Neo4j's planning of new statements, which takes
    0.7 to 1.3 s of processor time each with the first compiler alone, and half of it with both.
    """
    before = os.environ.get(_OPTIONS, "")
    options = before.replace(_LIVES_BRIEFLY, _STARTS_FAST)
    if output := _caches()[1]:
        options += f" -XX:AOTCacheOutput={output}"
    os.environ[_OPTIONS] = options
    try:
        yield
    finally:
        os.environ[_OPTIONS] = before


def new_stack(
    name: str,
    *,
    s3: bool = True,
    version: str = VERSION,
    heap: str = "768m",
    on_disk: bool = False,
) -> LocalStack:
    """A stack in a directory of its own, with ports that no user's stack would take first.

    Args:
        name: Part of the directory's name.
        s3: Whether it has S3.
        version: The version of Neo4j.
        heap: Maximum memory of Neo4j's heap.
        on_disk: Whether the data are on a disk, for tests of what outlives a kill.
    """
    discard_leftovers()
    root = DISK if on_disk or not _has_room(MEMORY.parent) else MEMORY
    root.mkdir(mode=0o700, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-{name}-", dir=root))
    Record(ports=dict.fromkeys(["bolt", "http", *s3_ports], 0)).write(directory)
    return LocalStack(directory, neo4j_version=version, s3=s3, heap=heap)


def discard(stack: LocalStack) -> None:
    """Kill a stack's servers and remove its data."""
    stack.down(timeout=0)
    shutil.rmtree(stack.directory, ignore_errors=True)


def discard_leftovers() -> None:
    """End what a run left behind that was killed before it could."""
    directories = [path for root in (DISK, MEMORY) if root.is_dir() for path in root.iterdir()]
    for directory in directories:
        owner = directory.name.split("-")[0]
        if owner.isdigit() and int(owner) != os.getpid() and not _is_test_run(int(owner)):
            discard(LocalStack(directory))


def _has_room(directory: Path) -> bool:
    return os.access(directory, os.W_OK) and shutil.disk_usage(directory).free >= ROOM


def _is_test_run(pid: int) -> bool:
    import psutil

    try:
        command = psutil.Process(pid).cmdline()
        return any("pytest" in part or part.startswith("tests.") for part in command)
    except psutil.Error:
        return False


async def empty(session: AsyncSession) -> None:
    """Remove all that is in the database, its constraints and indexes too."""
    for (name,) in await run(session, "SHOW CONSTRAINTS YIELD name"):
        await run(session, f"DROP CONSTRAINT `{name}` IF EXISTS")
    for (name,) in await run(
        session, "SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name"
    ):
        await run(session, f"DROP INDEX `{name}` IF EXISTS")
    await run(session, "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS")


async def run(session: AsyncSession, text: str, **parameters: Any) -> list[list[Any]]:
    """One statement; its rows."""
    result = await session.run(text, parameters)  # type: ignore[arg-type]
    return await result.values()


class Services:
    """Starts servers when a test first asks, stops them at the end."""

    def __init__(self) -> None:
        self._info: StackInfo | None = None
        self._cleanups: list[Callable[[], Any]] = []

    def local(self) -> StackInfo:
        if self._info is None:
            stack = new_stack("shared")
            self._cleanups.append(lambda: discard(stack))
            if _caches()[1]:
                self._cleanups.append(lambda: stack.down(timeout=300))  # Java writes when it ends
            with _for_many_tests():
                self._info = stack.up(timeout=180)
        return self._info

    def graph(self) -> GraphService:
        if uri := os.environ.get("NEO4J_URI"):
            env = os.environ.get
            return GraphService(
                uri, env("NEO4J_USERNAME"), env("NEO4J_PASSWORD"), env("NEO4J_DATABASE")
            )
        if _docker_answers():
            return self._in_docker()
        info = self.local()
        return GraphService(info.bolt_url, info.username, info.password, info.database)

    def _in_docker(self) -> GraphService:
        from testcontainers.community.neo4j import Neo4jContainer

        container = Neo4jContainer(f"neo4j:{VERSION}", password="artigraph-test")
        container.start()
        self._cleanups.append(container.stop)
        return GraphService(container.get_connection_url(), "neo4j", "artigraph-test", None)

    def s3(self) -> S3Service:
        if endpoint := os.environ.get("ARTIGRAPH_TEST_S3_ENDPOINT"):
            env = os.environ
            return S3Service(
                endpoint,
                env.get("ARTIGRAPH_TEST_S3_BUCKET", "artifacts"),
                env["AWS_ACCESS_KEY_ID"],
                env["AWS_SECRET_ACCESS_KEY"],
                env.get("AWS_DEFAULT_REGION", "us-east-1"),
            )
        info = self.local()
        return S3Service(
            info.s3_endpoint, info.s3_bucket, info.s3_access_key, info.s3_secret_key, info.s3_region
        )

    def close(self) -> None:
        for cleanup in reversed(self._cleanups):
            cleanup()


def _docker_answers() -> bool:
    """Whether an engine answers; the client alone, which may be installed, is no use."""
    import docker

    with warnings.catch_warnings():
        # A client that cannot connect leaves its socket to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            client = docker.from_env(timeout=3)
            answers = bool(client.ping())
            client.close()
        except Exception:
            answers = False
        gc.collect()
    return answers


__all__ = [
    "GraphService",
    "Process",
    "S3Service",
    "Services",
    "discard",
    "empty",
    "new_stack",
    "run",
]
