"""What the wheel and the sdist have in them."""

from __future__ import annotations

import tarfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest
from markdown_it import MarkdownIt

import artigraph_neo4j
from tests.packaging.conftest import ROOT

pytestmark = pytest.mark.packaging


def metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def test_the_wheel_has_the_library_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"artigraph_neo4j-{artigraph_neo4j.__version__}-py3-none-any.whl"
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tree = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "artigraph_neo4j").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "artigraph_neo4j/py.typed" in tree
    info = f"artigraph_neo4j-{artigraph_neo4j.__version__}.dist-info"
    assert names == tree | {
        f"{info}/{name}"
        for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    }


def test_the_sdist_can_be_worked_on(distributions: Path) -> None:
    (path,) = distributions.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "Makefile", "PKG-INFO"}
    assert needed <= names
    assert "tests/unit/common/test_ground.py" in names
    assert "typings/pyarrow/__init__.pyi" in names
    assert not any(".venv" in name or "__pycache__" in name for name in names)


def test_the_metadata_are_what_an_index_shows(wheel: Path) -> None:
    found = metadata(wheel)
    assert found["Name"] == "artigraph-neo4j"
    assert found["License-Expression"] == "MIT"
    assert found["License-File"] == "LICENSE"
    assert found["Description-Content-Type"] == "text/markdown"
    text = found.get_payload()
    assert isinstance(text, str)
    assert text.strip() == (ROOT / "README.md").read_text().strip()
    kinds = {token.type for token in MarkdownIt("commonmark").parse(text)}
    assert {"heading_open", "fence", "paragraph_open"} <= kinds
    assert "html_block" not in kinds  # an index may show it as text
    versions = [c for c in found.get_all("Classifier", []) if "Python :: 3." in c]
    assert versions == [f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)]
