"""The oldest versions that pyproject.toml allows, and each supported Python."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.conftest import ROOT, UV, Environment, python_of, run

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(900)]

TOOLS = ("pytest", "pytest-asyncio", "pytest-timeout", "hypothesis", "docker", "testcontainers")
UNIT = ("tests/unit",)
"""All serializers too."""
SMOKE = ("tests/graph/recording/test_spans.py", "tests/graph/engine/test_round_trips.py")


def check(python: Path, alone: Path, graph: Any, *tests: str) -> None:
    """Run tests with a Python that has the wheel, on the graph of this run."""
    run(
        python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default", *tests,
        cwd=alone,
        NEO4J_URI=graph.uri,
        NEO4J_USERNAME=graph.username or "",
        NEO4J_PASSWORD=graph.password or "",
        NEO4J_DATABASE=graph.database or "neo4j",
        ARTIGRAPH_TEST_EXAMPLES="5",
    )  # fmt: skip


def test_the_oldest_versions(
    environment: Environment, tests_alone: Path, tmp_path: Path, graph_service: Any
) -> None:
    pins = tmp_path / "lowest.txt"
    run(
        UV, "pip", "compile", "-q", ROOT / "pyproject.toml", "--all-extras",
        "--resolution", "lowest-direct", "--python-version", "3.11", "-o", pins,
    )  # fmt: skip
    python = environment("-r", str(pins), *TOOLS, python=python_of("3.11"))
    found = run(UV, "pip", "freeze", "--python", python)
    for oldest in ("neo4j==6.1.0", "pandas==2.3.0", "numpy==2.0.0", "pyarrow==24.0.0"):
        assert f"{oldest}\n" in found
    check(python, tests_alone, graph_service, *UNIT, *SMOKE)


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_python(
    version: str, environment: Environment, tests_alone: Path, graph_service: Any
) -> None:
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        pytest.skip("all other tests run on it")
    lock = ROOT / ".ci" / "requirements.txt"
    python = environment("-r", str(lock), python=python_of(version))
    said = run(python, "-c", "import sys; print(sys.version)")
    assert said.startswith(version)
    check(python, tests_alone, graph_service, *UNIT, *SMOKE)
