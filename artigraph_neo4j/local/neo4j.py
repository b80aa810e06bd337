"""Neo4j Community as a local server: home directory, settings, command and first password."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neo4j import GraphDatabase
from neo4j.exceptions import AuthError, DriverError, Neo4jError

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local.files import private_directory, write_private
from artigraph_neo4j.local.kit import style_as_json
from artigraph_neo4j.local.process import Process, tail

__all__ = [
    "PORTS",
    "USER",
    "answers",
    "command",
    "has_data",
    "marker",
    "prepare_home",
    "wait_until_ready",
]

USER = "neo4j"
PORTS = {"bolt": 7687, "http": 7474}
"""Default ports of the server by name; all are on loopback."""

_SETTINGS = """\
# Written anew at each start.
server.default_listen_address=127.0.0.1
server.bolt.listen_address=127.0.0.1:{bolt}
server.bolt.advertised_address=127.0.0.1:{bolt}
server.http.listen_address=127.0.0.1:{http}
server.http.advertised_address=127.0.0.1:{http}
server.https.enabled=false
server.memory.heap.max_size={heap}
server.memory.pagecache.size=256m
db.tx_log.preallocate=false
db.tx_log.rotation.retention_policy=2 files
db.shutdown_transaction_end_timeout=1s
# Two waits of 5 s at every stop, for work that no client is left to ask for.
internal.server.bolt.thread_pool_shutdown_wait_time=100ms
internal.dbms.bolt.netty_server_shutdown_quiet_period=0
dbms.usage_report.enabled=false
# What Neo4j Browser does when somebody logs in; to be turned off in its settings.
browser.post_connect_cmd=style {style}
"""

_OPENS = ("java.base/java.nio", "java.base/java.io", "java.base/sun.nio.ch")

# As in the configuration that comes with Neo4j. Walks take a twentieth less time.
_FINAL_FIELDS = ("-XX:+UnlockExperimentalVMOptions", "-XX:+TrustFinalNonStaticFields")

_HASH_ROUNDS = 1024


def prepare_home(home: Path, ports: Mapping[str, int], *, heap: str, password: str) -> None:
    """Write the settings of a server with its data in ``home``, and the password of a new one."""
    conf = home / "conf"
    private_directory(home)
    conf.mkdir(exist_ok=True)
    text = _SETTINGS.format(
        bolt=ports["bolt"], http=ports["http"], heap=heap, style=style_as_json()
    )
    write_private(conf / "neo4j.conf", text)
    shutil.rmtree(home / "tmp", ignore_errors=True)
    (home / "tmp").mkdir()
    if not has_data(home):
        # So that nobody can log in first with the default password of every new server. The
        # server's own tool writes the same file, but takes the password on its command line, which
        # all users can read.
        write_private(home / "data" / "dbms" / "auth.ini", _first_user(password))


def has_data(home: Path) -> bool:
    """Return True if a server has stored data in ``home``."""
    return (home / "data" / "databases").exists()


def _first_user(password: str) -> str:
    salt = secrets.token_bytes(32)
    digest = hashlib.sha256(salt + password.encode()).digest()
    for _ in range(_HASH_ROUNDS - 1):
        digest = hashlib.sha256(digest).digest()
    return f"{USER}:SHA-256,{digest.hex()},{salt.hex()},{_HASH_ROUNDS}:\n"


def marker(home: Path) -> str:
    """The argument that identifies the process of a server with its data in ``home``."""
    return f"--home-dir={home}"


def command(version: str, home: Path, java: Path, jars: Sequence[Path], *, heap: str) -> list[str]:
    """The command that runs a version of Neo4j."""
    main = "CommunityEntryPoint" if version.startswith("5.") else "Neo4jCommunity"
    arguments = home / "conf" / "classpath"  # a file, since the length of a command line is limited
    write_private(arguments, f'-cp "{os.pathsep.join(map(str, jars))}"\n')
    return [
        str(java),
        f"-Xmx{heap}",
        f"-Djava.io.tmpdir={home / 'tmp'}",  # so a killed server leaves no files in /tmp
        "-XX:-UsePerfData",
        *_FINAL_FIELDS,
        *(f"--add-opens={package}=ALL-UNNAMED" for package in _OPENS),
        f"@{arguments}",
        f"org.neo4j.server.{main}",
        marker(home),
        f"--config-dir={home / 'conf'}",
    ]


def answers(url: str, password: str) -> bool:
    """Return True if the server accepts the password."""
    try:
        _log_in(url, password)
    except (DriverError, Neo4jError, OSError):
        return False
    return True


def _log_in(url: str, password: str, *, statement: str | None = None) -> None:
    database: Any = GraphDatabase  # the options are untyped
    with database.driver(url, auth=(USER, password), connection_timeout=5) as driver:
        driver.verify_connectivity()
        if statement is not None:
            driver.execute_query(statement)


def wait_until_ready(
    url: str, password: str, process: Process, ports: Mapping[str, int], log: Path, deadline: float
) -> None:
    """Wait until the server accepts the password, serves Neo4j Browser and executes statements.

    The first statement takes a fresh server seconds, on a busy machine more than a program waits
    for its first answer. So it is sent here.

    Raises:
        LocalStackError: The process ended, refused the password, or did not answer in time.
    """
    error: Exception | None = None
    while time.monotonic() < deadline:
        if not process.alive():
            raise LocalStackError(f"Neo4j ended while it started; {log} ends with:\n{tail(log)}")
        # First check that the process owns the port: another server must never see our password.
        if all(process.listens(ports[name]) for name in PORTS):
            try:
                return _log_in(url, password, statement="MATCH (n) RETURN count(n)")
            except AuthError as refused:
                raise LocalStackError(
                    f"Neo4j at {url} refused the password in credentials.json: either is from "
                    "elsewhere; restore the one that belongs to this data"
                ) from refused
            except (DriverError, Neo4jError, OSError) as failed:
                error = failed
        time.sleep(0.1)
    raise LocalStackError(
        f"Neo4j did not answer in time ({error or 'it does not listen yet'}); {log} ends with:\n"
        f"{tail(log)}"
    ) from error
