"""A newcomer with a fresh environment types what docs/machine-learning.md says, from the top.

The commands and the program are taken from the page; the wheel stands for the package index.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

# The name of the fixture hides the walks' own, which is for programs in the tests' process.
from tests.packaging.conftest import (  # noqa: F401
    ROOT,
    Environment,
    distributions,
    environment,
    run,
    wheel,
)

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(900)]

SECTION = "## From `pip install` to the table of runs"


def blocks() -> Iterator[tuple[str, str]]:
    """Yield the language and the text of each block of the page's first section."""
    page = (ROOT / "docs" / "machine-learning.md").read_text()
    section = page.partition(SECTION)[2].partition("\n## ")[0]
    for found in re.finditer(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        yield found[1], found[2]


def test_from_pip_install_to_the_table_of_runs(environment: Environment, tmp_path: Path) -> None:  # noqa: F811
    (_, install), (_, program), (_, start), (_, shown), (_, looking) = blocks()
    (extras,) = re.findall(r'pip install "artigraph-neo4j\[(.*)\]"', install)
    assert install.splitlines()[1:] == ["artigraph up"]
    python = environment(extra=extras)
    home = tmp_path / "work"
    home.mkdir()

    def typed(line: str) -> str:
        command, *arguments = shlex.split(line)
        stack = f"{tmp_path}/home"
        return run(python.with_name(command), *arguments, cwd=home, ARTIGRAPH_HOME=stack)

    (home / "study.py").write_text(program)
    try:
        typed("artigraph up")
        said = typed(start)
        expected = shown.splitlines()
        assert said.splitlines()[0].split() == expected[0].split()
        assert [line.split()[:3] for line in said.splitlines()[1:4]] == [
            line.split()[:3] for line in expected[1:4]
        ]
        assert said.splitlines()[4] == expected[4] == "best: rate 0.1"

        ls, compare, show, report = looking.splitlines()
        lines = [line.split()[:2] for line in typed(ls).splitlines()]
        assert [words[1] for words in lines if words[:1] == ["rate"]] == ["0.1", "1.0", "0.01"]
        differing = typed(compare)
        for name in ("params.learning_rate", "metrics.test_auc", "log.test_loss.min"):
            assert name in differing
        assert "params.n_estimators" not in differing
        tree = typed(show)
        for words in ("rate 0.1 Training  OK", "roc Curve", "model FittedModel", "data/X"):
            assert words in tree
        assert typed(report).startswith("rates.html: ")
        page = (home / "rates.html").read_text()
        assert page.count("data:image/png;base64,") == 3
        assert page.count("<polyline") == 3
        assert "params.learning_rate" in page
        assert not re.findall(r'(?:src|href)="(?!data:image/|#)', page)
    finally:
        typed("artigraph down")
