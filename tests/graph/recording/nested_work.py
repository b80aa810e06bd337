"""Work that runs in another thread or process."""

from __future__ import annotations

import os
from dataclasses import dataclass

from artigraph_neo4j import ArtifactModel, create_span_artifact, engine_context, span_context, sync


@dataclass
class Done(ArtifactModel, version=1):
    pid: int


def step(label: str) -> None:
    with engine_context(), sync.span_context(label=label):
        sync.create_span_artifact("current", label="done", data=Done(os.getpid()))


async def step_async(label: str) -> None:
    async with span_context(label=label):
        await create_span_artifact("current", label="done", data=Done(os.getpid()))
