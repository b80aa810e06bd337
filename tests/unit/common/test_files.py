"""Files appear whole or not at all, with the permissions of any other new file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from artigraph_neo4j.common.files import replacing


@pytest.fixture(params=[0o002, 0o027, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_the_umask_says_who_may_read(umask: int, tmp_path: Path) -> None:
    target = tmp_path / "file"
    with replacing(target) as made:
        made.write_text("new")
        assert os.umask(umask) == umask  # of all threads, so nobody may change it
    assert target.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(ValueError, match="no"), replacing(target) as made:
        made.write_text("ne")
        raise ValueError("no")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


def test_a_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with replacing(target) as made:
        made.write_text("new")
        assert target.read_text() == "old"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "new")]


def test_a_directory_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "none" / "file"):
        pass


def test_a_place_that_takes_no_file_is_an_error_and_nothing_is_left(tmp_path: Path) -> None:
    target = tmp_path / "directory"
    target.mkdir()
    with pytest.raises(OSError, match="directory"), replacing(target):
        pass
    assert list(tmp_path.iterdir()) == [target]
