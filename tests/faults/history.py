"""What the diaries of a schedule's programs say together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.journal import read_journal

__all__ = ["Anomaly", "Call", "History"]


@dataclass(frozen=True)
class Anomaly:
    """Something that must not be.

    Attributes:
        kind: One of a few words, to be counted by.
        text: The details.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Call:
    """A call of the library, as its caller saw it.

    Attributes:
        program: The number of the program.
        name: The call.
        begin: When it began, by the monotonic clock.
        end: When it ended.
        error: The error's class and text, or None.
        kinds: The names of the error's classes.
        starved: Seconds for which its process waited for a processor.
        moved: When its program had last had an answer or stored a value.
    """

    program: int
    name: str
    begin: float
    end: float
    error: str | None
    kinds: tuple[str, ...] = ()
    starved: float = 0.0
    moved: float = 0.0

    def seconds(self, asleep: list[tuple[float, float]], *, since_moved: bool = False) -> float:
        """How long it took, without the time that its process was stopped or had no processor.

        Args:
            asleep: When the process was stopped.
            since_moved: Whether it counts from the last progress, as a batch does.
        """
        begin = max(self.begin, self.moved) if since_moved else self.begin
        slept = sum(max(0.0, min(self.end, b) - max(begin, a)) for a, b in asleep)
        return self.end - begin - slept - self.starved


@dataclass
class History:
    """All claims of all programs.

    Attributes:
        attempts: What may be in the graph: by key, the facts of its attempt.
        stored: Ids of what was acknowledged, by key.
        closed: Keys of spans whose end was acknowledged.
        deleting: Keys that somebody tried to delete.
        together: Keys of trees that somebody tried to delete.
        deleted: Keys whose deletion was acknowledged.
        lost: Kinds and ids of what a batch said is not in the graph.
        revised: Keys of old and new artifacts whose revision was acknowledged.
        tagged: Ids by key.
        noted: Ids by key.
        exports: Files that an export was tried to, each with whether it was acknowledged.
        imports: Files that an import was tried of.
        calls: All calls.
        wrong: Anomalies that the programs saw themselves.
        compared: Number of values that programs compared.
        ended: Numbers of the programs that came to their end.
        errors: Number of errors that calls raised, by class.
    """

    attempts: dict[str, dict[str, Any]] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    deleting: set[str] = field(default_factory=set)
    together: list[list[str]] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    lost: set[tuple[str, str]] = field(default_factory=set)
    revised: list[tuple[str, str]] = field(default_factory=list)
    tagged: dict[str, str] = field(default_factory=dict)
    noted: dict[str, str] = field(default_factory=dict)
    exports: dict[str, bool] = field(default_factory=dict)
    imports: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    wrong: list[Anomaly] = field(default_factory=list)
    compared: int = 0
    ended: set[int] = field(default_factory=set)
    errors: Counter[str] = field(default_factory=Counter)

    @classmethod
    def read(cls, directory: Path) -> History:
        """The history that the journals in a directory tell."""
        history = cls()
        for path in sorted(directory.glob("*.journal")):
            for line in read_journal(path):
                history.add(int(path.stem), line)
        return history

    def add(self, program: int, line: dict[str, Any]) -> None:  # noqa: C901 - a case an event
        """Take in one line of a program's journal."""
        match line["event"]:
            case "attempt":
                self.attempts[line["key"]] = line
            case "stored":
                self.stored[line["key"]] = line["id"]
            case "closed":
                self.closed.add(line["key"])
            case "deleting":
                self.deleting.update(line["keys"])
                if line.get("together"):
                    self.together.append(line["keys"])
            case "deleted":
                self.deleted.update(line["keys"])
            case "lost":
                self.lost.add((line["kind"], line["id"]))
            case "revised":
                self.revised.append((line["old"], line["new"]))
            case "tagged":
                self.tagged[line["key"]] = line["id"]
            case "noted":
                self.noted[line["key"]] = line["id"]
            case "exporting":
                self.exports.setdefault(line["path"], False)
            case "exported":
                self.exports[line["path"]] = True
            case "importing":
                self.imports.append(line["path"])
            case "imported":
                self.stored |= dict.fromkeys(line["keys"], "")
            case "wrong":
                self.wrong.append(Anomaly(line["kind"], line["text"]))
            case "compared":
                self.compared += line["count"]
            case "end":
                self.ended.add(program)
            case "call":
                error = line.get("text")
                kinds = tuple(line.get("kinds", ()))
                times = line["begin"], line["at"]
                waits = line.get("starved", 0.0), line.get("moved", 0.0)
                self.calls.append(Call(program, line["call"], *times, error, kinds, *waits))
                if error is not None:
                    self.errors[line["error"]] += 1
            case _:
                pass
