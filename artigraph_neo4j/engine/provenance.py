"""Provenance of a run: the commit, the program, the machine, the versions."""

from __future__ import annotations

import getpass
import os
import platform
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from artigraph_neo4j._version import __version__
from artigraph_neo4j.common.wording import storable

__all__ = [
    "is_warm",
    "process_facts",
    "provenance_wanted",
    "read_git",
    "recorded_provenance",
    "warm_up",
]

GIT_SECONDS = 2.0
"""Maximum seconds of each call of git; ``git status`` is slow in very large repositories."""


def provenance_wanted() -> bool:
    """True unless the environment switches provenance off by ``ARTIGRAPH_PROVENANCE=off``."""
    return os.environ.get("ARTIGRAPH_PROVENANCE", "on").lower() not in ("off", "0", "false", "no")


def recorded_provenance() -> dict[str, Any]:
    """The provenance that a root span records; None for values that are not known.

    Git is called once per process, which takes some milliseconds: call ``warm_up`` in a thread
    first.
    """
    warm_up()
    return {**(_git or {}), **process_facts(), "python_version": platform.python_version()}


def process_facts() -> dict[str, Any]:
    """The program, host, user, pid and library version of this process; the cell of a notebook."""
    notebook, cell = _notebook()
    return {
        "program": storable(notebook or (getattr(sys, "argv", None) or [""])[0]) or None,
        "cell": cell,
        "host": storable(socket.gethostname()),
        "user": _user(),
        "pid": os.getpid(),
        "library_version": __version__,
    }


def _notebook() -> tuple[str | None, int | None]:
    """Return the file of the notebook that runs in this process, and the number of its cell.

    Jupyter names the file in the environment of the kernel, VS Code in a variable of the notebook.
    """
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        return None, None
    with suppress(Exception):  # another shell than that of Jupyter
        named = shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
        return (str(named) if named else None), int(shell.execution_count)
    return None, None


@cache
def _user() -> str | None:
    try:
        return storable(getpass.getuser())
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return None


_lock = threading.Lock()
_git: dict[str, Any] | None = None


def warm_up() -> None:
    """Call git, once per process; blocks for some milliseconds."""
    global _git
    with _lock:
        if _git is None:
            _git = read_git(*_directories())


def is_warm() -> bool:
    """True once git was called."""
    return _git is not None


def _directories() -> list[Path]:
    """Directories that may hold the program's code: that of its file, then the current one."""
    found: list[Path] = []
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if main:
        found.append(Path(main).absolute().parent)
    with suppress(OSError):  # the directory was removed
        found.append(Path.cwd())
    return found


def read_git(*directories: Path) -> dict[str, Any]:
    """Read commit, dirtiness and remote of the first directory that is in a repository.

    Without a repository no process is started.

    Returns:
        ``git_commit``, ``git_dirty`` (tracked files differ from the commit) and ``git_remote``,
        each None if git is absent, too slow or gives no answer; empty outside of a repository.
    """
    directory = next((d for d in directories if _in_repository(d)), None)
    if directory is None:
        return {}
    status = _ask(directory, "status", "--porcelain", "--untracked-files=no")
    return {
        "git_commit": _ask(directory, "rev-parse", "--verify", "--quiet", "HEAD") or None,
        "git_dirty": None if status is None else bool(status),
        "git_remote": _without_secret(_ask(directory, "config", "--get", "remote.origin.url")),
    }


def _in_repository(directory: Path) -> bool:
    # A work tree or a submodule has a file of this name, not a directory.
    return any((at / ".git").exists() for at in (directory, *directory.parents))


def _ask(directory: Path, *question: str) -> str | None:
    # Variables set by a git hook could name another repository; locks would block the user's git;
    # and a file monitor is a program that the repository names, so it must not run.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - constant arguments, no shell
            ["git", "-c", "core.fsmonitor=false", "-C", str(directory), *question],  # noqa: S607
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    return done.stdout.decode(errors="replace").strip()


def _without_secret(remote: str | None) -> str | None:
    """The remote's address, or None if it could contain a credential."""
    if not remote:
        return None
    try:
        parts = urlsplit(remote)
        if parts.query or parts.password is not None:
            return None
        if parts.username is not None and parts.scheme in ("http", "https"):
            return None  # a token may stand where the user does
    except ValueError:
        return None
    return remote


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()  # a thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
