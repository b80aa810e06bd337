"""Makes the pictures of notebooks, the terminal and a report, in ``docs/images``: light and dark.

- ``notebook.png``: a run, an artifact and a list;
- ``notebook-runs.png``: a table of runs, and what they logged;
- ``notebook-questions.png``: how two runs differ, and what failed runs have in common;
- ``terminal-runs.png``: ``artigraph ls --columns``, ``compare`` and ``show``;
- ``report.png``: the top of a page about two trials.

Records a small study in the graph that ``artigraph up`` started (or ``NEO4J_URI`` names), takes the
pictures with Chromium, and deletes the study: ``python docs/pictures.py [/path/to/chromium]``.
"""

from __future__ import annotations

import base64
import io
import math
import re
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, MONOKAI, TerminalTheme

from artigraph_neo4j import ArtifactModel, F, Lazy, Span, SpanTree, set_engine, sync
from artigraph_neo4j.cli.columns import rows_grid, sides_grid
from artigraph_neo4j.cli.show import tree_of
from artigraph_neo4j.find.terms import span, under
from artigraph_neo4j.frameworks import Training

IMAGES = Path(__file__).parent / "images"
SCHEMES = ("light", "dark")

PAGE = """<!doctype html><meta charset="utf-8">
<style>
  body {{ font: 13px/1.5 system-ui, "DejaVu Sans", sans-serif; margin: 0; color-scheme: {scheme};
    background: {background}; color: {text}; }}
  main {{ width: 620px; padding: 14px 18px; overflow: hidden; }}
  code {{ display: block; white-space: pre; padding: 4px 10px; margin: 14px 0 8px;
    font: 12px/1.6 "DejaVu Sans Mono", monospace; background: rgba(128, 128, 128, .12);
    border-radius: 3px; }}
  code:first-child {{ margin-top: 0; }}
  table {{ border-collapse: collapse; font-size: 12px; }}
  svg {{ display: block; }}
</style><main>{body}</main>"""

LOOKS = {"light": ("#fff", "#111"), "dark": ("#111", "#ddd")}
THEMES = {"light": DEFAULT_TERMINAL_THEME, "dark": MONOKAI}


@dataclass
class Flights(ArtifactModel, version=1):
    """A table that stays in S3 until it is asked for."""

    origin: str
    rows: int
    table: Lazy[bytes]


@dataclass
class Score(ArtifactModel, version=2):
    """How good a model is."""

    auc: float
    folds: int


@dataclass
class Curve(ArtifactModel, version=1):
    """A figure."""

    figure: Figure


class Nightly(Span):
    """One of many small runs, some of which fail."""

    driver: str
    workers: int


def fit(depth: int) -> None:
    """Takes longer the deeper; fails where it is too deep."""
    time.sleep(0.05 * depth)
    if depth > 20:
        raise MemoryError("the trees need 71 GB, and there are 32")


def curve(depth: int) -> Figure:
    """Draw how good a trial is."""
    figure = Figure(figsize=(3.6, 2.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([n / 50 for n in range(51)], [(n / 50) ** (1 / depth) for n in range(51)])
    axes.set(xlabel="false positives", ylabel="true positives")
    return figure


def record() -> str:
    """A study with three trials, one of which fails; returns its id."""
    with sync.span_context(label="study") as study:
        with sync.span_context(label="load"):
            data = Flights("JFK", 111_279, Lazy(b"a table of flights" * 650_000))
            flights = sync.create_span_artifact("current", label="flights", data=data)
        for depth, auc in ((3, 0.871), (6, 0.9341), (24, 0.0)):
            params = {"max_depth": depth, "lr": 0.1 / depth, "trees": 40}
            trial = sync.span_context(Training(label=f"depth {depth}", params=params))
            with suppress(MemoryError), trial as run:
                sync.read_artifact(Flights, flights)
                for step in range(400):
                    noise = math.sin(step * depth) / 60
                    run.log(step=step, loss=math.exp(-step * depth / 600) + noise)
                    run.log(step=step, auc=auc * (1 - math.exp(-step * depth / 300)))
                with sync.span_context(label="fit"):
                    fit(depth)
                run.metrics["test_auc"] = auc
                sync.create_span_artifact("current", label="score", data=Score(auc, 5))
                sync.create_span_artifact("current", label="roc", data=Curve(curve(depth)))
    return study.node_id


def record_nights() -> list[Span]:
    """Many runs, of which those with one driver fail."""
    made: list[Span] = []
    for night in range(24):
        driver = "570.2" if night % 3 else "575.1"
        job = Nightly(label="nightly", driver=driver, workers=4 + night % 2)
        with suppress(RuntimeError), sync.span_context(job) as run:
            made.append(run)
            if driver == "575.1":
                raise RuntimeError("the device is lost")
    return made


# -- notebooks -----------------------------------------------------------------------------------


def cells(*typed_and_shown: tuple[str, Any]) -> str:
    """What is typed, and what a notebook shows below it."""
    return "".join(
        f"<code>{typed.replace('<', '&lt;').replace('>', '&gt;')}</code>{shown._repr_html_()}"
        for typed, shown in typed_and_shown
    )


def a_run(study: str) -> str:
    """A tree, an artifact and a list."""
    tree: SpanTree = sync.read_span_tree(study)
    load = tree.children[0].span.node_id
    flights = sync.read_span_artifact(load, label="flights", model=Flights)
    query = sync.find_artifacts(Score, lambda s: s.auc > 0.8, under(study))
    return cells(
        ("sync.read_span_tree(study)", tree),
        ('sync.read_span_artifact(load, label="flights")', flights),
        (
            "sync.find_artifacts(Score, lambda s: s.auc > 0.8).read()",
            query.order_by(F("auc").desc()).read(),
        ),
    )


COLUMNS = ("params.max_depth", "params.lr", "metrics.test_auc", "log.loss.min", "duration")


def runs(study: str) -> str:
    """A table of runs, and the plots of one of them."""
    table = sync.find_spans(Training, under(study)).table(*COLUMNS)
    best = table.best("metrics.test_auc")
    plot = sync.read_series(best.node_id).plot("loss")
    return cells(
        ('trials.table("params.max_depth", "params.lr", "metrics.test_auc", …)', table),
        (
            'best = table.best("metrics.test_auc")\nsync.read_series(best.node_id).plot("loss")',
            plot,
        ),
    )


def questions(study: str, nights: list[Span]) -> str:
    """How two trials differ, and what failed runs have in common."""
    first, second = sync.find_spans(Training, under(study)).read()[:2]
    failed = [run for run in nights if run.status == "ERROR"]
    good = [run for run in nights if run.status == "OK"]
    return cells(
        ("sync.diff(first, second)", sync.diff(first, second)),
        ("sync.contrast(failed, good)", sync.contrast(failed, good)),
    )


# -- the terminal --------------------------------------------------------------------------------


def terminal(study: str, theme: TerminalTheme) -> str:
    """Commands, and what they print, as SVG."""
    console = Console(
        record=True, width=100, file=io.StringIO(), force_terminal=True, highlight=False,
        color_system="truecolor",
    )  # fmt: skip
    query = sync.find_spans(Training, under(study))
    names = ("status", "params.max_depth", "metrics.test_auc")
    ordered = query.order_by(F("metrics.test_auc").desc())
    trials = query.table("params.max_depth", "params.lr", "metrics.test_auc", "log.loss.min")
    failed = sync.find_spans(Training, under(study), span.status == "ERROR").read()[0]
    for command, shown in (
        ("ls --columns params.max_depth,metrics.test_auc --order-by -metrics.test_auc",
         rows_grid(ordered.table(*names))),
        ('compare "depth 3" "depth 6"', sides_grid(trials[:2].differing())),
        ('show "depth 24"', tree_of(sync.read_span_tree(failed))),
    ):  # fmt: skip
        console.print(f"[bold]$[/bold] artigraph {command}")
        console.print(shown)
        console.print()
    svg = console.export_svg(title="", theme=theme, unique_id="terminal")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # fetched from elsewhere


# -- pictures ------------------------------------------------------------------------------------


def take(browser: Browser, path: Path, make: Callable[[str], str], width: int) -> None:
    """A picture of a page in light beside the same in dark."""
    halves: list[str] = []
    for scheme in SCHEMES:
        page = browser.new_page(viewport={"width": width, "height": 300}, color_scheme=scheme)
        page.set_content(make(scheme))
        main = page.locator("main")
        clip = main.bounding_box() or {"height": 0.0}
        height = min(clip["height"] + 2 * main.evaluate("e => e.offsetTop"), 1180)
        page.set_viewport_size({"width": width, "height": round(height)})
        halves.append(base64.b64encode(page.screenshot()).decode())
        page.close()
    page = browser.new_page(viewport={"width": 2 * width, "height": round(height)})
    images = "".join(f'<img src="data:image/png;base64,{half}">' for half in halves)
    page.set_content(f'<body style="margin:0;display:flex">{images}')
    page.screenshot(path=path)
    page.close()


def notebook(body: str) -> Callable[[str], str]:
    """A page with cells of a notebook."""

    def make(scheme: str) -> str:
        background, text = LOOKS[scheme]
        return PAGE.format(body=body, scheme=scheme, background=background, text=text)

    return make


def pictures(study: str, nights: list[Span]) -> Sequence[tuple[str, Callable[[str], str], int]]:
    """The names of all pictures, what they show in a scheme, and the width of one half."""
    trials = sync.find_spans(Training, under(study)).read()[:2]
    report = sync.report(*trials, title="Two trials")
    shells = {name: terminal(study, theme) for name, theme in THEMES.items()}
    return (
        ("notebook.png", notebook(a_run(study)), 656),
        ("notebook-runs.png", notebook(runs(study)), 656),
        ("notebook-questions.png", notebook(questions(study, nights)), 656),
        ("terminal-runs.png", lambda scheme: notebook(shells[scheme])(scheme), 656),
        ("report.png", lambda _: report, 620),
    )


def main() -> None:
    """Record, draw, delete."""
    chromium = sys.argv[1] if len(sys.argv) > 1 else "/usr/bin/chromium"
    set_engine(create_schema=True)
    study, nights = record(), record_nights()
    try:
        found = pictures(study, nights)
    finally:
        for made in (study, *nights):
            sync.delete_span(made)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for name, make, width in found:
            take(browser, IMAGES / name, make, width)
        browser.close()


if __name__ == "__main__":
    main()
