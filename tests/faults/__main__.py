"""``python -m tests.faults``: schedules by time or by number, and a table of what came of them."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import signal
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from artigraph_neo4j.local import LocalStack
from tests.faults.disk import small_disk
from tests.faults.history import Anomaly
from tests.faults.nursery import Nursery
from tests.faults.program import Place
from tests.faults.routing import run_routing
from tests.faults.runner import Outcome, Runner, StackDatabase, Totals, scratch
from tests.services import discard, hurry_servers, new_stack


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seconds", type=float, help="start no schedule after so many seconds")
    parser.add_argument("--count", type=int, help="number of schedules; 20 if nothing is said")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; each next is one more")
    parser.add_argument("--jobs", type=int, default=1, help="number of schedules at the same time")
    parser.add_argument("--stack", type=Path, help="a stack's directory; else one is made")
    parser.add_argument("--routing", action="store_true", help="schedules on a played cluster")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--keep", type=Path, help="a directory for diaries of bad schedules")
    return parser.parse_args()


async def _soak(runner: Runner, options: argparse.Namespace, totals: Totals) -> None:
    begin = time.monotonic()
    count = options.count
    if count is None and options.seconds is None:
        count = 20
    first = options.seed
    seeds = itertools.count(first) if count is None else iter(range(first, first + count))
    if not options.routing:
        await runner.prepare()

    async def work() -> None:
        for seed in seeds:
            if options.seconds is not None and time.monotonic() - begin > options.seconds:
                return
            if options.routing:
                routed = await run_routing(runner.place, seed)
                totals.add_routing(routed)
                _show_anomalies(f"seed {seed}", routed.anomalies)
            else:
                outcome = await runner.run(seed)
                totals.add(outcome)
                _show(outcome)
            if options.json is not None:
                options.json.write_text(json.dumps(vars(totals), indent=1))

    await asyncio.gather(*(work() for _ in range(options.jobs)))


def _show(outcome: Outcome) -> None:
    plan = outcome.plan
    verdict = "ok" if not outcome.anomalies else "ANOMALY"
    print(
        f"seed {plan.seed}: {verdict}, {outcome.seconds:.1f} s, {len(plan.programs)} programs, "
        f"{', '.join(f'{n} {k}' for k, n in Counter(outcome.played).items()) or 'no fault'}; "
        f"{outcome.attempted} attempted, {outcome.acknowledged} acknowledged, "
        f"{outcome.compared} compared; over {outcome.longest:.1f} s",
        flush=True,
    )
    _show_anomalies(plan.run, outcome.anomalies)


def _show_anomalies(where: str, anomalies: list[Anomaly]) -> None:
    for anomaly in anomalies[:12]:
        print(f"  {anomaly.kind} ({where}): {anomaly.text[:600]}", flush=True)


def _table(totals: Totals) -> None:
    print(
        f"{totals.schedules} schedules, {totals.good} without an anomaly; {totals.programs} "
        f"programs, {totals.tls} schedules with TLS; {totals.attempted} attempted, "
        f"{totals.acknowledged} acknowledged, {totals.compared} values compared"
    )
    for kind, number in sorted(totals.faults.items()):
        print(f"  {number:6} {kind} ({totals.alone[kind]} schedules with it alone)")
    print("errors that callers got:", dict(totals.errors))
    for kind, number in totals.anomalies.most_common():
        print(f"  anomaly {kind}: {number} schedules, seeds {totals.seeds[kind][:20]}")


def main() -> int:
    """Run schedules; 1 if there is an anomaly."""
    options = _arguments()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    hurry_servers()
    stack = new_stack("soak") if options.stack is None else LocalStack(options.stack)
    totals = Totals()
    disks = ExitStack()
    try:
        data = stack.directory / "neo4j" / "data"
        disk = None
        if options.stack is None or data.is_mount():
            disk = disks.enter_context(small_disk(data))
        if disk is None:
            print("the disk of the database is not full in any schedule: none could be mounted")
        info = stack.info() or stack.up(timeout=300)
        place = Place(
            *(info.bolt_url, info.username, info.password, info.database),
            *(info.s3_endpoint, info.s3_bucket, info.s3_access_key, info.s3_secret_key),
            info.s3_region,
        )
        with Nursery() as nursery, scratch() as made:
            directory = made if options.keep is None else options.keep
            directory.mkdir(parents=True, exist_ok=True)
            runner = Runner(place, StackDatabase(stack, disk), directory, nursery)
            asyncio.run(_soak(runner, options, totals))
    finally:
        if options.stack is None:
            stack.down(timeout=0)
            disks.close()
            discard(stack)
        _table(totals)
    return 1 if totals.anomalies or not totals.schedules else 0


if __name__ == "__main__":
    sys.exit(main())
