"""Storages by obstore: the tests of every storage, and what obstore alone would get wrong."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import BlobNotFoundError, StorageError
from artigraph_neo4j.storage import find_storage
from artigraph_neo4j.storage.base import blob_key
from artigraph_neo4j.storage.obstore import ObstoreStorage
from artigraph_neo4j.testing import StorageTests
from tests.services import S3Service


def storage_on(service: S3Service, prefix: str = "", **more: Any) -> ObstoreStorage:
    return ObstoreStorage(
        f"s3://{service.bucket}/{prefix or f'tests/{new_id()}'}",
        endpoint=service.endpoint,
        region=service.region,
        access_key_id=service.access_key,
        secret_access_key=service.secret_key,
        **more,
    )


class TestS3(StorageTests):
    @pytest.fixture
    def storage(self, s3_service: S3Service) -> ObstoreStorage:
        return storage_on(s3_service)


class TestMemory(StorageTests):
    @pytest.fixture
    def storage(self) -> ObstoreStorage:
        return ObstoreStorage("memory:///", name=f"obstore:memory:{new_id()}")


class TestLocal(StorageTests):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> ObstoreStorage:
        return ObstoreStorage(f"file://{tmp_path}", mkdir=True)


async def test_an_endpoint_that_is_given_wins(
    s3_service: S3Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two services in one process would else be mixed up without a word."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    storage = storage_on(s3_service)
    assert await storage.read(await storage.create(b"content")) == b"content"
    other = ObstoreStorage("s3://bucket", retry_config={"max_retries": 0}, skip_signature=True)
    with pytest.raises(StorageError, match="could not read"):
        await other.read("key")


async def test_found_by_its_name_without_what_is_secret(
    s3_service: S3Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = storage_on(s3_service, "tests/named")
    assert storage.name == f"obstore:s3://{s3_service.bucket}/tests/named"
    assert s3_service.secret_key not in repr(storage)
    assert ObstoreStorage("memory:///?token=secret", name=None).name == "obstore:memory:///"
    location = await storage.create(b"content")
    name = storage.name
    del storage
    assert find_storage(name) is None
    for variable, value in s3_service.environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("ARTIGRAPH_STORAGES", name)
    found = find_storage(name)
    assert isinstance(found, ObstoreStorage)
    assert await found.read(location) == b"content"


async def test_locations_lead_nowhere_else(s3_service: S3Service) -> None:
    storage = storage_on(s3_service)
    for location in ("../out", "a/../../out", "", "/", "/abs", "a//b", "./a", "a\0b"):
        with pytest.raises(StorageError, match="is not a location in"):
            await storage.put(b"", key=location)
        with pytest.raises(StorageError, match="is not a location in"):
            await storage.read(location)


async def test_no_symbolic_link_leads_out(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "folder").symlink_to(tmp_path)
    storage = ObstoreStorage(f"file://{tmp_path}/in")
    for call in (storage.read, storage.exists, storage.delete):
        with pytest.raises(StorageError, match="a symbolic link leads from"):
            await call("folder/secret")
    with pytest.raises(StorageError, match="a symbolic link leads from"):
        await storage.put(b"", key="folder/new")


async def test_errors_say_what_and_no_secret(s3_service: S3Service) -> None:
    storage = storage_on(s3_service, retry_config={"max_retries": 0})
    with pytest.raises(BlobNotFoundError, match="keeps nothing at 'gone'"):
        await storage.read("gone")
    with pytest.raises(StorageError, match="obstore cannot open 'nowhere://host'"):
        ObstoreStorage("nowhere://user:secret@host?sig=secret")
    wrong = storage_on(
        S3Service(s3_service.endpoint, s3_service.bucket, "nobody", "secret-key", "us-east-1")
    )
    with pytest.raises(StorageError, match="could not store") as refused:
        await wrong.create(b"content")
    assert "secret-key" not in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_content_named_keys_are_written_once(s3_service: S3Service) -> None:
    storage = storage_on(s3_service)
    key = blob_key(b"content")
    await storage.put(b"content", key=key)
    await storage.put(b"what must not replace it", key=key)
    assert await storage.read(key) == b"content"


def test_many_loops_one_storage(s3_service: S3Service) -> None:
    storage = storage_on(s3_service)

    async def turn() -> bytes:
        return await storage.read(await storage.create(b"content"))

    assert [asyncio.run(turn()) for _ in range(3)] == [b"content"] * 3


FORKED = """
import asyncio, os, sys
from artigraph_neo4j.errors import StorageError
from artigraph_neo4j.storage.obstore import ObstoreStorage
storage = ObstoreStorage("memory:///x")
async def turn():
    return await storage.read(await storage.create(b"content"))
if sys.argv[1] == "used before":
    assert asyncio.run(turn()) == b"content"
child = os.fork()
if child == 0:
    try:
        found = asyncio.run(turn())
        os._exit(0 if found == b"content" else 3)
    except StorageError as error:
        os._exit(7 if "was used before this process was forked" in str(error) else 4)
    except BaseException:
        os._exit(5)
_, status = os.waitpid(child, 0)
assert asyncio.run(turn()) == b"content"  # the parent goes on
print(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(("before", "code"), [("used before", 7), ("not used", 0)])
def test_a_forked_child_never_hangs(before: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED, before],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == str(code), done.stderr


def _spawned(url: str) -> bytes:
    async def turn() -> bytes:
        storage = ObstoreStorage(url, mkdir=True)
        return await storage.read(await storage.create(b"content"))

    return asyncio.run(turn())


async def test_spawned_processes_may_use_it(tmp_path: Path) -> None:
    await ObstoreStorage(f"file://{tmp_path}", mkdir=True).create(b"content")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_spawned, (f"file://{tmp_path}",)) == b"content"


def test_imported_only_when_used() -> None:
    program = "import artigraph_neo4j, sys; assert 'obstore' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
