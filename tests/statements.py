"""Texts of the statements that a test run has sent, for ``.ci/statements.py`` to compare.

A run with ``ARTIGRAPH_TEST_STATEMENTS=FILE`` writes them there, each with a test that sent it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j import Engine
from artigraph_neo4j.graph.connection import Statement

VARIABLE = "ARTIGRAPH_TEST_STATEMENTS"


class Recorder:
    """A plugin of pytest that observes every engine of the run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, set[str]] = {}

    def watch(self) -> None:
        """Give each engine that is made from now on an observer."""
        made: Callable[..., None] = Engine.__init__

        def __init__(engine: Engine, *arguments: Any, **settings: Any) -> None:
            made(engine, *arguments, **settings)
            engine.observers.append(self._observe)

        Engine.__init__ = __init__  # type: ignore[method-assign]

    def _observe(self, statement: Statement) -> None:
        if statement.rows is not None:
            test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]
            self._seen.setdefault(statement.text, set()).add(test)

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        self._path.write_text(json.dumps({k: sorted(v) for k, v in self._seen.items()}))


def configure(config: pytest.Config) -> None:
    """Observe this run if it is asked for."""
    if path := os.environ.pop(VARIABLE, None):  # not for runs that tests start
        recorder = Recorder(Path(path))
        recorder.watch()
        config.pluginmanager.register(recorder)
