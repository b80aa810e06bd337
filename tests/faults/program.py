"""One process of a schedule: it records, reads and deletes, and keeps a diary."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from artigraph_neo4j import (
    BatchError,
    Engine,
    add_tags,
    batch,
    collect_garbage,
    create_span_artifact,
    create_span_artifacts,
    delete_artifacts,
    delete_span,
    engine_context,
    export_graph,
    get_engine,
    import_graph,
    migrate_artifacts,
    read_span_artifacts,
    revise_artifact,
    span_context,
    write_note,
)
from artigraph_neo4j.engine.target import choose_target
from artigraph_neo4j.errors import ArtigraphError, ConnectionFailed, NotFoundError
from artigraph_neo4j.graph.attempts import Statement
from artigraph_neo4j.storage.aws import S3Storage
from artigraph_neo4j.values import upload
from tests.faults.archive import Archive
from tests.faults.figures import Figure, old_figures
from tests.faults.journal import Journal
from tests.faults.models import OFFLOAD_BYTES, Thing, spoil, thing
from tests.faults.plan import Plan, Program

__all__ = ["Place", "first_contact", "run"]

IMPATIENT_SECONDS = 1.0
"""Seconds that an impatient caller gives a whole action."""

WRITE = "// artigraph-neo4j: write"
"""In the text of every statement that records something."""

CLOCK_JUMP = 3 * 3600.0
"""Seconds by which a clock is set ahead or behind."""


class _Watched(S3Storage):
    """Tells when a value was stored."""

    moved: Callable[[], None] | None = None

    async def put(self, data: bytes, /, *, key: str) -> str:
        location = await super().put(data, key=key)
        if self.moved is not None:
            self.moved()
        return location


@dataclass(frozen=True)
class Place:
    """Where a program finds its servers, each by way of its own proxy."""

    bolt: str
    username: str
    password: str
    database: str | None
    s3: str
    bucket: str
    access_key: str
    secret_key: str
    region: str

    def storage(self, run: str) -> _Watched:
        """The schedule's own place in the bucket."""
        return _Watched(
            self.bucket,
            f"faults/{run}",
            name=f"faults:{run}",
            endpoint_url=self.s3,
            access_key=self.access_key,
            secret_key=self.secret_key,
            region_name=self.region,
        )

    def engine(
        self, run: str, retry_seconds: float, moved: Callable[[], None] = lambda: None
    ) -> Engine:
        """An engine on these servers, which tells of answers and stored values."""
        storage = self.storage(run)
        storage.moved = moved
        target = choose_target(
            self.bolt, username=self.username, password=self.password, database=self.database
        )
        engine = Engine(
            target,
            create_schema=True,
            storage=storage,
            offload_bytes=OFFLOAD_BYTES,
            retry_seconds=retry_seconds,
        )

        def observe(statement: Statement) -> None:
            if statement.rows is not None and WRITE in statement.text:
                moved()

        engine.observers.append(observe)
        return engine


async def first_contact(engine: Engine) -> None:
    """Connect to a server that has just started, on a machine that may be busy."""
    deadline = time.monotonic() + 300
    while True:
        try:
            await engine.graph()
        except ConnectionFailed:
            if time.monotonic() > deadline:
                raise
        else:
            return


class Actor:
    """One lane of a program: its actions, one after another."""

    def __init__(
        self, plan: Plan, program: Program, lane: int, journal: Journal, directory: Path
    ) -> None:
        self._plan = plan
        self._program = program
        self._lane = lane
        self._journal = journal
        self._directory = directory
        self._key = ""
        self._draw = random.Random()
        self._actions: dict[str, Callable[[], Awaitable[None]]] = {
            "artifact": self._artifact,
            "span": self._span,
            "several": self._several,
            "batch": self._batch,
            "atomic batch": self._atomic_batch,
            "revise": self._revise,
            "annotate": self._annotate,
            "delete span": self._delete_span,
            "delete artifact": self._delete_artifact,
            "delete others": self._delete_others,
            "export": self._export,
            "import": self._import,
            "migrate": self._migrate,
        }

    async def run(self) -> None:
        """Do all of it; an action that fails ends, the next one goes on."""
        for number, name in enumerate(self._program.lanes[self._lane]):
            self._key = f"{self._plan.run}/{self._program.number}.{self._lane}.{number}"
            self._draw = random.Random(
                f"{self._plan.seed}/{self._program.number}.{self._lane}.{number}"
            )
            impatient = self._draw.random() < 0.08
            self._journal.note("action", name=name, key=self._key)
            try:
                with self._journal.call(name if not impatient else f"impatient {name}"):
                    async with asyncio.timeout(IMPATIENT_SECONDS if impatient else None):
                        await self._actions[name]()
            except Exception as error:
                if not isinstance(error, ArtigraphError) and not (
                    impatient and isinstance(error, TimeoutError)
                ):
                    self._journal.note("wrong", kind="error", text=f"{name}: {error!r}")

    # -- pieces --------------------------------------------------------------------------------

    async def _timed(self, what: str, work: Awaitable[Any]) -> Any:
        with self._journal.call(what):
            return await work

    async def _record(self, key: str, span: str | None, **facts: Any) -> str:
        """One artifact by itself, labeled with its key; the object is changed afterwards."""
        item = thing(key)
        self._journal.attempt(key, "artifact", **facts)
        if span is None:
            node_id: str = await self._timed("create", item.create(key))
        else:
            made = create_span_artifact(span, label=key, data=item)
            node_id = await self._timed("create in span", made)
        spoil(item)
        self._journal.stored(key, node_id)
        return node_id

    async def _look(self, key: str, node_id: str) -> None:
        """Read what was acknowledged just now: it has to be there, and equal."""
        try:
            found = await self._timed("read", Thing.read(node_id))
        except NotFoundError as error:
            self._journal.note("wrong", kind="own write not read", text=f"{key}: {error}")
            return
        if found != thing(key):
            self._journal.note("wrong", kind="value", text=f"{key}: {found!r}")
        self._journal.note("compared", count=1)

    async def _open_span(self, key: str, parent: str | None = None, **facts: Any) -> _Opened:
        self._journal.attempt(key, "span", parent=parent, **facts)
        context = span_context(label=key)
        span = await self._timed("open span", context.__aenter__())
        return _Opened(self._journal, key, span.node_id, context)

    # -- actions -------------------------------------------------------------------------------

    async def _artifact(self) -> None:
        key = self._key.replace("/", "/prey/", 1) if self._draw.random() < 0.5 else self._key
        node_id = await self._record(key, None, prey=key != self._key)
        if key == self._key:
            await self._look(key, node_id)

    async def _span(self) -> None:
        key = self._key
        outer = await self._open_span(key)
        async with outer:
            outer.acknowledge()
            await self._record(f"{key}/a", "current", parent=key)
            inner = await self._open_span(f"{key}/s", key)
            async with inner:
                inner.acknowledge()
                node_id = await self._record(f"{key}/s/a", "current", parent=f"{key}/s")
                await self._look(f"{key}/s/a", node_id)

    async def _several(self) -> None:
        key = self._key
        outer = await self._open_span(key)
        async with outer:
            outer.acknowledge()
            names = [f"{key}/{i}" for i in range(self._draw.randrange(2, 12))]
            items = {name: thing(name) for name in names}
            for name in names:
                self._journal.attempt(name, "artifact", group=key, parent=key)
            made = create_span_artifacts("current", items)
            ids = await self._timed("create several", made)
            for name in names:
                spoil(items[name])
                self._journal.stored(name, ids[name])
            found = await self._timed("read of span", read_span_artifacts(outer.node_id))
            if found != {name: thing(name) for name in names}:
                self._journal.note("wrong", kind="own write not read", text=f"artifacts of {key}")
            self._journal.note("compared", count=len(found))

    async def _batch(self) -> None:
        await self._in_batch(atomic=False)

    async def _atomic_batch(self) -> None:
        await self._in_batch(atomic=True)

    async def _in_batch(self, *, atomic: bool) -> None:  # noqa: C901 - each call may say what is lost
        key, group = self._key, self._key if atomic else None
        ids: dict[str, str] = {}
        spans: dict[str, str] = {}
        ends: dict[str, str] = {}
        lost: set[tuple[str, str]] = set()
        unsure: set[tuple[str, str]] = set()

        def told(error: BatchError) -> None:
            for item in error.lost:
                lost.add((item.kind, item.node_id))
                self._journal.note("lost", kind=item.kind, id=item.node_id)
            for item in getattr(error, "unconfirmed", ()):
                unsure.add((item.kind, item.node_id))

        rows, seconds = self._draw.choice([4, 20, 2000]), self._draw.choice([0.01, 0.2, 1])
        block = batch(atomic=atomic, rows=rows, seconds=seconds)
        await block.__aenter__()
        failed: BaseException | None = None
        try:
            for number in range(self._draw.randrange(1, 12)):
                name = f"{key}/{number}"
                context, opened = span_context(label=name), False
                try:
                    self._journal.attempt(name, "span", group=group)
                    span = await self._timed("open in batch", context.__aenter__())
                    opened = True
                    spans[name] = span.node_id
                    for part in range(self._draw.randrange(3)):
                        inner = f"{name}/{part}"
                        item = thing(inner)
                        self._journal.attempt(inner, "artifact", parent=name, group=group)
                        made = create_span_artifact("current", label=inner, data=item)
                        ids[inner] = await self._timed("record in batch", made)
                        spoil(item)
                except BatchError as error:
                    told(error)
                finally:
                    if opened:
                        try:
                            closing = context.__aexit__(None, None, None)
                            await self._timed("close in batch", closing)
                            ends[name] = spans[name]
                        except BatchError as error:
                            told(error)
                if not atomic and self._draw.random() < 0.2:
                    await asyncio.sleep(0.05)
        except BaseException as error:
            failed = error
            raise
        finally:
            kind = None if failed is None else type(failed)
            try:
                await self._timed("end of batch", block.__aexit__(kind, failed, None))
            except BatchError as error:
                told(error)
        out = lost | unsure
        for name, node_id in spans.items():
            if ("span", node_id) not in out:
                self._journal.stored(name, node_id)
        for name, node_id in ends.items():
            if ("end of span", node_id) not in out and ("span", node_id) not in out:
                self._journal.note("closed", key=name, id=node_id)
        for name, node_id in ids.items():
            if ("artifact", node_id) not in out:
                self._journal.stored(name, node_id)

    async def _revise(self) -> None:
        old = await self._record(self._key, None)
        new_key = f"{self._key}#1"
        self._journal.attempt(new_key, "artifact")
        new = await self._timed("revise", revise_artifact(old, thing(new_key)))
        self._journal.stored(new_key, new)
        self._journal.note("revised", old=self._key, new=new_key)

    async def _annotate(self) -> None:
        node_id = await self._record(self._key, None)
        await self._timed("tag", add_tags(node_id, "good", "kept"))
        self._journal.note("tagged", key=self._key, id=node_id)
        await self._timed("note", write_note(node_id, f"a note on {self._key}"))
        self._journal.note("noted", key=self._key, id=node_id)

    async def _delete_span(self) -> None:
        key = self._key
        outer = await self._open_span(key)
        names = [f"{key}/{i}" for i in range(self._draw.randrange(1, 6))]
        async with outer:
            outer.acknowledge()
            for name in names:
                await self._record(name, "current", parent=key)
        self._journal.note("deleting", keys=[key, *names], together=True)
        await self._timed("delete span", delete_span(outer.node_id))
        self._journal.note("deleted", keys=[key, *names])

    async def _delete_artifact(self) -> None:
        node_id = await self._record(self._key, None)
        self._journal.note("deleting", keys=[self._key])
        await self._timed("delete artifact", delete_artifacts(node_id))
        self._journal.note("deleted", keys=[self._key])

    async def _delete_others(self) -> None:
        """Delete what any program has recorded to be deleted, while its writer may still retry."""
        for _ in range(6):
            rows = await get_engine().read(
                "MATCH (n:Thing) WHERE n.key STARTS WITH $run AND NOT n:ArtigraphDeleting "
                "RETURN n.key, n.node_id LIMIT 3",
                {"run": f"{self._plan.run}/prey/"},
            )
            for key, node_id in rows:
                self._journal.note("deleting", keys=[key], others=True)
                try:
                    await self._timed("delete of another's", delete_artifacts(node_id))
                except NotFoundError:
                    pass  # somebody else was faster
                else:
                    self._journal.note("deleted", keys=[key])
            await asyncio.sleep(0.1)

    async def _export(self) -> None:
        key = self._key
        outer = await self._open_span(key)
        async with outer:
            outer.acknowledge()
            for i in range(2):
                await self._record(f"{key}/{i}", "current", parent=key)
        path = self._directory / f"{key.replace('/', '_')}.jsonl"
        path.write_text("what was there before\n")
        self._journal.note("exporting", path=str(path), artifacts=2)
        await self._timed("export", export_graph(outer.node_id, path, blobs=True))
        self._journal.note("exported", path=str(path))

    async def _import(self) -> None:
        archive = Archive.read(self._directory.parent / "template")
        path, keys, span = archive.copy_for(self._key, self._directory)
        self._journal.attempt(span, "span")
        for key, template in keys.items():
            self._journal.attempt(key, "artifact", imported=template)
        self._journal.note("importing", path=str(path))
        await self._timed("import", import_graph(path))
        self._journal.note("imported", keys=[span, *keys])

    async def _migrate(self) -> None:
        classes = old_figures()
        for number in range(self._draw.randrange(1, 5)):
            key = f"{self._key}/{number}"
            self._journal.attempt(key, "figure")
            node_id = await self._timed("create", classes.make(key).create())
            self._journal.stored(key, node_id)
        del classes
        report = await self._timed("migrate", migrate_artifacts(Figure, batch=2))
        for failure in report.failures:
            if not isinstance(failure.error, ArtigraphError):
                self._journal.note("wrong", kind="error", text=f"migrate: {failure.error!r}")


class _Opened:
    """A span that was opened; the end of its block closes it, and notes that."""

    def __init__(
        self, journal: Journal, key: str, node_id: str, context: span_context[Any]
    ) -> None:
        self._journal, self._key, self.node_id, self._context = journal, key, node_id, context

    def acknowledge(self) -> None:
        self._journal.stored(self._key, self.node_id)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._journal.call("close span"):
            await self._context.__aexit__(kind, error, trace)
        if not getattr(error, "__notes__", ()):  # else a note says that it was not recorded
            self._journal.note("closed", key=self._key, id=self.node_id)


async def _collect(
    program: Program, place: Place, run: str, directory: Path, journal: Journal
) -> None:
    """Collect garbage again and again, until the runner says that the others are done."""
    storage = place.storage(run)
    age = timedelta(seconds=program.min_age)
    while not (directory / "done").exists():
        try:
            with journal.call("collect garbage"):
                (report,) = await collect_garbage(storage, dry_run=False, min_age=age)
            journal.note("collected", count=report.deleted.count)
            if report.dangling:
                examples = [item.location for item in report.dangling_examples[:3]]
                journal.note("wrong", kind="collected what was needed", text=str(examples))
        except ArtigraphError:
            pass
        await asyncio.sleep(0.5)


async def _work(plan: Plan, program: Program, place: Place, directory: Path) -> None:
    journal = Journal(directory / f"{program.number}.journal")
    engine = place.engine(plan.run, program.retry_seconds, journal.moved)
    with engine_context(engine):
        if program.collects:
            await _collect(program, place, plan.run, directory, journal)
        else:
            actors = [
                Actor(plan, program, lane, journal, directory) for lane in range(len(program.lanes))
            ]
            await asyncio.gather(*(actor.run() for actor in actors))
            with journal.call("close engine"):
                await engine.aclose()
            journal.note("end")


def run(plan: Plan, number: int, place: Place, directory: Path) -> None:
    """Be one program of a plan; in a process of its own."""
    program = plan.programs[number]
    upload.MIN_AGE = timedelta(seconds=program.min_age)
    real, offset = time.time, 0.0

    def jump(signum: int, _: object) -> None:
        nonlocal offset
        offset += CLOCK_JUMP if signum == signal.SIGUSR1 else -CLOCK_JUMP

    time.time = lambda: real() + offset
    signal.signal(signal.SIGUSR1, jump)
    signal.signal(signal.SIGUSR2, jump)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    asyncio.run(_work(plan, program, place, directory))
