"""The policies of the operations page allow what the library asks of S3, and no more."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aioboto3
import pytest

from artigraph_neo4j import ArtifactModel, artifact_field, delete_artifacts, engine_context
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.gc import collect_garbage
from artigraph_neo4j.storage.aws import S3Storage
from artigraph_neo4j.storage.base import blob_key

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
ACTIONS = {
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "CompleteMultipartUpload": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "DeleteObjects": "s3:DeleteObject",
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
    "PutObject": "s3:PutObject",
    "UploadPart": "s3:PutObject",
}
"""Which right an operation needs, by AWS's service authorization reference."""


def policy(heading: str) -> set[str]:
    found = re.search(rf"{heading}\n\n```json\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None, heading
    allowed = set()
    for statement in json.loads(found[1])["Statement"]:
        for action in statement["Action"]:
            on_objects = statement["Resource"].endswith("/*")
            assert on_objects == (action != "s3:ListBucket"), f"{action} is of another resource"
            allowed.add(action)
    return allowed


async def test_the_policies_are_what_is_needed(graph_service: Any, s3_service: Any) -> None:
    asked: set[str] = set()
    session = aioboto3.Session()
    session.events.register(
        "before-call.s3", lambda model, **_: asked.add(ACTIONS[model.name]), unique_id="asked"
    )
    storage = S3Storage(
        s3_service.bucket,
        f"operations/{new_id()}",
        endpoint_url=s3_service.endpoint,
        region_name=s3_service.region,
        access_key=s3_service.access_key,
        secret_key=s3_service.secret_key,
        session=session,
        multipart_threshold=1 << 20,
    )

    def needed() -> set[str]:
        found = set(asked)
        asked.clear()
        return found

    @dataclass
    class OperatedBytes(ArtifactModel, version=1):
        data: bytes = artifact_field(storage=storage)

    async def broken() -> AsyncIterator[bytes]:
        yield b"\x00"
        raise OSError("the source is gone")

    async with engine_context(
        graph_service.uri,
        username=graph_service.username,
        password=graph_service.password,
        database=graph_service.database,
        create_schema=True,
    ) as engine:
        small = OperatedBytes(b"small")
        ids = [await small.create(), await small.create()]
        ids.append(await OperatedBytes(bytes(2 << 20)).create())
        with pytest.raises(OSError, match="the source is gone"):
            await engine.call(lambda: storage.put_stream(broken(), key=blob_key(b"broken")))
        assert needed() == policy("To record:")

        assert await OperatedBytes.read(ids[0]) == small
        assert needed() == policy("To read:") - {"s3:ListBucket"}  # which tells what is missing

        await delete_artifacts(*ids)
        assert needed() == set()
        (report,) = await collect_garbage(storage, min_age=timedelta(0))
        assert (report.garbage.count, report.deleted.count) == (2, 0)
        assert needed() <= policy("To read:")
        await collect_garbage(storage, min_age=timedelta(0), dry_run=False)
        used = needed()
        assert "s3:DeleteObject" in used
        assert used <= policy("To collect garbage:")
        await engine.call(storage.aclose)


def test_the_lifecycle_rules_expire_no_object() -> None:
    section = PAGE.partition("### Lifecycle rules")[2]
    block = re.search(r"```json\n(.*?)```", section, re.DOTALL)
    assert block is not None
    rules = json.loads(block[1])["Rules"]
    assert rules
    for rule in rules:
        assert not {"Expiration", "Transition", "Transitions"} & set(rule), rule["ID"]
