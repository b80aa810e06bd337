"""Neo4j Community as a local server: its home, its settings, its command, its first password."""

from __future__ import annotations

import time
from pathlib import Path

from neo4j import GraphDatabase
from neo4j.exceptions import AuthError, ClientError, DriverError, Neo4jError

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local.java import find_java
from artigraph_neo4j.local.process import Process, tail

__all__ = ["USER", "command", "prepare_home", "wait_until_ready"]

USER = "neo4j"

_SETTINGS = """\
# Written anew at each start.
server.default_listen_address=127.0.0.1
server.bolt.listen_address=127.0.0.1:{bolt}
server.bolt.advertised_address=127.0.0.1:{bolt}
server.http.listen_address=127.0.0.1:{http}
server.http.advertised_address=127.0.0.1:{http}
server.https.enabled=false
server.memory.heap.initial_size=256m
server.memory.heap.max_size={heap}
server.memory.pagecache.size=256m
db.tx_log.preallocate=false
db.tx_log.rotation.retention_policy=2 files
db.shutdown_transaction_end_timeout=1s
internal.server.bolt.thread_pool_shutdown_wait_time=100ms
dbms.usage_report.enabled=false
"""

_OPENS = ("java.base/java.nio", "java.base/java.io", "java.base/sun.nio.ch")


def prepare_home(home: Path, ports: dict[str, int], *, heap: str) -> None:
    """Write the settings of a server whose data is in ``home``."""
    conf = home / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    text = _SETTINGS.format(bolt=ports["bolt"], http=ports["http"], heap=heap)
    (conf / "neo4j.conf").write_text(text)


def command(version: str, home: Path, jars: list[Path], *, heap: str) -> list[str]:
    """The command that runs a version of Neo4j.

    Raises:
        LocalStackError: No Java fits.
    """
    main = "CommunityEntryPoint" if version.startswith("5.") else "Neo4jCommunity"
    arguments = home / "conf" / "classpath"  # a file, since a command line has a limit
    arguments.write_text(f'-cp "{":".join(map(str, jars))}"\n')
    return [
        str(find_java(version)),
        f"-Xmx{heap}",
        *(f"--add-opens={package}=ALL-UNNAMED" for package in _OPENS),
        f"@{arguments}",
        f"org.neo4j.server.{main}",
        f"--home-dir={home}",
        f"--config-dir={home / 'conf'}",
    ]


def wait_until_ready(
    url: str, password: str, process: Process, log: Path, *, deadline: float
) -> None:
    """Wait until the server answers to ``password``, which a new server is given.

    Raises:
        LocalStackError: The process ended, refused the password, or did not answer in time.
    """
    error: Exception | None = None
    while time.monotonic() < deadline:
        try:
            with GraphDatabase.driver(url, auth=(USER, password)) as driver:
                driver.verify_connectivity()
                return
        except AuthError as refused:
            error = refused
            _set_first_password(url, password)
        except (DriverError, Neo4jError, OSError) as failed:
            error = failed
        if not process.alive():
            raise LocalStackError(f"Neo4j ended while it started; {log} ends with:\n{tail(log)}")
        time.sleep(0.2)
    raise LocalStackError(
        f"Neo4j did not answer in time ({error}); {log} ends with:\n{tail(log)}"
    ) from error


def _set_first_password(url: str, password: str) -> None:
    """A new server has the password "neo4j" and allows nothing but to change it."""
    try:
        with (
            GraphDatabase.driver(url, auth=(USER, "neo4j")) as driver,
            driver.session(database="system") as session,
        ):
            session.run(
                "ALTER CURRENT USER SET PASSWORD FROM $old TO $new", old="neo4j", new=password
            ).consume()
    except (DriverError, ClientError):
        return  # it has another one; the caller's next attempt says so
