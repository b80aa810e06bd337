"""A batch: works that wait, and how they get into the graph; ``batch`` is its public name."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakSet

from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.scope import Unit, enter_batch
from artigraph_neo4j.errors import (
    ArtigraphError,
    BatchError,
    ConnectionFailed,
    DuplicateLabelError,
    EngineError,
    Lost,
    NotFoundError,
)
from artigraph_neo4j.graph.attempts import ALLOWANCE, LOGIN_SECONDS
from artigraph_neo4j.graph.failures import LoginError
from artigraph_neo4j.graph.lanes import Ticket
from artigraph_neo4j.graph.span_rows import mark_lost
from artigraph_neo4j.recording.commit import UNWRITABLE, write, write_later
from artigraph_neo4j.recording.work import Closing, Opening, Recording, Work, closing_of
from artigraph_neo4j.values.transfer import StalledError
from artigraph_neo4j.values.upload import WAVE_BYTES, Uploads

__all__ = ["ROWS", "SECONDS", "Batch", "write_first"]

logger = logging.getLogger("artigraph_neo4j.batch")

ROWS = 2_000
"""Number of nodes that are written at once."""

ROW_BYTES = 8 * 1024 * 1024
"""Bytes of properties that are written at once."""

SECONDS = 1.0
"""Maximum seconds that a work waits before it is written, while the database is in reach."""

WAITING = 4
"""Number of full writes that may wait; from there on calls wait for the database."""

ATOMIC_ROWS = 100_000
"""Maximum nodes in an atomic batch: one transaction, in the memory of both sides."""

_live: WeakSet[Batch] = WeakSet()


@dataclass(slots=True)
class _Item:
    """A work that waits; ``number`` counts the calls."""

    number: int
    work: Work
    rows: int
    bytes: int


@dataclass(slots=True, eq=False)
class _Part:
    """Items that are written in one statement, and its identity if it has to be sent again."""

    items: list[_Item]
    ticket: Ticket = field(default_factory=Ticket)


class Batch:
    """The works that an ``async with batch()`` block records; made by ``batch``.

    Several tasks and threads may use it at once: those that are started inside the block do.

    Attributes:
        engine: Where it writes to.
        atomic: Whether it writes everything or nothing, at its end.
        outer: The batch around it, or None.
        recorded: How many spans, ends of spans and artifacts it has recorded so far.
        lost: What is not in the graph, and will not be.
        unconfirmed: What was sent when the batch ended, without an answer. The next contact with
            the database, whatever it is for, finds out: it is recorded then, or lost.
    """

    def __init__(
        self, engine: Engine, *, atomic: bool, rows: int, seconds: float, outer: Unit | None
    ) -> None:
        self.engine = engine
        self.atomic = atomic
        self.outer = outer
        self.recorded = 0
        self.lost: list[Lost] = []
        self.unconfirmed: list[Lost] = []
        self._untold: list[tuple[int, Lost]] = []  # by the number of their item
        self._limit = rows
        self._seconds = seconds
        self._pid = os.getpid()
        self._ended = False
        self._failure: BaseException | None = None  # why nothing more of it is written
        self._lock = threading.Lock()  # callers are in any thread, writing is on the I/O loop
        self._waiting: deque[_Item] = deque()
        self._number = 0
        self._rows = 0  # that wait or are being written
        self._bytes = 0
        self._uploading: dict[int, _Item] = {}
        self._held: dict[int, int] = {}  # bytes of values in memory, by the number of their item
        self._ids: dict[str, int] = {}  # of artifacts whose values are being uploaded
        self._after: list[tuple[set[int], _Item]] = []  # ends of spans that use such artifacts
        self._opening: dict[str, Opening] = {}  # spans that wait
        self._keys: set[str] = set()  # of labels that wait
        self._timed = self._kicked = False
        # On the I/O loop only:
        self._parts: list[_Part] = []  # taken, and not written yet; the next one last
        self._writing = asyncio.Lock()
        self._uploaded = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._progress = 0.0  # when something was written or uploaded last
        self._trouble: ArtigraphError | None = None  # why values wait
        _live.add(self)

    def __repr__(self) -> str:
        unsure = f", {len(self.unconfirmed)} unconfirmed" if self.unconfirmed else ""
        lost = f"{len(self.lost)} lost{unsure}"
        return f"<Batch: {self.recorded} recorded, {self._rows} waiting, {lost}>"

    @property
    def alive(self) -> bool:
        """Whether it still collects, in this process: a forked child does not write its works."""
        return not self._ended and self._pid == os.getpid()

    async def flush(self) -> None:
        """Write what waits, and return when it is in the graph.

        One round trip for each ``rows`` that wait. An atomic batch is not written before its end.

        Raises:
            BatchError: Something was lost, now or since the last call that said so.
            ConnectionFailed: Nothing could be written for as long as a statement may take. What
                waits still does.
        """
        if not self.atomic and (self._rows or self._uploading):
            await self.engine.call(partial(self._write_until, self._number), settle=True)
        self.complain()

    # -- what calls add ------------------------------------------------------------------------

    async def open(self, opening: Opening) -> None:
        """Add a new span, which counts as opened from now on.

        Raises:
            BatchError: Something was lost before. Nothing was added.
        """
        self.complain()
        with self._lock:
            self._append(self._item(opening, 1, 0))
            self._opening[opening.span.node_id] = opening
        opening.opened()
        await self._room()

    async def close(self, closing: Closing) -> None:
        """Add the end of a span, to its opening if that still waits."""
        if not closing.span.is_recorded:  # it was lost, and the caller was told
            return self.complain()
        with self._lock:
            uploads = {self._ids[key] for key, _ in closing.used if key in self._ids}
            opening = None if uploads else self._opening.pop(closing.span.node_id, None)
            if opening is not None:
                opening.closing = closing
                self.engine.writer.closed(closing.span.node_id)
            elif uploads:  # the link needs both its ends
                self._after.append((uploads, self._item(closing, 1, 0)))
            else:
                self._append(self._item(closing, 1, 0))
        self.complain()
        return await self._room()

    async def record(self, recording: Recording) -> None:
        """Add artifacts, whose bytes are made already.

        Raises:
            BatchError: Something was lost before. Nothing was added.
            DuplicateLabelError: An artifact of that span and label waits already.
        """
        self.complain()
        uploads = recording.uploads
        held = 0 if uploads is None else uploads.held
        with self._lock:
            keys = [key for key in recording.keys if key is not None]
            for label, key in zip(recording.labels, recording.keys, strict=True):
                if key in self._keys:
                    raise DuplicateLabelError(
                        f"span {recording.span_id} has, in this batch, an artifact labeled "
                        f"{label!r} already; use another label, or None for one without"
                    )
            item = self._item(recording, len(recording.encoded.nodes), recording.encoded.size)
            self._keys.update(keys)
            if held:
                self._uploading[item.number] = item
                self._held[item.number] = held
                self._ids |= dict.fromkeys(
                    (node.node_id for node in recording.encoded.nodes), item.number
                )
            else:
                self._append(item)
        if held:
            self.engine.start(partial(self._upload, item))
        await self._room()

    def _item(self, work: Work, rows: int, size: int) -> _Item:
        if self._ended:
            raise EngineError("this batch has ended; nothing can be added to it")
        if self._failure is not None:
            raise EngineError(
                "this atomic batch has failed, so nothing of it is recorded; leave its block"
            )
        if self.atomic and self._rows + rows > ATOMIC_ROWS:
            raise EngineError(
                f"an atomic batch holds at most {ATOMIC_ROWS} spans and artifacts, since it is one "
                "transaction; record less in one, or leave atomic=True away"
            )
        self._number += 1
        self._rows += rows
        self._bytes += size
        return _Item(self._number, work, rows, size)

    def _append(self, item: _Item) -> None:
        self._waiting.append(item)
        if self.atomic:
            return
        if self._rows >= self._limit or self._bytes >= ROW_BYTES:
            if not self._kicked:
                self._kicked = True
                self.engine.start(self._write_soon)
        else:
            self._write_after_a_while()

    def _write_after_a_while(self) -> None:
        if not self._timed:
            self._timed = True
            self.engine.start(self._write_later)

    async def _room(self) -> None:
        """Wait for the database where too much waits for it."""
        if (
            self._rows >= WAITING * self._limit
            or self._bytes >= WAITING * ROW_BYTES
            or (self._held and self._held_bytes() >= WAVE_BYTES)
        ):
            await self.flush()

    def _held_bytes(self) -> int:
        with self._lock:
            return sum(self._held.values())

    def complain(self) -> None:
        """Raise ``BatchError`` when something was lost since the last time.

        Of an atomic batch everything is lost then.
        """
        if not self._untold:
            return
        if self.atomic and self._failure is None:
            self._drop_all(self._untold[0][1].cause)
        if told := self._take_untold():
            raise BatchError(told, self.recorded, self.unconfirmed) from told[0].cause

    def _take_untold(self) -> list[Lost]:
        with self._lock:
            untold, self._untold = self._untold, []
        return [lost for _, lost in sorted(untold, key=lambda pair: pair[0])]

    def waits_for(self, ids: Collection[str]) -> bool:
        """Whether one of these artifacts waits here."""
        with self._lock:
            works = [item.work for item in (*self._waiting, *self._uploading.values())]
        works += [item.work for part in list(self._parts) for item in part.items]
        return any(
            node.node_id in ids
            for work in works
            if isinstance(work, Recording)
            for node in work.encoded.nodes
        )

    # -- what happens on the I/O loop ----------------------------------------------------------

    async def _upload(self, item: _Item) -> None:
        enter_batch(None)
        assert isinstance(item.work, Recording)  # noqa: S101 - the only work with values
        uploads = item.work.uploads
        assert uploads is not None  # noqa: S101 - which it waits for
        with self._background():
            try:
                await self._store(item, uploads)
            except asyncio.CancelledError:
                return  # the batch gave it up
            except Exception as error:
                self._finish_upload(item)
                self._lose(item, error)
            else:
                with self._lock:
                    self._held[item.number] = uploads.held
                    self._append(item)
                self._finish_upload(item)
            self._progress = time.monotonic()
            async with self._uploaded:
                self._uploaded.notify_all()

    async def _store(self, item: _Item, uploads: Uploads) -> None:
        """Upload values; while graph or storage are out of reach they wait, as rows do."""
        pause = 0.1
        while self._failure is None:
            try:
                return await uploads.store()
            except (ConnectionFailed, StalledError) as error:
                self._trouble = error
                logger.info("a value could not be uploaded for now: %s", error)
            await asyncio.sleep(pause)
            pause = min(2.0, 2 * pause)
        raise asyncio.CancelledError

    def _finish_upload(self, item: _Item) -> None:
        """Add the ends of spans that only waited for this upload."""
        assert isinstance(item.work, Recording)  # noqa: S101 - the only work with values
        with self._lock:
            self._uploading.pop(item.number, None)
            for node in item.work.encoded.nodes:
                self._ids.pop(node.node_id, None)
            ready: list[_Item] = []
            for uploads, waiting in self._after:
                uploads.discard(item.number)
                if not uploads:
                    ready.append(waiting)
            self._after = [pair for pair in self._after if pair[0]]
            for waiting in ready:
                self._append(waiting)

    @contextmanager
    def _background(self) -> Generator[None]:
        """Let the end of the batch cancel this task."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine of the loop
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    async def _write_later(self) -> None:
        await asyncio.sleep(self._seconds)
        self._timed = False
        await self._write_soon()

    async def _write_soon(self) -> None:
        enter_batch(None)
        with self._background():
            try:
                async with self._writing:
                    await self._write_waiting(lambda: self.engine.deadline)
            except ArtigraphError as error:  # whoever waits for the database next hears of it
                logger.info("a batch could not be written for now: %s", error)
                if not self._ended:
                    with self._lock:
                        self._write_after_a_while()

    async def _write_until(self, number: int) -> None:
        """Write all that was added up to a call, values that are on their way included.

        Raises:
            ConnectionFailed: Nothing was written or uploaded for as long as a statement may take.
        """
        enter_batch(None)
        begin = time.monotonic()

        def left() -> float:
            return max(begin, self._progress) + self.engine.deadline - time.monotonic()

        async def patiently() -> None:
            try:
                async with asyncio.timeout(max(left(), 0) + ALLOWANCE):
                    await self._writing.acquire()
            except TimeoutError:
                raise self._out_of_time() from self._trouble
            try:
                await self._write_waiting(lambda: max(left(), 1.0))
            finally:
                self._writing.release()

        async def until_login() -> None:
            while True:
                try:
                    return await patiently()
                except LoginError:
                    if left() < LOGIN_SECONDS:
                        raise
                await asyncio.sleep(LOGIN_SECONDS)

        while not self.atomic and self._uploads_until(number):
            await until_login()
            await self._uploads(number, left)
        await until_login()

    async def _uploads(self, number: int, left: Callable[[], float]) -> None:
        """Wait until one more value was uploaded, or none of them is on its way."""
        before = self._progress
        try:
            async with asyncio.timeout(max(left(), 0.0)), self._uploaded:
                await self._uploaded.wait_for(
                    lambda: self._progress != before or not self._uploads_until(number)
                )
        except TimeoutError:
            raise self._out_of_time() from self._trouble

    def _out_of_time(self) -> ConnectionFailed:
        why = f": {self._trouble}" if self._trouble is not None else ""
        return ConnectionFailed(
            f"nothing of a batch was written or uploaded for {self.engine.deadline:g} s{why}"
        )

    async def _write_all(self) -> None:
        """Write everything in one statement, or nothing."""
        begin = time.monotonic()

        def left() -> float:
            return max(begin, self._progress) + self.engine.deadline - time.monotonic()

        while self._uploading:
            await self._uploads(self._number, left)
        if self._untold:  # a value could not be stored
            return
        await self._write_until(self._number)

    def _uploads_until(self, number: int) -> bool:
        with self._lock:
            return any(other <= number for other in self._uploading)

    async def _write_waiting(self, deadline: Callable[[], float]) -> None:
        """Write part after part; on a failure the part stays, to be sent again as it is."""
        self._kicked = False  # what is added from now on asks anew; before, once is enough
        while True:
            if not self._parts:
                items = self._take()
                if not items:
                    break
                self._parts.append(_Part(items))
            left = await self._attempt(self._parts[-1], deadline())
            self._parts[-1:] = left
            self._progress = time.monotonic()

    def _take(self) -> list[_Item]:
        items: list[_Item] = []
        rows = size = 0
        with self._lock:
            while self._waiting and (self.atomic or (rows < self._limit and size < ROW_BYTES)):
                items.append(self._waiting.popleft())
                rows += items[-1].rows
                size += items[-1].bytes
                if isinstance(items[-1].work, Opening):
                    self._opening.pop(items[-1].work.span.node_id, None)
        return items

    async def _attempt(self, part: _Part, deadline: float) -> list[_Part]:
        """Send one statement; what is still to be written in its place, the next part last."""
        items = part.items
        try:
            written, refused = await write(
                self.engine, [item.work for item in items], ticket=part.ticket, deadline=deadline
            )
        except UNWRITABLE as error:
            if len(items) > 1 and not self.atomic:
                half = len(items) // 2  # which one is it?
                return [_Part(items[half:]), _Part(items[:half])]
            if len(items) == 1 and self._without_changes(items[0], error):
                return [_Part(items)]
            self._drop(items, error)
            return []
        if written:
            self._done(items)
            return []
        if self.atomic:
            self._drop(items, next(iter(refused.values())))
            return []
        for item in items:
            if item.work in refused:
                self._lose(item, refused[item.work])
        left = [item for item in items if item.work not in refused]
        return [_Part(left)] if left else []

    def _without_changes(self, item: _Item, error: Exception) -> bool:
        """Take away the properties of an end that cannot be stored; whether there were any."""
        closing = closing_of(item.work)
        if closing is None or not closing.changed:
            return False
        closing.changed = {}
        self._tell([(item.number, Lost("properties of span", *_named(closing), error))])
        return True

    def _done(self, items: Iterable[_Item]) -> None:
        for item in items:
            self.recorded += _count(item.work)
            self._forget(item)

    def _drop(self, items: Iterable[_Item], cause: BaseException) -> None:
        for item in items:
            self._lose(item, cause)

    def _lose(self, item: _Item, cause: BaseException) -> None:
        if isinstance(item.work, Opening):
            mark_lost(item.work.span)
        elif isinstance(item.work, Closing) and not isinstance(cause, NotFoundError):
            self._end_otherwise(item.work, cause)
        self._tell([(item.number, lost) for lost in _lost(item.work, cause)])
        self._forget(item)

    def _end_otherwise(self, closing: Closing, cause: BaseException) -> None:
        if not closing.span.is_recorded:  # its opening is lost too
            return
        if isinstance(cause, UNWRITABLE):
            self.engine.span_left(closing.span.node_id)
        else:
            write_later(self.engine, closing, Ticket())

    def _tell(self, lost: Iterable[tuple[int, Lost]]) -> None:
        with self._lock:
            for number, entry in lost:
                self.lost.append(entry)
                self._untold.append((number, entry))

    def _forget(self, item: _Item) -> None:
        with self._lock:
            self._rows -= item.rows
            self._bytes -= item.bytes
            self._held.pop(item.number, None)
            if isinstance(item.work, Recording):
                self._keys.difference_update(item.work.keys)
                if item.work.uploads is not None:
                    item.work.uploads.drop()

    # -- the end -------------------------------------------------------------------------------

    async def end(self, error: BaseException | None) -> None:
        """Write what waits, or, of an atomic batch that failed, nothing; then collect no more.

        Raises:
            BatchError: Something was lost, or may have been.
        """
        with self._lock:
            self._ended = True
        failed = self._failure is not None
        if self.atomic and error is not None:
            await self.engine.call(partial(self._give_up, error), settle=True)
            self._untold.clear()
            return
        if failed:  # an atomic one, whose failure was told inside the block
            raise BatchError(self.lost, self.recorded, self.unconfirmed) from self._failure
        if self._rows or self._uploading:
            await self.engine.call(self._finish, settle=True)
        told = self._take_untold()
        if told or self.unconfirmed:
            cause = (told or self.unconfirmed)[0].cause
            raise BatchError(told, self.recorded, self.unconfirmed) from cause

    async def _finish(self) -> None:
        try:
            await (self._write_all() if self.atomic else self._write_until(self._number))
        except ArtigraphError as failed:
            await self._give_up(failed)
        if self.atomic and self._untold:
            await self._give_up(self._untold[0][1].cause)

    async def _give_up(self, cause: BaseException) -> None:
        """Write no more. What was never sent is lost; of what was, the next contact tells."""
        self._failure = cause
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=ALLOWANCE)
        parts, self._parts = self._parts, []
        for part in reversed(parts):
            if part.ticket.unconfirmed:
                self._doubt(part, cause)
            else:
                self._drop(part.items, cause)
        self._drop_all(cause)

    def _drop_all(self, cause: BaseException) -> None:
        """Lose everything that was not sent."""
        with self._lock:
            self._failure = cause
            items = [*self._waiting, *self._uploading.values(), *(item for _, item in self._after)]
            self._waiting.clear()
            self._uploading.clear()
            self._ids.clear()
            self._after.clear()
        self._drop(sorted(items, key=lambda item: item.number), cause)

    def _doubt(self, part: _Part, cause: BaseException) -> None:
        entries = [entry for item in part.items for entry in _lost(item.work, cause)]
        self.unconfirmed += entries
        for item in part.items:
            self._forget(item)

        async def settle() -> None:
            applied = await self.engine.settle(part.ticket)
            doubted = {id(entry) for entry in entries}
            self.unconfirmed = [x for x in self.unconfirmed if id(x) not in doubted]
            for item in part.items:
                if applied:
                    self.recorded += _count(item.work)
                    closing = closing_of(item.work)
                    if closing is not None:
                        self.engine.writer.closed(closing.span.node_id)
                elif isinstance(item.work, Opening):
                    mark_lost(item.work.span)
                elif isinstance(item.work, Closing):
                    self._end_otherwise(item.work, cause)
            if not applied:
                self.lost += entries

        self.engine.later(settle)


def _count(work: Work) -> int:
    return len(work.labels) if isinstance(work, Recording) else 1


def _named(closing: Closing) -> tuple[str, str | None]:
    return closing.span.node_id, closing.span.label


def _lost(work: Work, cause: BaseException) -> Iterator[Lost]:
    match work:
        case Opening(span=span):
            yield Lost("span", span.node_id, span.label, cause)
        case Closing():
            yield Lost("end of span", *_named(work), cause)
        case Recording():
            for node, label in zip(work.encoded.roots, work.labels, strict=True):
                yield Lost("artifact", node.node_id, label, cause)


async def write_first(engine: Engine, ids: Collection[str]) -> None:
    """Write the batches of other tasks where these artifacts wait, since a link needs both ends."""
    for unit in [unit for unit in _live if unit.engine is engine and unit.alive]:
        if not unit.atomic and unit.waits_for(ids):
            await unit.flush()
