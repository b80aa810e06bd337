"""Programs that have just started: the import of the library, and its command."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.benchmarks.harness import Bench, Side, Workload, timed

COMMAND = str(Path(sys.executable).parent / "artigraph")


async def starting(bench: Bench, size: int) -> list[Side]:
    info = bench.info
    environment = os.environ | {
        "NEO4J_URI": info.bolt_url, "NEO4J_USERNAME": info.username,
        "NEO4J_PASSWORD": info.password, "NEO4J_DATABASE": info.database,
    }  # fmt: skip
    await bench.span()  # so that there is something to list

    def side(name: str, *command: str) -> Side:
        async def programs() -> None:
            for _ in range(size):
                process = await asyncio.create_subprocess_exec(
                    *command,
                    env=environment,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                )
                _, said = await process.communicate()
                assert process.returncode == 0, said.decode()

        async def run() -> float:
            return (await timed(programs()))[0]

        return Side(name, run)

    python = (sys.executable, "-c")
    return [
        side("import neo4j", *python, "import neo4j"),
        side("import artigraph_neo4j", *python, "import artigraph_neo4j"),
        side("artigraph --help", COMMAND, "--help"),
        side("artigraph ls", COMMAND, "ls"),
    ]


WORKLOADS = [
    Workload(
        "starting", "Python, an import or a command, and the end", "programs", 3, 1, starting,
        group="read", rounds=7,
    ),
]  # fmt: skip
