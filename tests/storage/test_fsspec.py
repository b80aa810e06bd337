"""Any file system of fsspec is a storage; here those that need no service."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import BlobNotFoundError, StorageError
from artigraph_neo4j.storage import find_storage
from artigraph_neo4j.storage.base import slices
from artigraph_neo4j.storage.fsspec import FsspecStorage
from artigraph_neo4j.testing import StorageTests


class TestMemory(StorageTests):
    @pytest.fixture
    def storage(self) -> FsspecStorage:
        return FsspecStorage(f"memory://{new_id()}")


class TestLocal(StorageTests):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> FsspecStorage:
        return FsspecStorage(f"file://{tmp_path}/blobs")


class TestChained(StorageTests):
    """A URL in a URL: a directory as a file system of its own."""

    @pytest.fixture
    def storage(self, tmp_path: Path) -> FsspecStorage:
        (tmp_path / "inner").mkdir()
        return FsspecStorage(f"dir::file://{tmp_path}/inner", name="chained")


async def test_found_by_its_name_without_what_is_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FsspecStorage(f"file://{tmp_path}", auto_mkdir=True)
    assert storage.name == f"fsspec:file://{tmp_path}"
    location = await storage.create(b"content")
    del storage
    monkeypatch.setenv("ARTIGRAPH_STORAGES", f"fsspec:file://{tmp_path}")
    found = find_storage(f"fsspec:file://{tmp_path}")
    assert isinstance(found, FsspecStorage)
    assert await found.read(location) == b"content"
    assert find_storage("fsspec:nothing") is None
    named = FsspecStorage("memory://user:secret@host/a", name=None)
    assert named.name == "fsspec:memory://host/a"
    assert "secret" not in repr(named)


def test_what_is_not_installed_or_unknown() -> None:
    with pytest.raises(StorageError, match="fsspec cannot open 'nowhere://x'.*install"):
        FsspecStorage("nowhere://x")


async def test_locations_lead_nowhere_else(tmp_path: Path) -> None:
    storage = FsspecStorage(f"file://{tmp_path}/in")
    for location in ("../out", "a/../../out", "", "/", "a\0b"):
        with pytest.raises(StorageError, match="not a location"):
            await storage.put(b"", key=location)


async def test_no_symbolic_link_leads_out(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "folder").symlink_to(tmp_path)
    storage = FsspecStorage(f"file://{tmp_path}/in")
    for location in ("link", "folder/secret"):
        for call in (storage.read, storage.exists, storage.size, storage.delete):
            with pytest.raises(StorageError, match="a symbolic link leads from"):
                await call(location)
    with pytest.raises(StorageError, match="a symbolic link leads from"):
        await storage.put(b"", key="folder/new")


async def test_errors_of_a_file_system(tmp_path: Path) -> None:
    storage = FsspecStorage(f"file://{tmp_path}")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match=r"could not read 'folder': IsADirectoryError"):
        await storage.read("folder")
    with pytest.raises(StorageError, match="could not write"):
        await storage.put_stream(slices(b"x", 1), key="folder")
    with pytest.raises(BlobNotFoundError, match="has no file 'gone'"):
        await storage.read("gone")


def test_imported_only_when_used() -> None:
    import subprocess

    program = "import artigraph_neo4j, sys; assert 'fsspec' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
