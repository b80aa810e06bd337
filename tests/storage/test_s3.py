"""S3, on a real service, and what only a failing one shows, on a scripted one."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import BlobNotFoundError, StorageError
from artigraph_neo4j.storage import find_storage
from artigraph_neo4j.storage.aws import S3Storage, close_clients
from artigraph_neo4j.storage.base import blob_key, slices
from artigraph_neo4j.testing import StorageTests
from tests.services import S3Service

MIB = 1024 * 1024


@pytest.fixture
async def storage(s3_service: S3Service) -> AsyncIterator[S3Storage]:
    yield s3_service.storage(f"tests/{new_id()}")
    await close_clients()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are made again at once, as often as ever."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)


class TestS3Storage(StorageTests):
    pass


class TestS3StorageInParts(StorageTests):
    """The same with everything going up in parts."""

    @pytest.fixture
    async def storage(self, s3_service: S3Service) -> AsyncIterator[S3Storage]:
        yield s3_service.storage(f"tests/{new_id()}", multipart_threshold=0)
        await close_clients()

    @pytest.mark.long
    async def test_list_more_than_a_page(self, storage: S3Storage) -> None:
        """Listing knows of no parts, and to make as many objects takes long."""
        await super().test_list_more_than_a_page(storage)


@pytest.mark.parametrize("prefix", ["", "p", "p/", "/p/", "a/b"])
async def test_keys_have_no_empty_parts(s3_service: S3Service, prefix: str) -> None:
    storage = s3_service.storage(prefix)
    for key in ("key", "/key", "a/key"):
        location = await storage.put(b"", key=key)
        assert location == "/".join(filter(None, [prefix.strip("/"), key.lstrip("/")]))
        await storage.delete(location)
    with pytest.raises(StorageError, match="empty key"):
        await storage.put(b"", key="/")
    await close_clients()


def test_names_are_unambiguous() -> None:
    assert S3Storage("b").name == "s3:b"
    assert S3Storage("b", "p/").name == S3Storage("b", "/p").name == "s3:b/p"
    assert S3Storage("a-b").name != S3Storage("a", "b").name
    assert S3Storage("b", name="mine").name == "mine"


async def test_settings_the_aws_way(s3_service: S3Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but a name: what another process needs to read what this one wrote."""
    prefix = f"tests/{new_id()}"
    location = await s3_service.storage(prefix).create(b"content")
    for name, value in s3_service.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ARTIGRAPH_STORAGE", f"s3://{s3_service.bucket}")
    gc.collect()
    found = find_storage(f"s3:{s3_service.bucket}/{prefix}")
    assert isinstance(found, S3Storage)
    assert await found.read(location) == b"content"
    await close_clients()


def test_many_loops_one_storage(s3_service: S3Service) -> None:
    storage = s3_service.storage(f"tests/{new_id()}")

    async def turn(number: int) -> bytes:
        location = await storage.create(str(number).encode())
        data = await storage.read(location)
        await storage.aclose()
        return data

    assert [asyncio.run(turn(n)) for n in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
    gc.collect()  # an unclosed connection would warn here, and warnings are errors


async def test_content_named_keys_are_written_once(storage: S3Storage) -> None:
    key = blob_key(b"content")
    location = await storage.put(b"content", key=key)
    with suppress(StorageError):  # the service may say that the bytes are not what the key names
        await storage.put(b"what must not replace it", key=key)
    assert await storage.read(location) == b"content"
    other = await storage.put(b"old", key="plain")
    await storage.put(b"new", key="plain")
    assert await storage.read(other) == b"new"


async def test_the_service_checks_and_keeps_the_digest(storage: S3Storage) -> None:
    digest = hashlib.sha256(b"content").hexdigest()
    location = await storage.create(b"content")
    assert await storage.holds(location, size=7, digest=digest)
    assert not await storage.holds(location, size=7, digest="0" * 64)
    await storage.update(location, b"CONTENT")  # of the same size, as a restored backup may be
    assert await storage.size(location) == 7
    with pytest.raises(StorageError, match="BadDigest; the bytes are not those that the key names"):
        await storage.put(b"other", key=blob_key(b"content"))


async def test_extra_arguments_may_choose_another_checksum(s3_service: S3Service) -> None:
    extra = {"ChecksumAlgorithm": "CRC32"}
    storage = s3_service.storage(f"tests/{new_id()}", put_extra_args=extra)
    location = await storage.create(b"content")
    assert await storage.holds(location, size=7, digest="0" * 64)  # of which nothing is known
    await close_clients()


async def test_large_values_go_in_parts_with_checksums(s3_service: S3Service) -> None:
    storage = s3_service.storage(f"tests/{new_id()}", multipart_threshold=20 * MIB)
    data = os.urandom(40 * MIB + 5)
    location = await storage.create(data)
    assert await storage.read(location) == data
    async with storage._connection.request() as request:
        head = await request.client.head_object(Bucket=s3_service.bucket, Key=location)
    assert head["ETag"].strip('"').endswith("-3")
    assert await _uploads_under_way(storage) == []
    await close_clients()


async def test_failed_upload_in_parts_is_aborted(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def source() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b"x" * 16 * MIB
        raise RuntimeError("the source failed")

    with pytest.raises(RuntimeError, match="the source failed"):
        await storage.put_stream(source(), key="key")
    assert await _uploads_under_way(storage) == []
    with pytest.raises(BlobNotFoundError):
        await storage.read(f"{storage.prefix}/key")


async def test_cancelled_upload_in_parts_is_aborted(storage: S3Storage) -> None:
    async def source() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 16 * MIB
            await asyncio.sleep(0.05)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(storage.put_stream(source(), key="key"), 1)
    assert await _uploads_under_way(storage) == []


async def _uploads_under_way(storage: S3Storage) -> list[str]:
    async with storage._connection.request() as request:
        answer = await request.client.list_multipart_uploads(
            Bucket=storage.bucket, Prefix=storage.prefix
        )
    return [upload["Key"] for upload in answer.get("Uploads", [])]


async def test_streams_hold_little_memory(storage: S3Storage) -> None:
    total = 192 * MIB
    chunk = b"x" * MIB

    async def source() -> AsyncIterator[bytes]:
        for _ in range(total // MIB):
            yield chunk

    tracemalloc.start()
    try:
        location = await storage.put_stream(source(), key="large")
        received = 0
        async for part in storage.stream(location):
            received += len(part)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert received == total
    assert peak < 200 * MIB  # each part once here, and once in its socket
    await storage.delete(location)


async def test_copies_do_not_wait_for_each_other(
    s3_service: S3Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reads and writes at once, and all by the same client."""
    monkeypatch.setattr("artigraph_neo4j.storage.aws._PART_BYTES", 5 * MIB)
    monkeypatch.setattr("artigraph_neo4j.storage.aws._PARTS_AT_ONCE", 1)
    storage = s3_service.storage(f"tests/{new_id()}", max_concurrency=2)
    data = os.urandom(17 * MIB)
    location = await storage.put(data, key="first")

    async def copy(number: int) -> str:
        return await storage.put_stream(storage.stream(location), key=f"copy/{number}")

    copies = await asyncio.wait_for(asyncio.gather(*map(copy, range(3))), 60)
    assert [await storage.read(copied) == data for copied in copies] == [True] * 3
    await close_clients()


async def test_lists_more_than_a_page(storage: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artigraph_neo4j.storage.aws._PAGE_KEYS", 10)
    await asyncio.gather(*(storage.put(b"", key=f"many/{n:04}") for n in range(35)))
    found = [item.location async for item in storage.list("many/")]
    assert len(found) == len(set(found)) == 35


async def test_extra_arguments_reach_the_service(s3_service: S3Service) -> None:
    for threshold in (0, 64 * MIB):
        storage = s3_service.storage(
            f"tests/{new_id()}",
            put_extra_args={"Metadata": {"team": "lab"}},
            multipart_threshold=threshold,
        )
        location = await storage.create(b"content")
        async with storage._connection.request() as request:
            head = await request.client.head_object(Bucket=s3_service.bucket, Key=location)
        assert head["Metadata"] == {"team": "lab"}
    await close_clients()


async def test_wrong_secret(s3_service: S3Service) -> None:
    storage = s3_service.storage(secret_key="not-the-secret-key")
    with pytest.raises(StorageError, match="check AWS_SECRET_ACCESS_KEY") as caught:
        await storage.create(b"content")
    assert "not-the-secret-key" not in f"{caught.value}{storage!r}{storage._connection!r}"
    await close_clients()


async def test_missing_objects_are_named(storage: S3Storage) -> None:
    missing = f"{storage.prefix}/no/such"
    with pytest.raises(BlobNotFoundError, match=f"'{storage.bucket}' has no object '{missing}'"):
        await storage.read(missing)


@pytest.mark.parametrize("location", ["other/key", "", "tests", "{prefix}", "{prefix}-other/key"])
async def test_no_location_leads_out_of_the_prefix(storage: S3Storage, location: str) -> None:
    location = location.format(prefix=storage.prefix)
    for call in (storage.read, storage.delete, storage.exists, storage.size):
        with pytest.raises(StorageError, match="it is outside of its prefix"):
            await call(location)
    with pytest.raises(StorageError, match="it is outside of its prefix"):
        await storage.read_range(location, 0, 1)
    with pytest.raises(StorageError, match="it is outside of its prefix"):
        await storage.delete_many([location])
    with pytest.raises(StorageError, match="it is outside of its prefix"):
        await storage.holds(location, size=0, digest="0" * 64)


async def test_no_location_leads_to_another_bucket(storage: S3Storage) -> None:
    """Some services take dots for the directory above, and that of a bucket is another bucket."""
    up = "/".join([".."] * (storage.prefix.count("/") + 2))
    for key in (f"{up}/other/key", "a/../b", "./a", "a/."):
        with pytest.raises(StorageError, match="is not a key for bucket"):
            await storage.read(f"{storage.prefix}/{key}")
        with pytest.raises(StorageError, match="is not a key for bucket"):
            await storage.put(b"", key=key)


@pytest.mark.usefixtures("impatient")
async def test_no_endpoint_answers() -> None:
    storage = S3Storage(
        "bucket",
        endpoint_url="http://user:password@127.0.0.1:9",
        region_name="us-east-1",
        access_key="key",
        secret_key="secret",
    )
    with pytest.raises(StorageError, match="check the endpoint") as caught:
        await storage.read("key")
    assert "password" not in str(caught.value)
    await close_clients()


async def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    storage = S3Storage("bucket", endpoint_url="http://127.0.0.1:9", region_name="us-east-1")
    with pytest.raises(StorageError, match="set AWS_ACCESS_KEY_ID"):
        await storage.read("key")
    await close_clients()


async def test_unknown_profile() -> None:
    with pytest.raises(StorageError, match="no-such-profile"):
        await S3Storage("bucket", profile_name="no-such-profile").read("key")
    await close_clients()


# A scripted service ----------------------------------------------------------------------------


class Scripted:
    """Answers each request with the next of its answers, then with the last again."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []

    async def __aenter__(self) -> S3Storage:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        return S3Storage(
            "bucket",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            access_key="key",
            secret_key="secret",
        )

    async def __aexit__(self, *_: object) -> None:
        await close_clients()
        self.server.close()
        await self.server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        writer.write(answer)
        await writer.drain()
        writer.close()


def answer(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, "Connection: close", *headers, "", ""]).encode() + body


def refusal(status: str, code: str) -> bytes:
    xml = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"
    return answer(status, xml.encode(), "Content-Type: application/xml")


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        ("404 Not Found", "NoSuchBucket", "create the bucket first"),
        ("403 Forbidden", "AccessDenied", "the credentials lack this permission"),
        ("400 Bad Request", "ExpiredToken", "the credentials have expired; get new ones"),
        ("400 Bad Request", "SomethingNew", "see the cause"),
    ],
)
async def test_refusals_say_what_to_do(status: str, code: str, hint: str) -> None:
    async with Scripted(refusal(status, code)) as storage:
        with pytest.raises(StorageError, match=f"could not read 'key' in .*{code}; {hint}") as no:
            await storage.read("key")
        assert not isinstance(no.value, BlobNotFoundError)


@pytest.mark.usefixtures("impatient")
async def test_a_service_that_is_busy_is_asked_again() -> None:
    busy = refusal("503 Slow Down", "SlowDown")
    fine = answer("200 OK", b"content", 'ETag: "e"')
    scripted = Scripted(busy, busy, fine)
    async with scripted as storage:
        assert await storage.read("key") == b"content"
    assert len(scripted.requests) == 3


async def test_reading_goes_on_after_a_lost_connection() -> None:
    first = answer("200 OK", b"half of", 'ETag: "e"', length=14)
    rest = answer("206 Partial Content", b" it all", 'ETag: "e"')
    scripted = Scripted(first, rest)
    async with scripted as storage:
        assert await storage.read("key") == b"half of it all"
    again = scripted.requests[1].lower()
    assert b"range: bytes=7-" in again
    assert b'if-match: "e"' in again


async def test_a_body_that_is_always_cut_is_an_error() -> None:
    scripted = Scripted(answer("200 OK", b"", 'ETag: "e"', length=14))
    async with scripted as storage:
        with pytest.raises(StorageError, match="could not read 'key'"):
            await storage.read("key")
    assert len(scripted.requests) == 4


async def test_the_checksum_is_on_the_wire(storage: S3Storage) -> None:
    scripted = Scripted(answer("200 OK", b"", 'ETag: "e"'))
    async with scripted as other:
        await other.put(b"content", key="key")
    assert b"checksum-crc32" in scripted.requests[0].lower()


def test_slices() -> None:
    async def all_of(data: bytes, size: int) -> list[bytes]:
        return [part async for part in slices(data, size)]

    assert asyncio.run(all_of(b"abcde", 2)) == [b"ab", b"cd", b"e"]
    assert asyncio.run(all_of(b"", 2)) == []
