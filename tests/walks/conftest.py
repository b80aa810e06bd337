"""A walk is what somebody types first, in the words of a script: on a graph of the environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j import set_engine
from artigraph_neo4j.engine.configure import replace_default


@pytest.fixture(autouse=True)
def environment(
    graph_service: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """The settings of a user: the graph, and a place for large values."""
    for name, value in graph_service.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ARTIGRAPH_STORAGE", f"{tmp_path}/values")
    monkeypatch.setenv("ARTIGRAPH_PROVENANCE", "off")
    before = replace_default(None)
    engine = set_engine(create_schema=True)
    yield
    replace_default(before)
    engine.close()
