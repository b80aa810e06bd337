"""The tutorial notebook runs as it is, in a kernel of its own, and shows what it says it shows."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "tutorial.ipynb"


@pytest.fixture
def executed(graph_service: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The notebook with its outputs; a cell that fails fails the test."""
    from nbclient import NotebookClient

    for name, value in {
        "NEO4J_URI": graph_service.uri,
        "NEO4J_USERNAME": graph_service.username or "",
        "NEO4J_PASSWORD": graph_service.password or "",
        "NEO4J_DATABASE": graph_service.database or "neo4j",
        # What a user has set up for Jupyter is no part of the tutorial.
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "jupyter"),
    }.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    # In the main thread the client would take the handlers of signals from pytest.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, client.async_execute()).result()
    return notebook


def _shown(notebook: Any, kind: str) -> list[str]:
    return [
        output["data"][kind]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if kind in output.get("data", {})
    ]


# The sockets of a kernel's client are collected, not closed.
@pytest.mark.filterwarnings("default::ResourceWarning")
@pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("default::DeprecationWarning")
def test_the_tutorial_runs(executed: Any) -> None:
    pages = _shown(executed, "text/html")
    tree = pages[0]
    for words in ("study", "window 7", "window 120", "ValueError", "Temperatures v1", "Potsdam"):
        assert words in tree
    assert len(tree) < 8000
    assert len(pages) == 7  # tree, span, artifact, trends, failed spans, lineage, migrated
    (drawn,) = _shown(executed, "text/markdown")
    assert drawn.startswith("```mermaid\nflowchart LR\n")
    texts = _shown(executed, "text/plain")
    assert "['load', 'data', 'window 30', 'trend']" in texts
    assert "2" in texts
    streams = [o["text"] for c in executed.cells for o in c.get("outputs", []) if "text" in o]
    assert streams == ["90 days are too few for a window of 120\n"]


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) > 10
    assert [cell.outputs for cell in code] == [[]] * len(code)
    assert {cell.execution_count for cell in code} == {None}
