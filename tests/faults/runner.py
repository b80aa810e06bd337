"""Runs schedules one by one, or several at once, and counts what came of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from neo4j import GraphDatabase
from neo4j.exceptions import DriverError, Neo4jError

from artigraph_neo4j import engine_context
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.local import LocalStack
from artigraph_neo4j.local.record import Record
from tests.faults.archive import Archive
from tests.faults.disk import Disk
from tests.faults.history import Anomaly, History
from tests.faults.nursery import Nursery, alive
from tests.faults.oracle import Oracle
from tests.faults.plan import Plan
from tests.faults.program import Place, first_contact
from tests.faults.routing import RoutingOutcome
from tests.faults.weather import Database, Weather
from tests.proxy import Proxy

__all__ = ["Outcome", "Runner", "StackDatabase", "Totals", "tls_context"]

PROGRAM_SECONDS = 240.0
"""Seconds after which a program that does not end is an anomaly, and killed."""


def tls_context(directory: Path) -> ssl.SSLContext | None:
    """A server's side of TLS with a certificate that nobody has signed; None without openssl."""
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    if not certificate.exists():
        if shutil.which("openssl") is None:
            return None
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)),
            ],
            check=True,
            capture_output=True,
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class StackDatabase:
    """The Neo4j of a local stack, which may be killed, stopped and frozen.

    Args:
        stack: The stack.
        disk: The disk of its data, if that can be full.
    """

    def __init__(self, stack: LocalStack, disk: Disk | None = None) -> None:
        self._stack = stack
        self._disk = disk
        self._lock = threading.Lock()

    def can(self, kind: str) -> bool:
        """Whether a fault can be played here."""
        return kind != "disk full" or self._disk is not None

    def outage(self, kind: str, seconds: float) -> None:
        """Play a fault, and come back when the database answers again."""
        with self._lock:
            record = Record.read(self._stack.directory)
            process = record.processes["neo4j"]
            if kind == "database frozen":
                os.kill(process.pid, signal.SIGSTOP)
                time.sleep(seconds)
                os.kill(process.pid, signal.SIGCONT)
                return
            if kind == "disk full":
                assert self._disk is not None
                self._disk.fill()
                time.sleep(seconds)
                self._disk.clear()
                if self._takes_writes():
                    return
            kills = kind in ("database killed", "disk full")
            os.kill(process.pid, signal.SIGKILL if kills else signal.SIGTERM)
            process.wait(60)
            if kind != "disk full":
                time.sleep(seconds)
            info = self._stack.up(timeout=600)  # a busy machine needs minutes
            bolt = record.ports["bolt"]
            assert info.bolt_url.endswith(f":{bolt}"), (
                f"programs look at port {bolt}, not {info.bolt_url}"
            )

    def _takes_writes(self) -> bool:
        """Whether it goes on by itself; after a full disk Neo4j may have to be started again."""
        info = self._stack.info()
        if info is None:
            return False
        login = (info.username, info.password)
        with (
            suppress(DriverError, Neo4jError),
            GraphDatabase.driver(info.bolt_url, auth=login) as d,
        ):
            with d.session() as session:
                session.run("CREATE (n:Probe) DELETE n").consume()
            return True
        return False


@dataclass
class Outcome:
    """What came of one schedule.

    Attributes:
        plan: The schedule.
        anomalies: What must not be; each schedule without any is a good one.
        played: Kinds of faults that were played.
        attempted: Number of spans and artifacts that were tried.
        acknowledged: Number of acknowledgements: of spans, ends, artifacts, deletes, notes.
        compared: Number of values that were compared.
        errors: Number of errors that calls raised, by class.
        seconds: How long it took.
        longest: Seconds by which a call outlasted its deadline, at most.
    """

    plan: Plan
    anomalies: list[Anomaly] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    attempted: int = 0
    acknowledged: int = 0
    compared: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    longest: float = 0.0


@dataclass
class Totals:
    """Figures of many schedules."""

    schedules: int = 0
    good: int = 0
    attempted: int = 0
    acknowledged: int = 0
    compared: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    anomalies: Counter[str] = field(default_factory=Counter)
    seeds: dict[str, list[int]] = field(default_factory=dict)
    tls: int = 0
    programs: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one schedule."""
        self.schedules += 1
        self.good += not outcome.anomalies
        self.attempted += outcome.attempted
        self.acknowledged += outcome.acknowledged
        self.compared += outcome.compared
        self.faults.update(outcome.played)
        self.errors.update(outcome.errors)
        self.tls += outcome.plan.tls
        self.programs += len(outcome.plan.programs)
        if len(outcome.plan.kinds) == 1:
            self.alone.update(outcome.plan.kinds)
        self._count(outcome.plan.seed, outcome.anomalies)

    def add_routing(self, outcome: RoutingOutcome) -> None:
        """Count one schedule on a cluster."""
        self.schedules += 1
        self.programs += 1
        self.good += not outcome.anomalies
        self.acknowledged += outcome.acknowledged
        self.compared += outcome.compared
        self.faults.update(outcome.played)
        self._count(outcome.seed, outcome.anomalies)

    def _count(self, seed: int, anomalies: list[Anomaly]) -> None:
        for kind in sorted({anomaly.kind for anomaly in anomalies}):
            self.anomalies[kind] += 1
            self.seeds.setdefault(kind, []).append(seed)


@dataclass
class Runner:
    """Runs schedules on some servers.

    Attributes:
        place: The servers, without faults.
        database: The database, if it may be killed.
        directory: Where diaries go; those of schedules with anomalies stay.
        nursery: Starts the programs.
        timed: Whether to judge how long calls took, which a machine without time to spare breaks.
    """

    place: Place
    database: Database | None
    directory: Path
    nursery: Nursery
    timed: bool = True

    async def prepare(self) -> None:
        """Make what all schedules have in common."""
        engine = self.place.engine("template", 300.0)
        with engine_context(engine):
            await first_contact(engine)
            if not (self.directory / "template").exists():
                await Archive.make(self.directory / "template")
        await engine.aclose()
        await asyncio.to_thread(tls_context, self.directory)
        outcome = await self.run(-1)
        if outcome.anomalies or outcome.errors:
            raise RuntimeError(f"{outcome.anomalies} {outcome.errors} without a fault")

    async def run(self, seed: int) -> Outcome:
        """Run the schedule of a seed, and judge it."""
        name = f"f{new_id().replace('-', '')[-12:]}"
        plan = Plan.of(seed, name, servers=self.database is not None)
        outcome = Outcome(plan)
        directory = self.directory / name
        directory.mkdir()
        begin = time.monotonic()
        with contextlib.ExitStack() as stack:
            tls = tls_context(self.directory) if plan.tls else None
            bolts = [Proxy(self.place.bolt, tls=tls) for _ in plan.programs]
            s3s = [Proxy(self.place.s3) for _ in plan.programs]
            places = [
                replace(
                    self.place,
                    bolt=stack.enter_context(bolt.running()),
                    s3=stack.enter_context(s3.running()),
                )
                for bolt, s3 in zip(bolts, s3s, strict=True)
            ]
            weather = Weather(plan, bolts, s3s, self.database)
            weather.begin()
            for number, place in enumerate(places):
                weather.pids[number] = self.nursery.start(
                    plan, number, place, directory, servers=self.database is not None
                )
            await self._wait(weather, outcome, directory)
            await asyncio.to_thread(weather.end)
        await self._judge(weather, outcome, directory)
        outcome.seconds = time.monotonic() - begin
        if not outcome.anomalies:
            shutil.rmtree(directory, ignore_errors=True)
        return outcome

    async def _wait(self, weather: Weather, outcome: Outcome, directory: Path) -> None:
        plan = weather.plan
        collectors = {p.number for p in plan.programs if p.collects}
        deadline = time.monotonic() + PROGRAM_SECONDS
        while running := {n for n, pid in weather.pids.items() if alive(pid)}:
            if not running - collectors:
                (directory / "done").touch()
            if time.monotonic() > deadline:
                outcome.anomalies.append(Anomaly("hang", f"programs {running} did not end"))
                for number in running:
                    weather.killed.add(number)
                    os.kill(weather.pids[number], signal.SIGKILL)
                deadline += 10
            await asyncio.sleep(0.02)

    async def _judge(self, weather: Weather, outcome: Outcome, directory: Path) -> None:
        plan, history = weather.plan, History.read(directory)
        await asyncio.sleep(0.3)  # what was sent just before its connection was cut
        engine = self.place.engine(plan.run, 120.0)
        storage = engine.storage
        assert storage is not None
        oracle = Oracle(engine, storage, plan.run, history, outcome.anomalies)
        with engine_context(engine):
            try:
                await first_contact(engine)  # the database may have been killed just now
                await oracle.judge()
            except Exception as error:
                outcome.anomalies.append(Anomaly("oracle", repr(error)))
        await engine.aclose()
        retry = {program.number: program.retry_seconds for program in plan.programs}
        if self.timed:
            oracle.waits(retry, weather.asleep)
        oracle.errors()
        oracle.output(_texts(directory), [self.place.password, self.place.secret_key])
        for program in plan.programs:
            number = program.number
            if not program.collects and number not in history.ended | weather.killed:
                tail = (directory / f"{number}.err").read_text()[-2000:]
                outcome.anomalies.append(Anomaly("died", f"program {number}: {tail}"))
        outcome.played = weather.played
        outcome.attempted = len(history.attempts)
        outcome.acknowledged = sum(
            len(done)
            for done in (
                *(history.stored, history.closed, history.deleted),
                *(history.tagged, history.noted, history.revised),
            )
        )
        outcome.compared = history.compared + oracle.compared
        outcome.errors = history.errors
        outcome.longest = max(
            (
                call.seconds(weather.asleep.get(call.program, [])) - retry[call.program]
                for call in history.calls
            ),
            default=0.0,
        )


def _texts(directory: Path) -> Iterator[tuple[str, str]]:
    for path in directory.iterdir():
        if path.suffix in (".err", ".out", ".journal"):
            text = path.read_text(errors="replace")
            yield path.name, text if path.suffix != ".journal" else text.replace("Traceback", "")


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A directory for diaries; it goes when nothing was kept in it."""
    directory = Path(tempfile.mkdtemp(prefix="faults-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
