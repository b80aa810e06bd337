"""Files: whole or not there, inside their directory, under unambiguous names."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from artigraph_neo4j.errors import BlobNotFoundError, StorageError
from artigraph_neo4j.storage.base import StoredBytes, slices
from artigraph_neo4j.storage.file import FileSystemStorage
from artigraph_neo4j.storage.names import BlobName
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
        with pytest.raises(StorageError, match="is not a location in"):
            await call(location)
    with pytest.raises(StorageError, match="is not a location in"):
        await storage.put(b"", key=location)
    assert (tmp_path / "x").read_bytes() == b"outside"


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


def _outside(tmp_path: Path) -> FileSystemStorage:
    """A storage with symbolic links to a file and a directory that are not its own."""
    secret = tmp_path / "outside"
    secret.mkdir()
    (secret / "x").write_bytes(b"secret")
    storage = FileSystemStorage(tmp_path / "inside")
    storage.directory.mkdir()
    (storage.directory / "file").symlink_to(secret / "x")
    (storage.directory / "folder").symlink_to(secret)
    (storage.directory / "itself").symlink_to(storage.directory)
    return storage


@pytest.mark.parametrize("location", ["file", "folder/x"])
async def test_no_symbolic_link_leads_out(tmp_path: Path, location: str) -> None:
    storage = _outside(tmp_path)
    for call in (storage.read, storage.exists, storage.size):
        with pytest.raises(StorageError, match="a symbolic link leads from"):
            await call(location)
    with pytest.raises(StorageError, match="a symbolic link leads from"):
        await storage.read_range(location, 0, 3)
    with pytest.raises(StorageError, match="a symbolic link leads from"):
        async for _ in storage.stream(location):
            pass


async def test_nothing_is_written_deleted_or_listed_through_a_link(tmp_path: Path) -> None:
    storage = _outside(tmp_path)
    with pytest.raises(StorageError, match="a symbolic link leads from"):
        await storage.put(b"", key="folder/new")
    with pytest.raises(StorageError, match="a symbolic link leads from"):
        await storage.put_stream(slices(b"", 1), key="folder/new")
    with pytest.raises(StorageError, match="a symbolic link leads from"):
        await storage.delete("folder/x")
    assert [found async for found in storage.list("folder/")] == []
    await storage.put(b"own", key="file")  # takes the place of the link
    assert await storage.read("file") == b"own"
    assert os.listdir(tmp_path / "outside") == ["x"]
    assert (tmp_path / "outside" / "x").read_bytes() == b"secret"


async def test_links_inside_and_to_the_directory_are_followed(tmp_path: Path) -> None:
    storage = _outside(tmp_path)
    location = await storage.put(b"content", key="itself/a/b")
    assert await storage.read("a/b") == await storage.read(location) == b"content"
    (tmp_path / "linked").symlink_to(storage.directory)
    assert await FileSystemStorage(tmp_path / "linked").read("a/b") == b"content"


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither")
@pytest.mark.parametrize(
    ("umask", "file", "folder"), [(0o002, 0o664, 0o775), (0o077, 0o600, 0o700)]
)
async def test_a_team_shares_a_directory(
    tmp_path: Path, umask: int, file: int, folder: int
) -> None:
    """The umask says who may read, and a setgid directory whose group it is."""
    shared = tmp_path / "shared"
    shared.mkdir()
    group = 12345 if os.getuid() == 0 else os.getgid()
    os.chown(shared, -1, group)
    shared.chmod(0o2775)
    before = os.umask(umask)
    try:
        storage = FileSystemStorage(shared)
        await storage.put(b"content", key="a/b/small")
        await storage.put_stream(slices(b"content", 3), key="a/large")
    finally:
        os.umask(before)
    for path in shared.rglob("*"):
        found = path.stat()
        assert found.st_gid == group
        expected = folder | stat.S_ISGID if path.is_dir() else file
        assert stat.S_IMODE(found.st_mode) == expected, path


def test_what_a_killed_writer_left_is_found(tmp_path: Path) -> None:
    """Garbage collection goes by names, below a prefix of the digest even."""
    script = (
        "import asyncio, os, sys\n"
        "from artigraph_neo4j.storage.base import blob_key\n"
        "from artigraph_neo4j.storage.file import FileSystemStorage\n"
        "async def chunks():\n"
        "    yield b'first'\n"
        "    os._exit(1)\n"
        "storage = FileSystemStorage(sys.argv[1])\n"
        "asyncio.run(storage.put_stream(chunks(), key='ag/graph/' + blob_key(b'first')))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert done.returncode == 1
    storage = FileSystemStorage(tmp_path)
    digest = hashlib.sha256(b"first").hexdigest()

    async def left(prefix: str) -> list[StoredBytes]:
        return [found async for found in storage.list(prefix)]

    (found,) = asyncio.run(left(f"ag/graph/{digest[:3]}"))
    name = BlobName.of(found.location, "graph")
    assert name is not None
    assert (name.digest, found.location) == (digest, f"ag/graph/{name.name}")
    assert ".unfinished-" in name.name
    assert BlobName.of(found.location, "other") is None
    asyncio.run(storage.delete_many([found.location]))
    assert asyncio.run(left("")) == []


async def test_names_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path)
    location = await storage.put(b"content", key="k" * 255)
    assert await storage.read(location) == b"content"
