"""How much memory a large value takes on its way to S3 and back, above the value itself.

``python -m tests.benchmarks.memory`` starts Neo4j and S3 of its own; ``--mib`` says how large the
values are. Each is written by one process and read by another, which tells its peak resident memory
above what it had with the value alive (writing), or above that value (reading).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from artigraph_neo4j import ArtifactModel, File, Storage, artifact_info, set_engine
from artigraph_neo4j.storage import open_storage
from artigraph_neo4j.storage.file import FileSystemStorage

MIB = 1024 * 1024
KINDS = ("bytes", "ndarray", "table", "file", "frame")
ALLOWED_MIB = 300
"""What any but a frame may take above the value, of whatever size; frames are only measured."""


@dataclass
class Large(ArtifactModel, version=1, name="MemoryBenchmark"):
    value: Any


def make(kind: str, size: int) -> Any:
    """A value that does not compress."""
    import numpy as np

    if kind == "bytes":
        return np.random.default_rng(0).bytes(size)
    if kind == "file":
        path = Path(tempfile.mkdtemp(dir=os.environ["ARTIGRAPH_BENCH_DIR"])) / "value"
        with path.open("wb") as file:
            for at in range(0, size, MIB):
                file.write(np.random.default_rng(at).bytes(min(MIB, size - at)))
        return File(path)
    columns = [np.empty(size // 8 // 4) for _ in range(4)]
    for i, column in enumerate(columns):
        np.random.default_rng(i).random(out=column)
    if kind == "ndarray":
        whole = np.empty((size // 8 // 4, 4))
        for i in range(4):
            whole[:, i] = columns.pop(0)
        return whole
    named = {f"column {i}": column for i, column in enumerate(columns)}
    if kind == "table":
        import pyarrow as pa

        return pa.table(named)
    import pandas as pd

    return pd.DataFrame(named, copy=False)


def size_of(value: Any) -> int:
    """How much memory a value takes as long as it lives."""
    if isinstance(value, File):
        return 0
    return len(value) if isinstance(value, bytes) else int(_nbytes(value))


def _nbytes(value: Any) -> Any:
    usage = getattr(value, "memory_usage", None)
    return usage(index=True).sum() if usage else value.nbytes


def resident() -> int:
    """Resident memory of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise AssertionError


class Peak:
    """The largest resident memory during a block, looked at every 5 ms."""

    def __enter__(self) -> Self:
        self.bytes = resident()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            self.bytes = max(self.bytes, resident())

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


async def write(kind: str, size: int) -> dict[str, Any]:
    await Large(b"warm").create()  # connections, imports
    await Large(make(kind, MIB)).create()
    artifact = Large(make(kind, size))
    before, start = resident(), time.perf_counter()
    with Peak() as peak:
        made = await artifact.create()
    seconds = time.perf_counter() - start
    return {"above": peak.bytes - before, "seconds": seconds, "id": made}


async def read(kind: str, node_id: str, small_id: str) -> dict[str, Any]:
    await Large.read(small_id)
    before, start = resident(), time.perf_counter()
    with Peak() as peak:
        found = await Large.read(node_id)
    seconds = time.perf_counter() - start
    assert artifact_info(found)
    return {"above": peak.bytes - before - size_of(found.value), "seconds": seconds}


async def _child(kind: str, size: int, node_id: str | None) -> dict[str, Any]:
    storage: Storage
    if folder := os.environ.get("ARTIGRAPH_BENCH_FILES"):
        storage = FileSystemStorage(folder)
    else:
        storage = open_storage(f"{os.environ['ARTIGRAPH_STORAGE']}/memory-benchmark")
    set_engine(create_schema=True, storage=storage)
    if node_id is None:
        return await write(kind, size)
    small = await Large(make(kind, MIB)).create()
    return await read(kind, node_id, small)


def run_child(*arguments: str, environment: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.memory", *arguments]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, cwd=root
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: exit code {done.returncode}: {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(kind: str, size: int, environment: dict[str, str]) -> dict[str, float]:
    """Peak memory above the value in MiB, and seconds, up and down."""
    with tempfile.TemporaryDirectory(prefix="artigraph-bench-") as directory:
        environment = {**environment, "ARTIGRAPH_BENCH_DIR": directory, "TMPDIR": directory}
        up = run_child(kind, str(size), environment=environment)
        down = run_child(kind, str(size), up["id"], environment=environment)
    return {
        "up MiB": up["above"] / MIB,
        "up s": up["seconds"],
        "down MiB": down["above"] / MIB,
        "down s": down["seconds"],
    }


def main(report: Callable[[str], object] = print) -> int:
    from tests.services import discard, new_stack

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=2048, help="how large each value is")
    parser.add_argument("kinds", nargs="*", default=KINDS)
    options = parser.parse_args()
    stack = new_stack("memory", on_disk=True)
    failed = 0
    try:
        info = stack.up(timeout=180)
        report(f"{options.mib} MiB  | up, MiB above | s | down, MiB above | s")
        for kind in options.kinds:
            found = measure(kind, options.mib * MIB, info.environment())
            report(f"{kind:8} | " + " | ".join(f"{number:.1f}" for number in found.values()))
            failed += kind != "frame" and max(found["up MiB"], found["down MiB"]) > ALLOWED_MIB
    finally:
        discard(stack)
    return failed


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[2].isdigit() and sys.argv[1] in KINDS:
        kind, size, *rest = sys.argv[1:]
        print(json.dumps(asyncio.run(_child(kind, int(size), rest[0] if rest else None))))
    else:
        sys.exit(main())
