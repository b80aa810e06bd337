"""The statements that a test has written with."""

from __future__ import annotations

from typing import Any

import pytest

from artigraph_neo4j import Engine
from artigraph_neo4j.graph.cypher.write import is_write


@pytest.fixture
def written(engine: Engine) -> Any:
    """The statements that write spans and artifacts during the test."""
    seen: list[Any] = []

    def observe(statement: Any) -> None:
        if is_write(statement.text):
            seen.append(statement)

    engine.observers.append(observe)
    yield seen
    engine.observers.remove(observe)
