"""Models and span classes of a script in the workers of joblib, which get them by value."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = """
import asyncio
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from joblib.externals.loky import get_reusable_executor
from neomodel import FloatProperty

from artigraph_neo4j import ArtifactModel, Span, artifact_field, read_span, set_engine, span_context
from artigraph_neo4j.serializer.numpy import array_serializer
from artigraph_neo4j.storage.file import FileSystemStorage

@dataclass
class WorkerPart(ArtifactModel, version=1):
    n: int

@dataclass(slots=True)
class WorkerWhole(ArtifactModel, version=1):
    part: WorkerPart
    many: list[WorkerPart] = field(default_factory=list)
    array: Any = artifact_field(serializer=array_serializer, default=None)
    stored: Any = artifact_field(storage=FileSystemStorage("."), default=None)

class WorkerFit(Span):
    loss = FloatProperty()

def work(n, given):
    set_engine()

    async def run():
        made = WorkerWhole(WorkerPart(n), [given], np.arange(n), "text" * n)
        async with span_context(WorkerFit(label="fit")) as span:
            span.loss = n / 2
            whole, part = await made.create("whole"), await given.create("given")
        found = await WorkerWhole.read(whole)
        assert (found.part, found.many, found.stored) == (made.part, [given], "text" * n)
        assert await WorkerPart.read(part) == given == await ArtifactModel.read(part)
        assert (await read_span(span.node_id)).loss == n / 2
        return whole, part, span.node_id, found

    return asyncio.run(run())

async def check(results):
    for n, (whole, part, span, brought) in enumerate(results):
        found = await WorkerWhole.read(whole)
        assert type(brought) is WorkerWhole and brought.many == found.many == [WorkerPart(n)]
        assert type(await read_span(span)) is WorkerFit
        assert (await WorkerPart.read(part)).n == n
    print("whole")

if __name__ == "__main__":
    set_engine()
    worker = get_reusable_executor(max_workers=1)
    asyncio.run(check(worker.map(work, range(2), map(WorkerPart, range(2)))))
"""


def test_workers_write_and_read(tmp_path: Path, engine: Any, graph_service: Any) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {
        **os.environ,
        "NEO4J_URI": graph_service.uri,
        "NEO4J_USERNAME": graph_service.username or "",
        "NEO4J_PASSWORD": graph_service.password or "",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "whole\n"
