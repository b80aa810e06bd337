"""Fields that are read when asked for: handles, parts of values, files."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import os
import pickle
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from neo4j import AsyncGraphDatabase

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    File,
    Lazy,
    Transfer,
    artifact_field,
    engine_context,
    lazy_field,
    transfer_bar,
)
from artigraph_neo4j.errors import (
    BlobNotFoundError,
    EngineError,
    IntegrityError,
    SerializationError,
    StorageError,
)
from artigraph_neo4j.graph.attempts import Statement
from artigraph_neo4j.serializer import Serializer
from artigraph_neo4j.serializer.arrow import ParquetSerializer
from artigraph_neo4j.serializer.file import FileSerializer
from artigraph_neo4j.serializer.pandas import DataFrameSerializer
from artigraph_neo4j.storage.file import FileSystemStorage
from artigraph_neo4j.storage.memory import MemoryStorage


class Counting(MemoryStorage):
    """Says what was asked of it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.calls: list[tuple[Any, ...]] = []

    async def put(self, data: bytes, /, *, key: str) -> str:
        self.calls.append(("put", len(data)))
        return await super().put(data, key=key)

    async def read(self, location: str, /) -> bytes:
        self.calls.append(("read",))
        return await super().read(location)

    async def stream(self, location: str, /) -> AsyncIterator[bytes]:
        self.calls.append(("stream",))
        data = self.blobs[location]
        for start in range(0, len(data), 1_000_000):
            yield data[start : start + 1_000_000]

    async def read_range(self, location: str, start: int, stop: int, /) -> bytes:
        self.calls.append(("range", start, stop))
        try:
            return self.blobs[location][start:stop]
        except KeyError:
            raise BlobNotFoundError("gone") from None


STORAGE = Counting("lazy")
OTHER = Counting("lazy-other")


@pytest.fixture(autouse=True)
def _empty_storages() -> None:
    for storage in (STORAGE, OTHER):
        storage.calls.clear()
        storage.blobs.clear()  # some tests damage what another would use again


@dataclass
class LazyRun(ArtifactModel, version=1):
    score: float
    value: Lazy[Any] = lazy_field(storage=STORAGE, default=None)
    other: Any = None


@dataclass
class PlainRun(ArtifactModel, version=1):
    score: float
    value: Any = artifact_field(storage=STORAGE, default=None)
    other: Any = None


FRAME = pd.DataFrame({"a": np.arange(1000), "b": np.arange(1000) * 0.5, "c": ["x"] * 1000})


async def test_reading_asks_no_storage_and_takes_one_round_trip(
    statements: list[Statement],
) -> None:
    made = await LazyRun(0.5, Lazy(FRAME)).create()
    statements.clear()
    STORAGE.calls.clear()
    run = await LazyRun.read(made)
    assert run.score == 0.5
    assert isinstance(run.value, Lazy)
    assert len(statements) == 1
    assert STORAGE.calls == []
    pd.testing.assert_frame_equal(await run.value.load(), FRAME)
    assert STORAGE.calls == [("read",)]
    assert len(statements) == 1


async def test_a_handle_keeps_nothing_it_loaded() -> None:
    run = await LazyRun.read(await LazyRun(0.5, Lazy(FRAME)).create())
    first = await run.value.load()
    first.loc[0, "a"] = -1
    pd.testing.assert_frame_equal(await run.value.load(), FRAME)


async def test_a_new_one_gives_its_value() -> None:
    lazy = Lazy(FRAME)
    assert await lazy.load() is FRAME
    assert lazy.held is FRAME
    assert lazy.size is lazy.digest is lazy.reference is None
    with pytest.raises(SerializationError, match="not stored yet"):
        await lazy.load(columns=["a"])
    with pytest.raises(SerializationError, match="not stored yet"):
        await Lazy(b"x").load_range(0, 1)
    with pytest.raises(SerializationError, match="not stored yet"):
        await lazy.save("nowhere")


@pytest.mark.parametrize("value", [5, "text", b"bytes", (1, 2), {"a": None}, [1], 1.5, True])
async def test_small_values_in_the_graph_are_lazy_too(value: Any) -> None:
    run = await PlainRun.read(await PlainRun(0.5, None, Lazy(value)).create())
    assert isinstance(run.other, Lazy)
    found = await run.other.load()
    assert found == value
    assert type(found) is type(value)
    assert STORAGE.calls == []


async def test_none_is_none_and_a_lazy_none_is_lazy() -> None:
    run = await LazyRun.read(await LazyRun(0.5, None, Lazy(None)).create())
    assert run.value is None
    assert isinstance(run.other, Lazy)
    assert await run.other.load() is None


async def test_a_lazy_field_is_lazy_whatever_it_is_given_and_holds() -> None:
    """Also what was stored before the field was one, natively or not."""
    given = await LazyRun.read(await LazyRun(0.5, FRAME).create())  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(await given.value.load(), FRAME)

    @dataclass
    class Changing(ArtifactModel, version=1, name="LazyChanging"):
        value: Any
        number: Any
        models: Any = None

    old = await Changing(FRAME, 7, [LazyRun(1.0)]).create()

    @dataclass
    class Changed(ArtifactModel, version=1, name="LazyChanging"):
        value: Lazy[pd.DataFrame] = lazy_field()
        number: Lazy[int] = lazy_field()
        models: Lazy[list[LazyRun]] = lazy_field(default=None)

    found = await Changed.read(old)
    pd.testing.assert_frame_equal(await found.value.load(), FRAME)
    assert found.value.size
    assert await found.number.load() == 7
    assert await found.models.load() == [LazyRun(1.0)]


async def test_a_handle_in_a_new_artifact_shares_the_bytes(query: Any) -> None:
    run = await LazyRun.read(await LazyRun(0.5, Lazy(FRAME)).create())
    STORAGE.calls.clear()
    second = await replace(run, score=0.75).create()
    assert STORAGE.calls == []
    again = await LazyRun.read(second)
    assert again.value == run.value
    pd.testing.assert_frame_equal(await again.value.load(), FRAME)
    rows = await query(
        "MATCH ({node_id: $id})-[:STORED_IN]->(b) RETURN b.location, b.digest, b.size",
        id=second,
    )
    assert rows[0][1:] == [run.value.digest, run.value.size]
    assert len(STORAGE.blobs) >= 1


async def test_a_handle_in_a_field_of_another_storage_is_copied() -> None:
    @dataclass
    class Elsewhere(ArtifactModel, version=1, name="LazyElsewhere"):
        value: Lazy[pd.DataFrame] = lazy_field(storage=OTHER)

    run = await LazyRun.read(await LazyRun(0.5, Lazy(FRAME)).create())
    found = await Elsewhere.read(await Elsewhere(run.value).create())
    # The marker of the graph, and the value.
    assert [call[0] for call in OTHER.calls] == ["put", "put"]
    assert found.value == run.value
    pd.testing.assert_frame_equal(await found.value.load(), FRAME)
    small = await PlainRun.read(await PlainRun(0.5, None, Lazy("text")).create())
    moved = await LazyRun.read(await LazyRun(0.5, small.other).create())
    assert await moved.value.load() == "text"
    inline = await PlainRun.read(await PlainRun(0.5, None, small.other).create())
    assert await inline.other.load() == "text"


async def test_equality_hash_copies_and_pickles(engine: Engine) -> None:
    made = await LazyRun(0.5, Lazy(FRAME), Lazy([1])).create()
    first, second = await LazyRun.read(made), await LazyRun.read(made)
    assert first == second
    assert hash(first.value) == hash(second.value)
    other = await LazyRun.read(await LazyRun(0.5, Lazy(FRAME[1:]), Lazy([1])).create())
    assert first != other
    assert first.other == other.other
    fresh = Lazy(FRAME)
    assert fresh != Lazy(FRAME)
    assert fresh == fresh
    assert first.value != fresh
    assert first.value != 3
    STORAGE.calls.clear()
    for made_again in (
        copy.copy(first.value),
        copy.deepcopy(first).value,
        pickle.loads(pickle.dumps(first)).value,
    ):
        assert made_again == first.value
        assert STORAGE.calls == []
        pd.testing.assert_frame_equal(await made_again.load(), FRAME)
        STORAGE.calls.clear()
    assert await pickle.loads(pickle.dumps(Lazy([1]))).load() == [1]
    assert copy.copy(fresh).held is FRAME
    assert copy.deepcopy(fresh).held is not FRAME
    assert repr(first.value) == f"<Lazy pandas.parquet, {first.value.size} bytes>"
    assert repr(fresh) == "<Lazy DataFrame, not stored>"


async def test_unpickled_without_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    run = await LazyRun.read(await LazyRun(0.5, Lazy(FRAME)).create())
    handle = pickle.loads(pickle.dumps(run.value))
    monkeypatch.setattr("artigraph_neo4j.values.stored_value.get_engine", _no_engine)
    with pytest.raises(EngineError, match="no engine"):
        await handle.load()
    await run.value.load()  # this one knows its engine


def _no_engine() -> Engine:
    raise EngineError("no engine is set")


async def test_what_is_gone_or_changed_is_said_when_it_is_loaded() -> None:
    run = await LazyRun.read(await LazyRun(0.5, Lazy(FRAME)).create())
    ((location,),) = [[k for k, v in STORAGE.blobs.items() if run.value.digest in k][-1:]]
    data = STORAGE.blobs.pop(location)
    where = r"artifact \S+, field LazyRun.value: its value at .* in 'memory:lazy'"
    for part in ({}, {"columns": ["a"]}):
        with pytest.raises(BlobNotFoundError, match=f"{where} is gone"):
            await run.value.load(**part)
    STORAGE.blobs[location] = data[:-1] + b"?"
    with pytest.raises(IntegrityError, match=f"{where} has changed"):
        await run.value.load()
    STORAGE.blobs[location] = data[:100]
    with pytest.raises(IntegrityError, match=f"{where} has changed: it no longer has the bytes"):
        await run.value.load(columns=["a"])


async def test_where_a_lazy_cannot_stand() -> None:
    for value in ([Lazy(1)], {"a": (Lazy(1),)}, [LazyRun(1.0), Lazy(1)]):
        with pytest.raises(SerializationError, match=r"PlainRun.other.*whole value of a field"):
            await PlainRun(0.5, None, value).create()
    for value in (LazyRun(0.5), [LazyRun(0.5)], {"a": (LazyRun(0.5),)}, Lazy(1)):
        with pytest.raises(SerializationError, match=r"PlainRun.other.*cannot hold a model"):
            await PlainRun(0.5, None, Lazy(value)).create()
    with pytest.raises(SerializationError, match=r"PlainRun.other.*builtins.object.*serializer"):
        await PlainRun(0.5, None, Lazy(object())).create()


@dataclass
class LazyShot(ArtifactModel, version=1):
    name: str
    image: Lazy[np.ndarray] = lazy_field(storage=STORAGE)


@dataclass
class LazyAlbum(ArtifactModel, version=1):
    shots: list[LazyShot] = field(default_factory=list)


async def test_lazy_fields_of_nested_models() -> None:
    images = [np.full((4, 4), i) for i in range(3)]
    album = LazyAlbum([LazyShot(str(i), Lazy(image)) for i, image in enumerate(images)])
    made = await album.create()
    STORAGE.calls.clear()
    found = await LazyAlbum.read(made)
    assert STORAGE.calls == []
    assert (await found.shots[2].image.load()).tolist() == images[2].tolist()
    assert STORAGE.calls == [("read",)]


# Parts --------------------------------------------------------------------------------------------

BIG = pd.DataFrame(
    {"a": np.arange(400_000), "b": np.random.default_rng(1).random(400_000), "c": "x"},
    index=pd.RangeIndex(10, 400_010, name="row"),
)


@dataclass
class LazyParts(ArtifactModel, version=1):
    frame: Lazy[pd.DataFrame] = lazy_field(
        serializer=DataFrameSerializer(row_group_rows=100_000), storage=STORAGE, default=None
    )
    table: Lazy[pa.Table] = lazy_field(
        serializer=ParquetSerializer(row_group_rows=100_000), storage=STORAGE, default=None
    )
    feather: Lazy[pa.Table] = lazy_field(storage=STORAGE, default=None)
    data: Lazy[bytes] = lazy_field(storage=STORAGE, default=None)


def fetched() -> int:
    assert {call[0] for call in STORAGE.calls} <= {"range"}
    return sum(call[2] - call[1] for call in STORAGE.calls)


async def test_columns_and_row_groups_of_a_frame() -> None:
    run = await LazyParts.read(await LazyParts(Lazy(BIG)).create())
    STORAGE.calls.clear()
    found = await run.frame.load(columns=["b"])
    pd.testing.assert_frame_equal(found, BIG[["b"]])
    assert isinstance(found.index, pd.RangeIndex)
    STORAGE.calls.clear()
    pd.testing.assert_frame_equal(await run.frame.load(columns=["c", "a"]), BIG[["a", "c"]])
    assert fetched() < run.frame.size * 0.6
    STORAGE.calls.clear()
    part = await run.frame.load(columns=["b"], row_groups=[1, 2])
    pd.testing.assert_frame_equal(part, BIG[["b"]].iloc[100_000:300_000])
    assert isinstance(part.index, pd.RangeIndex)
    assert fetched() < run.frame.size * 0.5
    pd.testing.assert_frame_equal(
        await run.frame.load(row_groups=[3, 0]), pd.concat([BIG[300_000:], BIG[:100_000]])
    )
    assert (await run.frame.load(row_groups=[])).shape == (0, 3)
    assert (await run.frame.load(columns=[])).shape == (400_000, 0)


async def test_parts_that_are_not_there() -> None:
    run = await LazyParts.read(await LazyParts(Lazy(BIG), Lazy(pa.table({"x": [1]}))).create())
    for part, message in (
        ({"columns": ["a", "z"]}, r"there is no column 'z'; there are \['a', 'b', 'c'\]"),
        ({"row_groups": [4]}, "there is no row group 4; there are 0 to 3"),
        ({"row_groups": [-1]}, "there is no row group -1"),
    ):
        with pytest.raises(SerializationError, match=f"LazyParts.frame.*{message}"):
            await run.frame.load(**part)
    with pytest.raises(SerializationError, match=r"no column 'y'; there are \['x'\]"):
        await run.table.load(columns=["y"])


async def test_parts_of_tables() -> None:
    table = pa.table({"a": BIG["a"], "b": BIG["b"], "a.b": BIG["a"]}, metadata={"k": "v"})
    chunked = pa.concat_tables([table.slice(i * 100_000, 100_000) for i in range(4)])
    run = await LazyParts.read(await LazyParts(None, Lazy(table), Lazy(chunked)).create())
    for handle in (run.table, run.feather):
        STORAGE.calls.clear()
        found = await handle.load(columns=["a"])
        assert found.equals(table.select(["a"]), check_metadata=True)
        assert fetched() < handle.size * 0.6
        STORAGE.calls.clear()
        found = await handle.load(columns=["b"], row_groups=[3])
        assert found.equals(table.select(["b"]).slice(300_000))
        assert fetched() < handle.size * 0.2
        assert (await handle.load(row_groups=[])).num_rows == 0
        assert (await handle.load(columns=[])).num_columns == 0


async def test_ranges_of_bytes() -> None:
    data = bytes(range(256)) * 1000
    run = await LazyParts.read(await LazyParts(data=Lazy(data)).create())
    STORAGE.calls.clear()
    assert await run.data.load_range(1000, 2000) == data[1000:2000]
    assert STORAGE.calls == [("range", 1000, 2000)]
    assert await run.data.load_range(len(data) - 1, len(data) + 9) == data[-1:]
    small = await PlainRun.read(await PlainRun(1.0, None, Lazy(b"abc")).create())
    assert await small.other.load_range(1, 5) == b"bc"
    with pytest.raises(ValueError, match="from -1"):
        await run.data.load_range(-1, 3)


async def test_serializers_without_parts_say_so() -> None:
    run = await LazyRun.read(await LazyRun(0.5, Lazy([1, (2,)]), Lazy("x")).create())
    for handle in (run.value, run.other):
        with pytest.raises(SerializationError, match="cannot read a part of a value"):
            await handle.load(columns=["a"])
        with pytest.raises(SerializationError, match="a range of bytes is for bytes and files"):
            await handle.load_range(0, 1)  # type: ignore[misc]


async def test_many_parts_at_once_with_a_ready_made_driver(
    graph_service: Any, tmp_path: Path
) -> None:
    """Storage and serializers then share the loop's few threads."""
    storage = FileSystemStorage(tmp_path)
    auth = (graph_service.username or "", graph_service.password or "")
    async with AsyncGraphDatabase.driver(graph_service.uri, auth=auth) as driver:
        options = {"database": graph_service.database, "storage": storage, "offload_bytes": 100}
        async with engine_context(driver, **options):
            run = await PlainRun.read(await PlainRun(1.0, None, Lazy(FRAME)).create())
            parts = [run.other.load(columns=["a"]) for _ in range(40)]
            for part in await asyncio.wait_for(asyncio.gather(*parts), 60):
                pd.testing.assert_frame_equal(part, FRAME[["a"]])


async def test_a_serializer_that_is_not_known_matters_when_it_is_loaded() -> None:
    class Unknown(Serializer[str]):
        name = "test.lazy.unknown"

        def serialize(self, value: str, /) -> bytes:
            return value.encode()

        def deserialize(self, data: bytes, /) -> str:
            return data.decode()

    @dataclass
    class Written(ArtifactModel, version=1, name="LazyUnknown"):
        value: Lazy[str] = lazy_field(serializer=Unknown())

    made = await Written(Lazy("x")).create()
    assert await (await Written.read(made)).value.load() == "x"

    @dataclass
    class Found(ArtifactModel, version=1, name="LazyUnknown"):
        value: Lazy[str] = lazy_field()

    found = await Found.read(made)
    with pytest.raises(
        SerializationError, match=r"LazyUnknown.value.*'test.lazy.unknown' is not kn"
    ):
        await found.value.load()


async def test_a_handle_of_another_graph_is_copied() -> None:
    run = await LazyRun.read(await LazyRun(0.5, Lazy(FRAME)).create())
    reference = run.value.reference
    there = reference.blob.location.replace(reference.graph_id, "another")
    STORAGE.blobs[there] = STORAGE.blobs.pop(reference.blob.location)
    reference.graph_id, reference.blob = "another", replace(reference.blob, location=there)
    STORAGE.calls.clear()
    again = await LazyRun.read(await run.create())
    assert [call[0] for call in STORAGE.calls] == ["stream", "put"]
    assert again.value == run.value


async def test_a_migration_finds_a_handle() -> None:
    @dataclass
    class Old(ArtifactModel, version=1, name="LazyMigrated"):
        frame: Any = artifact_field(storage=STORAGE)

    made = await Old(FRAME).create()

    @dataclass
    class New(ArtifactModel, version=2, name="LazyMigrated"):
        frame: Lazy[pd.DataFrame] = lazy_field(storage=STORAGE)
        kind: str = ""

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> New:
            return cls(**data, kind=type(data["frame"]).__name__)

    STORAGE.calls.clear()
    found = await New.read(made)
    assert found.kind == "Lazy"
    assert STORAGE.calls == []
    pd.testing.assert_frame_equal(await found.frame.load(), FRAME)


# Files --------------------------------------------------------------------------------------------


@dataclass
class LazyFile(ArtifactModel, version=1):
    lazy: Lazy[File] = lazy_field(storage=STORAGE, default=None)
    file: File = artifact_field(
        storage=STORAGE, serializer=FileSerializer(".bin"), default_factory=lambda: File("")
    )
    files: Any = None


@pytest.mark.parametrize("size", [0, 10, 40_000_000])
async def test_files(tmp_path: Path, size: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(np.random.default_rng(0).bytes(size))
    file = File(source)
    found = await LazyFile.read(await LazyFile(Lazy(file), file).create())
    assert found.file == file
    assert found.file.path != source
    assert found.file.path.suffix == ".bin"
    assert os.fspath(found.file) == str(found.file.path)
    assert found.file.path.read_bytes() == source.read_bytes()
    loaded = await found.lazy.load()
    assert loaded == file
    assert type(loaded) is File
    saved = await found.lazy.save(tmp_path / "saved")
    assert saved.read_bytes() == source.read_bytes()
    assert saved.stat().st_mode & 0o777 == source.stat().st_mode & 0o777
    assert await found.lazy.load_range(2, 5) == source.read_bytes()[2:5]
    gone = found.file.path
    twin = copy.deepcopy(found.file)
    del found, loaded
    assert gone.exists()
    del twin
    assert not gone.exists()
    assert sorted(os.listdir(tmp_path)) == ["saved", "source"]


async def test_files_in_containers_and_equality(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    files = [File(tmp_path / "a"), File(tmp_path / "b")]
    found = await LazyFile.read(await LazyFile(None, files[0], files).create())
    assert found.files == files
    assert files[0] != files[1]
    assert files[0] != "a"
    assert File(tmp_path / "gone") != files[0]
    assert repr(files[0]) == f"File('{tmp_path / 'a'}')"
    assert found.files[1].save(tmp_path / "c").read_bytes() == b"b"
    assert pickle.loads(pickle.dumps(files[0])) == files[0]


async def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for model in (LazyFile(None, File(tmp_path / "gone")), LazyFile(Lazy(File(tmp_path)))):
        with pytest.raises(
            SerializationError, match=r"LazyFile.\w+ \(.*File\): the file .* cannot be read"
        ):
            await model.create()


async def test_saving_a_frame_gives_a_parquet_file(tmp_path: Path) -> None:
    run = await LazyRun.read(await LazyRun(0.5, Lazy(FRAME), Lazy({"a": 1})).create())
    path = await run.value.save(tmp_path / "frame.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(path), FRAME)
    assert (await run.other.save(tmp_path / "a.json")).read_text() == '{"a":1}'
    with pytest.raises(OSError, match="No such file"):
        await run.value.save(tmp_path / "no" / "folder")


# Large ones ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        np.random.default_rng(2).random((3_000_000, 2)),
        np.asfortranarray(np.random.default_rng(2).random((3_000_000, 2))),
        np.random.default_rng(2).random((3_000_000, 4))[:, ::2],
        pa.table({"a": np.random.default_rng(2).random(5_000_000), "b": np.arange(5_000_000)}),
        np.random.default_rng(2).bytes(40_000_000),
        BIG,
    ],
    ids=["array", "fortran", "strided", "table", "bytes", "frame"],
)
async def test_large_values_go_by_a_file_and_come_back(value: Any) -> None:
    made = await PlainRun(0.5, value, Lazy(1)).create()
    found = (await PlainRun.read(made)).value
    assert type(found) is type(value)
    if isinstance(value, np.ndarray):
        assert np.array_equal(found, value)
        assert found.flags.f_contiguous == value.flags.f_contiguous
    elif isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(found, value)
    else:
        assert found == value
    stored = STORAGE.blobs[list(STORAGE.blobs)[-1]]
    assert hashlib.sha256(stored).hexdigest() in list(STORAGE.blobs)[-1]


async def test_a_large_value_that_changed_is_not_read() -> None:
    made = await PlainRun(0.5, np.random.default_rng(3).random(4_000_000)).create()
    location = list(STORAGE.blobs)[-1]
    STORAGE.blobs[location] = STORAGE.blobs[location][:-1] + b"\0"
    with pytest.raises(IntegrityError, match=r"PlainRun.value.*has changed"):
        await PlainRun.read(made)


async def test_transfers_are_reported(engine: Engine) -> None:
    seen: list[Any] = []
    engine.on_transfer = seen.append
    try:
        made = await PlainRun(0.5, np.zeros(4_000_000)).create()
        await PlainRun.read(made)
        up = [t for t in seen if t.direction == "upload"]
        down = [t for t in seen if t.direction == "download"]
        for transfers in (up, down):
            assert [t.state for t in transfers[-2:]] == ["running", "done"]
            assert len({t.serial for t in transfers}) == 1
            assert transfers[0].done == 0
            assert transfers[-1].done == transfers[-1].total == 32_000_128
            assert [t.done for t in transfers] == sorted(t.done for t in transfers)
            assert len(transfers) > 10
            assert transfers[0].storage == "memory:lazy"
        assert up[0].what == "PlainRun.value"
        seen.clear()
        STORAGE.blobs.popitem()
        with pytest.raises(StorageError):
            await PlainRun.read(made)
        assert seen[-1].state == "failed"
    finally:
        engine.on_transfer = None


async def test_one_who_watches_cannot_break_a_transfer(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Any) -> None:
        raise RuntimeError("no bar today")

    with engine_context(engine) as used:
        used.on_transfer = broken
        try:
            await LazyRun(0.5, Lazy(b"x" * 100)).create()
        finally:
            used.on_transfer = None
    assert "on_transfer failed" in caplog.text


@pytest.mark.parametrize("value", [b"x", "x", np.zeros(1, "i1"), Lazy(b"x")], ids=repr)
async def test_what_neo4j_cannot_take_is_refused_before_it_is_sent(
    value: Any, statements: list[Statement], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("native", "pending", "encode"):
        monkeypatch.setattr(f"artigraph_neo4j.model.{module}.MAX_INLINE_BYTES", 100)
    large = value.held if isinstance(value, Lazy) else value
    large = np.zeros(200) if isinstance(large, np.ndarray) else large * 101
    with pytest.raises(
        SerializationError, match=r"PlainRun.other \(.*\d+ bytes are too many.*=\.\.\."
    ):
        await PlainRun(0.5, None, Lazy(large) if isinstance(value, Lazy) else large).create()
    assert statements == []


def test_a_bar_for_who_waits(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def report(total: int, what: str) -> None:
        assert engine.on_transfer is not None
        transfer = Transfer(total, "upload", what, "s3:bucket", total)
        for done, state in ((0, "running"), (total // 2, "running"), (total, "done")):
            engine.on_transfer(replace(transfer, done=done, state=state))
            time.sleep(0.15)  # bars are drawn ten times a second

    with transfer_bar(engine):
        report(5_000_000, "Unwatched.value")
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with transfer_bar(engine):
        report(5_000_000, "Model.large")
        report(500, "Model.small")
    shown = capsys.readouterr().err
    assert "Model.large" in shown
    assert "2.5/5.0 MB" in shown
    assert "Model.small" not in shown
    assert engine.on_transfer is None
