"""The pictures of the terminal in the docs: made from a real graph, by what the commands print.

``ARTIGRAPH_WRITE_IMAGES=1 pytest tests/docs/test_terminal_images.py`` writes those in docs/images.
"""

from __future__ import annotations

import io
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console
from rich.terminal_theme import MONOKAI

from artigraph_neo4j import (
    ArtifactModel,
    create_span_artifact,
    engine_context,
    find_spans,
    read_span,
    read_span_tree,
    span_context,
)
from artigraph_neo4j.cli.runs import read_runs, runs_table
from artigraph_neo4j.cli.show import tree_of
from artigraph_neo4j.find.terms import (
    one_of,
    span,
)

IMAGES = Path(__file__).parents[2] / "docs" / "images"


@dataclass
class PicturedDataset(ArtifactModel, version=1, name="Dataset"):
    airline: str
    rows: int


@dataclass
class PicturedScore(ArtifactModel, version=2, name="FoldScore"):
    auc: float
    fold: int


async def a_study(label: str, *, fails: bool) -> str:
    with suppress(MemoryError):
        async with span_context(label=label) as study:
            data = PicturedDataset("UA", 57_979)
            await create_span_artifact("current", label="flights", data=data)
            for trial in range(2):
                async with span_context(label=f"trial depth={4 + 4 * trial}"):
                    for fold in range(2):
                        score = PicturedScore(0.71 + 0.02 * trial + 0.003 * fold, fold)
                        await create_span_artifact("current", label=f"fold/{fold}", data=score)
            if fails:
                async with span_context(label="trial depth=64"):
                    raise MemoryError("unable to allocate 11.2 GiB for an array")
    return study.node_id


def picture(content: Any, title: str) -> str:
    """As SVG, by the command's own colours."""
    console = Console(
        record=True, width=124, file=io.StringIO(), force_terminal=True, highlight=False,
        color_system="truecolor",
    )  # fmt: skip
    console.print(f"[bold]$[/bold] {title}")
    console.print(content)
    svg = console.export_svg(title="", theme=MONOKAI, unique_id="terminal")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # fetched from elsewhere


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return IMAGES if os.environ.get("ARTIGRAPH_WRITE_IMAGES") else tmp_path


async def test_terminal(graph_service: Any, images: Path) -> None:
    async with engine_context(
        graph_service.uri,
        username=graph_service.username,
        password=graph_service.password,
        database=graph_service.database,
        create_schema=True,
    ) as engine:
        ids = []
        for label, fails, ago, took in (
            ("delays/baseline", False, timedelta(days=2), timedelta(minutes=3, seconds=20)),
            ("delays/deep-trees", True, timedelta(hours=5), timedelta(seconds=48)),
            ("delays/tuned", False, timedelta(minutes=25), timedelta(minutes=11)),
        ):
            ids.append(await a_study(label, fails=fails))
            await engine.write(AGED, {"id": ids[-1], "ago": ago, "took": took})
        chosen = find_spans(one_of(span.node_id, ids)).order_by(span.opened_at.desc())
        runs = await read_runs(chosen)
        table = picture(runs_table(runs), "artigraph ls --label delays/")
        tree = picture(tree_of(await read_span_tree(ids[1])), f"artigraph show {ids[1]}")
        assert (await read_span(ids[1])).status == "ERROR"
    for name, svg, words in (
        ("terminal-ls.svg", table, ("delays/tuned", "ERROR", "(2 failed)")),
        ("terminal-show.svg", tree, ("trial depth=64", "MemoryError:", "FoldScore")),
    ):
        text = " ".join(ElementTree.fromstring(svg).itertext()).replace("\xa0", " ")
        for word in words:
            assert word in text
        assert "#d64545" in svg  # what failed is red, as in all pictures
        assert "url(http" not in svg.replace('"', "")
        assert len(svg) < 30_000
        (images / name).write_text(svg)


AGED = """
MATCH (s:ArtigraphNode {node_id: $id}) WITH s.opened_at AS was, s.root_id AS root, s AS top
MATCH (top)-[:PARENT_OF*0..]->(d:Span)
WITH d, was, top
SET d.opened_at = d.opened_at - $ago, d.closed_at = d.closed_at - $ago
  + CASE WHEN d = top THEN $took ELSE $took / 3 END
RETURN count(*)
"""
"""Runs of other days, that took longer than a test."""


def test_the_pictures_in_the_docs_show_what_the_commands_print() -> None:
    for name, words in (
        ("terminal-ls.svg", ("label", "status", "age", "took", "spans", "artifacts", "id")),
        ("terminal-show.svg", ("●", "◆", "MemoryError")),
    ):
        svg = (IMAGES / name).read_text()
        text = " ".join(re.findall(r">([^<]+)</text>", svg))
        for word in words:
            assert word in text, name
