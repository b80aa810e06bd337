"""Started, stopped, killed, and started again, in ways that go wrong."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local import LocalStack, StackInfo
from artigraph_neo4j.local.process import Process, created_at
from artigraph_neo4j.local.record import Credentials, Record
from artigraph_neo4j.storage.aws import S3Storage
from tests.local.conftest import Run
from tests.local.test_servers import KERNEL
from tests.services import discard, new_stack


def storage_of(info: StackInfo) -> S3Storage:
    return S3Storage(
        info.s3_bucket,
        endpoint_url=info.s3_endpoint,
        region_name=info.s3_region,
        access_key=info.s3_access_key,
        secret_key=info.s3_secret_key,
    )


async def test_data_and_credentials_survive_a_kill_of_both_servers(
    stack: LocalStack, info: StackInfo, run: Run
) -> None:
    storage = storage_of(info)
    location = await storage.create(b"kept")
    await storage.aclose()
    run(info, "CREATE (:Kept {x: 1})")
    for process in Record.read(stack.directory).processes.values():
        process.signal(signal.SIGKILL)  # and do not wait for the last of its threads
        while process.alive():
            time.sleep(0.001)
    assert stack.info() is None
    assert not stack.status().healthy

    again = stack.up()
    assert again == info  # same ports, same credentials
    assert run(again, "MATCH (k:Kept) RETURN k.x") == [[1]]
    storage = storage_of(again)
    assert await storage.read(location) == b"kept"
    await storage.aclose()


async def test_ports_that_others_took_meanwhile(
    stack: LocalStack, info: StackInfo, run: Run
) -> None:
    """Also S3's inner ones: it must find its data on other ports."""
    storage = storage_of(info)
    location = await storage.create(b"moved")
    await storage.aclose()
    run(info, "CREATE (:Moved)")
    stack.down()
    stack.down()  # nothing runs; no error
    assert stack.info() is None
    ports = Record.read(stack.directory).ports
    taken = {name: socket.socket() for name in ports}
    try:
        for name, listener in taken.items():
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", ports[name]))
            listener.listen()
        moved = stack.up()
    finally:
        for listener in taken.values():
            listener.close()
    assert not set(Record.read(stack.directory).ports.values()) & set(ports.values())
    assert run(moved, "MATCH (m:Moved) RETURN count(m)") == [[1]]
    storage = storage_of(moved)
    assert await storage.read(location) == b"moved"
    await storage.aclose()


def test_one_dead_server_is_started_beside_the_living_one(
    stack: LocalStack, info: StackInfo
) -> None:
    before = Record.read(stack.directory).processes
    before["s3"].kill()
    assert stack.info() is None
    assert [server.answers for server in stack.status().servers] == [True, False]
    assert stack.up() == info
    after = Record.read(stack.directory).processes
    assert after["neo4j"] == before["neo4j"]
    assert after["s3"] != before["s3"]


@pytest.mark.long
def test_servers_that_no_record_knows_are_replaced(
    stack: LocalStack, info: StackInfo, run: Run
) -> None:
    """As after a kill of ``up`` at the worst moment, or with a lost file."""
    before = Record.read(stack.directory)
    run(info, "CREATE (:Stray)")
    (stack.directory / "stack.json").write_text("{ half")
    assert stack.info() is None
    Record(ports=before.ports).write(stack.directory)
    found = stack.up()
    assert not any(process.alive() for process in before.processes.values())
    assert run(found, "MATCH (s:Stray) RETURN count(s)") == [[1]]


@pytest.mark.long
def test_two_stacks_side_by_side_one_in_a_long_and_odd_path(info: StackInfo, run: Run) -> None:
    parent = new_stack("second")
    other = LocalStack(parent.directory / ("d" * 100) / "données [1] été", heap="768m")
    try:
        second = other.up()
        run(second, "CREATE (:Second)")
        assert run(info, "MATCH (s:Second) RETURN count(s)") == [[0]]
        with pytest.raises(LocalStackError, match=r"2026.* runs in .*; stop it first"):
            LocalStack(other.directory, neo4j_version="5.26.28").up()
    finally:
        discard(other)
        discard(parent)


@pytest.mark.long
def test_two_processes_that_start_it_at_once_get_one_stack() -> None:
    made = new_stack("twice", s3=False)
    program = (
        "import sys; from artigraph_neo4j.local import LocalStack; "
        "print(LocalStack(sys.argv[1], s3=False, heap='768m').up().bolt_url)"
    )
    command = [sys.executable, "-c", program, str(made.directory)]
    try:
        starters = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        said = [starter.communicate(timeout=120)[0] for starter in starters]
        assert [starter.returncode for starter in starters] == [0, 0]
        assert said[0] == said[1]
        marker = f"--home-dir={made.directory / 'neo4j'}"
        assert len(list(Process.with_argument(marker))) == 1
    finally:
        discard(made)


@pytest.mark.long
def test_the_lts_version_starts_and_its_data_is_upgraded_only_when_asked(run: Run) -> None:
    made = new_stack("lts", s3=False, version="5.26.28")
    try:
        info = made.up()
        assert run(info, KERNEL) == [["5.26.28"]]
        run(info, "CREATE (:Old)")
        made.down()
        same = LocalStack(made.directory, s3=False, heap="768m")
        assert same.status().servers[0].version == "5.26.28"
        newer = LocalStack(made.directory, s3=False, heap="768m", neo4j_version="2026.09.0").up()
        assert run(newer, KERNEL) == [["2026.09.0"]]
        assert run(newer, "MATCH (o:Old) RETURN count(o)") == [[1]]
        same.down()
        with pytest.raises(LocalStackError, match=r"is of Neo4j 2026\.09\.0, which 5\.26\.28 can"):
            made.up()
    finally:
        discard(made)


def test_a_server_that_cannot_start_says_why_and_leaves_nothing() -> None:
    made = new_stack("broken", s3=False)
    made._heap = "1k"
    try:
        with pytest.raises(LocalStackError, match=r"(?s)ended.*neo4j\.log ends with.*heap"):
            made.up()
        assert Record.read(made.directory).processes == {}
    finally:
        discard(made)


def test_down_in_a_directory_that_is_not_there_makes_none(tmp_path: Path) -> None:
    LocalStack(tmp_path / "typo").down()
    assert not (tmp_path / "typo").exists()


def test_data_without_its_credentials_is_not_started(tmp_path: Path) -> None:
    (tmp_path / "neo4j" / "data" / "databases").mkdir(parents=True)
    with pytest.raises(LocalStackError, match=r"has data but no credentials\.json"):
        LocalStack(tmp_path).up()


def test_broken_credentials_are_neither_replaced_nor_shown(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text('{"neo4j_password": "half-of-a-secr')
    with pytest.raises(LocalStackError, match=r"credentials\.json cannot be read") as caught:
        LocalStack(tmp_path).up()
    assert "half" not in f"{caught.value} {caught.value.__cause__}"
    assert path.read_text().startswith('{"neo4j')


def test_credentials_are_not_shown() -> None:
    assert "secret-1" not in repr(Credentials("secret-1", "id", "secret-1"))


def test_a_pid_that_became_another_process_is_not_touched(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        stale = Process(other.pid, created_at(psutil.Process(other.pid)) - 100)
        assert not stale.alive()
        Record("2026.09.0", {"neo4j": stale}, {"bolt": 1, "http": 2}, ready=True).write(tmp_path)
        found = LocalStack(tmp_path)
        assert found.info() is None
        found.kill()
        found.down()
        assert json.loads((tmp_path / "stack.json").read_text())["processes"] == {}
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
