"""A run as tables for a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.limits import verdicts

COLUMNS = (
    "library", "library, batch", "floor", "neomodel", "mlflow", "artigraph", "aioboto3", "aiida",
)  # fmt: skip


def print_run(run: dict[str, Any], console: Console | None = None) -> None:
    """Medians by item, ratios to the library's, and what has to be reached."""
    console = console or Console()
    console.print(_times(run))
    limits = Table("has to be reached", "limit", "measured", "", title="Limits")
    for verdict in verdicts(run):
        sign = "≥" if verdict.at_least else "≤"
        value = "–" if verdict.value is None else f"{verdict.value:.3g}"
        limits.add_row(verdict.text, f"{sign} {verdict.limit:g}", value, verdict.word)
    console.print(limits)


def _times(run: dict[str, Any]) -> Table:
    table = Table(title="Time of one item; in brackets how much longer than the library's")
    table.add_column("workload")
    names = [c for c in COLUMNS if any(c in w["sides"] for w in run["workloads"].values())]
    for name in names:
        table.add_column(name, justify="right")
    for key, workload in run["workloads"].items():
        sides = workload["sides"]
        if set(sides) <= set(COLUMNS):
            row = [cell(sides, name) for name in names]
            table.add_row(f"{key} ({workload['size']:,} {workload['unit']})", *row)
        else:
            for name, side in sides.items():
                found = f"{time(side['each_us'])} {side['median'].get('hits', 0):,.0f} hits"
                table.add_row(f"{key}: {name}", found)
    return table


def cell(sides: dict[str, Any], name: str) -> str:
    """``12.3 µs (×1.4)``: the time of one item, and the ratio to the library's."""
    side, own = sides.get(name), sides.get("library", {}).get("each_us")
    if side is None or side["each_us"] is None:
        return ""
    text = time(side["each_us"])
    return text if name == "library" or not own else f"{text} (×{side['each_us'] / own:.3g})"


def time(microseconds: float) -> str:
    """Microseconds, milliseconds or seconds, three digits of them."""
    if microseconds >= 1e6:
        return f"{microseconds / 1e6:.3g} s"
    if microseconds >= 1000:
        return f"{microseconds / 1000:.3g} ms"
    return f"{microseconds:.3g} µs"
