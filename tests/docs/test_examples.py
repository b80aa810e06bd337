"""Every Python example of README and docs runs, in order, one namespace a document.

A block that defines ``main`` is a program: it is run with ``asyncio.run``, as the page says.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
import types
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from artigraph_neo4j import get_engine, set_engine
from artigraph_neo4j.engine.configure import replace_default
from artigraph_neo4j.graph.span import Span

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


OPTIONAL = ("torch", "lightning")
"""Packages too large for every machine: an example that imports them runs where they are."""


def optional(source: str) -> list[str]:
    """Packages among these that an example imports."""
    return [name for name in OPTIONAL if f"import {name}" in source or f"from {name}" in source]


class ProgramEvaluator(PythonEvaluator):
    def __call__(self, example: Example) -> None:
        needed = optional(str(example.parsed))
        if not all(map(find_spec, needed)):
            return
        with warnings.catch_warnings():
            if needed:
                warnings.simplefilter("ignore")  # of what they use of one another
            self.run(example)

    def run(self, example: Example) -> None:
        namespace = example.namespace
        namespace.pop("main", None)
        before = get_engine()
        module = sys.modules[namespace["__name__"]]
        try:
            super().__call__(example)
            module.__dict__.update(namespace)  # so that classes are found by their module's name
            main = namespace.get("main")
            if inspect.iscoroutinefunction(main):
                asyncio.run(main())
        finally:
            replace_default(before)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_examples_run(
    path: Path,
    graph_service: Any,
    s3_service: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in (graph_service.environment | s3_service.environment).items():
        monkeypatch.setenv(name, value)
    name = f"example_{path.stem}"
    module = types.ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    engine = set_engine(create_schema=True)
    sybil = Sybil([CodeBlockParser("python", ProgramEvaluator())], path=str(path.parent))
    document = sybil.parse(path)
    document.namespace["__name__"] = name
    examples = list(document.examples())
    assert examples or "```python" not in path.read_text()
    try:
        for example in examples:
            example.evaluate()
    finally:
        engine.close()
    missing = [name for name in optional(path.read_text()) if find_spec(name) is None]
    if missing:
        pytest.skip(f"all but the examples that need {', '.join(missing)} ran")


def test_there_are_examples() -> None:
    text = "".join(path.read_text() for path in DOCUMENTS)
    assert text.count("```python") > 20


def test_names_of_files_and_targets_in_the_readme_exist() -> None:
    import re

    text = (ROOT / "README.md").read_text()
    links = re.findall(r"\]\((?!http)([^)#]+)", text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)`", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    assert Span.__doc__
