"""A file of the classes of Java that Neo4j loads until it has recorded and found something.

    python -m tests.classes FILE

Servers of tests that are given it (``ARTIGRAPH_TEST_CLASSES=FILE``) need not read these classes
from 240 jars and link them. Java takes it only for the version of Neo4j that it was made with.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass

from artigraph_neo4j import (
    ArtifactModel,
    create_span_artifact,
    engine_context,
    find_artifacts,
    find_spans,
    span_context,
)
from artigraph_neo4j.local import StackInfo
from tests.services import JAVA_OPTIONS, LIVES_BRIEFLY, discard, new_stack


@dataclass
class Noted(ArtifactModel, version=1):
    text: str


async def _record_and_find(info: StackInfo) -> None:
    login = {"username": info.username, "password": info.password}
    async with engine_context(info.bolt_url, **login, create_schema=True):
        async with span_context(label="first"):
            await create_span_artifact("current", label="noted", data=Noted("first"))
        await find_spans().read()
        await find_artifacts(Noted).read()


def main(path: str) -> None:
    os.environ[JAVA_OPTIONS] = f"{LIVES_BRIEFLY} -XX:AOTCacheOutput={path}"
    stack = new_stack("classes", s3=False)
    try:
        asyncio.run(_record_and_find(stack.up(timeout=300)))
        stack.down(timeout=300)  # Java writes the file when it ends
    finally:
        discard(stack)


if __name__ == "__main__":
    main(sys.argv[1])
