"""Writers, deletions, readers and collections in any order, one step at a time, with failures.

Everything that talks to Neo4j or to a storage stops before each call until the machine lets it go
on, so hypothesis chooses the interleaving. Clocks are the machine's too. After every step each Blob
node's object must be there.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import uuid_utils
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from artigraph_neo4j import ArtifactModel, Engine, artifact_field, engine_context
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import BlobNotFoundError, NotFoundError, StorageError
from artigraph_neo4j.gc import collect_garbage
from artigraph_neo4j.storage import Storage, StoredBytes
from artigraph_neo4j.storage import names as names_module
from artigraph_neo4j.storage.memory import MemoryStorage
from artigraph_neo4j.upkeep.garbage import scan as garbage_module
from artigraph_neo4j.values import upload as uploads_module
from tests.examples import few
from tests.graph.models import delete

FOREIGN = hashlib.sha256(b"foreign").hexdigest()


class Clock:
    """What writers, collectors and the storage take for the time."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def time(self) -> float:
        return self.now.timestamp()

    def new_id(self) -> str:
        return str(uuid_utils.uuid7(nanoseconds=int(self.now.timestamp() * 1000) * 10**6))


class Unreliable(Storage):
    """A storage whose next call fails, before or after it took effect, when it is told to."""

    def __init__(self, inner: Storage, clock: Clock) -> None:
        self.inner, self.clock = inner, clock
        self.name = f"unreliable:{new_id()}"
        self.fault: str | None = None
        self.failures = 0
        self.modified: dict[str, datetime] = {}

    async def _do(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        fault, self.fault = self.fault, None
        if fault == "before":
            self.failures += 1
            raise StorageError("the request was lost")
        result = await work()
        if fault == "after":
            self.failures += 1
            raise StorageError("the answer was lost")
        return result

    async def create(self, data: bytes, /) -> str:
        raise NotImplementedError

    async def update(self, location: str, data: bytes, /) -> None:
        raise NotImplementedError

    async def put(self, data: bytes, /, *, key: str) -> str:
        async def work() -> str:
            location = await self.inner.put(data, key=key)
            self.modified[location] = self.clock.now
            return location

        return await self._do(work)

    async def read(self, location: str, /) -> bytes:
        return await self._do(lambda: self.inner.read(location))

    async def exists(self, location: str, /) -> bool:
        return await self._do(lambda: self.inner.exists(location))

    async def delete(self, location: str, /) -> None:
        await self._do(lambda: self.inner.delete(location))

    async def delete_many(self, locations: Sequence[str], /) -> None:
        await self._do(lambda: self.inner.delete_many(locations))

    async def list(self, prefix: str = "", /) -> Any:
        async def work() -> list[StoredBytes]:
            return [item async for item in self.inner.list(prefix)]

        for item in await self._do(work):
            yield item._replace(modified=self.modified.get(item.location, item.modified))


@dataclass(eq=False)
class Process:
    """A call that goes on by steps."""

    what: str
    task: asyncio.Task[Any] | None = None
    gates: list[Future[None]] = field(default_factory=list)

    def waiting(self) -> list[Future[None]]:
        """The calls that wait; those that were cancelled, since another failed, do not."""
        self.gates = [gate for gate in self.gates if not gate.done()]
        return self.gates


PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


class Stepped(Engine):
    """An engine whose calls wait to be let through; those of no process go through at once."""

    async def call(self, work: Any, *, settle: bool = False) -> Any:
        process = PROCESS.get()
        if process is not None:
            gate = Future[None]()  # of no loop: calls within calls are on the I/O loop
            process.gates.append(gate)
            await asyncio.wrap_future(gate)
        return await super().call(work, settle=settle)


TEXTS = ["a", "b"]


class Machine(RuleBasedStateMachine):
    engine: Engine
    make_storage: Callable[[], Storage]
    totals: dict[str, int]

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.storage = storage = Unreliable(type(self).make_storage(), self.clock)
        self.runner = asyncio.Runner()
        self.processes: list[Process] = []
        self.live: dict[str, Any] = {}
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(uploads_module, "time", SimpleNamespace(time=self.clock.time))
        self.patch.setattr(garbage_module, "_now", lambda: self.clock.now)
        self.patch.setattr(names_module, "new_id", self.clock.new_id)
        # Graph and storage are compared in parts, as for many Blob nodes, and only in those that
        # this storage has: other tests leave tens of thousands of nodes, which each collection
        # would read.
        self.patch.setattr(garbage_module, "_parts", lambda _: sorted(self._digests(6)))

        @dataclass
        class Scheduled(ArtifactModel, version=1):
            one: str = artifact_field(storage=storage)
            two: str = artifact_field(storage=storage)

        self.model = Scheduled
        self.runner.run(self._foreign())

    async def _foreign(self) -> None:
        self.foreign = [
            await self.engine.call(lambda k=key: self.storage.inner.put(b"foreign", key=k))
            for key in ("foreign.txt", f"ag/{new_id()}/{FOREIGN}-{new_id()}")
        ]
        self.graph_id = (await self.engine.graph()).graph_id

    def _digests(self, digits: int | None = None) -> set[str]:
        """The beginnings of the digests of all that was ever put."""
        names = [at.rpartition("/")[2] for at in [*self.storage.modified, FOREIGN]]
        return {name.partition("-")[0][:digits] for name in names}

    # -- what goes on ------------------------------------------------------------------------------

    def _start(self, what: str, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        process = Process(what)

        async def run() -> None:
            PROCESS.set(process)
            await work()

        async def start() -> None:
            process.task = asyncio.get_running_loop().create_task(run())
            await self._settled(process)

        self.processes.append(process)
        self.runner.run(start())

    async def _settled(self, process: Process) -> None:
        """Until it waits at a gate, or is done."""
        assert process.task is not None
        while not process.waiting() and not process.task.done():
            await asyncio.wait({process.task}, timeout=0.001)
        if process.task.done() and process in self.processes:
            self.processes.remove(process)
            process.task.result()

    async def _step(self, process: Process, which: int) -> None:
        await self._settled(process)  # what waited may have been cancelled since
        if gates := process.waiting():
            gates[which % len(gates)].set_result(None)
            await self._settled(process)

    async def _create(self, one: str, two: str) -> None:
        value = self.model(one, two)
        try:
            with engine_context(self.engine):
                node_id = await value.create()
        except StorageError:
            self.totals["creates failed"] += 1
        else:
            self.totals["creates"] += 1
            self.live[node_id] = value

    async def _read(self, node_id: str) -> None:
        value = self.live[node_id]
        try:
            with engine_context(self.engine):
                assert await self.model.read(node_id) == value
        except (BlobNotFoundError, NotFoundError):
            assert node_id not in self.live
        except StorageError:
            pass

    async def _collect(self) -> None:
        try:
            with engine_context(self.engine):
                (report,) = await collect_garbage(self.storage, dry_run=False)
        except StorageError:
            self.totals["collections failed"] += 1
        else:
            self.totals["deleted"] += report.deleted.count
            assert report.dangling == 0

    # -- what hypothesis chooses -------------------------------------------------------------------

    @precondition(lambda self: len(self.processes) < 4)
    @rule(one=st.sampled_from(TEXTS), two=st.sampled_from(TEXTS))
    def create(self, one: str, two: str) -> None:
        self._start("create", lambda: self._create(one, two))

    @precondition(lambda self: len(self.processes) < 4)
    @rule()
    def collect(self) -> None:
        self._start("collect", self._collect)

    @rule(one=st.sampled_from(TEXTS), two=st.sampled_from(TEXTS))
    def create_at_once(self, one: str, two: str) -> None:
        self.runner.run(self._create(one, two))

    @rule()
    def collect_at_once(self) -> None:
        self.runner.run(self._collect())

    @precondition(lambda self: self.live and len(self.processes) < 4)
    @rule(data=st.data())
    def read(self, data: Any) -> None:
        node_id = data.draw(st.sampled_from(sorted(self.live)))
        self._start("read", lambda: self._read(node_id))

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def delete_one(self, data: Any) -> None:
        node_id = data.draw(st.sampled_from(sorted(self.live)))
        del self.live[node_id]
        self.totals["deletions"] += 1
        self.runner.run(delete(self.engine, node_id))

    @precondition(lambda self: self.live)
    @rule()
    def delete_all_and_collect(self) -> None:
        """So that what a writer leans on is often the last of its content."""
        for node_id in [*self.live]:
            del self.live[node_id]
            self.runner.run(delete(self.engine, node_id))
        self.runner.run(self._collect())

    @precondition(lambda self: self.processes)
    @rule(process=st.integers(0, 3), which=st.integers(0, 1), times=st.integers(1, 6))
    def go_on(self, process: int, which: int, times: int) -> None:
        chosen = self.processes[process % len(self.processes)]

        async def steps() -> None:
            for _ in range(times):
                if chosen in self.processes:
                    await self._step(chosen, which)

        self.runner.run(steps())

    @rule(hours=st.sampled_from([13, 25]))
    def time_passes(self, hours: int) -> None:
        """Before and after any call. The age of an upload is checked within the call that commits
        it, and the statement ends within a minute, for which half of ``min_age`` is left."""
        self.clock.now += timedelta(hours=hours)

    @precondition(lambda self: self.processes and self.storage.fault is None)
    @rule(fault=st.sampled_from(["before", "after"]))
    def storage_will_fail(self, fault: str) -> None:
        self.storage.fault = fault

    # -- what must hold ----------------------------------------------------------------------------

    async def _kept(self) -> set[str]:
        return {item.location async for item in self.storage.inner.list(f"ag/{self.graph_id}/")}

    async def _named(self) -> set[str]:
        ((found,),) = await self.engine.read(
            "MATCH (b:Blob) USING INDEX b:Blob(digest) WHERE b.digest IN $digests "
            "AND b.storage = $name RETURN collect(b.location)",
            {"name": self.storage.name, "digests": sorted(self._digests())},
        )
        return set(found)

    @invariant()
    def what_is_named_is_there(self) -> None:
        async def look() -> None:
            named = await self._named()
            assert named <= await self.engine.call(self._kept)

        self.runner.run(look())

    def teardown(self) -> None:
        try:
            self.storage.fault = None
            self.runner.run(self._end())
        finally:
            self.totals["failures"] += self.storage.failures
            self.patch.undo()
            self.runner.close()

    async def _end(self) -> None:
        while self.processes:
            await self._step(self.processes[0], 0)
        self.clock.now += timedelta(hours=25)
        with engine_context(self.engine):
            await self._create("a", "d")  # puts the marker, where all that went before failed
            for node_id, value in self.live.items():
                assert await self.model.read(node_id) == value
            self.clock.now += timedelta(hours=25)
            (report,) = await collect_garbage(self.storage, dry_run=False)
            self.totals["deleted"] += report.deleted.count
            assert report.dangling == report.unowned == 0
            for node_id, value in self.live.items():
                assert await self.model.read(node_id) == value
            kept = await self.engine.call(self._kept)
            assert kept - {at for at in kept if at.endswith("/graph.json")} == await self._named()
        for location in self.foreign:
            assert await self.engine.call(lambda at=location: self.storage.inner.exists(at))


@pytest.fixture
def stepped(graph_service: Any, session_engine: Engine) -> Iterator[Engine]:
    from artigraph_neo4j.engine.target import choose_target

    target = choose_target(
        graph_service.uri,
        username=graph_service.username,
        password=graph_service.password,
        database=graph_service.database,
    )
    engine = Stepped(target, create_schema=True)
    yield engine
    engine.close()


def _explore(engine: Engine, storage: Callable[[], Storage], examples: int) -> dict[str, int]:
    counts = dict.fromkeys(
        ("creates", "creates failed", "deletions", "deleted", "collections failed", "failures"), 0
    )
    machine = type(
        "Schedules",
        (Machine,),
        {"engine": engine, "make_storage": staticmethod(storage), "totals": counts},
    )
    run_machine(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            phases=[Phase.generate],  # a step takes milliseconds: shrinking would take hours
            suppress_health_check=list(HealthCheck),
        ),
    )
    return counts


def test_any_schedule_keeps_what_is_named(stepped: Engine) -> None:
    counts = _explore(stepped, lambda: MemoryStorage(new_id()), few(100))
    assert all(counts[name] for name in ("creates", "deletions", "deleted", "failures")), counts


def test_any_schedule_on_s3(stepped: Engine, s3_service: Any) -> None:
    numbers = itertools.count()
    prefix = f"schedules/{new_id()}"
    counts = _explore(stepped, lambda: s3_service.storage(f"{prefix}/{next(numbers)}"), 6)
    # So few schedules may leave nothing to be collected; on memory there are more of them.
    assert counts["creates"], counts
