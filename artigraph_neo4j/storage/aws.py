"""A storage in S3, or in anything that speaks its protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

from artigraph_neo4j import iothread
from artigraph_neo4j.errors import BlobNotFoundError, StorageError
from artigraph_neo4j.storage.base import Storage, blob_key

try:
    import aioboto3
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError as error:  # pragma: no cover - an install without the extra
    raise ImportError('S3Storage needs aioboto3: pip install "artigraph-neo4j[s3]"') from error

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

__all__ = ["S3Storage"]

_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_MIB = 1024 * 1024


class S3Storage(Storage):
    """Keeps each value as an object of a bucket. Nothing has to be registered or opened first.

    Credentials, region and endpoint are found the AWS way (``AWS_*`` variables, profiles, roles;
    ``AWS_ENDPOINT_URL_S3`` for MinIO, SeaweedFS and others) unless they are given here. The bucket
    has to exist.

    Args:
        bucket: The bucket.
        prefix: Put before all keys, with a slash between.
        name: The storage's name in the graph, by default ``s3:bucket/prefix``; give one when two
            services have buckets of one name.
        endpoint_url: The service's address.
        region_name: The region.
        access_key: The access key's id.
        secret_key: The access key's secret; never shown.
        put_extra_args: Further arguments of every upload, such as
            ``{"ServerSideEncryption": "aws:kms"}``.
        max_concurrency: Requests at once.
        multipart_bytes: From this size on a value goes up in parts.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        name: str | None = None,
        endpoint_url: str | None = None,
        region_name: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        put_extra_args: dict[str, Any] | None = None,
        max_concurrency: int = 16,
        multipart_bytes: int = 64 * _MIB,
    ) -> None:
        self.bucket = bucket
        self.prefix = prefix.strip("/")
        self.name = name or f"s3:{bucket}" + (f"/{self.prefix}" if self.prefix else "")
        self._put_extra_args = dict(put_extra_args or {})
        self._multipart_bytes = multipart_bytes
        self._max_concurrency = max_concurrency
        self._options = {
            "endpoint_url": endpoint_url,
            "region_name": region_name,
            "aws_access_key_id": access_key,
            "aws_secret_access_key": secret_key,
        }
        self._clients: dict[asyncio.AbstractEventLoop, _Client] = {}

    async def create(self, data: bytes, /) -> str:
        """Upload ``data`` under a key made of its SHA-256, and return the key."""
        return await self.put(data, key=blob_key(data))

    async def put(self, data: bytes, /, *, key: str) -> str:
        """Upload ``data`` under ``key``, behind the prefix; returns the whole key.

        Raises:
            StorageError: The service refused it or was out of reach.
        """
        location = f"{self.prefix}/{key.lstrip('/')}" if self.prefix else key.lstrip("/")
        await self._upload(location, data)
        return location

    async def _upload(self, location: str, data: bytes) -> None:
        async with self._request("store", location) as client:
            if len(data) < self._multipart_bytes:
                await client.put_object(
                    Bucket=self.bucket, Key=location, Body=data, **self._put_extra_args
                )
                return
            parts = TransferConfig(multipart_chunksize=16 * _MIB, max_concurrency=4)
            await client.upload_fileobj(
                BytesIO(data),
                self.bucket,
                location,
                ExtraArgs=self._put_extra_args,
                Config=parts,
            )

    async def read(self, location: str, /) -> bytes:
        """The bytes of the object.

        Raises:
            BlobNotFoundError: There is none.
            StorageError: The service refused it or was out of reach.
        """
        async with self._request("read", location) as client:
            answer = await client.get_object(Bucket=self.bucket, Key=location)
            body = answer["Body"]
            async with body:
                chunks = [chunk async for chunk in body.iter_chunks(_MIB)]
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def update(self, location: str, data: bytes, /) -> None:
        """Replace the object at ``location``."""
        if not await self.exists(location):
            raise BlobNotFoundError(f"bucket {self.bucket!r} has no object {location!r}")
        await self._upload(location, data)

    async def delete(self, location: str, /) -> None:
        """Delete the object, if there is one."""
        async with self._request("delete", location) as client:
            await client.delete_object(Bucket=self.bucket, Key=location)

    async def exists(self, location: str, /) -> bool:
        """Whether there is an object at ``location``."""
        try:
            async with self._request("look for", location) as client:
                await client.head_object(Bucket=self.bucket, Key=location)
        except BlobNotFoundError:
            return False
        return True

    async def aclose(self) -> None:
        """Close the client of the running loop; the next call opens another."""
        held = self._clients.pop(asyncio.get_running_loop(), None)
        if held is not None:
            await held.stack.aclose()

    @asynccontextmanager
    async def _request(self, action: str, location: str) -> AsyncIterator[S3Client]:
        held = await self._client()
        what = f"could not {action} {location!r} in bucket {self.bucket!r}"
        try:
            async with held.gate:
                yield held.client
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "?")
            if code in _MISSING:
                raise BlobNotFoundError(
                    f"bucket {self.bucket!r} has no object {location!r}"
                ) from error
            raise StorageError(f"{what}: {code}; {_HINTS.get(code, 'see the cause')}") from error
        except (BotoCoreError, OSError) as error:
            raise StorageError(
                f"{what}: {type(error).__name__}: {error}; check endpoint and credentials (AWS_*)"
            ) from error

    async def _client(self) -> _Client:
        """One client a loop: a client cannot leave the loop it was made on, and making one is slow."""
        loop = asyncio.get_running_loop()
        for other in [known for known in self._clients if known.is_closed()]:
            del self._clients[other]
        held = self._clients.get(loop)
        if held is None:
            held = self._clients[loop] = _Client(self._max_concurrency)
            iothread.at_shutdown(self.aclose)
        async with held.lock:
            if held.client is None:
                session = aioboto3.Session()
                config = Config(
                    retries={"mode": "standard", "max_attempts": 4},
                    connect_timeout=5,
                    read_timeout=60,
                    max_pool_connections=self._max_concurrency,
                )
                made = session.client("s3", config=config, **self._options)
                held.client = await held.stack.enter_async_context(made)
        return held


class _Client:
    def __init__(self, concurrency: int) -> None:
        self.client: Any = None
        self.lock = asyncio.Lock()
        self.gate = asyncio.Semaphore(concurrency)
        self.stack = AsyncExitStack()


_HINTS = {
    "NoSuchBucket": "create the bucket first",
    "AccessDenied": "the credentials lack this permission",
    "InvalidAccessKeyId": "check AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "check AWS_SECRET_ACCESS_KEY",
}
