"""Models that schedules record; every value follows from a seed, so it can be compared later."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from artigraph_neo4j import ArtifactModel

__all__ = ["OFFLOAD_BYTES", "Part", "Thing", "thing"]

OFFLOAD_BYTES = 2_000
"""Values larger than this go to S3 in a schedule."""


@dataclass
class Part(ArtifactModel, version=1):
    """What is nested in a ``Thing``."""

    key: str
    n: int


@dataclass
class Thing(ArtifactModel, version=1):
    """An artifact of a schedule; ``key`` says which."""

    key: str
    n: int
    text: str
    numbers: list[float] = field(default_factory=list)
    data: bytes = b""
    part: Any = None


def thing(key: str, revision: int = 0) -> Thing:
    """The artifact that belongs to a key, made anew each time: equal, never the same object."""
    draw = random.Random(f"{key}/{revision}")
    large = draw.random() < 0.35
    size = draw.randrange(OFFLOAD_BYTES + 1, 40_000) if large else draw.randrange(0, 64)
    if draw.random() < 0.1:  # equal content, which is stored once
        content = bytes([draw.randrange(3)]) * (OFFLOAD_BYTES + 1 + draw.randrange(3))
    else:
        content = draw.randbytes(size)
    return Thing(
        key,
        draw.randrange(-(2**40), 2**40),
        "".join(draw.choices("abcß\u4e16 \n'\"\\", k=draw.randrange(20))),
        [draw.random() for _ in range(draw.randrange(4))],
        content,
        Part(key, draw.randrange(100)) if draw.random() < 0.5 else None,
    )


def spoil(item: Thing) -> None:
    """Change an object after it was given away, as a program may that reuses its buffers."""
    item.text = "changed after it was given"
    item.numbers.append(-1.0)
    item.n = -1
    if item.part is not None:
        item.part.n = -1
