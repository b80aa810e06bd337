"""Files: whole or not there, inside their directory, under unambiguous names."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from artigraph_neo4j.errors import BlobNotFoundError, StorageError
from artigraph_neo4j.storage import find_storage
from artigraph_neo4j.storage.file import FileSystemStorage
from artigraph_neo4j.testing import StorageTests


class TestFileSystemStorage(StorageTests):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> FileSystemStorage:
        return FileSystemStorage(tmp_path / "not" / "there" / "yet")


def test_names_are_unambiguous(tmp_path: Path) -> None:
    names = {
        FileSystemStorage(tmp_path / part).name for part in ("a/b", "a-b", "a_b", "a b", "A/B")
    }
    assert len(names) == 5
    assert FileSystemStorage(f"{tmp_path}/a/../b/").name == FileSystemStorage(tmp_path / "b").name
    assert FileSystemStorage("relative").name == f"file:{Path.cwd()}/relative"


@pytest.mark.parametrize(
    "location", ["", ".", "..", "../x", "a/../../x", "/etc/passwd", "a\0b", "//x", "a/.."]
)
async def test_no_location_leads_out(tmp_path: Path, location: str) -> None:
    storage = FileSystemStorage(tmp_path / "inside")
    (tmp_path / "x").write_bytes(b"outside")
    for call in (storage.read, storage.delete, storage.exists):
        with pytest.raises(StorageError, match="is no location in"):
            await call(location)
    with pytest.raises(StorageError, match="is no location in"):
        await storage.put(b"", key=location)
    assert (tmp_path / "x").read_bytes() == b"outside"


async def test_found_again_by_its_name(tmp_path: Path) -> None:
    location = await FileSystemStorage(tmp_path).create(b"content")
    found = find_storage(f"file:{tmp_path}")
    assert isinstance(found, FileSystemStorage)
    assert await found.read(location) == b"content"
    assert find_storage("file:relative") is None
    assert find_storage("ftp:host") is None
    mine = FileSystemStorage(tmp_path).register()  # what was rebuilt is in nobody's way
    assert find_storage(f"file:{tmp_path}") is mine


async def test_disk_work_is_off_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[int] = set()
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (seen.add(threading.get_ident()), sync(fd))[1])
    await FileSystemStorage(tmp_path).create(b"content")
    assert seen
    assert threading.get_ident() not in seen


async def test_no_half_file_when_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    storage = FileSystemStorage(tmp_path)
    await storage.put(b"old", key="key")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        await storage.put(b"new", key="key")
    monkeypatch.undo()
    assert await storage.read("key") == b"old"
    assert os.listdir(tmp_path) == ["key"]


async def test_cancelled_stream_leaves_nothing(tmp_path: Path) -> None:
    async def endless():
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0)

    storage = FileSystemStorage(tmp_path)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(storage.put_stream(endless(), key="a/b"), 0.2)
    await asyncio.sleep(0.1)
    assert [found async for found in storage.list()] == []
    assert os.listdir(tmp_path / "a") == []


async def test_a_directory_is_no_value(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path)
    await storage.put(b"", key="a/b")
    with pytest.raises(StorageError, match="could not be read"):
        await storage.read("a")
    assert not await storage.exists("a")
    with pytest.raises(BlobNotFoundError):
        await storage.read("a/c")


def test_survives_kill_while_writing(tmp_path: Path) -> None:
    """Every file that can be seen is whole, wherever the writer was killed."""
    script = (
        "import asyncio, sys\n"
        "from artigraph_neo4j.storage.file import FileSystemStorage\n"
        "async def main():\n"
        "    storage = FileSystemStorage(sys.argv[1])\n"
        "    print('ready', flush=True)\n"
        "    while True:\n"
        "        await storage.put(b'x' * 2_000_000, key='value')\n"
        "        await storage.put(b'y' * 2_000_000, key='value')\n"
        "asyncio.run(main())\n"
    )
    for wait in (0.05, 0.13):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout
            process.stdout.readline()
            threading.Event().wait(wait)
            process.kill()
        path = tmp_path / "value"
        if path.exists():
            data = path.read_bytes()
            assert data in (b"x" * 2_000_000, b"y" * 2_000_000)
