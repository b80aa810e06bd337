"""Workloads with values in S3."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig

from artigraph_neo4j import Engine, create_span_artifacts, engine_context, read_span_artifacts
from artigraph_neo4j.engine.target import choose_target
from artigraph_neo4j.storage.aws import S3Storage
from artigraph_neo4j.values.transfer import (
    TRANSFERS,
)
from tests.benchmarks.harness import Bench, Side, Workload, timed
from tests.benchmarks.models import BenchValue

SMALL = 10_000
LARGE = 100_000_000


async def put(bench: Bench, count: int, *, each: int) -> list[Side]:
    s3 = await bench.once("s3", lambda: _S3(bench).start())

    async def library() -> float:
        span = await bench.span()
        data = {f"value {i}": BenchValue(value) for i, value in enumerate(_values(count, each))}
        with engine_context(s3.engine):
            seconds, _ = await timed(create_span_artifacts(span, data))
        await s3.empty()
        return seconds

    async def bare() -> float:
        values = _values(count, each)
        work = s3.all(lambda at: s3.put(f"bare/{at}", values[at]), count)
        seconds, _ = await timed(work)
        await s3.empty()
        return seconds

    return [Side("library", library), Side("aioboto3", bare)]


async def get(bench: Bench, count: int, *, each: int) -> list[Side]:
    s3 = await bench.once("s3", lambda: _S3(bench).start())
    await s3.empty()
    span = await bench.span()
    values = _values(count, each)
    with engine_context(s3.engine):
        await create_span_artifacts(
            span, {f"value {i}": BenchValue(value) for i, value in enumerate(values)}
        )
    keys = await s3.keys()
    assert len(keys) >= count

    async def library() -> float:
        with engine_context(s3.engine):
            seconds, found = await timed(read_span_artifacts(span))
        assert len(found) == count
        assert len(found["value 0"].value) == each
        return seconds

    async def bare() -> float:
        seconds, _ = await timed(s3.all(lambda at: s3.get(keys[at]), count))
        return seconds

    return [Side("library", library), Side("aioboto3", bare)]


def _values(count: int, each: int) -> list[bytes]:
    """Fresh ones: equal content would be stored once."""
    noise = os.urandom(each)  # or the service might compress it
    return [os.urandom(32) + noise[32:] for _ in range(count)]


class _S3:
    """An engine that keeps these values in S3, and a plain client of the same settings."""

    def __init__(self, bench: Bench) -> None:
        self._info = info = bench.info
        self._bench = bench
        self.storage = S3Storage(
            info.s3_bucket, endpoint_url=info.s3_endpoint, region_name=info.s3_region,
            access_key=info.s3_access_key, secret_key=info.s3_secret_key,
        )  # fmt: skip
        target = choose_target(
            info.bolt_url, username=info.username, password=info.password, database=info.database
        )
        self.engine = Engine(target, storage=self.storage, offload_bytes=1000)

    async def start(self) -> _S3:
        info = self._info
        self._bench.at_end.append(self.engine.aclose)
        await self.engine.ready()
        config = AioConfig(
            retries={"mode": "standard", "max_attempts": 4}, max_pool_connections=2 * TRANSFERS
        )
        opening = aioboto3.Session().client(
            "s3", config=config, endpoint_url=info.s3_endpoint, region_name=info.s3_region,
            aws_access_key_id=info.s3_access_key, aws_secret_access_key=info.s3_secret_key,
        )  # fmt: skip
        self.client: Any = await opening.__aenter__()
        self._bench.at_end.append(lambda: opening.__aexit__(None, None, None))
        return self

    async def all(self, one: Callable[[int], Coroutine[Any, Any, object]], count: int) -> None:
        """One for each number, so many at a time as the library does."""
        numbers = iter(range(count))

        async def worker() -> None:
            for at in numbers:
                await one(at)

        await asyncio.gather(*(worker() for _ in range(TRANSFERS)))

    async def put(self, key: str, data: bytes) -> None:
        await self.client.put_object(Bucket=self._info.s3_bucket, Key=key, Body=data)

    async def get(self, key: str) -> bytes:
        found = await self.client.get_object(Bucket=self._info.s3_bucket, Key=key)
        data: bytes = await found["Body"].read()
        return data

    async def keys(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self._info.s3_bucket)
        found = [o["Key"] async for page in pages for o in page.get("Contents", ())]
        return [key for key in found if not key.endswith("graph.json")]

    async def empty(self) -> None:
        """Remove all objects, so that the disk does not fill."""
        for key in await self.keys():
            await self.client.delete_object(Bucket=self._info.s3_bucket, Key=key)


def _s3(name: str, title: str, size: int, quick: int, build: Any, rounds: int) -> Workload:
    return Workload(name, title, "values", size, quick, build, group="s3", rounds=rounds)


WORKLOADS = [
    _s3("s3_put_small", "10 kB values to S3", 1000, 100, partial(put, each=SMALL), 5),
    _s3("s3_get_small", "10 kB values from S3", 1000, 100, partial(get, each=SMALL), 5),
    _s3("s3_put_large", "100 MB values to S3", 10, 1, partial(put, each=LARGE), 3),
    _s3("s3_get_large", "100 MB values from S3", 10, 1, partial(get, each=LARGE), 3),
]
