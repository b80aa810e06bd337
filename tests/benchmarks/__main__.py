"""Measures the library beside others, on servers of its own; ``make bench``.

Every workload is done by all sides in turn. One JSON file has all samples; ``make bench-report``
makes the tables and pictures of ``docs/performance.md`` of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from artigraph_neo4j.local import LocalStack, StackInfo
from artigraph_neo4j.local.record import Record
from artigraph_neo4j.local.s3 import PORTS as S3_PORTS
from tests.benchmarks import (
    large,
    machine,
    promises,
    questions,
    reading,
    recording,
    runs,
    starting,
    upkeep,
)  # fmt: skip
from tests.benchmarks.harness import Report, Workload, bench_on, measure
from tests.benchmarks.limits import verdicts
from tests.benchmarks.outside import PEERS, Outside, start_all
from tests.benchmarks.report import LATEST
from tests.benchmarks.table import print_run
from tests.interruption import heed_interrupts

WORKLOADS = [
    *promises.WORKLOADS,
    *recording.WORKLOADS,
    *reading.WORKLOADS,
    *large.WORKLOADS,
    *questions.WORKLOADS,
    *runs.WORKLOADS,
    *starting.WORKLOADS,
    *upkeep.WORKLOADS,
]


@contextmanager
def stack(heap: str) -> Iterator[StackInfo]:
    """Neo4j and S3 of this run's own, with nothing in them."""
    directory = Path(tempfile.mkdtemp(prefix="artigraph-bench-"))
    # Ports that no user's stack would take first.
    Record(ports=dict.fromkeys(["bolt", "http", *S3_PORTS], 0)).write(directory)
    servers = LocalStack(directory, heap=heap)
    try:
        yield servers.up(timeout=600)
    finally:
        servers.down(timeout=0)
        shutil.rmtree(directory, ignore_errors=True)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes; about two minutes")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME",
        help="only workloads whose names begin so")  # fmt: skip
    parser.add_argument("--rounds", type=int, help="how often each side of each is measured")
    parser.add_argument("--without", nargs="+", default=[], metavar="SIDE",
        help="sides to leave out: neomodel, mlflow, artigraph, aiida")  # fmt: skip
    parser.add_argument("--heap", help="Neo4j's heap; by default 6g, or 1g for --quick")
    parser.add_argument("--output", type=Path, default=LATEST)
    parser.add_argument("--size", type=int, help="the size of each workload, whatever it says")
    parser.add_argument("--update", action="store_true",
        help="keep what the output has of other workloads; for one run in parts")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="say what there is, and end")
    return parser.parse_args(arguments)


async def run_groups(
    options: argparse.Namespace, chosen: Sequence[Workload], report: Report
) -> dict[str, Any]:
    """Measure workloads, those of a group on one stack."""
    heap = options.heap or ("1g" if options.quick else "6g")
    begin = time.perf_counter()
    found: dict[str, Any] = {
        "machine": machine.facts(),
        "options": {"quick": options.quick, "rounds": options.rounds, "heap": heap},
        "workloads": {},
        "took": 0.0,
    }
    if options.update and options.output.exists():
        before = json.loads(options.output.read_text())
        found |= {"workloads": before["workloads"], "took": before["took"]}
    took = found["took"]

    def keep(name: str, measured: dict[str, Any]) -> None:
        """Write what there is after each, so that a run that is cut short was not for nothing."""
        found["workloads"][name] = measured
        found["took"] = round(took + time.perf_counter() - begin, 1)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(found, indent=1) + "\n")

    peers, told = await start_all(name for name in PEERS if name not in options.without)
    found["peers"] = told
    try:
        for group in dict.fromkeys(workload.group for workload in chosen):
            with stack(heap) as info:
                found["machine"]["neo4j"] = info.neo4j_version
                of_group = [workload for workload in chosen if workload.group == group]
                await _run_group(options, info, peers, of_group, keep, report)
    finally:
        for peer in peers.values():
            await peer.stop()
    return found


async def _run_group(
    options: argparse.Namespace,
    info: StackInfo,
    peers: dict[str, Outside],
    chosen: Sequence[Workload],
    keep: Callable[[str, dict[str, Any]], None],
    report: Report,
) -> None:
    async with bench_on(info, options.quick, peers, size=options.size) as bench:
        for workload in chosen:
            found = await measure(bench, workload, options.rounds, options.without, report)
            keep(workload.name, found)


def main(arguments: Sequence[str] | None = None, report: Report = print) -> int:
    options = parse(arguments)
    chosen = [w for w in WORKLOADS if not options.only or w.name.startswith(tuple(options.only))]
    if options.list or not chosen:
        for workload in WORKLOADS:
            report(f"{workload.name:20} {workload.size:>9,} {workload.unit}: {workload.title}")
        return 0 if options.list else 2
    heed_interrupts()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    run = asyncio.run(run_groups(options, chosen, report))
    print_run(run)
    report(f"{run['took']:.0f} s; all samples are in {options.output}")
    missed = [verdict for verdict in verdicts(run) if verdict.met is False]
    # Small sizes are about the machinery: a round trip weighs more there.
    return 1 if missed and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
