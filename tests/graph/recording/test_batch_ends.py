"""A batch that ends says what it did: recorded, lost, or not known yet and settled later."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from artigraph_neo4j import (
    ArtifactModel,
    BatchError,
    Engine,
    Span,
    artifact_field,
    batch,
    create_span_artifact,
    delete_artifacts,
    delete_span,
    engine_context,
    find_lost_spans,
    read_lineage,
    read_span,
    read_span_artifacts,
    span_context,
    sync,
    use,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import ConnectionFailed, SerializationError
from artigraph_neo4j.serializer.file import File
from artigraph_neo4j.storage.memory import MemoryStorage
from tests.graph.engine.test_once import far_away, until

DEADLINE = 1.5


@dataclass
class Entry(ArtifactModel, version=1):
    n: int
    data: bytes = b""


async def labels_in_graph(engine: Engine, span_id: str) -> list[str]:
    rows = await engine.read(
        "MATCH (:Span {node_id: $id})-[h:HAS_ARTIFACT]->() WHERE h.label IS NOT NULL "
        "RETURN h.label ORDER BY h.label",
        {"id": span_id},
    )
    return [label for (label,) in rows]


@pytest.mark.parametrize("atomic", [False, True])
@pytest.mark.parametrize("seconds", [0.05, 30.0])
async def test_away_at_the_end(graph_service: Any, atomic: bool, seconds: float) -> None:
    """With a write in the background under way, and without."""
    async with far_away(graph_service, DEADLINE) as (proxy, far):
        with engine_context(far):
            async with span_context(label="ends") as span:
                pass
            with pytest.raises(BatchError) as caught:
                async with batch(atomic=atomic, seconds=seconds) as unit:
                    proxy.refuse()
                    for i in range(10):
                        await Entry(i).create(str(i), span=span.node_id)
                    await asyncio.sleep(0.2)
            told = [*caught.value.lost, *caught.value.unconfirmed]
            assert sorted(item.label or "" for item in told) == [str(i) for i in range(10)]
            assert str(caught.value).count("nothing was recorded") == 1
            proxy.heal()
            await _settled(unit)
            assert await labels_in_graph(far, span.node_id) == []
            assert sorted(item.label or "" for item in unit.lost) == [str(i) for i in range(10)]


async def _settled(unit: Any) -> None:
    """The next contact, whatever it is for."""
    for _ in range(200):
        await unit.engine.read("RETURN 1", {})
        if not unit.unconfirmed:
            return
        await asyncio.sleep(0.02)
    pytest.fail("it was not settled")


@pytest.mark.parametrize("atomic", [False, True])
async def test_what_was_recorded_and_not_answered_is_not_called_lost(
    graph_service: Any, atomic: bool
) -> None:
    async with far_away(graph_service, DEADLINE) as (proxy, far):
        with engine_context(far):
            async with span_context(label="ends") as span:
                pass
            proxy.losing = 1
            proxy.on_write = lambda _: setattr(proxy, "refusing", True)
            with pytest.raises(BatchError, match="5 writes of a batch may be recorded") as caught:
                async with batch(atomic=atomic, seconds=30) as unit:
                    for i in range(5):
                        await Entry(i).create(str(i), span=span.node_id)
            proxy.on_write = None
            assert (caught.value.lost, len(caught.value.unconfirmed)) == ((), 5)
            proxy.heal()
            await _settled(unit)
            assert (unit.recorded, unit.lost) == (5, [])
            assert await labels_in_graph(far, span.node_id) == ["0", "1", "2", "3", "4"]


async def test_it_is_noted_on_the_error_of_the_block(graph_service: Any) -> None:
    async with far_away(graph_service, DEADLINE) as (proxy, far):
        with engine_context(far), pytest.raises(ZeroDivisionError) as caught:
            async with batch(seconds=30):
                await Entry(1).create("noted")
                proxy.refuse()
                raise ZeroDivisionError
        (note,) = caught.value.__notes__
        assert "'noted'" in note


async def test_what_waits_is_sent_as_it_was_when_the_database_is_back(graph_service: Any) -> None:
    """Rows that were added meanwhile do not change what may have been applied already."""
    async with far_away(graph_service, DEADLINE) as (proxy, far):
        with engine_context(far):
            async with span_context(label="back") as span:
                pass
            async with batch(seconds=30) as unit:
                await Entry(0).create("0", span=span.node_id)
                proxy.losing = 1
                proxy.on_write = lambda _: setattr(proxy, "refusing", True)
                with pytest.raises(ConnectionFailed):
                    await unit.flush()
                proxy.on_write = None
                for i in range(1, 4):
                    await Entry(i).create(str(i), span=span.node_id)
                proxy.heal()
            assert (unit.recorded, unit.lost, unit.unconfirmed) == (4, [], [])
            assert await labels_in_graph(far, span.node_id) == ["0", "1", "2", "3"]


class Gate(MemoryStorage):
    """A storage whose uploads wait until they may go on."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.opened = False

    async def put(self, data: bytes, /, *, key: str) -> str:
        await until(lambda: self.opened)
        return await super().put(data, key=key)


async def test_a_value_that_is_still_on_its_way_is_lost_by_name(graph_service: Any) -> None:
    async with far_away(graph_service, DEADLINE) as (proxy, far):
        gate = far.storage = Gate("gate")
        far.offload_bytes = 10
        with engine_context(far):
            async with span_context(label="gate") as span:
                pass
            with pytest.raises(BatchError) as caught:
                async with batch(seconds=30) as unit:
                    await Entry(1, os.urandom(100)).create("big", span=span.node_id)
                    await Entry(2).create("small", span=span.node_id)
                    await until(lambda: unit._queue._held)
                    proxy.refuse()
            assert "big" in [item.label for item in caught.value.lost]
            gate.opened = True
            proxy.heal()
            await _settled(unit)
            assert await labels_in_graph(far, span.node_id) == []
            assert sorted(item.label or "" for item in unit.lost) == ["big", "small"]


async def test_values_wait_as_rows_do_while_the_database_is_away(graph_service: Any) -> None:
    async with far_away(graph_service, 0.5) as (proxy, far):
        far.storage, far.offload_bytes = MemoryStorage("waits"), 10
        with engine_context(far):
            async with span_context(label="waits") as span:
                pass
            # A busy server needs longer than that to plan a statement for the first time.
            far._contact.deadline = 30
            async with batch(seconds=30):
                await Entry(1, os.urandom(100)).create(span=span.node_id)
                await Entry(2).create(span=span.node_id)
            far._contact.deadline = 0.5
            async with batch(seconds=0.1) as unit:
                proxy.refuse()
                await Entry(1, os.urandom(100)).create("stored", span=span.node_id)
                await Entry(2).create("native", span=span.node_id)
                await asyncio.sleep(2)  # four deadlines
                proxy.heal()
            assert unit.lost == []
            assert await labels_in_graph(far, span.node_id) == ["native", "stored"]


async def test_an_atomic_batch_that_fails_inside_names_everything() -> None:
    gone = MemoryStorage("gone")

    async def refuse(*_: Any, **__: Any) -> str:
        raise OSError("disk full")

    gone.put = refuse  # type: ignore[method-assign]

    @dataclass
    class Kept(ArtifactModel, version=1, name="KeptInGone"):
        data: bytes = artifact_field(storage=gone)

    with pytest.raises(BatchError) as caught:
        async with batch(atomic=True) as unit:
            for i in range(6):
                await Entry(i).create(str(i))
            await Kept(b"x").create("kept")
            await until(lambda: unit._delivery.loss)
            await Entry(7).create("not added")
    assert [item.label for item in caught.value.lost] == [*"012345", "kept"]
    assert unit.recorded == 0
    with pytest.raises(BatchError, match="7 writes"):  # also where the block swallows the error
        async with batch(atomic=True) as unit:
            for i in range(6):
                await Entry(i).create(str(i))
            await Kept(b"x").create("kept")
            await until(lambda: unit._delivery.loss)
            with pytest.raises(BatchError):
                await unit.flush()


async def test_a_span_that_was_lost_stays_lost_when_its_block_ends() -> None:
    async with span_context(label="parent") as parent:
        pass
    await delete_span(parent)
    async with batch(seconds=3600) as unit:
        async with span_context(parent), span_context(label="child") as child:
            with pytest.raises(BatchError):
                await unit.flush()
            assert not child.is_recorded
        assert not child.is_recorded
    assert [item.kind for item in unit.lost] == ["span"], "its end is not lost as well"
    gone = MemoryStorage("gone")

    async def refuse(*_: Any, **__: Any) -> str:
        raise OSError("disk full")

    gone.put = refuse  # type: ignore[method-assign]

    @dataclass
    class Kept(ArtifactModel, version=1, name="KeptInAtomic"):
        data: bytes = artifact_field(storage=gone)

    with pytest.raises(BatchError, match="nothing was recorded"):
        async with batch(atomic=True) as unit, span_context(label="all or nothing") as span:
            await Kept(b"x").create("kept", span="current")
            await until(lambda: unit._delivery.loss)
            await Entry(1).create("not added")
    assert not span.is_recorded


# -- each block is told of its own ---------------------------------------------------------------


async def _taken() -> Span:
    """A span whose label "taken" is."""
    async with span_context(label="taken") as span:
        await create_span_artifact("current", label="taken", data=Entry(0))
    return span


async def test_a_loss_is_not_told_to_a_task_outside_of_the_batch(engine: Engine) -> None:
    """A span that ends outside writes the batch in which an artifact waits that it used."""
    span = await _taken()
    ready, used = asyncio.Event(), asyncio.Event()
    source = ""

    async def recorder() -> None:
        nonlocal source
        async with batch(seconds=3600):
            source = await Entry(1).create("there")
            await Entry(2).create("taken", span=span.node_id)
            ready.set()
            await used.wait()

    task = asyncio.create_task(recorder())
    await ready.wait()
    async with span_context(label="uses"):
        use(source)
        made = await create_span_artifact("current", label="o", data=Entry(3))
    assert source in {step.node_id for step in (await read_lineage(made, "up")).steps}
    used.set()
    with pytest.raises(BatchError) as caught:
        await task
    assert [item.label for item in caught.value.lost] == ["taken"]


@pytest.mark.parametrize("reads", [False, True])
async def test_of_two_blocks_that_share_a_batch_each_is_told_of_its_own(reads: bool) -> None:
    span = await _taken()
    lost, recorded = asyncio.Event(), asyncio.Event()
    unit: Any

    async def loses() -> None:
        async with batch():
            await Entry(1).create("taken", span=span.node_id)
            recorded.set()
            await lost.wait()

    async def writes() -> None:
        await recorded.wait()
        try:
            async with batch():
                await Entry(2).create("fine", span=span.node_id)
                if reads:
                    assert set(await read_span_artifacts(span.node_id)) == {"fine", "taken"}
        finally:
            lost.set()

    async with batch(seconds=3600) as unit:
        results = await asyncio.gather(loses(), writes(), return_exceptions=True)
        await Entry(3).create("outer", span=span.node_id)
    assert isinstance(results[0], BatchError)
    assert [item.label for item in results[0].lost] == ["taken"]
    assert results[1] is None
    assert [item.label for item in unit.lost] == ["taken"]


async def test_a_block_inside_that_has_ended_hands_over_to_the_one_around_it() -> None:
    span = await _taken()
    go_on = asyncio.Event()

    async def late() -> None:
        await go_on.wait()
        await Entry(1).create("taken", span=span.node_id)

    with pytest.raises(BatchError) as caught:
        async with batch(seconds=3600):
            async with batch():
                task = asyncio.create_task(late())
            go_on.set()
            await task
    assert [item.label for item in caught.value.lost] == ["taken"]


def test_blocks_without_await_are_told_of_their_own() -> None:
    with sync.span_context(label="taken") as span:
        sync.create_span_artifact("current", label="taken", data=Entry(0))
    with sync.batch(seconds=3600):
        sync.create_span_artifact(span.node_id, label="one", data=Entry(1))
        with pytest.raises(BatchError), sync.batch():
            sync.create_span_artifact(span.node_id, label="taken", data=Entry(1))
        with sync.batch():
            sync.create_span_artifact(span.node_id, label="two", data=Entry(1))


# -- bytes given are bytes kept ------------------------------------------------------------------

shared = MemoryStorage(new_id()).register()


@dataclass
class Weights(ArtifactModel, version=1):
    step: int
    data: np.ndarray[Any, Any] = artifact_field(storage=shared)


@dataclass
class Filed(ArtifactModel, version=1):
    file: File = artifact_field(storage=shared)


async def _delete_elsewhere(engine: Engine, *ids: str) -> None:
    from artigraph_neo4j.engine.scope import enter_batch

    enter_batch(None)
    await delete_artifacts(*ids)


async def test_an_array_that_is_uploaded_anew_is_the_one_given(engine: Engine) -> None:
    first = await Weights(0, np.zeros(50)).create()
    weights = np.zeros(50)
    async with batch(seconds=3600) as unit:
        made = await Weights(1, weights).create()
        await until(lambda: not unit._queue.is_uploading)
        weights += 7
        await asyncio.create_task(_delete_elsewhere(engine, first))
        shared.blobs.clear()
    assert (await Weights.read(made)).data.tolist() == [0.0] * 50


async def test_a_file_that_is_uploaded_anew_is_the_one_given(engine: Engine, tmp_path: Any) -> None:
    for size in (100, 17 * 1024 * 1024):  # in memory, in a temporary file
        path = tmp_path / "file"
        path.write_bytes(b"a" * size)
        first = await Filed(File(path)).create()
        async with batch(seconds=3600) as unit:
            made = await Filed(File(path)).create()
            await until(lambda: not unit._queue.is_uploading)
            path.write_bytes(b"other")
            await asyncio.create_task(_delete_elsewhere(engine, first))
            shared.blobs.clear()
        assert (await Filed.read(made)).file.path.read_bytes() == b"a" * size


async def test_what_grew_old_is_fetched_not_made_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = np.arange(50.0)
    async with batch(seconds=3600) as unit:
        made = await Weights(1, weights).create()
        await until(lambda: not unit._queue.is_uploading)
        weights += 7
        monkeypatch.setattr("artigraph_neo4j.values.upload.time.time", lambda: 4e9)
    assert (await Weights.read(made)).data.tolist() == list(map(float, range(50)))


async def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"a" * 3 * 1024 * 1024)

    from artigraph_neo4j.serializer import file as files

    class Sink:
        def write(self, data: bytes) -> int:
            path.write_bytes(b"b" * 4 * 1024 * 1024)
            return len(data)

    with pytest.raises(SerializationError, match="changed while it was read"):
        files.file_serializer.write(File(path), Sink())  # type: ignore[arg-type]


# -- lineage is whole ----------------------------------------------------------------------------


class Late(MemoryStorage):
    async def put(self, data: bytes, /, *, key: str) -> str:
        await asyncio.sleep(0.05)
        return await super().put(data, key=key)


late = Late("late").register()


@dataclass
class Source(ArtifactModel, version=1):
    data: bytes = artifact_field(storage=late)


@pytest.mark.parametrize("atomic", [False, True])
async def test_uses_of_what_is_still_being_uploaded(atomic: bool) -> None:
    pairs: list[tuple[str, str]] = []
    async with batch(atomic=atomic, seconds=0.01):
        for i in range(20):
            async with span_context(label="makes"):
                source = await create_span_artifact(
                    "current", label="s", data=Source(os.urandom(10))
                )
            async with span_context(label="uses"):
                use(source)
                made = await create_span_artifact("current", label="o", data=Entry(i))
            pairs.append((source, made))
    for source, made in pairs:
        assert source in {step.node_id for step in (await read_lineage(made, "up")).steps}


async def test_uses_outside_of_the_batch_in_which_it_waits() -> None:
    ready, used = asyncio.Event(), asyncio.Event()
    source = ""

    async def recorder() -> None:
        nonlocal source
        async with batch(seconds=3600):
            source = await Source(os.urandom(10)).create()
            ready.set()
            await used.wait()

    task = asyncio.create_task(recorder())
    await ready.wait()
    async with span_context(label="uses"):
        use(source)
        made = await create_span_artifact("current", label="o", data=Entry(1))
    assert source in {step.node_id for step in (await read_lineage(made, "up")).steps}
    used.set()
    await task


# -- the end of a span is always written ---------------------------------------------------------


@pytest.mark.parametrize("inside", [False, True])
async def test_an_end_that_failed_is_written_later(graph_service: Any, inside: bool) -> None:
    async with far_away(graph_service, DEADLINE) as (proxy, far):
        with engine_context(far):
            context = span_context(label="later")
            span = await context.__aenter__()
            proxy.refuse()
            if inside:
                with pytest.raises(BatchError):
                    async with batch():
                        await context.__aexit__(None, None, None)
            else:
                with pytest.raises(ConnectionFailed):
                    await context.__aexit__(None, None, None)
            proxy.heal()
            for _ in range(200):
                found = await read_span(span.node_id)
                if found.closed_at is not None:
                    break
                await asyncio.sleep(0.02)
            assert (found.status, found.closed_at) == ("OK", span.closed_at)


async def test_an_end_that_cannot_be_written_is_found_as_lost(
    graph_service: Any, engine: Engine
) -> None:
    async with far_away(graph_service, DEADLINE) as (proxy, far):
        with engine_context(far):
            context = span_context(label="found")
            span = await context.__aenter__()
            proxy.refuse()
            with pytest.raises(ConnectionFailed):
                await context.__aexit__(None, None, None)
    with engine_context(engine):
        from datetime import timedelta

        await asyncio.sleep(1.1)
        lost = await find_lost_spans(silence=timedelta(seconds=0.5))
        assert span.node_id in {item.span.node_id for item in lost}
        assert await read_span_artifacts(span.node_id) == {}
