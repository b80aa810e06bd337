"""The table of paths in CONTRIBUTING agrees with the tree."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = re.compile(r"^\| (.+?) \| (.+?) \|$", re.MULTILINE)
WITH_ROWS = {"artigraph_neo4j", "tests"}
"""Directories whose own directories have rows, too."""
UNNAMED = {".gitignore"}


def named() -> set[str]:
    section = (ROOT / "CONTRIBUTING.md").read_text().partition("## Where things are")[2]
    rows = TABLE.findall(section.partition("\n## ")[0])[2:]
    found = [path.rstrip("/") for cell, _ in rows for path in re.findall(r"`([^`]+)`", cell)]
    assert len(found) == len(set(found)), "a path has two rows"
    return set(found)


def tracked() -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    wanted = set()
    for path in map(Path, listed):
        if path.parts[0] not in WITH_ROWS | {".ci"}:
            wanted.add(path.parts[0])
        elif len(path.parts) > 2 or path.parts[0] == ".ci":
            wanted.add("/".join(path.parts[:2]))
    return wanted - UNNAMED


def modules() -> set[str]:
    """The library's modules and packages, by their names."""
    found = [p for p in (ROOT / "artigraph_neo4j").iterdir() if not p.name.startswith("__")]
    return {path.stem for path in found if path.suffix == ".py" or (path / "__init__.py").exists()}


def test_every_path_that_is_named_exists() -> None:
    assert [path for path in sorted(named()) if not (ROOT / path).exists()] == []


def test_every_path_has_its_purpose() -> None:
    missing = sorted(tracked() - named())
    assert missing == [], "give them a row in the table of CONTRIBUTING.md"


def test_tests_stand_in_rooms_of_the_library() -> None:
    rooms = {path.parent.name for path in (ROOT / "artigraph_neo4j").rglob("__init__.py")}
    for root in ("unit", "graph"):
        found = {path.parent.name for path in (ROOT / "tests" / root).glob("*/__init__.py")}
        assert len(found) >= 8
        assert found - rooms == set(), "tests/unit and tests/graph have a directory a room"
        assert list((ROOT / "tests" / root).glob("test_*.py")) == []


def rows(first: str) -> list[list[str]]:
    """Cells of the table of rooms and files whose head begins so."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = text.partition(f"\n| {first} |")[2].partition("\n\n")[0]
    return [line.split("|")[1:-1] for line in table.splitlines()[2:]]


def test_the_layers_name_every_module() -> None:
    floors = [row[1] for row in rows("floor")]
    named = {name for cell in floors for name in re.findall(r"`([^`]+)`", cell)}
    assert named == modules()


def test_every_file_to_open_exists() -> None:
    files = [name for row in rows("open") for name in re.findall(r"`([\w/*]+[/.][\w/]*)`", row[0])]
    assert len(files) >= 30
    assert [name for name in files if not list((ROOT / "artigraph_neo4j").glob(name))] == []
