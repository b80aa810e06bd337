"""Makes the pictures of a notebook and of a page about runs, in ``docs/images``.

``notebook.png`` shows a run, an artifact and a list, ``report.png`` a page about trials in light
and in dark.

Records a small study in the graph that ``artigraph up`` started (or ``NEO4J_URI`` names), takes the
picture with Chromium, and deletes the study: ``python docs/pictures.py [/path/to/chromium]``.
"""

from __future__ import annotations

import base64
import math
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from artigraph_neo4j import ArtifactModel, F, Lazy, SpanTree, set_engine, sync
from artigraph_neo4j.find.terms import span, under

IMAGES = Path(__file__).parent / "images"

PAGE = """<!doctype html><meta charset="utf-8">
<style>
  body {{ font: 13px/1.5 system-ui, "DejaVu Sans", sans-serif; margin: 0; color-scheme: {scheme};
    background: {background}; color: {text}; }}
  main {{ width: 720px; padding: 14px 18px; }}
  code {{ display: block; font: 13px/1.6 "DejaVu Sans Mono", monospace; padding: 4px 10px;
    margin: 14px 0 8px; background: rgba(128, 128, 128, .12); border-radius: 3px; }}
  code:first-child {{ margin-top: 0; }}
  table {{ border-collapse: collapse; font-size: 12px; }}
</style><main>{cells}</main>"""


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


def fit(depth: int) -> None:
    """Takes longer the deeper; fails where it is too deep."""
    time.sleep(0.05 * depth)
    if depth > 20:
        raise MemoryError("the trees need 71 GB, and there are 32")


def record() -> str:
    """A study with three trials, one of which fails; returns its id."""
    with sync.span_context(label="study") as study:
        with sync.span_context(label="load"):
            data = Flights("JFK", 111_279, Lazy(b"a table of flights" * 650_000))
            sync.create_span_artifact("current", label="flights", data=data)
        for depth, auc in ((3, 0.871), (6, 0.934), (24, 0.0)):
            trial = sync.span_context(label=f"trial, depth {depth}", properties={"trees": depth})
            with suppress(MemoryError), trial as run:
                for step in range(400):
                    noise = math.sin(step * depth) / 60
                    run.log(step=step, loss=math.exp(-step * depth / 600) + noise)
                    run.log(step=step, auc=auc * (1 - math.exp(-step * depth / 300)))
                with sync.span_context(label="fit"):
                    fit(depth)
                sync.create_span_artifact("current", label="score", data=Score(auc, 5))
    return study.node_id


def cells(study: str) -> list[tuple[str, str]]:
    """What is typed, and what a notebook shows below it."""
    tree: SpanTree = sync.read_span_tree(study)
    load = tree.children[0].span.node_id
    flights = sync.read_span_artifact(load, label="flights", model=Flights)
    query = sync.find_artifacts(Score, lambda s: s.auc > 0.8, under(study))
    found = query.order_by(F("auc").desc()).read()
    typed = (
        "sync.read_span_tree(study)",
        'sync.read_span_artifact(load, label="flights")',
        "sync.find_artifacts(Score, lambda s: s.auc &gt; 0.8).read()",
    )
    shown: tuple[Any, ...] = (tree, flights, found)
    return [(text, value._repr_html_()) for text, value in zip(typed, shown, strict=True)]


def take(path: Path, body: str, chromium: str, *, dark: bool = False) -> None:
    """A picture of a page as wide as a notebook's cell."""
    look = ("dark", "#111", "#ddd") if dark else ("light", "#fff", "#111")
    scheme, background, text = look
    page_text = PAGE.format(cells=body, scheme=scheme, background=background, text=text)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(device_scale_factor=1.25)
        page.set_content(page_text)
        page.locator("main").screenshot(path=path)
        browser.close()


def take_report(path: Path, study: str, chromium: str) -> None:
    """The top of a page about the trials, once in light and once in dark."""
    trials = sync.find_spans(span.label.startswith("trial"), under(study)).read()[:2]
    text = sync.report(*trials, title="Two trials")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 620, "height": 1180})
        halves: list[str] = []
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.set_content(text)
            halves.append(base64.b64encode(page.screenshot()).decode())
        page.set_viewport_size({"width": 1240, "height": 1180})
        images = "".join(f'<img src="data:image/png;base64,{half}">' for half in halves)
        page.set_content(f'<body style="margin:0;display:flex">{images}')
        page.screenshot(path=path)
        browser.close()


def main() -> None:
    """Record, draw, delete."""
    chromium = sys.argv[1] if len(sys.argv) > 1 else "/usr/bin/chromium"
    set_engine(create_schema=True)
    study = record()
    try:
        body = "".join(f"<code>{typed}</code>{shown}" for typed, shown in cells(study))
        take(IMAGES / "notebook.png", body, chromium)
        take_report(IMAGES / "report.png", study, chromium)
        if len(sys.argv) > 2:  # for whoever wants to see it on black as well
            take(Path(sys.argv[2]), body, chromium, dark=True)
    finally:
        sync.delete_span(study)


if __name__ == "__main__":
    main()
