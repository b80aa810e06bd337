"""Models that tests of batches record, and a study of some of everything."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from artigraph_neo4j import (
    ArtifactModel,
    artifact_field,
    create_span_artifact,
    create_span_artifacts,
    span_context,
)
from artigraph_neo4j.storage.memory import MemoryStorage
from tests.graph.models import EpochSpan

storage = MemoryStorage("batches").register()


@dataclass
class InBatch(ArtifactModel, version=1):
    number: int
    text: str = ""
    inner: list[InBatchPart] = field(default_factory=list)


@dataclass
class InBatchKey(ArtifactModel, version=1):
    text: str


@dataclass
class InBatchPart(ArtifactModel, version=1):
    number: int


@dataclass
class InBatchLarge(ArtifactModel, version=1):
    data: bytes = artifact_field(storage=storage)
    items: list[int] | None = artifact_field(storage=storage, default=None)


async def study(root: str, *, read: bool = True) -> None:
    """Some of everything."""
    async with span_context(label=root):
        first = await create_span_artifact("current", label="first", data=InBatch(1, "a"))
        for i in range(3):
            with contextlib.suppress(ZeroDivisionError):
                async with span_context(EpochSpan(label=f"step {i}", epochs=i)) as step:
                    await create_span_artifacts(
                        "current",
                        {
                            "tree": InBatch(i, "b", [InBatchPart(1), InBatchPart(2)]),
                            "large": InBatchLarge(bytes([i]) * 1000, [1, 2]),
                        },
                    )
                    if read:
                        await InBatch.read(first)
                    step.epochs = 10 * i
                    if i == 2:
                        raise ZeroDivisionError("as it happens")
        await InBatch(3).create(span="current")
