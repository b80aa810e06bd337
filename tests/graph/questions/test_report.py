"""A page about runs: everything in one file, escaped, and shown by a browser."""

from __future__ import annotations

import asyncio
import re
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from artigraph_neo4j import (
    ArgumentError,
    ArtifactModel,
    Markdown,
    NotFoundError,
    Span,
    add_tags,
    create_span_artifact,
    report,
    span_context,
    sync,
    write_note,
)
from artigraph_neo4j import Html as HtmlNote
from artigraph_neo4j.cli.app import app
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.recording import series
from tests.browser.apps import chromium, page_of

EVIL = "<script>alert(1)</script>"


class Reported(Span):
    lr: float
    params: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass
class Input(ArtifactModel, version=1):
    rows: int


@dataclass
class Output(ArtifactModel, version=1):
    auc: float
    image: bytes = b""
    drawn: str = ""
    note: Markdown | None = None
    page: HtmlNote | None = None


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0\0\xff\0")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


async def runs(monkeypatch: pytest.MonkeyPatch) -> list[Span]:
    monkeypatch.setattr(series, "CHUNK_POINTS", 20)
    made: list[Span] = []
    async with span_context(label="data"):
        data = await create_span_artifact("current", label="table", data=Input(3))
    for lr in (0.1, 0.2):
        async with span_context(Reported(label=f"{EVIL}{lr}", lr=lr, params={"depth": 3})) as run:
            await Input.read(data)
            for step in range(30):
                run.log(step=step, **{EVIL: step * lr})
            svg = f"<svg xmlns='http://www.w3.org/2000/svg'>{EVIL}</svg>"
            await create_span_artifact("current", label=EVIL, data=Output(lr / 3, png(), svg))
            notes = Output(lr, note=Markdown(f"# {EVIL}\n* one"), page=HtmlNote(EVIL))
            await create_span_artifact("current", label="W" * 300, data=notes)
        made.append(run)
    with pytest.raises(ValueError, match="no"):
        async with span_context(Reported(label="failed" + "W" * 300, lr=0.3)) as failed:
            raise ValueError(f"no {EVIL}")
    await add_tags(made[0], EVIL)
    await write_note(made[0], f"note {EVIL}")
    return [*made, failed]  # pyright: ignore[reportPossiblyUnboundVariable]


SPACE = "[...document.querySelectorAll('details *')].filter(e => !e.closest('summary'))"
HIDDEN = f"{SPACE}.filter(e => !e.checkVisibility({{contentVisibilityAuto: true}})).length"
TABBED = """() => { const found = [];
  for (const e of document.querySelectorAll('a, summary, [tabindex]'))
    if (e.tabIndex >= 0) found.push(e.tagName);
  return [...new Set(found)].sort(); }"""


def look(path: Path, program: str, width: int = 1400) -> dict[str, Any]:
    """Open the page as a person does; return what is seen, and what the page asked for."""
    asked: list[str] = []
    with page_of(program, width=width) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: asked.append(message.text))
        page.on("dialog", lambda dialog: asked.append(dialog.message))
        found: dict[str, Any] = {}
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.goto(path.as_uri())
            found[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        widths = "[...document.images].map(image => image.naturalWidth)"
        sections = "[...document.querySelectorAll('section')].map(s => s.id)"
        tall = "document.documentElement.scrollWidth <= innerWidth"
        asking = {"widths": widths, "ids": sections, "fits": tall, "hidden": HIDDEN,
                  "tabbed": TABBED}  # fmt: skip
        found |= {n: page.evaluate(c) for n, c in asking.items()}
        page.emulate_media(media="print", color_scheme="dark")
        found["printed"] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        found["hidden in print"] = page.evaluate(HIDDEN)
    return found | {"asked": [a for a in asked if not a.startswith(("file:", "data:"))]}


async def test_a_page_about_several_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = await runs(monkeypatch)
    text = await report(*made)
    assert "<script" not in text
    assert not re.findall(r'(?:src|href)="(?!data:image/|#)', text)
    assert text.count("<polyline") == 2  # a line for each run that logged
    assert "ArtigraphSeries" not in text
    assert text.count("data:image/png;base64,") == 2
    assert text.count("data:image/svg+xml;base64,") == 2
    assert "what " in text
    assert '<div class="note"># &lt;script&gt;' in text
    assert text.count("a page of HTML, which is not shown here") == 2
    assert "0.06667" in text  # rounded
    assert not re.findall(r"<img(?![^>]* alt=\"[^\"]+\")", text)
    (tmp_path / "run.html").write_text(text)
    program = chromium()
    if program is None:
        pytest.skip("there is no Chromium here; apt-get install chromium")
    seen = await asyncio.to_thread(look, tmp_path / "run.html", program)
    assert seen["asked"] == []
    assert seen["fits"]
    assert seen["light"] != seen["dark"]
    assert seen["ids"] == [
        "runs",
        "comparison",
        "metrics",
        "figures",
        "notes",
        "steps",
        "artifacts",
        "lineage",
    ]
    assert seen["widths"][0] == 2
    assert all(width > 0 for width in seen["widths"])
    assert seen["hidden"] > 0  # tracebacks, and what is the same
    assert (seen["hidden in print"], seen["printed"]) == (0, seen["light"])
    assert seen["tabbed"] == ["A", "DIV", "SUMMARY"]  # links, what unfolds, what scrolls
    narrow = await asyncio.to_thread(look, tmp_path / "run.html", program, 400)
    assert narrow["fits"]


async def test_a_page_about_one_run_and_the_command(
    graph_service: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with span_context(label="plain <b>") as run:
        pass
    text = await asyncio.to_thread(sync.report, run, title="Title & more")
    assert "<h1>Title &amp; more</h1>" in text
    assert "plain &lt;b&gt;" in text
    assert 'id="metrics"' not in text
    for name, value in graph_service.environment.items():
        monkeypatch.setenv(name, value)
    out = tmp_path / "run.html"
    done = await asyncio.to_thread(
        CliRunner().invoke, app, ["report", run.node_id, "-o", str(out), "--json"]
    )
    assert done.exit_code == 0, done.output
    assert "plain &lt;b&gt;" in out.read_text()
    with pytest.raises(ArgumentError, match="1 to 20 runs, not 0"):
        await report()
    with pytest.raises(NotFoundError):
        await report(new_id())
