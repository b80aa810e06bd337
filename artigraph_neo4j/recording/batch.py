"""``batch``: spans and artifacts are recorded without waiting, many in one statement."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING

from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.scope import Unit, current_batch, enter_batch, innermost_batch
from artigraph_neo4j.errors import (
    ArgumentError,
    ArtigraphError,
    BatchError,
    DuplicateLabelError,
    EngineError,
    Lost,
)
from artigraph_neo4j.graph.connection import RefusedError
from artigraph_neo4j.graph.span_rows import mark_lost
from artigraph_neo4j.recording.commit import (
    write,
)
from artigraph_neo4j.recording.work import (
    Closing,
    Opening,
    Recording,
    Work,
)
from artigraph_neo4j.values.upload import WAVE_BYTES

__all__ = ["Batch", "batch", "batch_for"]

logger = logging.getLogger("artigraph_neo4j.batch")

ROWS = 2_000
"""So many nodes are written at once."""

ROW_BYTES = 8 * 1024 * 1024
"""So many bytes of properties are written at once."""

SECONDS = 1.0
"""What waits for so long is written, however little it is."""

WAITING = 4
"""When so many times as much waits as is written at once, calls wait for the database."""

ATOMIC_ROWS = 100_000
"""What an atomic batch may hold: one transaction, in the memory of both sides."""

_UNWRITABLE = (RefusedError, ValueError, TypeError, OverflowError)
"""What the database, or the driver, says of a statement with a row that cannot be."""


@dataclass(slots=True)
class _Item:
    """Some work that waits; ``number`` counts the calls."""

    number: int
    work: Work
    rows: int
    bytes: int


class Batch:
    """What an ``async with batch()`` block records; made by ``batch``.

    Several tasks and threads may use it at once: those that are started inside the block do.

    Attributes:
        engine: Where it writes to.
        atomic: Whether it writes everything or nothing, at its end.
        outer: The batch around it, or None.
        recorded: How many spans, ends of spans and artifacts it has recorded so far.
        lost: What could not be recorded so far.
    """

    def __init__(
        self, engine: Engine, *, atomic: bool, rows: int, seconds: float, outer: Unit | None
    ) -> None:
        self.engine = engine
        self.atomic = atomic
        self.outer = outer
        self.recorded = 0
        self.lost: list[Lost] = []
        self._untold: list[Lost] = []
        self._limit = rows
        self._seconds = seconds
        self._pid = os.getpid()
        self._ended = False
        self._lock = threading.Lock()  # callers are in any thread, writing is on the I/O loop
        self._waiting: deque[_Item] = deque()
        self._number = 0
        self._rows = 0  # that wait or are being written
        self._bytes = 0
        self._uploading: dict[int, int] = {}  # bytes by number
        self._opening: dict[str, Opening] = {}  # spans that wait
        self._keys: set[str] = set()  # of labels that wait
        self._timed = self._kicked = False
        self._again = False
        self._failure: BaseException | None = None  # of the whole
        self._writing = asyncio.Lock()
        self._uploaded = asyncio.Condition()

    def __repr__(self) -> str:
        return f"<Batch: {self.recorded} recorded, {self._rows} waiting, {len(self.lost)} lost>"

    @property
    def alive(self) -> bool:
        """Whether it still collects, in this process: what waits is not a forked child's."""
        return not self._ended and self._pid == os.getpid()

    async def flush(self) -> None:
        """Write what waits, and come back when it is in the graph.

        One round trip for each ``rows`` that wait. An atomic batch is not written before its end.

        Raises:
            BatchError: Something was lost, now or since the last call that said so.
            ConnectionFailed: The database stayed out of reach. What waits still does.
        """
        if not self.atomic and (self._rows or self._uploading):
            await self.engine.call(partial(self._write_until, self._number), settle=True)
        self.complain()

    # -- what calls add ------------------------------------------------------------------------

    async def open(self, opening: Opening) -> None:
        """Have a span opened; it counts as opened from now on.

        Raises:
            BatchError: Something was lost before. Nothing was added.
        """
        self.complain()
        with self._lock:
            self._add(opening, 1, 0)
            self._opening[opening.span.node_id] = opening
        opening.opened()
        await self._room()

    async def close(self, closing: Closing) -> None:
        """Have a span closed, together with its opening if that still waits."""
        if not closing.span.is_recorded:  # lost, and its loss is told
            return self.complain()
        with self._lock:
            opening = self._opening.pop(closing.span.node_id, None)
            if opening is not None:
                opening.closing = closing
                self.engine.writer.closed(closing.span.node_id)
            else:
                self._add(closing, 1, 0)
        self.complain()
        return await self._room()

    async def record(self, recording: Recording) -> None:
        """Have artifacts recorded; their bytes are made already.

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
            self._keys.update(keys)
            item = self._item(recording, len(recording.encoded.nodes), recording.encoded.size)
            if held:
                self._uploading[item.number] = held
            else:
                self._append(item)
        if held:
            self.engine.start(partial(self._upload, item))
        await self._room()

    def _add(self, work: Work, rows: int, size: int) -> None:
        self._append(self._item(work, rows, size))

    def _item(self, work: Work, rows: int, size: int) -> _Item:
        if self._ended:
            raise EngineError("this batch has ended; nothing can be added to it")
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
        elif not self._timed:
            self._timed = True
            self.engine.start(self._write_later)

    async def _room(self) -> None:
        """Wait for the database where too much waits for it."""
        if (
            self._rows >= WAITING * self._limit
            or self._bytes >= WAITING * ROW_BYTES
            or (self._uploading and sum(self._uploading.values()) >= WAVE_BYTES)
        ):
            await self.flush()

    def complain(self) -> None:
        """Raise ``BatchError`` when something was lost since the last time."""
        if not self._untold:
            return
        with self._lock:
            untold, self._untold = self._untold, []
        if untold:
            raise BatchError(untold, self.recorded) from untold[0].cause

    # -- what happens on the I/O loop ----------------------------------------------------------

    async def _upload(self, item: _Item) -> None:
        enter_batch(None)
        assert isinstance(item.work, Recording)  # noqa: S101 - the only work with values
        assert item.work.uploads is not None  # noqa: S101 - which it waits for
        try:
            await item.work.uploads.store()
        except Exception as error:
            self._lose(item, error)
        else:
            with self._lock:
                if self._failure is None:
                    self._append(item)
            if self._failure is not None:  # the end did not wait for it
                self._lose(item, self._failure)
        async with self._uploaded:
            with self._lock:
                del self._uploading[item.number]
            self._uploaded.notify_all()

    async def _write_later(self) -> None:
        await asyncio.sleep(self._seconds)
        self._timed = False
        await self._write_soon()

    async def _write_soon(self) -> None:
        enter_batch(None)
        try:
            await self._write_waiting()
        except ArtigraphError as error:  # whoever waits for the database next hears of it
            logger.info("a batch could not be written for now: %s", error)

    async def _write_until(self, number: int) -> None:
        """Write all that was added up to a call, values that are on their way included."""
        enter_batch(None)
        while self._uploads_until(number):
            await self._write_waiting()
            async with self._uploaded:
                await self._uploaded.wait_for(lambda: not self._uploads_until(number))
        await self._write_waiting()

    async def _write_all(self) -> None:
        """Write everything in one statement, or nothing."""
        async with self._uploaded:
            await self._uploaded.wait_for(lambda: not self._uploading)
        if self._untold:  # a value could not be stored
            self._drop_waiting(self._untold[0].cause)
        await self._write_until(self._number)

    def _uploads_until(self, number: int) -> bool:
        with self._lock:
            return any(other <= number for other in self._uploading)

    async def _write_waiting(self) -> None:
        async with self._writing:
            self._kicked = False  # what is added from now on asks anew; before, once is enough
            while items := self._take():
                await self._write(items)

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

    async def _write(self, items: list[_Item]) -> None:
        """Write them; what cannot be is lost, and the rest is written without it."""
        parts = [items]
        again = self._again
        try:
            while parts:
                left = await self._attempt(parts[-1], again)
                again = again or bool(left)
                parts[-1:] = left
        except BaseException:
            with self._lock:
                self._waiting.extendleft(item for part in parts for item in reversed(part))
            self._again = True  # it may have been committed, and only the answer lost
            raise
        self._again = False

    async def _attempt(self, part: list[_Item], again: bool) -> list[list[_Item]]:
        """Send one statement; what is still to be written after it, the last part first."""
        try:
            works = [item.work for item in part]
            written, refused = await write(self.engine, works, again=again)
        except _UNWRITABLE as error:
            if len(part) == 1 or self.atomic:
                self._drop(part, error)
                return []
            half = len(part) // 2  # which one is it?
            return [part[half:], part[:half]]
        if written:
            self._done(part)
            return []
        if self.atomic:
            self._drop(part, next(iter(refused.values())))
            return []
        left = [item for item in part if item.work not in refused]
        for item in part:
            if item.work in refused:
                self._lose(item, refused[item.work])
        return [left] if left else []

    def _done(self, items: Iterable[_Item]) -> None:
        for item in items:
            self.recorded += 1 if not isinstance(item.work, Recording) else len(item.work.labels)
            self._forget(item)

    def _drop(self, items: Iterable[_Item], cause: BaseException) -> None:
        for item in items:
            self._lose(item, cause)

    def _lose(self, item: _Item, cause: BaseException) -> None:
        lost = list(_lost(item.work, cause))
        if isinstance(item.work, Opening):
            mark_lost(item.work.span)
        with self._lock:
            self.lost += lost
            self._untold += lost
        self._forget(item)

    def _forget(self, item: _Item) -> None:
        with self._lock:
            self._rows -= item.rows
            self._bytes -= item.bytes
            if isinstance(item.work, Recording):
                self._keys.difference_update(item.work.keys)

    # -- the end -------------------------------------------------------------------------------

    async def end(self, error: BaseException | None) -> None:
        """Write what waits, or, of an atomic batch that failed, nothing; then collect no more.

        Raises:
            BatchError: Something was lost.
        """
        with self._lock:
            self._ended = True
        if self.atomic and error is not None:
            self._drop_waiting(error)
            self._untold.clear()
            return
        if self._rows or self._uploading:
            finish = self._write_all if self.atomic else partial(self._write_until, self._number)
            try:
                await self.engine.call(finish, settle=True)
            except ArtigraphError as failed:
                self._drop_waiting(failed)
        self.complain()

    def _drop_waiting(self, cause: BaseException) -> None:
        with self._lock:
            self._failure = cause
            items = list(self._waiting)
            self._waiting.clear()
        self._drop(items, cause)


def _lost(work: Work, cause: BaseException) -> Iterator[Lost]:
    match work:
        case Opening(span=span):
            yield Lost("span", span.node_id, span.label, cause)
        case Closing(span=span):
            yield Lost("end of span", span.node_id, span.label, cause)
        case Recording():
            for node, label in zip(work.encoded.roots, work.labels, strict=True):
                yield Lost("artifact", node.node_id, label, cause)


def batch_for(engine: Engine) -> Batch | None:
    """The batch in which what is recorded into a graph waits, in this context."""
    unit = current_batch(engine)
    return unit if isinstance(unit, Batch) else None


class batch:  # noqa: N801 - used like a function
    """Record without waiting for the database, inside an ``async with`` block.

    ::

        async with batch():
            for step in range(100_000):
                async with span_context(label="step"):
                    await create_span_artifact("current", label="loss", data=Loss(0.1))

    The functions are the same. Inside, opening and closing spans and recording artifacts return at
    once: ids, parents and the current span are as always, and what was given may be changed
    afterwards. It is written in the background, ``rows`` nodes in one statement, or what there is
    after ``seconds``; the end of the block waits until all is in the graph. When the database is
    slower than the program, calls wait for it, so that memory stays bounded. Values that go to a
    storage are uploaded meanwhile. Everything else, reads above all, first writes what waits, so
    that it finds it.

    A process that dies loses what was not written yet. A span is never written before its parent,
    nor an artifact before its span or only in part.

    What cannot be recorded (a label that is there already, a span that was deleted meanwhile) does
    not hold up the rest: the next call inside, or the end of the block, raises a ``BatchError``
    that names it. An exception that leaves the block goes on; what was recorded stays.

    With ``atomic=True`` everything is written at the end, in one transaction: all or, when the
    block fails or anything cannot be recorded, nothing. Reads inside do not find it before.

    A block inside another one joins it; its end waits until what it recorded is in the graph. An
    atomic block inside one that is not stands alone. Tasks that are started inside take part; what
    they add after the end of the block is written as without a batch.

    No round trip to enter; one for each ``rows`` nodes, and as many at the end as it takes.

    Args:
        atomic: Whether all is written or nothing.
        rows: How many nodes are written at once.
        seconds: How long anything waits.

    Raises:
        ValueError: There is less than one row, or the time is negative.
        BatchError: On leaving, or from a call inside: something was lost.
    """

    def __init__(self, *, atomic: bool = False, rows: int = ROWS, seconds: float = SECONDS) -> None:
        if rows < 1 or seconds < 0:
            raise ValueError(
                f"rows has to be 1 or more and seconds not negative: {rows}, {seconds}"
            )
        self._atomic = atomic
        self._rows = rows
        self._seconds = seconds
        self._batch: Batch | None = None
        self._joined = False

    def leave(self) -> None:
        """Make the batch around this one, or none, current again in this context."""
        if self._batch is not None and not self._joined:
            enter_batch(self._batch.outer)

    if not TYPE_CHECKING:  # type checkers say so themselves

        def __enter__(self):
            raise ArgumentError(
                "write: async with batch(...); or, in code that is not async: "
                "from artigraph_neo4j import sync, and: with sync.batch(...)"
            )

        def __exit__(self, *_):
            """For ``with``, which looks for it first."""

    async def __aenter__(self) -> Batch:
        engine = get_engine()
        found = batch_for(engine)
        self._joined = found is not None and (found.atomic or not self._atomic)
        if found is None or not self._joined:
            if found is not None:
                await found.flush()
            found = Batch(
                engine,
                atomic=self._atomic,
                rows=self._rows,
                seconds=self._seconds,
                outer=innermost_batch(),
            )
            enter_batch(found)
        self._batch = found
        return found

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        current = self._batch
        if current is None:
            return
        self.leave()
        try:
            if self._joined:
                await current.flush()
            else:
                await current.end(error)
        except Exception as failed:
            if error is None:
                raise
            error.add_note(str(failed))  # the user's error matters more than ours
