"""The fixture ``artigraph``, in a session of pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = '''
from dataclasses import dataclass

import pytest

from artigraph_neo4j import ArtifactModel, find_spans, span_context, sync


@dataclass
class Tried(ArtifactModel, version=1):
    data: bytes


def train():
    """Code under test, which knows of no fixture."""
    with sync.span_context(label="train") as span:
        sync.create_span_artifact("current", label="data", data=Tried(b"x" * 100_000))
    return span


@pytest.mark.parametrize("n", [1, 2])
def test_each_test_has_an_empty_graph(artigraph, n):
    assert sync.find_spans().count() == 0
    span = train()
    assert len(sync.read_span_artifact(span, label="data").data) == 100_000
    assert sync.find_spans().count() == 1


async def test_async(artigraph):
    assert await find_spans().count() == 0
    async with span_context(label="one"):
        pass
    assert await find_spans().count() == 1


def test_without_the_fixture_there_is_no_graph():
    from artigraph_neo4j.errors import EngineError

    with pytest.raises(EngineError):
        train()
'''


def test_a_session(spare_stack: Any, tmp_path: Path) -> None:
    """On a graph that may be emptied: not that of the other tests."""
    info = spare_stack.up(timeout=180)
    (tmp_path / "test_mine.py").write_text(TESTS)
    url = info.bolt_url.replace("://", f"://{info.username}:{info.password}@")
    settings = ["asyncio_mode = auto", "asyncio_default_fixture_loop_scope = function"]
    text = "\n".join(["[pytest]", *settings, f"artigraph_url = {url}", ""])
    (tmp_path / "pytest.ini").write_text(text)
    environment = {key: value for key, value in os.environ.items() if key != "ARTIGRAPH_HOME"}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "artigraph_neo4j.pytest_plugin",
            "-q",
        ],
        cwd=tmp_path,
        env={**environment, "ARTIGRAPH_HOME": str(tmp_path / "none")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_it_imports_nothing_before_it_is_asked() -> None:
    script = (
        "import sys, artigraph_neo4j.pytest_plugin\n"
        "print([name for name in ('neo4j', 'neomodel', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
