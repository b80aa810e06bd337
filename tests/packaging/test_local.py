"""The extra [local] and ten lines: all it takes to have a run in a real graph, and to see it."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from tests.packaging.conftest import Environment, run

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(600)]

SCRIPT = """\
from dataclasses import dataclass
from artigraph_neo4j import ArtifactModel, set_engine, sync

@dataclass
class Answer(ArtifactModel, version=1):
    value: int

set_engine("local", create_schema=True)
with sync.span_context(label="first run"):
    print(sync.create_span_artifact("current", label="answer", data=Answer(42)))
"""


def test_ten_lines(environment: Environment, tmp_path: Path) -> None:
    assert len(SCRIPT.splitlines()) == 10
    python = environment(extra="local")
    script, home = tmp_path / "run.py", str(tmp_path / "home")
    script.write_text(SCRIPT)
    command = python.with_name("artigraph")
    try:
        artifact = run(python, script, cwd=tmp_path, ARTIGRAPH_HOME=home).strip()
        # The program is over; the graph is there, for the next one and for people.
        state = json.loads(run(command, "browser", "--json", ARTIGRAPH_HOME=home))
        with urllib.request.urlopen(state["browser_url"], timeout=30) as page:
            assert page.status == 200
            assert b"<title>Neo4j Browser</title>" in page.read()
        again = SCRIPT + f"assert sync.read_artifact(Answer, {artifact!r}).value == 42\n"
        again += "print([span.status for span in sync.read_root_spans()])\n"
        script.write_text(again)
        assert run(python, script, ARTIGRAPH_HOME=home).endswith("['OK', 'OK']\n")
    finally:
        run(command, "down", ARTIGRAPH_HOME=home)
    with pytest.raises(OSError):  # noqa: PT011 - whatever the system says when nobody listens
        urllib.request.urlopen(state["browser_url"], timeout=5)
