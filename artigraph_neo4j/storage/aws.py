"""A storage in S3, or in any service with its protocol."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from typing import Any, Self

from artigraph_neo4j.common.hiding import secrets_in
from artigraph_neo4j.errors import BlobNotFoundError, StorageError
from artigraph_neo4j.storage.aws_client import Connection, Patience, Request, close_clients
from artigraph_neo4j.storage.aws_errors import (
    CONNECTION_ERRORS,
    ClientError,
    error_code,
    mapped_errors,
    with_hint,
)
from artigraph_neo4j.storage.base import Storage, StoredBytes, blob_key, slices
from artigraph_neo4j.storage.names import digest_in

__all__ = ["S3Storage", "close_clients"]

_MIB = 1024 * 1024
_PART_BYTES = 16 * _MIB
_PARTS_AT_ONCE = 4
_READ_BYTES = _MIB
_READ_ATTEMPTS = 4
_PAGE_KEYS = 1000


class S3Storage(Storage):
    """A storage that keeps each value as an object of a bucket.

    Nothing has to be registered or opened first.

    Credentials, region and endpoint are found the AWS way (``AWS_*`` variables, profiles, roles;
    ``AWS_ENDPOINT_URL_S3`` for MinIO, SeaweedFS and others) unless they are given here, and are
    looked up again when the variables or files have changed. The bucket has to exist. Storages with
    the same settings share their connections. Locations outside of the prefix are refused.

    Args:
        bucket: The bucket.
        prefix: A prefix of all keys, separated by a slash.
        name: The storage's name in the graph, by default ``s3:bucket/prefix``; give one if two
            services have buckets with the same name.
        endpoint_url: The service's address.
        region_name: The region.
        profile_name: The profile of the AWS configuration files to use.
        access_key: The access key's id.
        secret_key: The access key's secret; never shown.
        session_token: The token that belongs to temporary credentials.
        session: Your own ``aioboto3.Session`` or ``aiobotocore`` session, for credentials that are
            found in another way.
        put_extra_args: Further arguments of every upload, such as
            ``{"ServerSideEncryption": "aws:kms"}``.
        max_concurrency: Maximum number of requests at once, and of downloads in addition.
        multipart_threshold: Minimum bytes of a value that is uploaded in parts.
        timeout: Seconds without progress until a request, including all its attempts, ends in a
            ``StorageError``.
        use_environment: Whether ``AWS_*`` variables, AWS configuration files and proxies of the
            environment are used; otherwise the arguments alone are.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        name: str | None = None,
        endpoint_url: str | None = None,
        region_name: str | None = None,
        profile_name: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        session_token: str | None = None,
        session: Any = None,
        put_extra_args: dict[str, Any] | None = None,
        max_concurrency: int = 16,
        multipart_threshold: int = 64 * _MIB,
        timeout: float = 60.0,
        use_environment: bool = True,
    ) -> None:
        _check_bucket(bucket)
        self.bucket = bucket
        self.prefix = prefix.strip("/")
        if self.prefix:
            _refuse_dots(self.prefix, bucket)
        self.name = name or f"s3:{bucket}" + (f"/{self.prefix}" if self.prefix else "")
        self._put_extra_args = dict(put_extra_args or {})
        self._multipart_threshold = multipart_threshold
        self._connection = Connection(
            endpoint_url,
            region_name,
            profile_name,
            access_key,
            secret_key,
            session_token,
            session,
            max_concurrency,
            timeout,
            use_environment,
        )

    @classmethod
    def from_name(cls, rest: str) -> Self:
        """Return the storage whose default name is ``s3:`` and ``rest``."""
        bucket, _, prefix = rest.partition("/")
        return cls(bucket, prefix)

    async def create(self, data: bytes, /) -> str:
        """Upload ``data`` under a key made of its SHA-256, and return the key."""
        return await self.put(data, key=blob_key(data))

    def location_of(self, key: str, /) -> str:
        """Return the location of a key: the key after the prefix.

        Raises:
            StorageError: The key is empty, or has parts that lead elsewhere.
        """
        key = key.lstrip("/")
        if not key:
            raise StorageError(f"an empty key cannot be used in bucket {self.bucket!r}")
        _refuse_dots(key, self.bucket)
        return f"{self.prefix}/{key}" if self.prefix else key

    async def put(self, data: bytes, /, *, key: str) -> str:
        """Upload ``data`` under ``key`` after the prefix, and return the whole key.

        A key made by ``blob_key`` is only written once, since it names its content; a service that
        knows SHA-256 checks the content against it.

        Raises:
            StorageError: The service refused the request or was out of reach.
        """
        location = self.location_of(key)
        await self._upload(location, data, digest_in(key))
        return location

    async def put_stream(self, chunks: AsyncIterable[bytes], /, *, key: str) -> str:
        """Upload the bytes of ``chunks`` in parts, holding only a few of them in memory."""
        location = self.location_of(key)
        await self._upload_parts(location, chunks)
        return location

    async def _upload(self, location: str, data: bytes, digest: str | None) -> None:
        """Upload ``data``; with a digest, which the key names, only if there is no object yet."""
        if len(data) >= self._multipart_threshold:
            await self._upload_parts(location, slices(data, _PART_BYTES))
            return
        content = {} if digest is None else self._content_args(digest)
        async with self._request("store", location) as request:
            try:
                await request.send(
                    request.client.put_object(
                        Bucket=self.bucket,
                        Key=location,
                        Body=request.body(data),
                        **content,
                        **self._put_extra_args,
                    )
                )
            except ClientError as error:
                # An earlier attempt, whose answer was lost, has put it: the name tells the content.
                if digest is None or error_code(error) not in ("PreconditionFailed", "412"):
                    raise

    def _content_args(self, digest: str) -> dict[str, str]:
        """Arguments that make the service check and store the digest, and write only once."""
        once = {"IfNoneMatch": "*"}
        if any(name.startswith("Checksum") for name in self._put_extra_args):
            return once
        return once | {"ChecksumSHA256": b64encode(bytes.fromhex(digest)).decode()}

    async def _upload_parts(self, location: str, chunks: AsyncIterable[bytes]) -> None:
        target = {"Bucket": self.bucket, "Key": location}
        async with self._request("store", location) as request:
            create = request.client.create_multipart_upload(**target, **self._put_extra_args)
            upload = await request.send(create)
        target["UploadId"] = upload["UploadId"]
        try:
            parts, size = await self._send_parts(target, chunks)
            await self._complete(target | {"MultipartUpload": {"Parts": parts}}, upload, size)
        except BaseException:
            with suppress(StorageError):
                async with self._request("abort", location) as request:
                    await request.send(request.client.abort_multipart_upload(**target))
            raise

    async def _complete(self, target: dict[str, Any], upload: dict[str, Any], size: int) -> None:
        location = target["Key"]
        kind = upload.get("ChecksumType")
        sums = {"ChecksumType": kind} if kind else {}
        try:
            async with self._request("store", location) as request:
                await request.send(request.client.complete_multipart_upload(**target, **sums))
        except StorageError as error:
            # An earlier attempt, whose answer was lost, may have completed the upload.
            if _code_of(error) != "NoSuchUpload" or await self.size(location) != size:
                raise

    async def _send_parts(
        self, target: dict[str, str], chunks: AsyncIterable[bytes]
    ) -> tuple[list[dict[str, Any]], int]:
        """Upload the parts; return them in order, and their total size."""
        total = 0
        room = asyncio.Semaphore(_PARTS_AT_ONCE)

        async def send(number: int, data: bytes) -> dict[str, Any]:
            try:
                async with self._request("store a part of", target["Key"]) as request:
                    body = request.body(data)
                    part = request.client.upload_part(**target, PartNumber=number, Body=body)
                    answer = await request.send(part)
            finally:
                room.release()
            sums = {name: value for name, value in answer.items() if name.startswith("Checksum")}
            return {"PartNumber": number, "ETag": answer["ETag"], **sums}

        tasks: list[asyncio.Task[dict[str, Any]]] = []
        try:
            async with asyncio.TaskGroup() as group:
                async for data in _parts(chunks):
                    await room.acquire()
                    total += len(data)
                    tasks.append(group.create_task(send(len(tasks) + 1, data)))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks], total

    async def read(self, location: str, /) -> bytes:
        """Read the bytes of the object.

        Raises:
            BlobNotFoundError: There is no such object.
            StorageError: The service refused the request or was out of reach.
        """
        sink = BytesIO()  # its value can be taken without a copy, unlike b"".join
        async for chunk in self.stream(location):
            sink.write(chunk)
        return sink.getvalue()

    async def read_range(self, location: str, start: int, stop: int, /) -> bytes:
        """Read the bytes from ``start`` to ``stop``; the service sends no others."""
        if stop <= start:
            return b""
        try:
            return b"".join([chunk async for chunk in self._chunks(location, start, stop)])
        except StorageError as error:
            if _code_of(error) in ("InvalidRange", "416"):
                return b""  # the object ends before ``start``
            raise

    def stream(self, location: str, /) -> AsyncGenerator[bytes]:
        """Read the bytes of the object, a chunk at a time; continues after a lost connection."""
        return self._chunks(location)

    async def _chunks(
        self, location: str, start: int = 0, stop: int | None = None
    ) -> AsyncGenerator[bytes]:
        location = self._inside(location)
        done, last, etag = start, "" if stop is None else stop - 1, ""
        patience = Patience(self._connection.timeout)
        for attempt in range(1, _READ_ATTEMPTS + 1):
            rest = {"Range": f"bytes={done}-{last}"} if done or stop else {}
            rest |= {"IfMatch": etag} if etag else {}
            async with self._request("read", location, patience) as request:
                get = request.client.get_object(Bucket=self.bucket, Key=location, **rest)
                answer = await patience.wait(get)
                etag = answer["ETag"]
                try:
                    async with answer["Body"]:
                        chunks = answer["Body"].iter_chunks(_READ_BYTES)
                        while chunk := await request.send(anext(chunks, b"")):
                            done += len(chunk)
                            yield chunk
                            request.moved()  # the time of the reader does not count
                except CONNECTION_ERRORS:
                    if attempt == _READ_ATTEMPTS:
                        raise
                    continue
            return

    async def update(self, location: str, data: bytes, /) -> None:
        """Replace the object at ``location``."""
        if not await self.exists(location):
            raise BlobNotFoundError(f"bucket {self.bucket!r} has no object {location!r}")
        await self._upload(location, data, None)

    async def delete(self, location: str, /) -> None:
        """Delete the object, if there is one."""
        location = self._inside(location)
        with suppress(BlobNotFoundError):
            async with self._request("delete", location) as request:
                delete = request.client.delete_object(Bucket=self.bucket, Key=location)
                await request.send(delete)

    async def delete_many(self, locations: Sequence[str], /) -> None:
        """Delete these objects, if they exist, 1,000 a request."""
        for start in range(0, len(locations), _PAGE_KEYS):
            keys = [self._inside(key) for key in locations[start : start + _PAGE_KEYS]]
            async with self._request("delete", keys[0]) as request:
                answer = await request.send(
                    request.client.delete_objects(
                        Bucket=self.bucket,
                        Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True},
                    )
                )
            failed = [e for e in answer.get("Errors", ()) if e.get("Code") != "NoSuchKey"]
            if failed:
                code, key = str(failed[0].get("Code")), failed[0].get("Key")
                raise StorageError(
                    f"could not delete {len(failed)} objects in bucket {self.bucket!r}, such as "
                    f"{key!r}: {with_hint(code)}"
                )

    async def exists(self, location: str, /) -> bool:
        """Return True if there is an object at ``location``."""
        return await self._head(location) is not None

    async def size(self, location: str, /) -> int | None:
        """Return the size in bytes of the object at ``location``, or None if there is none."""
        found = await self._head(location)
        return None if found is None else int(found["ContentLength"])

    async def holds(self, location: str, /, *, size: int, digest: str) -> bool:
        """Return True if the object has this size, and this SHA-256 if the service stores it."""
        found = await self._head(location, ChecksumMode="ENABLED")
        if found is None or found["ContentLength"] != size:
            return False
        kept = found.get("ChecksumSHA256")
        if kept is None or "-" in kept or found.get("ChecksumType") == "COMPOSITE":
            return True
        return b64decode(kept).hex() == digest

    async def _head(self, location: str, **more: str) -> dict[str, Any] | None:
        location = self._inside(location)
        try:
            async with self._request("look for", location) as request:
                head = request.client.head_object(Bucket=self.bucket, Key=location, **more)
                found: dict[str, Any] = await request.send(head)
        except BlobNotFoundError:
            return None
        return found

    async def list(self, prefix: str = "", /) -> AsyncIterator[StoredBytes]:
        """List the objects under keys that begin with ``prefix``, a page at a time."""
        start = self.location_of(prefix) if prefix else f"{self.prefix}/".lstrip("/")
        more: dict[str, str] = {}
        while True:
            async with self._request("list", start) as request:
                page = await request.send(
                    request.client.list_objects_v2(
                        Bucket=self.bucket, Prefix=start, MaxKeys=_PAGE_KEYS, **more
                    )
                )
            for found in page.get("Contents", ()):
                yield StoredBytes(found["Key"], found["Size"], found["LastModified"])
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    async def aclose(self) -> None:
        """Close the running loop's connections once they are idle; the next call opens new ones."""
        await self._connection.aclose()

    def _inside(self, location: str) -> str:
        """Return the location after checking that it is inside the prefix."""
        if self.prefix and not location.startswith(f"{self.prefix}/"):
            raise StorageError(
                f"{location!r} is not a location of {self.name!r}: it is outside of its prefix"
            )
        _refuse_dots(location, self.bucket)
        return location

    def _secrets(self) -> tuple[str, ...]:
        return (*self._connection.secrets(), *secrets_in(self._put_extra_args))

    @asynccontextmanager
    async def _request(
        self, action: str, location: str, patience: Patience | None = None
    ) -> AsyncGenerator[Request]:
        what = f"could not {action} {location!r} in bucket {self.bucket!r}"
        turn = self._connection.request(download=action == "read", patience=patience)
        with mapped_errors(what, self.bucket, location, self._secrets):
            async with turn as request:
                yield request


def _check_bucket(bucket: str) -> None:
    """Refuse a bucket with a login or a query; the message does not quote it."""
    if "@" in bucket or "?" in bucket or (":" in bucket and not bucket.startswith("arn:")):
        raise StorageError(
            "the bucket is a name alone, as in s3://bucket/prefix; pass a login as access_key= and "
            "secret_key=, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )


def _refuse_dots(key: str, bucket: str) -> None:
    """Refuse ``..``, which some services resolve, so that it may lead to another bucket."""
    if {".", ".."} & set(key.split("/")) or "\0" in key:
        raise StorageError(f"{key!r} is not a key for bucket {bucket!r}")


def _code_of(error: StorageError) -> str:
    """The service's code for the cause of an error, or an empty string."""
    cause = error.__cause__
    return error_code(cause) if isinstance(cause, ClientError) else ""


async def _parts(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Join chunks into parts; later parts are larger, since an upload may have 10,000 of them."""
    held: list[bytes] = []
    size = number = 0
    async for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= _PART_BYTES * (1 + number // 1000):
            yield held[0] if len(held) == 1 else b"".join(held)
            held, size, number = [], 0, number + 1
    if held or not number:
        yield b"".join(held)
