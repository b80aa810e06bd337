"""Reading one input, and what a process that reads many of them tells of each."""

from __future__ import annotations

import gc
import json
import mmap
import os
import resource
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from polars.exceptions import PanicException

from artigraph_neo4j.errors import SerializationError
from tests.fuzz.mutation import input_of
from tests.fuzz.seeds import seeds, serializer

MEMORY = 8 * 2**30
"""Address space of a process that reads; what wants more is seen as an error or a crash."""

GROWTH_KIB = 256 * 1024
"""Maximum growth of the peak of resident memory by one input; a value may take 64 MiB."""


def fault(name: str, data: bytes) -> str | None:
    """Return what is wrong with how a serializer reads the bytes, or None.

    They have to become a value that can be used, or be refused with a ``SerializationError``.
    """
    before = _peak()
    try:
        value = serializer(name).deserialize(data)
        use(name, value)
    except SerializationError:
        pass
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return f"{type(error).__module__}.{type(error).__qualname__}: {str(error)[:300]}"
    grown = _peak() - before
    return f"took {grown // 1024} MiB" if grown > GROWTH_KIB else None


def use(name: str, value: Any) -> None:
    """Look at all of a value, and write it again, as a program would."""
    # Integers of many digits, years after 9999.
    with suppress(ValueError, NotImplementedError, PanicException):
        repr(value)
    if name.startswith("arrow"):
        value.validate(full=True)
    serializer(name).serialize(value)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def read_all(
    seed: int, start: int, stop: int, only: Sequence[str], progress: Path, seconds: float,
    parent: int,
) -> None:  # fmt: skip
    """Read the inputs of some numbers, as many as the seconds allow, while the parent lives.

    The number of the next input is noted in the file ``progress``, faults in one beside it.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    seeds()
    gc.collect()
    gc.freeze()  # collections need not look at all modules again and again
    faults = progress.with_name(f"{progress.name}.faults")
    end = time.monotonic() + seconds
    with progress.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
        for number in range(start, stop):
            shared[:8] = number.to_bytes(8, "little")
            if time.monotonic() > end or os.getppid() != parent:
                return
            name, data = input_of(seed, number, only)
            found = fault(name, data)
            if found is not None:
                with faults.open("a") as told:
                    told.write(json.dumps({"number": number, "fault": found}) + "\n")
                if found.startswith("took "):  # the peak stays, and would hide the next
                    sys.exit(MEMORY_EXIT)
        shared[:8] = stop.to_bytes(8, "little")


MEMORY_EXIT = 3
