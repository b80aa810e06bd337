"""Other libraries, each in a virtual environment of its own, asked over its standard input.

They need versions of packages that this project does not have. The environments are made when first
needed, from ``requirements/``, and are kept in the user's cache.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from artigraph_neo4j.local.paths import cache_directory

HERE = Path(__file__).parent
PEERS = ("mlflow", "artigraph", "aiida")
"""Each has ``requirements/<name>.txt`` and ``peers/<name>_peer.py``."""


def environment(name: str) -> Path:
    """The Python of a virtual environment, made now if it is not there.

    Raises:
        CalledProcessError: It cannot be made; the message is on the standard error.
    """
    requirements = HERE / "requirements" / f"{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    directory = cache_directory() / "benchmarks" / f"{name}-{digest}"
    python = directory / "bin" / "python"
    if not (directory / "whole").exists():
        shutil.rmtree(directory, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", directory], check=True)
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", requirements], check=True)
        (directory / "whole").touch()
    return python


class Outside:
    """A process that does what it is told: a line of JSON each way for each piece of work."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._directory = tempfile.mkdtemp(prefix=f"artigraph-bench-{name}-")
        self._log = (Path(self._directory) / "log").open("w+")
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> dict[str, Any]:
        """Start it; what it says of its versions."""
        python = await asyncio.to_thread(environment, self.name)
        self._process = await asyncio.create_subprocess_exec(
            python,
            HERE / "peers" / f"{self.name}_peer.py",
            self._directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={k: v for k, v in os.environ.items() if not k.startswith(("NEO4J_", "AWS_"))},
        )
        return await self._answer()

    async def do(self, what: str, count: int) -> float:
        """Do something so many times; the seconds it took, as it measured them itself."""
        return (await self.ask(what, count))["seconds"]

    async def ask(self, what: str, count: int) -> dict[str, float]:
        """Do the same; all numbers that it tells."""
        assert self._process
        assert self._process.stdin
        self._process.stdin.write(json.dumps([what, count]).encode() + b"\n")
        await self._process.stdin.drain()
        return {name: float(number) for name, number in (await self._answer()).items()}

    async def _answer(self) -> dict[str, Any]:
        assert self._process
        assert self._process.stdout
        line = await self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError(f"{self.name} ended: {self._log.read()[-2000:]}")
        found: dict[str, Any] = json.loads(line)
        return found

    async def stop(self) -> None:
        """End it and remove its database."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()
        self._log.close()
        shutil.rmtree(self._directory, ignore_errors=True)


async def start_all(names: Iterable[str]) -> tuple[dict[str, Outside], dict[str, Any]]:
    """Those that can run, by name, and of each its versions, or why it cannot."""
    running: dict[str, Outside] = {}
    told: dict[str, Any] = {}
    for name in names:
        peer = Outside(name)
        try:
            told[name] = await peer.start()
            running[name] = peer
        except Exception as error:
            told[name] = {"cannot run": f"{type(error).__name__}: {error}"}
            await peer.stop()
    return running, told
