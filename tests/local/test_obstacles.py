"""Things of the machine that get in the way: files, proxies, clocks, signals."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from typer.testing import CliRunner

from artigraph_neo4j.cli.app import app
from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local import LocalStack, s3
from artigraph_neo4j.local.files import exclusive
from artigraph_neo4j.local.neo4j import command, prepare_home
from artigraph_neo4j.local.process import Process, created_at, server_environment
from artigraph_neo4j.local.record import Credentials, Record
from artigraph_neo4j.local.servers import Servers
from tests.services import DISK, MEMORY, discard_leftovers

REPOSITORY = Path(__file__).parents[2]

SLEEP = [sys.executable, "-c", "import time; time.sleep(300)"]

WAITS = f"""
import time
from artigraph_neo4j.local import LocalStack
from artigraph_neo4j.local.process import Process, server_environment
from artigraph_neo4j.local.record import Credentials, Record

def up(self, timeout=0):
    server = Process.start({SLEEP}, log=self.directory / "log", env=server_environment())
    Record("2026.09.0", {{"neo4j": server}}, {{"bolt": 1}}, ready=True).write(self.directory)

LocalStack.up = up  # any process will do, and this one starts at once

def test_waits(spare_stack):
    spare_stack.up()
    print("ready", flush=True)
    time.sleep(120)
"""


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    process = Process.start(SLEEP, log=tmp_path / "log", env=server_environment())
    try:
        yield process
    finally:
        process.kill()


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.touch()
    for act in (LocalStack(place).up, LocalStack(place).down):
        with pytest.raises(LocalStackError, match=r"file'.*ARTIGRAPH_HOME"):
            act()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    """Who owns it could exchange what is in it."""
    place = tmp_path / "theirs"
    place.mkdir()
    os.chown(place, 12345, 12345)
    with pytest.raises(LocalStackError, match=r"theirs belongs to another user; name a directory"):
        LocalStack(place).up()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "neo4j").mkdir()
    os.chown(tmp_path / "mine" / "neo4j", 12345, 12345)
    with pytest.raises(LocalStackError, match=r"mine/neo4j belongs to another user"):
        prepare_home(tmp_path / "mine" / "neo4j", PORTS, heap="1g", password="secret")


PORTS = {"bolt": 1, "http": 2}


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_files_are_private_from_the_start(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        prepare_home(tmp_path / "neo4j", PORTS, heap="1g", password="secret")
        s3.command(tmp_path / "s3", dict.fromkeys(s3.PORTS, 1))
        log = Servers(tmp_path)._new_log("neo4j")
        script = "open('made', 'w').close(); print('started', flush=True)"
        process = Process.start([sys.executable, "-c", script], log=log, env=server_environment())
        process.wait(10)
        with exclusive(tmp_path / "stack.lock"):
            pass
    finally:
        os.umask(before)
    for path in (
        tmp_path / "neo4j", tmp_path / "s3", tmp_path / "logs", tmp_path / "logs" / "made", log,
        tmp_path / "stack.lock", tmp_path / "neo4j" / "conf" / "neo4j.conf",
        tmp_path / "neo4j" / "data" / "dbms" / "auth.ini",
    ):  # fmt: skip
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_directories_of_an_earlier_stack_are_closed(tmp_path: Path) -> None:
    (tmp_path / "neo4j").mkdir(mode=0o755)
    prepare_home(tmp_path / "neo4j", PORTS, heap="1g", password="secret")
    assert stat.S_IMODE((tmp_path / "neo4j").stat().st_mode) == 0o700


def test_no_symbolic_link_is_followed(tmp_path: Path) -> None:
    """Where others may write, a link would have this user overwrite a file of their choice."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    home = tmp_path / "neo4j"
    (home / "conf").mkdir(parents=True)
    for name in ("neo4j.conf", "classpath"):
        (home / "conf" / name).symlink_to(victim)
    prepare_home(home, PORTS, heap="1g", password="secret")
    command("2026.09.0", home, Path("java"), [], heap="1g")
    (tmp_path / "lock").symlink_to(victim)
    with pytest.raises(OSError, match="lock"), exclusive(tmp_path / "lock"):
        pass
    (tmp_path / "log").symlink_to(victim)
    with pytest.raises(LocalStackError, match="could not be started"):
        Process.start(SLEEP, log=tmp_path / "log", env=server_environment())
    (tmp_path / "linked").symlink_to(home)
    with pytest.raises(LocalStackError, match="linked is a symbolic link"):
        prepare_home(tmp_path / "linked", PORTS, heap="1g", password="secret")
    (tmp_path / "credentials.json").symlink_to(victim)
    Credentials.make(tmp_path)
    assert victim.read_text() == "mine"


def test_servers_can_be_stopped_when_nobody_can_log_in(tmp_path: Path, sleeper: Process) -> None:
    Record("2026.09.0", {"neo4j": sleeper}, {"bolt": 1, "http": 2}, ready=True).write(tmp_path)
    (tmp_path / "credentials.json").write_text("{")
    result = CliRunner().invoke(app, ["down", "--dir", str(tmp_path)])
    assert (result.exit_code, result.output) == (0, "stopped\n")
    assert not sleeper.alive()


def test_a_stack_without_s3_misses_none(tmp_path: Path, sleeper: Process) -> None:
    record = Record("2026.09.0", {"neo4j": sleeper}, {"bolt": 1, "http": 2}, ready=True)
    record.write(tmp_path)
    assert [server.name for server in LocalStack(tmp_path).status().servers] == ["neo4j"]


def test_a_proxy_for_the_web_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbids(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr("urllib.request._opener", None)  # it remembers the proxies of before
    with HTTPServer(("127.0.0.1", 0), Forbids) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert s3.answers(f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere times are kept as they were")
def test_setting_the_clock_makes_no_process_another(monkeypatch: pytest.MonkeyPatch) -> None:
    me, boot = psutil.Process(), psutil.boot_time()
    before, started = created_at(me), me.create_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + 3600)
    assert abs(created_at(SimpleNamespace(create_time=lambda: started + 3600)) - before) < 0.001


def test_logs_of_the_start_before_are_kept_and_no_older_ones(tmp_path: Path) -> None:
    servers = Servers(tmp_path)
    for text in ("first", "second", "third"):
        servers._new_log("neo4j").write_text(text)
    assert {p.name: p.read_text() for p in (tmp_path / "logs").iterdir()} == {
        "neo4j.log": "third",
        "neo4j.previous.log": "second",
    }


def test_what_a_killed_server_left_for_a_while_goes_at_the_next_start(tmp_path: Path) -> None:
    for _ in range(2):
        prepare_home(tmp_path, {"bolt": 1, "http": 2}, heap="1g", password="secret")
        assert list((tmp_path / "tmp").iterdir()) == []
        (tmp_path / "tmp" / "jetty-1").mkdir()


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGTERM, signal.SIGKILL]
)
def test_no_server_outlives_a_test_run_or_the_next(number: int, tmp_path: Path) -> None:
    (tmp_path / "test_waits.py").write_text(WAITS)
    pytest_here = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "tests.conftest"]
    run = subprocess.Popen(
        [*pytest_here, "-c", str(REPOSITORY / "pyproject.toml"), str(tmp_path)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    try:
        assert run.stdout
        assert any("ready" in line for line in run.stdout)
        (directory,) = [path for root in (DISK, MEMORY) for path in root.glob(f"{run.pid}-*")]
        (server,) = Record.read(directory).processes.values()
        assert server.alive()
        run.send_signal(number)
        run.communicate(timeout=60)
        if number == signal.SIGKILL:
            assert server.alive()
            discard_leftovers()
        assert not server.alive()
        assert not directory.exists()
    finally:
        run.kill()
        run.communicate()
        discard_leftovers()
