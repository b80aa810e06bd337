"""The distributions of this tree, and environments of their own to install them into."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")

Environment = Callable[..., Path]


@cache
def _index() -> dict[str, str]:
    """The index that this machine's pip is set up for, which uv does not know."""
    look = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    found = subprocess.run(look, capture_output=True, text=True, check=False).stdout.strip()
    return {"UV_DEFAULT_INDEX": found} if found and "UV_DEFAULT_INDEX" not in os.environ else {}


def run(*command: str | Path, cwd: Path | None = None, **variables: str) -> str:
    """What a command prints; it has to succeed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("NEO4J_", "AWS_"))}
    environment |= _index()
    done = subprocess.run(
        command, cwd=cwd, env=environment | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    return done.stdout


def python_of(version: str) -> Path:
    """An interpreter of a version: of this machine, of pyenv, or one that uv can fetch."""
    for pattern in (f"versions/{version}.*/bin/python", f"versions/{version}/bin/python"):
        found = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(pattern))
        if found:
            return found[-1]
    look = [UV, "python", "find", "--no-project", version]
    done = subprocess.run(look, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fetch = [UV, "python", "install", version]
        subprocess.run(fetch, capture_output=True, check=False, timeout=120)
        done = subprocess.run(look, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"there is no Python {version} here, and uv could not fetch one")
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the wheel and the sdist; the wheel is built from the sdist."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT)
    return out


@pytest.fixture(scope="session")
def wheel(distributions: Path) -> Path:
    (found,) = distributions.glob("*.whl")
    return found


@pytest.fixture
def environment(wheel: Path, tmp_path: Path) -> Environment:
    """Makes an environment with the wheel, or anything else, and returns its Python."""

    def make(*requirements: str, extra: str = "", python: Path | None = None) -> Path:
        home = tmp_path / "venv"
        run(UV, "venv", "--quiet", "--python", python or sys.executable, home)
        own = f"artigraph-neo4j[{extra}] @ {wheel.as_uri()}" if extra else str(wheel)
        executable = home / "bin" / "python"
        run(UV, "pip", "install", "--quiet", "--python", executable, own, *requirements)
        return executable

    return make


@pytest.fixture
def tests_alone(tmp_path: Path) -> Path:
    """The tests without the library beside them: what is imported is what was installed."""
    alone = tmp_path / "alone"
    for name in (".ci", "tests", "docs"):
        shutil.copytree(ROOT / name, alone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "Makefile"):
        shutil.copy(ROOT / name, alone / name)
    return alone
