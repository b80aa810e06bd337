"""The local stack: real servers, started, stopped, killed, found again."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from neo4j import GraphDatabase

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local import LocalStack, StackInfo, jars, running_stack
from artigraph_neo4j.local.paths import cache_directory
from artigraph_neo4j.local.process import Process, free_port
from artigraph_neo4j.local.record import Record
from tests.services import discard, new_stack

VERSION = (
    "CALL dbms.components() YIELD name, versions WHERE name = 'Neo4j Kernel' RETURN versions[0]"
)


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    made = new_stack("local")
    try:
        yield made
    finally:
        discard(made)


@pytest.fixture
def info(stack: LocalStack) -> StackInfo:
    return stack.up()


def run(info: StackInfo, query: str, **parameters: Any) -> list[Any]:
    with GraphDatabase.driver(info.bolt_url, auth=(info.username, info.password)) as driver:
        return [list(record) for record in driver.execute_query(query, parameters).records]


def command(*arguments: str, home: Path, code: int = 0) -> str:
    answer = subprocess.run(
        [sys.executable, "-c", "from artigraph_neo4j.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "ARTIGRAPH_HOME": str(home)},
        check=False,
        timeout=200,
    )
    assert answer.returncode == code, answer.stderr + answer.stdout
    return answer.stdout + answer.stderr


def test_up_is_idempotent_and_its_record_is_found(
    stack: LocalStack, info: StackInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Record.read(stack.directory).processes
    assert stack.up() == info
    assert Record.read(stack.directory).processes == before
    monkeypatch.setenv("ARTIGRAPH_HOME", str(stack.directory))
    assert running_stack() == info
    monkeypatch.setenv("ARTIGRAPH_HOME", str(stack.directory / "elsewhere"))
    assert running_stack() is None


def test_the_servers_are_what_they_say(info: StackInfo) -> None:
    ((version,),) = run(info, VERSION)
    assert version == info.neo4j_version
    with urllib.request.urlopen(info.browser_url, timeout=10) as page:
        assert "Neo4j Browser" in page.read().decode()


def test_secrets_are_for_the_user_alone(stack: LocalStack, info: StackInfo) -> None:
    for name in ("credentials.json", "stack.json"):
        assert stat.S_IMODE((stack.directory / name).stat().st_mode) == 0o600
    assert info.password not in repr(info)
    assert info.s3_secret_key not in repr(info)
    command_lines = [
        " ".join(psutil.Process(p.pid).cmdline())
        for p in Record.read(stack.directory).processes.values()
    ]
    assert not any(info.password in c or info.s3_secret_key in c for c in command_lines)


def test_servers_listen_on_loopback_only(stack: LocalStack, info: StackInfo) -> None:
    for process in Record.read(stack.directory).processes.values():
        listening = [
            c.laddr.ip
            for c in psutil.Process(process.pid).net_connections(kind="inet")
            if c.status == psutil.CONN_LISTEN
        ]
        assert listening
        assert set(listening) <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


async def test_a_wrong_s3_key_is_refused(info: StackInfo) -> None:
    from artigraph_neo4j.errors import StorageError
    from artigraph_neo4j.storage.aws import S3Storage

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


def test_data_and_credentials_survive_a_kill_of_both_servers(
    stack: LocalStack, info: StackInfo
) -> None:
    run(info, "CREATE (:Kept {x: 1})")
    for process in Record.read(stack.directory).processes.values():
        process.kill()
    assert stack.info() is None
    assert not stack.status().healthy
    again = stack.up()
    assert again == info  # same ports, same credentials
    assert run(again, "MATCH (k:Kept) RETURN k.x") == [[1]]


def test_a_clean_stop_and_ports_that_others_took(stack: LocalStack, info: StackInfo) -> None:
    stack.down()
    stack.down()
    assert stack.info() is None
    ports = Record.read(stack.directory).ports
    with socket.socket() as bolt, socket.socket() as s3:
        for taken, name in ((bolt, "bolt"), (s3, "s3")):
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", ports[name]))
            taken.listen()
        moved = stack.up()
        assert moved.bolt_url != info.bolt_url
        assert moved.s3_endpoint != info.s3_endpoint
        assert run(moved, "RETURN 1") == [[1]]


def test_two_stacks_run_side_by_side(info: StackInfo) -> None:
    other = new_stack("second")
    try:
        second = other.up()
        run(second, "CREATE (:Second)")
        assert run(info, "MATCH (s:Second) RETURN count(s)") == [[0]]
        with pytest.raises(LocalStackError, match=r"2026.* runs in .*; stop it first"):
            LocalStack(other.directory, neo4j_version="5.26.28").up()
    finally:
        discard(other)


def test_two_that_start_it_at_once_get_one_stack() -> None:
    made = new_stack("twice", s3=False)
    found: list[StackInfo] = []
    try:
        threads = [threading.Thread(target=lambda: found.append(made.up())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found[0] == found[1]
        running = [
            p.pid
            for p in psutil.process_iter()
            if any(str(made.directory) in part for part in _cmdline(p))
        ]
        assert len(running) == 1
    finally:
        discard(made)


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_the_lts_version_starts_too() -> None:
    made = new_stack("lts", s3=False, version="5.26.28")
    try:
        info = made.up()
        ((version,),) = run(info, VERSION)
        assert version == "5.26.28"
    finally:
        discard(made)


def test_a_server_that_cannot_start_says_why() -> None:
    made = new_stack("broken", s3=False)
    made._heap = "1k"
    try:
        with pytest.raises(LocalStackError, match=r"(?s)ended.*neo4j\.log ends with"):
            made.up()
        assert Record.read(made.directory).processes == {}
    finally:
        discard(made)


def test_a_damaged_and_a_half_fetched_jar_are_repaired(tmp_path: Path) -> None:
    jars.provision("2026.09.0", cache_directory())
    cache = tmp_path / "cache"
    shutil.copytree(cache_directory(), cache, copy_function=shutil.copy2)
    paths = jars.provision("2026.09.0", cache)
    assert all(path.is_relative_to(cache) for path in paths)
    damaged, half, gone = sorted(paths, key=lambda p: p.stat().st_size)[:3]
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    gone.unlink()
    wanted = [path.name for path in paths]
    repaired = jars.provision("2026.09.0", cache)
    assert [path.name for path in repaired] == wanted
    jars.provision("2026.09.0", cache, verify=True)
    for path, original in zip(
        repaired, jars.provision("2026.09.0", cache_directory()), strict=True
    ):
        assert path.read_bytes() == original.read_bytes()


def test_an_unknown_version_names_the_known_ones() -> None:
    with pytest.raises(LocalStackError, match=r"4\.4.*2026\.09\.0"):
        jars.provision("4.4.0", cache_directory())


def test_a_pid_that_became_another_process_is_not_touched() -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        stale = Process(other.pid, psutil.Process(other.pid).create_time() - 100)
        assert not stale.alive()
        stale.kill()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_free_ports_prefer_the_asked_one() -> None:
    port = free_port()
    assert free_port([port]) == port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert free_port([port]) != port


def test_the_commands(stack: LocalStack, info: StackInfo) -> None:
    home = stack.directory
    assert json.loads(command("up", "--json", home=home))["bolt_url"] == info.bolt_url
    assert info.browser_url in command("up", home=home)
    status = json.loads(command("status", "--json", home=home))
    assert status["healthy"]
    assert {s["name"]: s["answers"] for s in status["servers"]} == {"neo4j": True, "s3": True}
    assert all(server["bytes"] > 0 for server in status["servers"])
    assert "up" in command("status", home=home)
    assert json.loads(command("env", "--json", home=home)) == info.environment()
    exports = subprocess.run(
        ["bash", "-c", f'{command("env", home=home)}\necho "$NEO4J_PASSWORD"'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert exports.stdout.strip() == info.password
    assert info.password in command("browser", "--no-open", home=home)
    assert json.loads(command("down", "--json", home=home))["stopped"] is True
    assert "nothing ran" in command("down", home=home)
    command("status", home=home, code=3)
    assert "artigraph up" in command("env", home=home, code=1)
    assert "No such command" in command("nonsense", home=home, code=2)
    assert command("--version", home=home).startswith("artigraph-neo4j ")


def test_the_compose_file_is_valid() -> None:
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("docker-compose is not installed")
    docker = Path(__file__).parents[2] / "docker"
    answer = subprocess.run(
        [program, "-f", "compose.yaml", "--env-file", ".env.example", "config"],
        cwd=docker, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert "neo4j:2026.09.0" in answer.stdout
    assert "neo4j/change-me-please" in answer.stdout
