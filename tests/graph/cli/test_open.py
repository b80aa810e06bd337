"""Figures, notes and models in the graph: read back, shown, and opened from the command line."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from artigraph_neo4j import ArtifactModel, Engine, Html, Markdown, Picture
from artigraph_neo4j.cli.app import app
from tests.unit.serializer import media_values as media
from tests.unit.serializer.type_differences import any_difference


@dataclass
class OfARun(ArtifactModel, version=1):
    figure: Any
    page: Html
    note: Markdown
    model: Any
    drawing: Picture


async def test_a_figure_a_note_and_a_model(
    engine: Engine, graph_service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "<script>alert(1)</script>"
    made = OfARun(
        media.drawn(), Html(script), Markdown("# ü"), media.estimators()[2],
        Picture(media.SVG.replace(b"/>", f">{script}</svg>".encode())),
    )  # fmt: skip
    node_id = await made.create()
    found = await OfARun.read(node_id)
    assert found.figure.format == "png"
    assert (found.page, found.note, found.drawing) == (made.page, made.note, made.drawing)
    assert any_difference(found.model, made.model) is None
    shown = found._repr_html_()
    assert shown.count("<img ") == 2
    assert "<iframe sandbox " in shown
    assert "<script" not in shown

    for name, value in graph_service.environment.items():
        monkeypatch.setenv(name, value)
    opened: list[Path] = []
    monkeypatch.setattr(typer, "launch", lambda path: opened.append(Path(path)))

    async def run(*arguments: str, code: int = 0) -> str:
        done = await asyncio.to_thread(CliRunner().invoke, app, ("artifact", node_id, *arguments))
        assert done.exit_code == code, done.output
        return done.output

    assert "figure" in await run("--open", code=1)  # several can be shown
    for field, suffix in (("figure", ".png"), ("page", ".html"), ("note", ".md")):
        await run("--open", "--field", field)
        assert opened[-1].suffix == suffix
    assert opened[0].read_bytes() == found.figure.data
    assert "<script" not in opened[1].read_text()
    await run("--open", "--field", "drawing")
    assert opened[-1].suffix == ".html"  # a browser would run the scripts of a drawing alone
    assert "<script" not in opened[-1].read_text()
