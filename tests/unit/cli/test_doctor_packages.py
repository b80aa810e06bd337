"""``artigraph doctor`` takes what it needs of packages from this library's own metadata."""

from __future__ import annotations

from importlib import metadata

import pytest

from artigraph_neo4j.cli.checks import _machine, _unfit_packages

REQUIRES = [
    "neomodel<8,>=7",
    "neo4j<7,>=6.1",
    "tzdata; sys_platform == 'none'",
    "pandas>=2.3; extra == 'pandas'",
    "polars>=2; extra == 'polars'",
    "artigraph-neo4j[s3]; extra == 'local'",
]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The versions of packages that are installed, for a test to change."""
    found = {"neomodel": "7.1.0", "neo4j": "6.4.1", "pandas": "3.0.0", "artigraph-neo4j": "0.1"}
    monkeypatch.setattr(metadata, "requires", lambda _: REQUIRES)
    monkeypatch.setattr("artigraph_neo4j.cli.checks._installed", found.get)
    return found


def test_newer_ones_that_the_metadata_allows(installed: dict[str, str]) -> None:
    assert installed
    assert list(_unfit_packages()) == []


@pytest.mark.parametrize(
    ("name", "version", "needed"),
    [
        ("neomodel", "5.4.0", "<8,>=7"),
        ("neomodel", "8.0.0", "<8,>=7"),
        ("neo4j", "5.28.0", "<7,>=6.1"),
        ("pandas", "2.2.0", ">=2.3"),
    ],
)
def test_what_does_not_fit(installed: dict[str, str], name: str, version: str, needed: str) -> None:
    installed[name] = version
    assert list(_unfit_packages()) == [(name, version, needed)]
    (found,) = (check for check in _machine() if check.name == "packages")
    assert found.result == "fail"
    assert f"{name} {version}, needed is {needed}" in found.text


def test_what_is_missing(installed: dict[str, str]) -> None:
    del installed["neo4j"], installed["pandas"]  # which no extra asked for
    assert list(_unfit_packages()) == [("neo4j", "is missing", "<7,>=6.1")]


def test_this_environment_fits() -> None:
    (found,) = (check for check in _machine() if check.name == "packages")
    assert found.result == "ok", found
