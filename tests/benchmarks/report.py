"""Tables and pictures of ``docs/performance.md`` from a run's JSON; ``make bench-report``.

The tables go between two marks, the rest of the page is left alone. Pictures need matplotlib, which
has an environment of its own (``requirements/report.txt``).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.limits import each, ratio, verdicts
from tests.benchmarks.outside import environment
from tests.benchmarks.table import COLUMNS, cell, time

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
LATEST = ROOT / ".benchmarks" / "latest.json"
PICTURES = {
    "bench-writing.svg": "Writing: time of one item by each side",
    "bench-reading.svg": "Reading: time of one item by each side",
    "bench-growth.svg": "Database hits and times among other nodes",
}
COSTS = (
    ("a span with an artifact, each awaited", "one_by_one"),
    ("the same inside a batch", "in_batch"),
    ("an artifact, 2,000 in one call", "write_2000"),
    ("a span, 2,000 in a batch", "write_spans_2000"),
    ("an artifact read as an object, 2,000 in one call", "read_2000"),
    ("a row of an Arrow table, 20,000 in one call", "columns_20000"),
    ("a run in a table of 1,000, with parameters and metrics", "table_1000"),
    ("a point of a metric, logged", "series_log"),
    ("a point of a metric, read", "series_read"),
)
"""What people ask for first: a text, and the workload."""

PROMISES = ("promises", "promises_batch")
COLD = (("cold", "library"), ("cold_floor", "floor"))
BEGIN, END = "<!-- bench -->\n", "<!-- /bench -->\n"


def write_page(run: dict[str, Any], page: Path = PAGE) -> None:
    """Put what the run says between the page's marks."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [*_lines(run)]
    for picture, what in PICTURES.items():
        if (page.parent / "images" / picture).exists():
            lines += ["", f"![{what}](images/{picture})"]
    page.write_text("".join([before, BEGIN, "\n".join(lines), "\n\n", END, after]))


def _lines(run: dict[str, Any]) -> Iterator[str]:
    yield ""
    if run["options"].get("quick"):
        yield "**A quick run, with small sizes: it shows that the machinery works, no more.**\n"
    yield from _machine(run)
    yield from _costs(run)
    yield "\n## Goals\n"
    yield "| what | goal | measured | |"
    yield "|---|---|---|---|"
    for verdict in verdicts(run):
        value = "–" if verdict.value is None else f"{verdict.value:.3g}"
        sign = "≥" if verdict.at_least else "≤"
        yield f"| {verdict.text} | {sign} {verdict.limit:g} | {value} | {verdict.word} |"
    yield from _times(run)
    yield from _starting(run)
    yield from _promises(run)
    yield from _growth(run)
    yield from _questions(run)
    yield from _stream(run)


def _machine(run: dict[str, Any]) -> Iterator[str]:
    facts = dict(run["machine"])
    packages = facts.pop("packages", {})
    loads = [
        sample["load"]
        for workload in run["workloads"].values()
        for side in workload["sides"].values()
        for sample in side["samples"]
    ]
    yield (
        f"Measured {facts.get('measured', '')} on {facts.get('cpu')}, {facts.get('cores')} cores, "
        f"{facts.get('memory_gib')} GiB, {facts.get('system')}; Python {facts.get('python')}, "
        f"Neo4j {facts.get('neo4j')} with a heap of {run['options'].get('heap')}, "
        + ", ".join(f"{name} {version}" for name, version in packages.items())
        + f"; {run['took'] / 60:.0f} minutes."
    )
    if loads:
        yield (
            f"Load average before the measurements: {min(loads):.1f} to {max(loads):.1f}, "
            f"{sorted(loads)[len(loads) // 2]:.1f} in the middle."
        )
    for name, told in run["peers"].items():
        yield f"{name}: " + ", ".join(f"{k} {v}" for k, v in told.items()) + "."


def _costs(run: dict[str, Any]) -> Iterator[str]:
    yield "\n## What it costs\n"
    yield "| | library | Cypher by hand | MLflow | Artigraph | neomodel |"
    yield "|---|---|---|---|---|---|"
    sides = ("library", "floor", "mlflow", "artigraph", "neomodel")
    for text, workload in COSTS:
        cells = [each(run, workload, side) for side in sides]
        if cells[0] is not None:
            told = " | ".join("" if us is None else time(us) for us in cells)
            yield f"| {text} | {told} |"


def _times(run: dict[str, Any]) -> Iterator[str]:
    yield "\n## Times\n"
    yield "Time of one item, and in brackets how much longer than the library's.\n"
    chosen = {k: w for k, w in run["workloads"].items() if "library" in w["sides"]}
    chosen = {k: w for k, w in chosen.items() if k not in (*PROMISES, "cold")}
    names = [c for c in COLUMNS if any(c in w["sides"] for w in chosen.values())]
    yield "| workload | " + " | ".join(names) + " | samples |"
    yield "|---" * (len(names) + 2) + "|"
    for key, workload in chosen.items():
        sides = workload["sides"]
        cells = " | ".join(cell(sides, name) for name in names)
        counts = sorted({len(side["samples"]) for side in sides.values()})
        samples = "–".join(str(count) for count in (counts[0], counts[-1])[: len(counts)])
        what = f"`{key}`: {workload['size']:,} {workload['unit']}, {workload['title']}"
        yield f"| {what} | {cells} | {samples} |"


def _starting(run: dict[str, Any]) -> Iterator[str]:
    found = run["workloads"].get("starting")
    if not found:
        return
    yield "\n## Programs that start\n"
    yield "From the start of Python to its end, on a warm server.\n"
    yield "| program | time | × the import of the driver |"
    yield "|---|---|---|"
    for name in found["sides"]:
        us, times = each(run, "starting", name), ratio(run, "starting", name, "import neo4j")
        if us is not None and times is not None:
            yield f"| `{name}` | {time(us)} | {times:.2f} |"


def _promises(run: dict[str, Any]) -> Iterator[str]:
    found = [run["workloads"][name] for name in PROMISES if name in run["workloads"]]
    if not found:
        return
    yield "\n## What each promise costs\n"
    yield "Time of a span with an artifact, warm; in brackets cold: in the first round.\n"
    yield "| kept | " + " | ".join(f"{w['size']:,} {w['unit']}, {w['title']}" for w in found) + " |"
    yield "|---" * (len(found) + 1) + "|"
    for name in dict.fromkeys(name for workload in found for name in workload["sides"]):
        sides = [workload["sides"].get(name, {}) for workload in found]
        cells = [
            f"{time(s['each_us'])} ({time(s['first_us'])})" if s.get("first_us") else ""
            for s in sides
        ]
        yield f"| {name} | " + " | ".join(cells) + " |"
    alone = [each(run, name, side) for name, side in COLD]
    if None not in alone:
        ours, theirs = (time(us) for us in alone if us is not None)
        yield (
            "\nThe first span with an artifact of a process, on a server that has just started: "
            f"{ours}; by hand {theirs}."
        )


def _growth(run: dict[str, Any]) -> Iterator[str]:
    found = {k: w for k, w in run["workloads"].items() if k.startswith("growth_")}
    if not found:
        return
    yield "\n## With the database\n"
    yield "Database hits, and time of the whole query, among so many other nodes.\n"
    yield "| query | " + " | ".join(f"{w['size']:,} others" for w in found.values()) + " |"
    yield "|---" * (len(found) + 1) + "|"
    for name in next(iter(found.values()))["sides"]:
        medians = [w["sides"][name]["median"] for w in found.values()]
        cells = [f"{m.get('hits', 0):,.0f}, {time(m['seconds'] * 1e6)}" for m in medians]
        yield f"| {name} | " + " | ".join(cells) + " |"


def _questions(run: dict[str, Any]) -> Iterator[str]:
    found = run["workloads"].get("questions")
    if not found:
        return
    yield "\n## Questions about origin\n"
    yield (
        f"On a generated graph of {found['size']:,} nodes (`--only questions`): the time of the "
        "call, the server's processor time in it, and database hits and memory of its statement.\n"
    )
    yield "| question | time | processor | hits | memory |"
    yield "|---|---|---|---|---|"
    for name, side in found["sides"].items():
        m = side["median"]
        cells = [
            time(m["seconds"] * 1e6),
            f"{m['server_cpu'] * 1000:,.0f} ms" if "server_cpu" in m else "",
            f"{m['hits']:,.0f}" if "hits" in m else "",
            f"{m['server_mb']:.1f} MB" if "server_mb" in m else "",
        ]
        yield f"| {name} | " + " | ".join(cells) + " |"


def _stream(run: dict[str, Any]) -> Iterator[str]:
    side = run["workloads"].get("stream", {}).get("sides", {}).get("library", {})
    if not side.get("samples"):
        return
    numbers = side["median"]
    yield "\n## A stream\n"
    yield (
        f"{run['workloads']['stream']['size']:,} spans by `async for`: the first after "
        f"{numbers['first_ms']:.0f} ms, all after {numbers['seconds']:.1f} s; the process grew by "
        f"{numbers['grown_mib']:.0f} MiB."
    )


def main(arguments: list[str]) -> int:
    path = Path(arguments[0]) if arguments else LATEST
    if not path.exists():
        print(f"{path} is not there: make bench writes it")
        return 1
    (PAGE.parent / "performance.json").write_text(path.read_text())
    for picture in PICTURES:
        (IMAGES / picture).unlink(missing_ok=True)
    plots = Path(__file__).parent / "plots.py"
    subprocess.run([environment("report"), plots, path, IMAGES], check=True)
    write_page(json.loads(path.read_text()))
    print(f"{PAGE} and the pictures in {IMAGES} are of {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
