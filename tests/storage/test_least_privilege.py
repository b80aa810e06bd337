"""The policies of the operations page, enforced: each program does its work with its own, only."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j import ArtifactModel, delete_artifacts, engine_context
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import BlobNotFoundError, StorageError
from artigraph_neo4j.gc import collect_garbage
from artigraph_neo4j.storage.aws import S3Storage, close_clients
from artigraph_neo4j.storage.base import slices
from tests.s3_servers import BUCKET, MotoServer
from tests.services import GraphService, S3Service

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
PREFIX = "team/a"
DENIED = "AccessDenied|403; the credentials lack this permission"


def documented(heading: str, prefix: str = PREFIX) -> list[dict[str, Any]]:
    """The statements of a policy as the page has them, with bucket and prefix put in."""
    found = re.search(rf"{heading}\n\n```json\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None, heading
    text = found[1].replace("BUCKET", BUCKET).replace("PREFIX", prefix)
    statements: list[dict[str, Any]] = json.loads(text)["Statement"]
    return statements


def storage_of(service: S3Service, prefix: str = PREFIX, **more: Any) -> S3Storage:
    return S3Storage(
        service.bucket,
        prefix,
        name="s3:least",
        endpoint_url=service.endpoint,
        region_name=service.region,
        access_key=service.access_key,
        secret_key=service.secret_key,
        use_environment=False,
        **more,
    )


@pytest.fixture(scope="module")
def reader(moto: MotoServer) -> S3Service:
    return moto.user("reader", documented("To read:"))


@pytest.fixture(scope="module")
def recorder(moto: MotoServer) -> S3Service:
    return moto.user("recorder", documented("To record:"))


@pytest.fixture(scope="module")
def collector(moto: MotoServer) -> S3Service:
    # AWS asks of each key of a bulk deletion whether it may be deleted; moto asks of the bucket.
    bulk = {"Effect": "Allow", "Action": ["s3:DeleteObject"], "Resource": f"arn:aws:s3:::{BUCKET}"}
    return moto.user("collector", [*documented("To collect garbage:"), bulk])


@pytest.fixture(autouse=True)
async def _closed() -> AsyncIterator[None]:
    yield
    await close_clients()


@dataclass
class Guarded(ArtifactModel, version=1):
    data: bytes


async def test_record_read_and_collect(
    graph_service: GraphService, recorder: S3Service, reader: S3Service, collector: S3Service
) -> None:
    def engine_with(service: S3Service) -> engine_context:
        storage = storage_of(service, multipart_threshold=6 << 20)
        return engine_context(
            graph_service.uri,
            username=graph_service.username,
            password=graph_service.password,
            database=graph_service.database,
            create_schema=True,
            storage=storage,
            offload_bytes=100,
        )

    small, large = Guarded(os.urandom(1000)), Guarded(os.urandom(7 << 20))
    async with engine_with(recorder) as engine:
        ids = [await small.create(), await small.create(), await large.create()]
        assert await Guarded.read(ids[0]) == small
        await engine.call(engine.storage.aclose)
    async with engine_with(reader) as engine:
        assert await Guarded.read(ids[1]) == small
        assert await Guarded.read(ids[2]) == large
        with pytest.raises(StorageError, match=DENIED):
            await Guarded(os.urandom(1000)).create()
        await delete_artifacts(ids[0], ids[2])
        (report,) = await collect_garbage(engine.storage, min_age=timedelta(0))
        assert (report.live.count, report.garbage.count) == (1, 1)
        with pytest.raises(StorageError, match="AccessDenied"):
            await collect_garbage(engine.storage, min_age=timedelta(0), dry_run=False)
        assert await Guarded.read(ids[1]) == small
        await engine.call(engine.storage.aclose)
    async with engine_with(recorder) as engine:
        with pytest.raises(StorageError, match="AccessDenied"):
            await collect_garbage(engine.storage, min_age=timedelta(0), dry_run=False)
        await engine.call(engine.storage.aclose)
    async with engine_with(collector) as engine:
        (report,) = await collect_garbage(engine.storage, min_age=timedelta(0), dry_run=False)
        assert report.deleted.count == 1
        assert await Guarded.read(ids[1]) == small
        await engine.call(engine.storage.aclose)


async def test_an_upload_that_fails_can_be_aborted(recorder: S3Service) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 100
        raise RuntimeError("the source failed")

    storage = storage_of(recorder)
    with pytest.raises(RuntimeError, match="the source failed"):
        await storage.put_stream(broken(), key=f"ag/{new_id()}")
    async with storage._connection.request() as request:
        with pytest.raises(Exception, match="AccessDenied"):  # as nothing more is allowed
            await request.client.list_multipart_uploads(Bucket=BUCKET)


async def test_who_reads_changes_nothing(recorder: S3Service, reader: S3Service) -> None:
    location = await storage_of(recorder).put(b"content", key=f"ag/{new_id()}")
    storage = storage_of(reader)
    assert await storage.read(location) == b"content"
    assert await storage.read_range(location, 1, 3) == b"on"
    assert await storage.size(location) == 7
    assert location in [item.location async for item in storage.list("ag/")]
    with pytest.raises(BlobNotFoundError):
        await storage.read(f"{PREFIX}/ag/none")
    for act in (
        storage.put(b"other", key="ag/x"),
        storage.put_stream(slices(b"other", 1), key="ag/x"),
        storage.update(location, b"other"),
        storage.delete(location),
        storage.delete_many([location]),
    ):
        with pytest.raises(StorageError, match="AccessDenied"):
            await act
    assert await storage.read(location) == b"content"


@pytest.mark.parametrize("who", ["reader", "recorder", "collector"])
async def test_nothing_outside_of_the_prefix(
    moto_service: S3Service, who: str, request: pytest.FixtureRequest
) -> None:
    other = storage_of(moto_service, "team/b")
    location = await other.put(b"secret", key=f"ag/{new_id()}")
    storage = storage_of(request.getfixturevalue(who), "team/b")  # with the wrong keys
    for act in (
        storage.read(location),
        storage.size(location),
        storage.put(b"other", key="ag/x"),
        storage.update(location, b"other"),
        storage.delete(location),
    ):
        with pytest.raises(StorageError, match=DENIED):
            await act
    assert await other.read(location) == b"secret"


async def test_without_the_right_to_list(moto: MotoServer, graph_service: GraphService) -> None:
    """Recording and reading go on; what needs a list says so."""
    statements = [s for s in documented("To record:") if "s3:ListBucket" not in s["Action"]]
    storage = storage_of(moto.user(f"blind-{new_id()}", statements))
    async with engine_context(
        graph_service.uri,
        username=graph_service.username,
        password=graph_service.password,
        database=graph_service.database,
        create_schema=True,
        storage=storage,
        offload_bytes=100,
    ) as engine:
        value = Guarded(os.urandom(1000))
        ids = [await value.create(), await value.create()]
        assert await Guarded.read(ids[1]) == value
        with pytest.raises(StorageError, match="could not list .*AccessDenied"):
            await collect_garbage(storage)
        await engine.call(storage.aclose)


def test_the_three_policies_differ() -> None:
    def actions(heading: str) -> set[str]:
        return {action for statement in documented(heading) for action in statement["Action"]}

    assert actions("To read:") < actions("To record:")
    assert "s3:DeleteObject" not in actions("To record:")
    assert "s3:PutObject" not in actions("To collect garbage:")
