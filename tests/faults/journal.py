"""The diary of one program: what it tried, what was acknowledged, how long each call took.

A line goes to the file in one system call before the program does anything else, so a killed
program leaves all that it knew. ``CLOCK_MONOTONIC`` is the same for all processes of a machine.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from artigraph_neo4j.errors import BatchError

__all__ = ["Journal", "read_journal"]


class Journal:
    """Writes the diary of a program."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._moved = 0.0

    def note(self, event: str, **facts: Any) -> None:
        """Add a line."""
        line = json.dumps({"event": event, "at": time.monotonic(), **facts})
        os.write(self._file, line.encode() + b"\n")

    def moved(self) -> None:
        """A statement was answered, or a value stored: batches wait anew from here."""
        self._moved = time.monotonic()

    def attempt(self, key: str, kind: str, **facts: Any) -> None:
        """Something may be in the graph from now on.

        Args:
            key: The artifact's key or the span's label.
            kind: ``"artifact"`` or ``"span"``.
            **facts: ``group``, where all of that name are there or none; ``parent``, the key of the
                span that it is below or in; ``imported``, the key of the template.
        """
        self.note("attempt", key=key, kind=kind, **facts)

    def stored(self, key: str, node_id: str) -> None:
        """It was acknowledged."""
        self.note("stored", key=key, id=node_id)

    @contextmanager
    def call(self, what: str) -> Iterator[None]:
        """Time a call, and note the error that it raises."""
        begin, starved = time.monotonic(), _starved_seconds()
        error: BaseException | None = None
        try:
            yield
        except BaseException as raised:
            error = raised
            raise
        finally:
            starved = _starved_seconds() - starved
            facts: dict[str, Any] = {
                "call": what,
                "begin": begin,
                "moved": self._moved,
                "starved": max(0.0, starved),
            }
            if error is not None:
                facts |= {
                    "error": type(error).__name__,
                    "kinds": [cls.__name__ for cls in type(error).__mro__],
                    "text": _whole_text(error),
                }
            self.note("call", **facts)


def _starved_seconds() -> float:
    """Seconds for which this process's threads were ready to run and the machine did not run them.

    On a busy machine that is most of the time that a call takes, and nothing that it could shorten.
    """
    nanoseconds = 0
    for path in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError):  # the thread has ended
            nanoseconds += int(path.read_text().split()[1])
    return nanoseconds / 1e9


def _whole_text(error: BaseException) -> str:
    """All that a traceback would show of an error, its causes and notes included."""
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(parts) < 8:
        parts.append(f"{type(seen).__name__}: {seen} {getattr(seen, '__notes__', '')}")
        if isinstance(seen, BatchError):
            parts += [str(lost.cause) for lost in seen.lost[:3]]
        seen = seen.__cause__ or seen.__context__
    return " <- ".join(parts)[:4000]


def read_journal(path: Path) -> list[dict[str, Any]]:
    """The lines of a diary, without a last one that was cut."""
    if not path.exists():
        return []
    whole = path.read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in whole]
