"""A graph of any size in the library's layout, loaded by Neo4j's own importer into a stopped stack.

That takes seconds for each million of nodes, where writes through the server take minutes.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from artigraph_neo4j.local.jars import provision
from artigraph_neo4j.local.java import find_java
from artigraph_neo4j.local.paths import cache_directory
from tests.benchmarks.floor import codec

STEPS = 9
"""Spans of a run, below its root."""

EACH = 3
"""Artifacts of each of these."""

NODES_EACH = 1 + STEPS * (1 + EACH)
"""Nodes of a run."""

PROJECTS = 50
"""Runs use a result of a run some before, of the same project, but for every sixth of each."""

_OPENS = ("java.nio", "java.io", "sun.nio.ch")
_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
_SPANS = (
    "node_id:ID", ":LABEL", "root_id", "depth:long", "label", "label_", "status",
    "opened_at:datetime", "closed_at:datetime", "duration_:double",
)  # fmt: skip
_ARTIFACTS = (
    "node_id:ID", ":LABEL", "artifact_label", "label_", "model", "model_version:long", "codec",
    "recorded_at:datetime", "step:long", "loss:double",
)  # fmt: skip
_LINKS = (":START_ID", ":END_ID")
_HAS = (":START_ID", ":END_ID", "label", "key")

Row = tuple[Any, ...]


def runs_of(nodes: int) -> int:
    """The number of runs of a graph of about so many nodes."""
    return max(PROJECTS, nodes // NODES_EACH)


def root_of(run: int) -> str:
    """The id of the root span of a run."""
    return f"r{run:08d}"


def artifact_of(run: int, step: int, number: int) -> str:
    """The id of an artifact."""
    return f"r{run:08d}s{step}a{number}"


def _spans(runs: int) -> Iterator[Row]:
    every = timedelta(days=1500) / runs
    for run in range(runs):
        at = _BEGIN + every * run
        root = root_of(run)
        failed = run % 50 == 7
        label = f"project {run % PROJECTS}"
        status, labels = ("ERROR", ";ArtigraphFailed") if failed else ("OK", "")
        yield (
            root, f"ArtigraphNode;Span;ArtigraphIndexed{labels}", root, 0, label, label, status,
            at.isoformat(), (at + timedelta(seconds=60)).isoformat(), 60 + run % 600,
        )  # fmt: skip
        for step in range(STEPS):
            began = at + timedelta(seconds=5 * step)
            yield (
                f"{root}s{step}", "ArtigraphNode;Span;ArtigraphIndexed", root, 1, f"step {step}",
                f"step {step}", "OK", began.isoformat(),
                (began + timedelta(seconds=4)).isoformat(), 4.0,
            )  # fmt: skip


def _artifacts(runs: int) -> Iterator[Row]:
    every, stored = timedelta(days=1500) / runs, codec()
    for run in range(runs):
        for step in range(STEPS):
            at = (_BEGIN + every * run + timedelta(seconds=5 * step + 1)).isoformat()
            for number in range(EACH):
                label = f"pair {number}"
                yield (
                    artifact_of(run, step, number),
                    "ArtigraphNode;Artifact;BenchPair;ArtigraphIndexed", label, label,
                    "BenchPair", 1, stored, at, step, (run * 7919 % 1000003) / 1000003,
                )  # fmt: skip


def _parents(runs: int) -> Iterator[Row]:
    for run in range(runs):
        for step in range(STEPS):
            yield root_of(run), f"{root_of(run)}s{step}"


def _has(runs: int) -> Iterator[Row]:
    for run in range(runs):
        for step in range(STEPS):
            for number in range(EACH):
                made = artifact_of(run, step, number)
                yield f"{root_of(run)}s{step}", made, f"pair {number}", f"key of {made}"


def _made(runs: int) -> Iterator[Row]:
    return ((made, span) for span, made, *_ in _has(runs))


def _used(runs: int) -> Iterator[Row]:
    for run in range(runs):
        for step in range(1, STEPS):
            yield f"{root_of(run)}s{step}", artifact_of(run, step - 1, 0)
        if run >= PROJECTS and (run // PROJECTS) % 6:
            yield f"{root_of(run)}s0", artifact_of(run - PROJECTS, STEPS - 1, 0)
        yield f"{root_of(run)}s0", artifact_of(0, 0, 1)  # what everything uses


FILES: dict[str, tuple[str, Row, Callable[[int], Iterator[Row]]]] = {
    "spans": ("--nodes", _SPANS, _spans),
    "artifacts": ("--nodes", _ARTIFACTS, _artifacts),
    "parents": ("--relationships=PARENT_OF", _LINKS, _parents),
    "has": ("--relationships=HAS_ARTIFACT", _HAS, _has),
    "made": ("--relationships=MADE_BY", _LINKS, _made),
    "used": ("--relationships=USED", _LINKS, _used),
}


def write_files(directory: Path, runs: int) -> list[str]:
    """Write the files of a graph; returns the importer's arguments."""
    directory.mkdir(parents=True, exist_ok=True)
    arguments = []
    for name, (option, header, rows) in FILES.items():
        path = directory / f"{name}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows(runs))
        arguments.append(f"{option}={path}")
    return arguments


def load(home: Path, version: str, files: list[str]) -> str:
    """Import files into the database of a stopped server; returns the end of what was said."""
    java = find_java(version)
    jars = provision(version, cache_directory())
    shutil.rmtree(home / "data" / "databases" / "neo4j", ignore_errors=True)
    shutil.rmtree(home / "data" / "transactions" / "neo4j", ignore_errors=True)
    environment = {**os.environ, "NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf")}
    environment.pop("JAVA_TOOL_OPTIONS", None)
    command = [
        str(java), "-Xmx2g", *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPENS),
        "-cp", os.pathsep.join(map(str, jars)), "org.neo4j.cli.AdminTool",
        "database", "import", "full", "neo4j", "--overwrite-destination", *files,
    ]  # fmt: skip
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the import failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout[-600:]


def bytes_in(directory: Path) -> int:
    """The bytes that the files below a directory take on the disk."""
    return sum(p.stat().st_blocks * 512 for p in directory.rglob("*") if p.is_file())
