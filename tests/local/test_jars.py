"""The cache of jars: verified, repaired, and filled from nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local import jars
from artigraph_neo4j.local.paths import cache_directory

VERSION = "2026.09.0"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A copy of the cache, which a test may damage."""
    originals = jars.provision(VERSION, cache_directory())
    copy = tmp_path / "cache"
    for original in originals:
        target = copy / original.relative_to(cache_directory())
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(original, target)
    shutil.copy2(cache_directory() / f"neo4j-{VERSION}.json", copy)
    return copy


def test_a_moved_cache_is_used_as_it_is(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "need", lambda _: pytest.fail("nothing is to be fetched"))
    found = jars.provision(VERSION, cache)
    assert len(found) > 200
    assert all(path.is_relative_to(cache) for path in found)


def test_damaged_half_fetched_and_missing_jars_are_repaired(
    cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    originals = jars.provision(VERSION, cache_directory())
    damaged, half, gone = sorted(jars.provision(VERSION, cache), key=lambda p: p.stat().st_size)[:3]
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    gone.unlink()
    capfd.readouterr()
    repaired = jars.provision(VERSION, cache)
    assert "fetching and checking jars (3)" in capfd.readouterr().err
    for path, original in zip(repaired, originals, strict=True):
        assert path.read_bytes() == original.read_bytes()


def test_damage_that_keeps_size_and_time_is_found_when_asked(cache: Path) -> None:
    import os

    smallest = min(jars.provision(VERSION, cache), key=lambda path: path.stat().st_size)
    stat, content = smallest.stat(), smallest.read_bytes()
    smallest.write_bytes(b"x" * stat.st_size)
    os.utime(smallest, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    jars.provision(VERSION, cache)
    assert smallest.read_bytes() != content
    jars.provision(VERSION, cache, verify=True)
    assert smallest.read_bytes() == content


def test_a_broken_stamp_file_only_costs_time(cache: Path) -> None:
    (cache / f"neo4j-{VERSION}.json").write_text("{")
    assert len(jars.provision(VERSION, cache)) > 200


def test_a_jar_that_is_not_as_pinned_is_refused(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_lock = jars._read_lock

    def forged(version: str) -> list[jars.Jar]:
        first, *others = read_lock(version)
        return [jars.Jar(first.group, first.artifact, first.version, "", "0" * 64), *others]

    monkeypatch.setattr(jars, "_read_lock", forged)
    monkeypatch.setattr(jars, "ATTEMPTS", 1)
    with pytest.raises(LocalStackError, match=r"could not be had as it is pinned \(its SHA-256"):
        jars.provision(VERSION, cache)


def test_an_unknown_version_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match=r"no lock for Neo4j 4\.4\.0.*2026\.09\.0"):
        jars.provision("4.4.0", tmp_path)


def test_the_locks_name_no_place_to_fetch_from() -> None:
    for version in jars.versions():
        for jar in jars._read_lock(version):
            assert len(jar.sha256) == 64
            assert "/" not in f"{jar.group}{jar.artifact}{jar.version}"


@pytest.mark.provision
def test_an_empty_cache_is_filled(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The whole download, so it is left out unless asked for: ``pytest -m provision``."""
    found = jars.provision(VERSION, tmp_path / "cache")
    assert len(found) > 200
    assert all(path.is_relative_to(tmp_path) for path in found)
    said = capfd.readouterr().err
    assert said.startswith(f"Neo4j {VERSION}: fetching and checking jars ({len(found)})")
    assert "\r" not in said  # no bar where nobody looks
