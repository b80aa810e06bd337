"""The faults of a schedule, played at their time through proxies and signals."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from tests.faults.plan import SERVER_FAULTS, Fault, Plan
from tests.proxy import Proxy

__all__ = ["Database", "Weather"]


class Database(Protocol):
    """A database that may be killed, stopped and frozen, and whose disk may be full."""

    def can(self, kind: str) -> bool:
        """Whether a fault can be played here."""

    def outage(self, kind: str, seconds: float) -> None:
        """Play a fault of the database, and come back when it answers again."""


@dataclass
class Weather:
    """Plays the faults of one plan.

    Attributes:
        plan: The plan.
        bolts: The proxy of each program before Neo4j.
        s3s: The proxy of each program before S3.
        database: The database, where it may be killed.
        pids: The process of each program.
        played: Kinds of faults that were played.
        asleep: Times between which a program was stopped, by its number.
        killed: Numbers of the programs that were killed.
    """

    plan: Plan
    bolts: list[Proxy]
    s3s: list[Proxy]
    database: Database | None
    pids: dict[int, int] = field(default_factory=dict)
    played: list[str] = field(default_factory=list)
    asleep: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    killed: set[int] = field(default_factory=set)
    _timers: list[threading.Timer] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """Wait for the triggers from now on."""
        for fault in self._possible():
            if fault.trigger == "second":
                self._later(fault.at, fault)
        for number, (bolt, s3) in enumerate(zip(self.bolts, self.s3s, strict=True)):
            bolt.on_write = lambda n, number=number: self._on(number, "write", n)
            s3.on_write = lambda n, number=number: self._on(number, "put", n)

    def end(self) -> None:
        """Wait for faults that last, heal everything, and let what is held be delivered."""
        for timer in self._timers:
            if timer.is_alive():
                timer.join(700)
        for proxy in (*self.bolts, *self.s3s):
            proxy.on_write = None
            proxy.heal()
            proxy.settle()

    def _on(self, program: int, trigger: str, count: int) -> None:
        for fault in self._possible():
            if (fault.program, fault.trigger, fault.at) == (program, trigger, count):
                self._play(fault)

    def _possible(self) -> list[Fault]:
        """The faults of the plan, without those that cannot be played here."""
        can = (lambda _: False) if self.database is None else self.database.can
        return [f for f in self.plan.faults if f.kind not in SERVER_FAULTS or can(f.kind)]

    def _later(self, seconds: float, fault: Fault) -> None:
        timer = threading.Timer(seconds, self._play, [fault])
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _after(self, fault: Fault, proxy: Proxy) -> None:
        timer = threading.Timer(fault.seconds, proxy.heal)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _play(self, fault: Fault) -> None:
        with self._lock:
            self.played.append(fault.kind)
        proxy = (self.s3s if fault.kind.startswith("s3") else self.bolts)[fault.program]
        match fault.kind.removeprefix("s3 "):
            case "cut":
                proxy.cut()
            case "refused" | "away":
                proxy.refuse()
                self._after(fault, proxy)
            case "stalled" | "black hole":
                proxy.stall()
                self._after(fault, proxy)
            case "stalled up":
                proxy.stall("up")
                self._after(fault, proxy)
            case "stalled down":
                proxy.stall("down")
                self._after(fault, proxy)
            case "half open":
                proxy.half_close()
            case "slow":
                proxy.delay = min(0.3, fault.seconds / 5)
                self._after(fault, proxy)
            case "answer lost" | "answers lost":
                proxy.losing += fault.times
            case "request late":
                proxy.hold_seconds = fault.seconds
                proxy.holding += fault.times
            case _:
                self._of_process(fault)

    def _of_process(self, fault: Fault) -> None:
        match fault.kind:
            case "program killed":
                self.killed.add(fault.program)
                self._signal(fault.program, signal.SIGKILL)
            case "program asleep":
                self._sleep(fault)
            case "clock ahead":
                self._signal(fault.program, signal.SIGUSR1)
            case "clock behind":
                self._signal(fault.program, signal.SIGUSR2)
            case _:
                assert self.database is not None, fault
                self.database.outage(fault.kind, fault.seconds)

    def _sleep(self, fault: Fault) -> None:
        begin = time.monotonic()
        self._signal(fault.program, signal.SIGSTOP)

        def wake() -> None:
            self._signal(fault.program, signal.SIGCONT)
            self.asleep.setdefault(fault.program, []).append((begin, time.monotonic() + 1))

        timer = threading.Timer(fault.seconds, wake)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _signal(self, program: int, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, KeyError):
            os.kill(self.pids[program], number)
