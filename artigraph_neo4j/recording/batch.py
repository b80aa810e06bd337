"""A batch: what an ``async with batch()`` block records, written in the background."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from functools import partial
from weakref import WeakSet

from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.scope import Share, Unit, current_share, enter_batch
from artigraph_neo4j.errors import ArtigraphError, BatchError, ConnectionFailed, Lost
from artigraph_neo4j.graph.attempts import ALLOWANCE, LOGIN_SECONDS
from artigraph_neo4j.graph.failures import LoginError
from artigraph_neo4j.graph.span_rows import mark_lost
from artigraph_neo4j.recording.delivery import Delivery
from artigraph_neo4j.recording.guards import Check
from artigraph_neo4j.recording.queue import Item, Queue
from artigraph_neo4j.recording.work import Closing, Opening, Recording
from artigraph_neo4j.values.moving import StalledError
from artigraph_neo4j.values.upload import Uploads

__all__ = ["SECONDS", "Batch", "write_first"]

logger = logging.getLogger("artigraph_neo4j.batch")

SECONDS = 1.0
"""Maximum seconds that a work waits before it is written, while the database is in reach."""

_live: WeakSet[Batch] = WeakSet()


class Batch:
    """The works that an ``async with batch()`` block records; made by ``batch``.

    Several tasks and threads may use it at once, namely all that are started inside the block.

    Attributes:
        engine: The engine that it writes to.
        atomic: Whether it writes everything or nothing, at its end.
        outer: The batch around it, or None.
        checks: Looks at what it has written, before it is committed, by names; of an atomic batch.
    """

    def __init__(
        self, engine: Engine, *, atomic: bool, rows: int, seconds: float, outer: Unit | None
    ) -> None:
        self.engine = engine
        self.atomic = atomic
        self.outer = outer
        self._seconds = seconds
        self._pid = os.getpid()
        self._queue = Queue(atomic=atomic, limit=rows, added=self._added, share=self._share)
        self.checks: dict[str, Check] = {}
        self._delivery = Delivery(engine, self._queue, atomic=atomic, checks=self.checks)
        self._timed = self._kicked = False
        # On the I/O loop only:
        self._writing = asyncio.Lock()
        self._uploaded = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._trouble: ArtigraphError | None = None  # the reason why values wait
        _live.add(self)

    def __repr__(self) -> str:
        unsure = f", {len(self.unconfirmed)} unconfirmed" if self.unconfirmed else ""
        lost = f"{len(self.lost)} lost{unsure}"
        return f"<Batch: {self.recorded} recorded, {self._queue.rows} waiting, {lost}>"

    @property
    def recorded(self) -> int:
        """Number of spans, ends of spans and artifacts that it has recorded so far."""
        return self._delivery.recorded

    @property
    def lost(self) -> list[Lost]:
        """Works that are not in the graph, and will not be."""
        return self._delivery.lost

    @property
    def unconfirmed(self) -> list[Lost]:
        """Works that were sent without an answer when the batch ended.

        The next contact with the database, for any purpose, decides whether they are recorded or
        lost.
        """
        return self._delivery.unconfirmed

    @property
    def alive(self) -> bool:
        """True while it collects works, in this process: a forked child does not write them."""
        return not self._queue.ended and self._pid == os.getpid()

    async def flush(self) -> None:
        """Write all works that wait, and return when they are in the graph.

        One round trip for each ``rows`` nodes. An atomic batch is not written before its end.

        Raises:
            BatchError: Something of this block was lost, now or since the last call that reported
                it.
            ConnectionFailed: Nothing could be written for as long as a statement may take. The
                works still wait.
        """
        await self.write_waiting()
        self.complain()

    async def write_waiting(self) -> None:
        """``flush`` for a caller whose works are not in this batch: it is not told of losses."""
        if not self.atomic and not self._queue.is_empty:
            await self.engine.call(partial(self._write_until, self._queue.number), settle=True)

    # -- adding works --------------------------------------------------------------------------

    async def open(self, opening: Opening) -> None:
        """Add a new span, which is treated as opened from now on.

        Raises:
            BatchError: Something was lost before. Nothing was added.
        """
        self.complain()
        opening.opened()  # before it can be written, refused and marked as lost
        try:
            self._queue.open(opening)
        except BaseException:
            mark_lost(opening.span)
            raise
        await self._room()

    async def close(self, closing: Closing) -> None:
        """Add the end of a span, joined to its opening if that still waits."""
        if not closing.span.is_recorded:  # it was lost, and the caller was told
            return self.complain()
        if self._queue.close(closing):
            self.engine.writer.closed(closing.span.node_id)
        self.complain()
        return await self._room()

    async def record(self, recording: Recording) -> None:
        """Add artifacts; their values are already serialized.

        Raises:
            BatchError: Something was lost before. Nothing was added.
            DuplicateLabelError: An artifact with that span and label already waits.
        """
        self.complain()
        waiting = self._queue.waiting(recording) if recording.asks else None
        if waiting is not None and recording.if_exists == "keep":
            waiting.keeps_out(recording)
            return
        if waiting is not None and not self.atomic:
            await self.flush()
        item = self._queue.record(recording)
        if item is not None and recording.uploads is not None:
            self.engine.start(partial(self._upload, item, recording.uploads))
        await self._room()

    async def _room(self) -> None:
        """Wait until there is room in the queue, when too many works wait for the database."""
        if self._queue.is_crowded:
            await self.flush()

    def complain(self) -> None:
        """Raise ``BatchError`` if something of this block was lost since its last call.

        An atomic batch loses everything if anything of it was lost.
        """
        loss = self._delivery.loss
        if loss is None:
            return
        if self.atomic and self._queue.failure is None:
            self._delivery.lose_all(loss)
        if told := self._delivery.take_untold(self._share()):
            raise BatchError(told, self.recorded, self.unconfirmed) from told[0].cause

    def _share(self) -> Share | None:
        """The share of the calling block; an atomic batch is lost as a whole."""
        return None if self.atomic else current_share(self)

    def has_artifact(self, ids: Collection[str]) -> bool:
        """True if one of these artifacts waits here."""
        return self._delivery.has_artifact(ids)

    # -- when it writes --------------------------------------------------------------------------

    def _added(self) -> None:
        if self.atomic:
            return
        if not self._queue.is_full:
            self._write_after_a_while()
        elif not self._kicked:
            self._kicked = True
            self.engine.start(self._write_soon)

    def _write_after_a_while(self) -> None:
        if not self._timed:
            self._timed = True
            self.engine.start(self._write_later)

    async def _write_later(self) -> None:
        await asyncio.sleep(self._seconds)
        self._timed = False
        await self._write_soon(self._queue.number)

    async def _write_soon(self, number: int | None = None) -> None:
        enter_batch(None)
        with self._background():
            try:
                async with self._writing:
                    await self._write(lambda: self.engine.deadline, number)
            except ArtigraphError as error:  # the next call that waits for the database raises it
                logger.info("a batch could not be written for now: %s", error)
                if not self._queue.ended:
                    self._write_after_a_while()

    async def _write(self, deadline: Callable[[], float], number: int | None) -> None:
        self._kicked = False  # works added from now on have to ask for a write again
        await self._delivery.write(deadline, number)
        if self._queue.is_ready and not self._queue.ended:
            self._write_after_a_while()

    @contextmanager
    def _background(self) -> Generator[None]:
        """Register this task, so that the end of the batch can cancel it."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine of the loop
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    async def _write_until(self, number: int) -> None:
        """Write everything that was added up to a call, including values being uploaded.

        Raises:
            ConnectionFailed: Nothing was written or uploaded for as long as a statement may take.
        """
        enter_batch(None)
        left = self._patience()

        async def patiently() -> None:
            try:
                async with asyncio.timeout(max(left(), 0) + ALLOWANCE):
                    await self._writing.acquire()
            except TimeoutError:
                raise self._out_of_time() from self._trouble
            try:
                await self._write(lambda: max(left(), 1.0), number)
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

        while not self.atomic and self._queue.uploads_until(number):
            await until_login()
            await self._wait_for_upload(number, left)
        await until_login()

    async def _write_all(self) -> None:
        """Write everything in one statement, or nothing."""
        left = self._patience()
        while self._queue.is_uploading:
            await self._wait_for_upload(self._queue.number, left)
        if self._delivery.loss is None:  # else a value could not be stored
            await self._write_until(self._queue.number)

    def _patience(self) -> Callable[[], float]:
        """Tell how many seconds are left, from now or the last progress."""
        begin = time.monotonic()
        return lambda: max(begin, self._delivery.progress) + self.engine.deadline - time.monotonic()

    def _out_of_time(self) -> ConnectionFailed:
        why = f": {self._trouble}" if self._trouble is not None else ""
        return ConnectionFailed(
            f"nothing of a batch was written or uploaded for {self.engine.deadline:g} s{why}"
        )

    # -- values on their way to storages ---------------------------------------------------------

    async def _upload(self, item: Item, uploads: Uploads) -> None:
        enter_batch(None)
        with self._background():
            try:
                await self._store(uploads)
            except asyncio.CancelledError:
                return  # the batch gave the item up
            except Exception as error:
                self._queue.not_uploaded(item)
                self._delivery.lose(item, error)
            else:
                self._queue.uploaded(item)
            self._delivery.progress = time.monotonic()
            async with self._uploaded:
                self._uploaded.notify_all()

    async def _store(self, uploads: Uploads) -> None:
        """Upload values; they wait, as rows do, while the graph or the storage is out of reach."""
        pause = 0.1
        while self._queue.failure is None:
            try:
                return await uploads.store()
            except (ConnectionFailed, StalledError) as error:
                self._trouble = error
                logger.info("a value could not be uploaded for now: %s", error)
            await asyncio.sleep(pause)
            pause = min(2.0, 2 * pause)
        raise asyncio.CancelledError

    async def _wait_for_upload(self, number: int, left: Callable[[], float]) -> None:
        """Wait until one more value is uploaded, or no upload is under way."""
        before = self._delivery.progress
        try:
            async with asyncio.timeout(max(left(), 0.0)), self._uploaded:
                await self._uploaded.wait_for(
                    lambda: (
                        self._delivery.progress != before or not self._queue.uploads_until(number)
                    )
                )
        except TimeoutError:
            raise self._out_of_time() from self._trouble

    # -- the end -------------------------------------------------------------------------------

    async def end(self, error: BaseException | None) -> None:
        """Stop collecting, and write the works that wait (none of an atomic batch that failed).

        Raises:
            BatchError: Something was lost, or may have been.
        """
        self._queue.end()
        failure = self._queue.failure
        if self.atomic and error is not None:
            await self.engine.call(partial(self._give_up, error), settle=True)
            self._delivery.take_rest()
            return
        if failure is not None:  # an atomic batch, whose failure was raised inside the block
            raise BatchError(self.lost, self.recorded, self.unconfirmed) from failure
        if not self._queue.is_empty:
            await self.engine.call(self._finish, settle=True)
        told = self._delivery.take_rest()
        if told or self.unconfirmed:
            cause = (told or self.unconfirmed)[0].cause
            raise BatchError(told, self.recorded, self.unconfirmed) from cause
        for check in self.checks.values():
            check.tell()

    async def _finish(self) -> None:
        try:
            number = self._queue.number
            await (self._write_all() if self.atomic else self._write_until(number))
        except ArtigraphError as failed:
            await self._give_up(failed)
        if self.atomic and (loss := self._delivery.loss) is not None:
            await self._give_up(loss)

    async def _give_up(self, cause: BaseException) -> None:
        """Stop writing. Works never sent are lost; the next contact decides about those sent."""
        self._queue.failure = cause
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=ALLOWANCE)
        self._delivery.give_up(cause)


async def write_first(engine: Engine, ids: Collection[str]) -> None:
    """Flush the batches in which these artifacts wait, since a link needs both of its ends."""
    for unit in [unit for unit in _live if unit.engine is engine and unit.alive]:
        if not unit.atomic and unit.has_artifact(ids):
            await unit.write_waiting()
