"""The fixture ``artigraph``, in a session of pytest of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from artigraph_neo4j import engine_context, span_context
from artigraph_neo4j.graph.cypher.empty import EMPTY, EMPTY_AT_ONCE
from artigraph_neo4j.local import LocalStack
from artigraph_neo4j.pytest_plugin import _check  # pyright: ignore[reportPrivateUsage]
from tests.graph.models import Part

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


async def test_a_session(killable_stack: LocalStack, tmp_path: Path) -> None:
    """On a graph that may be emptied: not that of the other tests."""
    info = await asyncio.to_thread(killable_stack.up, timeout=180)
    (tmp_path / "test_mine.py").write_text(TESTS)
    url = info.bolt_url.replace("://", f"://{info.username}:{info.password}@")
    settings = ["asyncio_mode = auto", "asyncio_default_fixture_loop_scope = function"]
    text = "\n".join(["[pytest]", *settings, f"artigraph_url = {url}", ""])
    (tmp_path / "pytest.ini").write_text(text)
    environment = {key: value for key, value in os.environ.items() if key != "ARTIGRAPH_HOME"}
    done = await asyncio.to_thread(
        subprocess.run,
        [
            sys.executable,
            "-m",
            "pytest",
            *("-p", "pytest_asyncio.plugin"),
            *("-p", "artigraph_neo4j.pytest_plugin"),
            "-q",
        ],
        cwd=tmp_path,
        # By name, whether or not the package is installed with its entry point.
        env={
            **environment,
            "ARTIGRAPH_HOME": str(tmp_path / "none"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


async def test_only_what_identifies_the_graph_stays(killable_stack: LocalStack) -> None:
    info = await asyncio.to_thread(killable_stack.up, timeout=180)
    login = {"username": info.username, "password": info.password}
    async with engine_context(info.bolt_url, create_schema=True, **login) as engine:
        before = await engine.graph()
        async with span_context(label="one"):
            await Part(1).create("part", span="current")
        ((deleted,),) = await engine.write(EMPTY, {"limit": 1})
        assert deleted == 1
        ((deleted,),) = await engine.write(EMPTY, {"limit": EMPTY_AT_ONCE})
        assert deleted >= 1
        found = await engine.read("MATCH (n) RETURN DISTINCT labels(n)[0] ", {})
        assert {label for (label,) in found} <= {
            "ArtigraphGraph", "ArtigraphLane", "ArtigraphWriter",
        }  # fmt: skip
        assert (await engine.graph()).graph_id == before.graph_id


def test_a_graph_that_others_use_is_not_emptied(tmp_path: Path) -> None:
    with pytest.raises(pytest.UsageError, match="would empty your own local stack"):
        _check("local", is_worker=False)
    _check("bolt://here", is_worker=False)
    (tmp_path / "test_mine.py").write_text("def test_one(artigraph):\n    pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nartigraph_url = bolt://here\n")
    as_worker = "def pytest_configure(config):\n    config.workerinput = {}\n"
    (tmp_path / "conftest.py").write_text(as_worker)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "artigraph_neo4j.pytest_plugin"],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "which each worker of pytest-xdist would empty" in done.stdout


def test_it_imports_nothing_before_it_is_asked() -> None:
    script = (
        "import sys, artigraph_neo4j.pytest_plugin\n"
        "print([name for name in ('neo4j', 'neomodel', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
