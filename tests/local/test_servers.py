"""What a running stack is: real servers, for this user of this machine alone."""

from __future__ import annotations

import stat
import urllib.request

import psutil
import pytest
from neo4j import GraphDatabase
from neo4j.exceptions import AuthError

from artigraph_neo4j.errors import StorageError
from artigraph_neo4j.local import LocalStack, StackInfo, running_stack
from artigraph_neo4j.local.record import Record
from artigraph_neo4j.storage.aws import S3Storage
from tests.local.conftest import Run
from tests.services import VERSION

KERNEL = (
    "CALL dbms.components() YIELD name, versions WHERE name = 'Neo4j Kernel' RETURN versions[0]"
)


def processes(stack: LocalStack) -> list[psutil.Process]:
    return [psutil.Process(p.pid) for p in Record.read(stack.directory).processes.values()]


def test_up_is_idempotent(stack: LocalStack, info: StackInfo) -> None:
    before = Record.read(stack.directory).processes
    assert stack.up() == info
    assert Record.read(stack.directory).processes == before


def test_its_record_is_found(
    stack: LocalStack, info: StackInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTIGRAPH_HOME", str(stack.directory))
    assert running_stack() == info
    monkeypatch.setenv("ARTIGRAPH_HOME", str(stack.directory / "elsewhere"))
    assert running_stack() is None


def test_neo4j_is_of_the_version_it_says(info: StackInfo, run: Run) -> None:
    assert run(info, KERNEL) == [[VERSION]]
    assert info.neo4j_version == VERSION


def test_browser_is_served(info: StackInfo) -> None:
    with urllib.request.urlopen(info.browser_url, timeout=10) as page:
        assert "Neo4j Browser" in page.read().decode()


def test_no_server_reports_its_usage(info: StackInfo, run: Run) -> None:
    query = "SHOW SETTINGS YIELD name, value WHERE name = 'dbms.usage_report.enabled' RETURN value"
    assert run(info, query) == [["false"]]


def test_secrets_are_for_the_user_alone(stack: LocalStack, info: StackInfo) -> None:
    for name in ("credentials.json", "stack.json"):
        assert stat.S_IMODE((stack.directory / name).stat().st_mode) == 0o600
    command_lines = [" ".join(process.cmdline()) for process in processes(stack)]
    for secret in (info.password, info.s3_secret_key):
        assert secret not in repr(info)
        assert not any(secret in line for line in command_lines)


def test_no_file_of_it_is_open_to_other_users(stack: LocalStack, info: StackInfo) -> None:
    """Nobody else enters its directories, in which SeaweedFS itself opens some of its files."""
    del info
    found = [stack.directory, *stack.directory.iterdir()]
    assert {"neo4j", "s3", "logs", "credentials.json"} <= {path.name for path in found}
    for path in [*found, *(stack.directory / "logs").iterdir()]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_nobody_logs_in_with_the_password_of_every_new_neo4j(info: StackInfo) -> None:
    with (
        GraphDatabase.driver(info.bolt_url, auth=("neo4j", "neo4j")) as driver,
        pytest.raises(AuthError),
    ):
        driver.verify_connectivity()


def test_servers_listen_on_loopback_only(stack: LocalStack, info: StackInfo) -> None:
    del info
    for process in processes(stack):
        listening = {
            connection.laddr.ip
            for connection in process.net_connections(kind="inet")
            if connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE) and connection.laddr
        }
        assert listening
        assert listening <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


def test_a_terminal_cannot_interrupt_them(stack: LocalStack, info: StackInfo) -> None:
    """Ctrl-C reaches the processes of a terminal's session; these have none of their own."""
    del info
    assert all(process.terminal() is None for process in processes(stack))


async def test_a_wrong_s3_key_is_refused(info: StackInfo) -> None:
    storage = S3Storage(
        info.s3_bucket,
        endpoint_url=info.s3_endpoint,
        region_name=info.s3_region,
        access_key=info.s3_access_key,
        secret_key="wrong",
    )
    with pytest.raises(StorageError, match="AWS_SECRET_ACCESS_KEY") as caught:
        await storage.create(b"x")
    assert "wrong" not in str(caught.value)
    await storage.aclose()
