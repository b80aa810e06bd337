"""What a living process makes of settings that change, and a local service of those of the user."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiobotocore.session import AioSession
from botocore.httpsession import get_cert_path

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import StorageError
from artigraph_neo4j.storage import aws_client
from artigraph_neo4j.storage.aws import S3Storage, close_clients
from tests.services import S3Service


@pytest.fixture(autouse=True)
async def home(
    s3_service: S3Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Path]:
    """The AWS way to the service, from the environment; the files of AWS are the test's own."""
    for name, value in s3_service.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / ".aws").mkdir()
    yield tmp_path
    await close_clients()


@pytest.fixture
def bucket(s3_service: S3Service) -> str:
    return s3_service.bucket


async def refused(storage: S3Storage, match: str) -> None:
    with pytest.raises(StorageError, match=match):
        await storage.create(b"content")


async def test_renewed_credentials_of_the_environment(
    bucket: str, s3_service: S3Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = S3Storage(bucket, f"tests/{new_id()}")
    for _ in range(2):
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x" * 40)
        await refused(storage, "check AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_service.secret_key)
        await storage.create(b"content")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    await refused(storage, "check AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    await refused(storage, "no credentials were found")


async def test_renewed_credentials_of_a_file(
    home: Path, bucket: str, s3_service: S3Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool that logs in writes the file anew; the profile is one of those in it."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    storage = S3Storage(bucket, f"tests/{new_id()}", profile_name="lab")

    def write(secret: str) -> None:
        key = f"aws_access_key_id = {s3_service.access_key}\naws_secret_access_key = {secret}"
        (home / ".aws" / "credentials").write_text(f"[lab]\n{key}\n")

    await refused(storage, r"ProfileNotFound|profile \(lab\)")
    write("x" * 40)
    await refused(storage, "check AWS_SECRET_ACCESS_KEY")
    write(s3_service.secret_key)
    await storage.create(b"content")
    (home / ".aws" / "credentials").rename(home / "elsewhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "elsewhere"))
    await storage.create(b"content")


async def test_a_corrected_endpoint(
    bucket: str, s3_service: S3Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    storage = S3Storage(bucket, f"tests/{new_id()}")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    await refused(storage, "check the endpoint")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_service.endpoint)
    await storage.create(b"content")


async def test_a_corrected_file_of_certificates(
    home: Path, bucket: str, s3_service: S3Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_service.endpoint.replace("http:", "https:"))
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    authorities = home / "authorities.pem"
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authorities))
    storage = S3Storage(bucket, f"tests/{new_id()}")
    await refused(storage, "could not set up|could not store")
    opened = await _client_of(storage)
    authorities.write_bytes(_authorities())
    assert await _client_of(storage) is not opened
    opened = await _client_of(storage)
    assert await _client_of(storage) is opened


def _authorities() -> bytes:
    return Path(get_cert_path(True)).read_bytes()


async def _client_of(storage: S3Storage) -> object:
    async with storage._connection.request() as request:
        return request.client


async def test_nothing_is_made_anew_without_a_change(bucket: str) -> None:
    storage = S3Storage(bucket, f"tests/{new_id()}")
    first = await _client_of(storage)
    await asyncio.gather(*(storage.create(b"content") for _ in range(20)))
    assert await _client_of(storage) is first
    assert await _client_of(S3Storage(bucket, "other")) is first


async def test_requests_under_way_keep_their_client(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = S3Storage(bucket, f"tests/{new_id()}")
    location = await storage.create(b"x" * 4_000_000)
    async with contextlib.aclosing(storage.stream(location)) as chunks:
        size = len(await anext(chunks))
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
        await storage.create(b"content")  # by another client
        await storage.aclose()
        async for chunk in chunks:
            size += len(chunk)
    assert size == 4_000_000
    clients = aws_client._clients._of_loop[asyncio.get_running_loop()]
    assert clients == {}


async def test_a_local_service_is_deaf_to_the_user(
    home: Path, bucket: str, s3_service: S3Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither proxies nor an AWS profile of the user have to do with a service on this machine."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name, value in {
        "AWS_PROFILE": "none",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SESSION_TOKEN": "token",
        "AWS_CA_BUNDLE": "/does/not/exist",
        "AWS_CONFIG_FILE": str(home / ".aws" / "config"),
    }.items():
        monkeypatch.setenv(name, value)
    (home / ".aws" / "config").write_text("[rubbish\n")
    storage = S3Storage(
        bucket,
        f"tests/{new_id()}",
        endpoint_url=s3_service.endpoint,
        region_name=s3_service.region,
        access_key=s3_service.access_key,
        secret_key=s3_service.secret_key,
        use_environment=False,
    )
    assert await storage.read(await storage.create(b"content")) == b"content"
    opened = await _client_of(storage)
    monkeypatch.setenv("AWS_PROFILE", "another")
    assert await _client_of(storage) is opened


@pytest.mark.parametrize("library", ["aioboto3", "aiobotocore"])
async def test_a_session_of_ones_own(library: str, bucket: str) -> None:
    session = AioSession()
    if library == "aioboto3":
        session = pytest.importorskip("aioboto3").Session()
    storage = S3Storage(bucket, f"tests/{new_id()}", session=session)
    assert await storage.read(await storage.create(b"content")) == b"content"
