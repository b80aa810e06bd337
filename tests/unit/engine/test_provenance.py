"""What is read of git: every state a repository can be in, and machines without it."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j import __version__
from artigraph_neo4j.engine import provenance
from artigraph_neo4j.engine.provenance import read_git, recorded_provenance


def git(directory: Path, *arguments: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
    }  # fmt: skip
    done = subprocess.run(
        ["git", "-C", str(directory), *arguments],
        env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    directory = tmp_path / "repository"
    (directory / "deep" / "er").mkdir(parents=True)
    git(directory, "init", "-q")
    (directory / "file").write_text("1")
    git(directory, "add", "file")
    git(directory, "commit", "-qm", "one")
    return directory


def head(repository: Path) -> str:
    return git(repository, "rev-parse", "HEAD")


def test_clean_and_dirty(repository: Path) -> None:
    commit = head(repository)
    clean = {"git_commit": commit, "git_dirty": False, "git_remote": None}
    assert read_git(repository) == clean
    assert read_git(repository / "deep" / "er") == clean
    (repository / "untracked").write_text("x")
    assert read_git(repository) == clean, "what git does not know changes no code of it"
    (repository / "file").write_text("2")
    assert read_git(repository) == clean | {"git_dirty": True}
    git(repository, "add", "file")
    assert read_git(repository) == clean | {"git_dirty": True}


def test_detached(repository: Path) -> None:
    commit = head(repository)
    (repository / "file").write_text("2")
    git(repository, "commit", "-qam", "two")
    git(repository, "checkout", "-q", commit)
    assert read_git(repository)["git_commit"] == commit


def test_a_worktree(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", "-b", "other", str(tmp_path / "worktree"))
    (tmp_path / "worktree" / "file").write_text("2")
    git(tmp_path / "worktree", "commit", "-qam", "two")
    (repository / "file").write_text("dirty")
    found = read_git(tmp_path / "worktree")
    assert found["git_commit"] != head(repository)
    assert found["git_dirty"] is False


def test_no_commits(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    found = read_git(tmp_path)
    assert (found["git_commit"], found["git_dirty"]) == (None, False)


def test_the_first_directory_in_a_repository_counts(repository: Path, tmp_path: Path) -> None:
    assert read_git(tmp_path, repository)["git_commit"] == head(repository)


def test_no_process_outside_of_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "run", refuse)
    assert read_git(tmp_path, tmp_path / "gone") == {}
    assert read_git() == {}


def test_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert set(read_git(repository).values()) == {None}


def test_a_slow_git_is_given_up(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(provenance, "GIT_SECONDS", 0.2)
    begin = time.monotonic()
    assert set(read_git(repository).values()) == {None}
    assert time.monotonic() - begin < 20


def test_a_hooks_environment_names_no_other_repository(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    git(tmp_path / "other", "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert read_git(repository)["git_commit"] == head(repository)


def test_nothing_that_the_repository_names_is_run(repository: Path, tmp_path: Path) -> None:
    spy = tmp_path / "spy"
    spy.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    spy.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(spy))
    assert read_git(repository)["git_dirty"] is False
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("remote", "kept"),
    [
        ("https://example.org/group/project.git", True),
        ("git@example.org:group/project.git", True),
        ("ssh://git@example.org/group/project.git", True),
        ("/srv/git/project.git", True),
        ("https://token@example.org/project.git", False),
        ("https://user:secret@example.org/project.git", False),
        ("ssh://user:secret@example.org/project.git", False),
        ("https://example.org/project.git?token=secret", False),
        ("https://[broken/project.git", False),
    ],
)
def test_a_remote_that_could_hold_a_secret_is_left_out(
    remote: str, kept: bool, repository: Path
) -> None:
    git(repository, "remote", "add", "origin", remote)
    assert read_git(repository)["git_remote"] == (remote if kept else None)


def test_the_rest() -> None:
    found = recorded_provenance()
    assert found["program"] == sys.argv[0]
    assert found["pid"] == os.getpid()
    assert found["user"] == getpass.getuser()
    assert found["library_version"] == __version__
    assert found["python_version"] == ".".join(map(str, sys.version_info[:3]))
    assert found["host"]


SHELL = """
from IPython.core.interactiveshell import InteractiveShell
from artigraph_neo4j.engine.provenance import process_facts
shell = InteractiveShell.instance()
shell.execution_count = 12
found = process_facts()
print(found["program"], found["cell"])
shell.user_ns["__vsc_ipynb_file__"] = "/study/code.ipynb"
print(process_facts()["program"])
"""


def test_a_notebook_and_its_cell() -> None:
    """As Jupyter and VS Code name it; elsewhere there is no cell."""
    environment = {**os.environ, "JPY_SESSION_NAME": "study/train.ipynb"}
    done = subprocess.run(
        [sys.executable, "-c", SHELL], env=environment, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["study/train.ipynb 12", "/study/code.ipynb"], done.stderr
    assert recorded_provenance()["cell"] is None


@pytest.mark.parametrize("value", ["off", "OFF", "0", "false", "no"])
def test_the_environment_switches_it_off(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert provenance.provenance_wanted()
    monkeypatch.setenv("ARTIGRAPH_PROVENANCE", value)
    assert not provenance.provenance_wanted()
