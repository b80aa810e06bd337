"""A schedule: what each program does, and which faults come when; all of it follows from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

__all__ = ["ACTIONS", "FAULTS", "SERVER_FAULTS", "Fault", "Plan", "Program", "warm_up"]

Trigger = Literal["write", "put", "second"]

NETWORK = (
    "cut",
    "refused",
    "stalled",
    "stalled up",
    "stalled down",
    "half open",
    "slow",
    "answer lost",
    "answers lost",
    "request late",
)
"""Faults between a program and Neo4j."""

S3 = ("s3 away", "s3 cut", "s3 black hole", "s3 slow", "s3 answer lost", "s3 request late")
"""Faults between a program and S3."""

PROGRAM = ("program killed", "program asleep", "clock ahead", "clock behind")
"""Faults of a program or its machine."""

SERVER_FAULTS = ("database killed", "database stopped", "database frozen", "disk full")
"""Faults of the database itself; they need a server of the schedule's own."""

FAULTS = (*NETWORK, *S3, *PROGRAM)
"""Faults that need no server of the schedule's own."""

ACTIONS = {
    "artifact": 3,
    "span": 4,
    "several": 2,
    "batch": 4,
    "atomic batch": 2,
    "revise": 2,
    "annotate": 2,
    "delete span": 2,
    "delete artifact": 1,
    "delete others": 2,
    "export": 1,
    "import": 1,
    "migrate": 1,
}
"""Actions of programs, with how often each is drawn beside the others."""


@dataclass(frozen=True)
class Fault:
    """One fault of a schedule.

    Attributes:
        kind: One of ``FAULTS`` or ``SERVER_FAULTS``.
        program: Number of the program that it is about; those of the database are about all.
        trigger: Whether it comes with a program's n-th write to Neo4j or to S3, or at a time.
        at: The number of the write, or seconds.
        seconds: Seconds that it lasts, where it lasts.
        times: Number of answers or requests, where it is about those.
    """

    kind: str
    program: int
    trigger: Trigger
    at: float
    seconds: float
    times: int = 1


@dataclass(frozen=True)
class Program:
    """One process of a schedule.

    Attributes:
        number: Which one.
        lanes: Actions one after another, in each of several tasks.
        retry_seconds: Seconds after which a call is no longer retried.
        min_age: Seconds that it takes for the ``min_age`` of garbage collection.
        collects: Whether it collects garbage in a loop and does nothing else.
    """

    number: int
    lanes: tuple[tuple[str, ...], ...]
    retry_seconds: float
    min_age: float
    collects: bool = False


@dataclass(frozen=True)
class Plan:
    """All that happens in a schedule.

    Attributes:
        seed: What it follows from.
        run: A name that all keys and labels of the schedule begin with.
        programs: The processes.
        faults: The faults.
        tls: Whether the connections to Neo4j are encrypted, with a certificate of nobody's.
    """

    seed: int
    run: str
    programs: tuple[Program, ...]
    faults: tuple[Fault, ...]
    tls: bool

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its faults, each once."""
        return tuple(sorted({fault.kind for fault in self.faults}))

    @classmethod
    def of(cls, seed: int, run: str, *, servers: bool = True) -> Plan:
        """The plan that follows from a seed; -1 is the one of ``warm_up``.

        Every fault comes alone (one schedule in three) and mixed with up to four others.

        Args:
            seed: Any number.
            run: The name of this run of it.
            servers: Whether the database may be killed, stopped and frozen, and its disk be full.
        """
        if seed < 0:
            return warm_up(run)
        draw = random.Random(seed)
        kinds = list(FAULTS)
        if servers and draw.random() < 0.06:
            kinds = [draw.choice(SERVER_FAULTS)]
        elif draw.random() < 1 / 3:
            kinds = [draw.choice(kinds)]
        else:
            kinds = draw.sample(kinds, draw.randrange(2, 6))
        collecting = draw.random() < 0.15
        retry = 4.0 if collecting else draw.choice([3.0, 6.0, 12.0, 30.0])
        programs = [
            Program(number, _lanes(draw), retry, 12.0 if collecting else 86_400.0)
            for number in range(draw.randrange(1, 4))
        ]
        faults = [
            _fault(draw, kind, len(programs)) for kind in kinds for _ in range(draw.choice([1, 2]))
        ]
        if kinds[0] in SERVER_FAULTS:
            faults = faults[:1]
        if collecting:
            programs.append(Program(len(programs), (), retry, 12.0, collects=True))
            if draw.random() < 0.5:  # asleep for longer than gc waits
                faults.append(Fault("program asleep", 0, "write", draw.randrange(1, 6), 14.0))
        return cls(seed, run, tuple(programs), tuple(faults), draw.random() < 0.2)


def warm_up(run: str) -> Plan:
    """Every action once, without faults and with time: the server plans each statement once."""
    program = Program(0, (tuple(ACTIONS),), 300.0, 86_400.0)
    return Plan(-1, run, (program,), (), tls=False)


def _lanes(draw: random.Random) -> tuple[tuple[str, ...], ...]:
    names, weights = list(ACTIONS), list(ACTIONS.values())
    return tuple(
        tuple(draw.choices(names, weights, k=draw.randrange(2, 6)))
        for _ in range(draw.randrange(1, 3))
    )


def _fault(draw: random.Random, kind: str, programs: int) -> Fault:
    trigger: Trigger = "put" if kind in S3 else "write"
    at: float = draw.randrange(1, 4) if kind in S3 else draw.randrange(1, 10)
    seconds = round(draw.choice([0.1, 0.5, 1.5, 3.0]) * draw.uniform(0.5, 1.5), 2)
    times = draw.randrange(2, 5) if kind == "answers lost" else 1
    if kind in SERVER_FAULTS:
        trigger, at = "second", round(draw.uniform(0.1, 1.5), 2)
    return Fault(kind, draw.randrange(programs), trigger, at, seconds, times)
