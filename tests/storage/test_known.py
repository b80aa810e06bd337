"""A name that comes from a graph opens nothing that the program or its environment did not name."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from artigraph_neo4j.errors import StorageError
from artigraph_neo4j.model.references import storage_of
from artigraph_neo4j.storage import Storage, find_storage, open_storage, storage_names
from artigraph_neo4j.storage.file import FileSystemStorage
from artigraph_neo4j.storage.fsspec import FsspecStorage
from artigraph_neo4j.storage.known import how_to_name, open_default
from artigraph_neo4j.storage.memory import MemoryStorage


@pytest.mark.parametrize(
    "name",
    [
        "file:/proc/self", "file:/etc", "file:relative", "s3:anybody", "s3:anybody/prefix",
        "fsspec:http://127.0.0.1:1/admin", "fsspec:file:///etc", "fsspec:memory://x", "memory:none",
        "ftp:host", "file:", "", "nothing",
    ],
)  # fmt: skip
def test_a_name_alone_opens_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.import_module", lambda _: pytest.fail("a class was loaded"))
    assert find_storage(name) is None
    with pytest.raises(StorageError, match=r"field data: its storage .* was named neither by"):
        storage_of("field data", name)


async def test_what_the_program_made_is_found_as_long_as_it_lives(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path)
    assert find_storage(f"file:{tmp_path}") is storage
    assert storage.name in storage_names()
    del storage
    gc.collect()
    assert find_storage(f"file:{tmp_path}") is None
    mine = FileSystemStorage(tmp_path).register()
    assert find_storage(f"file:{tmp_path}") is mine


async def test_what_the_environment_names_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = await FileSystemStorage(tmp_path / "a").create(b"content")
    gc.collect()
    monkeypatch.setenv("ARTIGRAPH_STORAGES", f"s3:elsewhere/p, file:{tmp_path} ,fsspec:memory://x")
    found = find_storage(f"file:{tmp_path}/a")  # what lies below is named too
    assert isinstance(found, FileSystemStorage)
    assert await found.read(location) == b"content"
    assert isinstance(find_storage("fsspec:memory://x"), FsspecStorage)
    below = find_storage("s3:elsewhere/p/q")
    assert below is not None
    assert below.name == "s3:elsewhere/p/q"
    for name in (
        f"file:{tmp_path}-not", f"file:{tmp_path}/../x", f"file:{tmp_path}/a/../../x", "file:/",
        "s3:elsewhere", "s3:elsewhere/pq", "s3:elsewhere2/p",
        "fsspec:memory://x/y", "fsspec:memory://x::http://127.0.0.1:1", "fsspec:memory://y",
    ):  # fmt: skip
        assert find_storage(name) is None, name
    with pytest.raises(StorageError, match="not a key for bucket 'elsewhere'"):
        find_storage("s3:elsewhere/p/../../other")


def test_the_default_storage_may_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_default() is None
    monkeypatch.setenv("ARTIGRAPH_STORAGE", " s3://artifacts-here/ ")
    default = open_default()
    assert default is not None
    assert default.name == "s3:artifacts-here"
    for name in ("s3:artifacts-here", "s3:artifacts-here/models"):
        found = find_storage(name)
        assert found is not None
        assert found.name == name
    assert find_storage("s3:artifacts-her") is None
    monkeypatch.setenv("ARTIGRAPH_STORAGE", "artifacts")
    with pytest.raises(StorageError, match="ARTIGRAPH_STORAGE .* 'artifacts' does not say"):
        open_default()


def test_the_engines_own_storage_needs_no_name(tmp_path: Path) -> None:
    storage = MemoryStorage(os.fspath(tmp_path))
    assert storage_of("field data", storage.name, None, storage) is storage


def test_what_a_user_types_is_opened(tmp_path: Path) -> None:
    for given, name in (
        (f"file:{tmp_path}", f"file:{tmp_path}"),
        (f"file://{tmp_path}", f"file:{tmp_path}"),
        ("s3://typed/prefix/", "s3:typed/prefix"),
        ("s3:typed", "s3:typed"),
        ("file:///data/my%20values", "file:/data/my values"),
        ("/data/values/", "file:/data/values"),
        ("./values", f"file:{Path.cwd()}/values"),
        ("../values", f"file:{Path.cwd().parent}/values"),
        ("~/values", f"file:{Path.home()}/values"),
        (Path("values"), f"file:{Path.cwd()}/values"),
        ("memory://typed here", "memory:typed here"),
        ("fsspec:memory://typed", "fsspec:memory://typed"),
    ):
        assert open_storage(given).name == name
    known = MemoryStorage("typed")
    assert open_storage("memory:typed") is known
    for wrong in ("nowhere", "file:relative", "file://relative", "s3:", "memory:", "fsspec:x", ""):
        with pytest.raises(StorageError, match="does not say where the storage is, as s3://bucket"):
            open_storage(wrong)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        (
            "file:/data/it's",
            'add FileSystemStorage("/data/it\'s").register() to the program, '
            'or set ARTIGRAPH_STORAGES="file:/data/it\'s"',
        ),
        ("s3:b/p/q", "add S3Storage('b', 'p/q').register() to the program"),
        ("s3:b", "add S3Storage('b').register() to the program"),
        ("fsspec:gs://b", "add FsspecStorage('gs://b').register() to the program"),
        ("file:/a,b", "if it is yours, add FileSystemStorage('/a,b').register() to the program"),
        ("shelf:x", "make the storage of that name in this program, and register() it"),
    ],
)
def test_the_message_has_the_line_to_add(name: str, step: str) -> None:
    assert step in how_to_name(name)
    with pytest.raises(StorageError) as raised:
        storage_of("artifact 1, field data", name)
    assert step in str(raised.value)


def test_no_control_characters_in_the_message() -> None:
    with pytest.raises(StorageError) as raised:
        storage_of("field data", "s3:b\x1b[2J/\x07")
    assert str(raised.value).isprintable()


def test_a_storage_of_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Storage] = []

    def load(group: str) -> bool:
        assert group == "artigraph.storages"
        loaded.append(MemoryStorage("of-a-package").register())
        return True

    monkeypatch.setattr("artigraph_neo4j.storage.known.load_entry_points", load)
    found = find_storage("memory:of-a-package")
    assert found is not None
    assert found is loaded[0]
