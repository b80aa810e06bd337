"""A flame graph of a program that records in a batch: ``python -m tests.benchmarks.flame FILE``.

py-spy, which has to be on the path, looks 100 times a second which thread of a warm program holds
the lock of Python, and in which function. The system must let it look at another process.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from artigraph_neo4j import batch, create_span_artifact, set_engine, span_context
from tests.benchmarks.models import BenchPair
from tests.services import discard, new_stack

SECONDS = 20
TITLE = "The functions in which threads hold the lock of Python"


async def record() -> None:
    """Record spans with an artifact until the process is ended; say when it is warm."""
    set_engine(create_schema=True)
    async with span_context(label="flame"):
        for lap in range(10**6):
            async with batch():
                for i in range(2000):
                    async with span_context(label="work"):
                        await create_span_artifact("current", label="pair", data=BenchPair(i, 0.5))
            if lap == 5:
                print("warm", flush=True)


def main(path: str) -> int:
    """Draw the graph of a program with a server of its own."""
    spy = shutil.which("py-spy")
    if spy is None:
        print("py-spy is not on the path; `uv tool install py-spy` brings it")
        return 2
    stack = new_stack("flame", s3=False)
    try:
        info = stack.up(timeout=180)
        login = {"NEO4J_URI": info.bolt_url, "NEO4J_USERNAME": info.username}
        program = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, "--record"],
            env=os.environ | login | {"NEO4J_PASSWORD": info.password},
            stdout=subprocess.PIPE,
        )
        try:
            assert program.stdout is not None
            program.stdout.readline()
            command = [spy, "record", "--pid", str(program.pid), "--output", path]
            options = ["--gil", "--threads", "--function", "--duration", str(SECONDS)]
            code = subprocess.run([*command, *options], check=False).returncode
        finally:
            program.kill()
            program.wait()
    finally:
        discard(stack)
    if code == 0:
        drawn = Path(path).read_text()
        Path(path).write_text(re.sub(r'(id="title"[^>]*>)[^<]*', rf"\g<1>{TITLE}", drawn))
    return code


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        asyncio.run(record())
    else:
        sys.exit(main(sys.argv[1]))
