"""What a graph says of a value's place is not trusted: not which storage, not that it is whole."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j import ArtifactModel, Engine, Lazy, engine_context
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import IntegrityError, StorageError
from artigraph_neo4j.gc import collect_garbage
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.storage.file import FileSystemStorage
from artigraph_neo4j.storage.memory import MemoryStorage
from tests.services import GraphService, S3Service


@dataclass
class Rec(ArtifactModel, version=1):
    data: Lazy[bytes]


@pytest.fixture
def own(graph_service: GraphService, tmp_path: Path) -> Iterator[Engine]:
    """An engine with a storage of files."""
    with engine_context(
        graph_service.uri,
        username=graph_service.username,
        password=graph_service.password,
        database=graph_service.database,
        storage=FileSystemStorage(tmp_path / "blobs"),
        offload_bytes=10,
    ) as engine:
        yield engine
        # What names a storage that nobody has would stop the garbage collection of other tests.
        engine.call_blocking(
            lambda: engine.write("MATCH (b:Blob {moved: true}) DETACH DELETE b", {})
        )


async def moved(engine: Engine, **properties: Any) -> Lazy[bytes]:
    """A value whose Blob node was changed by somebody who may write to the graph."""
    node_id = await Rec(Lazy(os.urandom(1000))).create()
    await engine.write(
        "MATCH (:ArtigraphNode {node_id: $id})-[:STORED_IN]->(b) SET b += $properties",
        {"id": node_id, "properties": properties | {"moved": True}},
    )
    return (await Rec.read(node_id)).data


@pytest.mark.parametrize(
    ("storage", "location"),
    [
        ("file:/proc/self", "environ"),
        ("file:/", "etc/passwd"),
        ("file:/etc", "passwd"),
        ("s3:somebody-elses", "key"),
        ("fsspec:file:///etc", "passwd"),
        ("fsspec:http://127.0.0.1:{port}/admin", "delete?all=1"),
        ("memory:none", "key"),
        ("unheard:of", "key"),
    ],
)
async def test_the_graph_does_not_choose_what_is_opened(
    own: Engine, storage: str, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_HEAD = do_GET

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        name = storage.format(port=server.server_port)
        value = await moved(own, storage=name, location=location, size=100)
        with pytest.raises(StorageError, match=r"Rec\.data: its storage .* was named neither"):
            await value.load_range(0, 100)
        with pytest.raises(StorageError, match="was named neither"):
            await value.load()
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "a/../../secret", "link"])
async def test_no_location_leads_out_of_the_storage(
    own: Engine, tmp_path: Path, location: str
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    value = await moved(own, location=location, size=6)
    (tmp_path / "blobs" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(StorageError, match="is not a location in|a symbolic link leads from"):
        await value.load_range(0, 6)


async def test_what_the_environment_names_is_read(
    own: Engine, graph_service: GraphService, tmp_path: Path
) -> None:
    """A command line has no program that names a storage."""
    data = os.urandom(1000)
    node_id = await Rec(Lazy(data)).create()
    assert own.storage is not None
    name = own.storage.name
    out = tmp_path / "out"

    def run(**named: str) -> str:
        arguments = ["artifact", node_id, "--field", "data", "--out", os.fspath(out)]
        done = subprocess.run(
            [sys.executable, "-c", "from artigraph_neo4j.cli import main; main()", *arguments],
            env={**os.environ, **graph_service.environment, **named},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stderr if done.returncode else out.read_bytes().hex()

    assert f"set ARTIGRAPH_STORAGES='{name}'" in run().replace("\n", "")
    assert run(ARTIGRAPH_STORAGES=f"s3:other,{name}") == data.hex()
    assert run(ARTIGRAPH_STORAGES=f"file:{tmp_path}") == data.hex()


async def test_garbage_collection_opens_nothing_that_was_not_named(own: Engine) -> None:
    await moved(own, storage="file:/etc")
    with pytest.raises(StorageError, match="'file:/etc'.* neither this program nor its env"):
        await collect_garbage()


@dataclass
class Twice(ArtifactModel, version=1):
    number: int
    data: bytes


@pytest.mark.parametrize("kind", ["file", "memory", "s3"])
@pytest.mark.parametrize("left", [0, 1, 50_000 - 1, 50_000 + 1])
async def test_a_damaged_object_is_not_shared(
    graph_service: GraphService, s3_service: S3Service, tmp_path: Path, kind: str, left: int
) -> None:
    """A backup half restored, a disk that was full: who has the right bytes stores them anew."""
    storage: Storage = {
        "file": lambda: FileSystemStorage(tmp_path / "blobs"),
        "memory": lambda: MemoryStorage(new_id()),
        "s3": lambda: s3_service.storage(f"tests/{new_id()}"),
    }[kind]()
    async with engine_context(
        graph_service.uri,
        username=graph_service.username,
        password=graph_service.password,
        storage=storage,
        offload_bytes=1000,
    ) as engine:
        data = os.urandom(50_000)
        first = await Twice(1, data).create()
        shared = await Twice(2, data).create()
        places = "MATCH ({node_id: $id})-[:STORED_IN]->(b) RETURN b.location"
        ((location,),) = await engine.read(places, {"id": first})
        assert await engine.read(places, {"id": shared}) == [[location]]
        damaged = (data * 2)[:left]
        await engine.call(lambda: storage.update(location, damaged))
        healed = await Twice(3, data).create()
        assert (await Twice.read(healed)).data == data
        with pytest.raises(IntegrityError):
            await Twice.read(first)
        again = await Twice(4, data).create()  # shares what is whole, not what is older
        assert (await Twice.read(again)).data == data
        await engine.call(storage.aclose)


async def test_files_of_killed_writers_are_collected(own: Engine, tmp_path: Path) -> None:
    await Rec(Lazy(os.urandom(1000))).create()
    storage = own.storage
    assert storage is not None
    found = [item async for item in storage.list("ag/")]
    (whole,) = (item for item in found if not item.location.endswith("graph.json"))
    left = tmp_path / "blobs" / f"{whole.location}.unfinished-0a1b2c3d"
    left.write_bytes(b"half")
    (report,) = await collect_garbage(storage, dry_run=False)
    assert (report.young.count, report.garbage.count) == (1, 0)  # somebody may be writing it
    (report,) = await collect_garbage(storage, dry_run=False, min_age=timedelta(0))
    assert [item.size for item in report.garbage_examples] == [4]
    assert report.live.count == 1
    assert not left.exists()
