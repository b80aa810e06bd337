"""Pictures of a run: ``python plots.py RUN.json DIRECTORY``, where matplotlib is installed."""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams.update({
    "svg.hashsalt": "artigraph", "svg.fonttype": "none", "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False,
})  # fmt: skip

from matplotlib import pyplot as plt  # noqa: E402

COLORS = {
    "library": "#1f6f8b", "library, batch": "#55a5c0", "floor": "#99a8b2", "neomodel": "#e6a157",
    "mlflow": "#9b7bb8", "artigraph": "#c96567", "aioboto3": "#99a8b2",
}  # fmt: skip


def times(run, names, title, path):
    """A bar for each side of each workload: the time of one item, on a scale of tens."""
    chosen = [(name, run["workloads"][name]["sides"]) for name in names if name in run["workloads"]]
    bars = [
        (f"{workload}  {side}", found["each_us"], COLORS.get(side, "#333333"))
        for workload, sides in chosen
        for side, found in sides.items()
        if found["each_us"]
    ]
    if not bars:
        return
    labels, values, colors = zip(*bars, strict=True)
    figure, axes = plt.subplots(figsize=(7, 0.6 + 0.24 * len(bars)))
    axes.barh(range(len(bars)), values, color=colors)
    axes.set_yticks(range(len(bars)), labels)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("µs for one item")
    axes.set_title(title, loc="left")
    save(figure, path)


def growth(run, path):
    """Database hits, which should be level, and times, among more and more other nodes."""
    found = [w for name, w in run["workloads"].items() if name.startswith("growth_")]
    if len(found) < 2:
        return
    sizes = [workload["size"] for workload in found]
    figure, (hits, seconds) = plt.subplots(1, 2, figsize=(7, 2.8))
    for name in found[0]["sides"]:
        medians = [workload["sides"][name]["median"] for workload in found]
        hits.plot(sizes, [m["hits"] for m in medians], marker="o", label=name)
        seconds.plot(sizes, [m["seconds"] * 1e3 for m in medians], marker="o", label=name)
    for axes, title in ((hits, "database hits"), (seconds, "ms")):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("other nodes")
        axes.set_title(title, loc="left")
    seconds.legend(frameon=False, fontsize=8)
    save(figure, path)


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main():
    run = json.loads(Path(sys.argv[1]).read_text())
    images = Path(sys.argv[2])
    names = run["workloads"]
    writes = [n for n in names if n.startswith(("one_by_one", "in_batch", "write_"))]
    reads = [n for n in names if n.startswith(("read_", "tree_", "deep_", "wide_", "children_"))]
    times(run, writes, "writing", images / "bench-writing.svg")
    times(run, reads, "reading", images / "bench-reading.svg")
    growth(run, images / "bench-growth.svg")


main()
