"""The delivery of a batch: its queue sent part after part, and what of it was lost on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.scope import Share
from artigraph_neo4j.errors import Lost, NotFoundError, PolicyError
from artigraph_neo4j.graph.lanes import Ticket
from artigraph_neo4j.graph.span_rows import mark_lost
from artigraph_neo4j.recording.commit import UNWRITABLE, write, write_later
from artigraph_neo4j.recording.guards import Check
from artigraph_neo4j.recording.queue import Item, Queue
from artigraph_neo4j.recording.work import Closing, Opening, closing_of, count_of, losses_of

__all__ = ["Delivery"]


@dataclass(slots=True, eq=False)
class _Part:
    """Items that are written in one statement, and the ticket for sending it again."""

    items: list[Item]
    ticket: Ticket = field(default_factory=Ticket)


class Delivery:
    """The way of one batch's works into the graph; one write at a time, on the I/O loop.

    Args:
        engine: The engine that it writes to.
        queue: The works.
        atomic: Whether it writes everything or nothing.
        checks: Looks at what an atomic batch has written, before it is committed.

    Attributes:
        recorded: Number of spans, ends of spans and artifacts that are in the graph.
        lost: Works that are not in the graph, and will not be.
        unconfirmed: Works that were sent without an answer when it was given up.
        progress: Time of the last write or upload, by ``time.monotonic``.
    """

    def __init__(
        self, engine: Engine, queue: Queue, *, atomic: bool, checks: Mapping[str, Check]
    ) -> None:
        self.recorded = 0
        self.lost: list[Lost] = []
        self.unconfirmed: list[Lost] = []
        self.progress = 0.0
        self._engine = engine
        self._queue = queue
        self._atomic = atomic
        self._checks = checks
        self._lock = threading.Lock()  # callers ask in any thread what was lost
        self._untold: list[tuple[Item, Lost]] = []  # errors not raised yet, each with its item
        self._parts: list[_Part] = []  # taken from the queue, not written yet; the next one last

    # -- what was lost ---------------------------------------------------------------------------

    @property
    def loss(self) -> BaseException | None:
        """Why something was lost of which the caller was not told yet, if anything was."""
        untold = self._untold
        return untold[0][1].cause if untold else None

    def take_untold(self, share: Share | None) -> list[Lost]:
        """Losses of a block that it was not told of, in the order of the calls; told from now on.

        Args:
            share: The share of the block. None for the one that made the batch.
        """
        with self._lock:
            told = [pair for pair in self._untold if _share_of(pair[0]) is share]
            self._untold = [p for p in self._untold if _share_of(p[0]) is not share]
        return _in_order(told)

    def take_rest(self) -> list[Lost]:
        """Losses of which no block was told, in the order of the calls; told from now on.

        Blocks inside that have not ended yet are still told of their own.
        """
        with self._lock:
            told = self._untold
            self._untold = [pair for pair in told if _share_of(pair[0]) is not None]
        return _in_order(told)

    def lose(self, item: Item, cause: BaseException) -> None:
        """Note that a work cannot be recorded."""
        if isinstance(item.work, Opening):
            mark_lost(item.work.span)
        elif isinstance(item.work, Closing) and not isinstance(cause, NotFoundError):
            self._end_otherwise(item.work, cause)
        self._tell(item, losses_of(item.work, cause))
        self._queue.forget(item)

    def lose_all(self, cause: BaseException) -> None:
        """Count everything that was not sent as lost."""
        self._drop(self._queue.fail(cause), cause)

    def _drop(self, items: Iterable[Item], cause: BaseException) -> None:
        for item in items:
            self.lose(item, cause)

    def _end_otherwise(self, closing: Closing, cause: BaseException) -> None:
        if not closing.span.is_recorded:  # its opening is lost too
            return
        if isinstance(cause, UNWRITABLE):
            self._engine.span_left(closing.span.node_id)
        else:
            write_later(self._engine, closing, Ticket())

    def _tell(self, item: Item, lost: Iterable[Lost]) -> None:
        with self._lock:
            for entry in lost:
                self.lost.append(entry)
                self._untold.append((item, entry))

    # -- part after part -------------------------------------------------------------------------

    def has_artifact(self, ids: Collection[str]) -> bool:
        """Whether one of these artifacts waits or is being written."""
        if self._queue.has_artifact(ids):
            return True
        items = [item for part in list(self._parts) for item in part.items]
        return any(item.has_artifact(ids) for item in items)

    async def write(self, deadline: Callable[[], float], number: int | None) -> None:
        """Write part after part; a part that fails stays, to be sent again unchanged.

        One round trip for each part.

        Args:
            deadline: Seconds that the next part may take, asked before each.
            number: The call up to which everything is written. None for full parts only: a program
                that adds works more slowly than they are written would have many small ones.

        Raises:
            ConnectionFailed: The database could not do it in time.
            LoginError: It refused the login.
        """
        while True:
            if not self._parts:
                queue = self._queue
                if not (queue.is_full if number is None else queue.waits(number)):
                    break
                self._parts.append(_Part(queue.take()))
            left = await self._attempt(self._parts[-1], deadline())
            self._parts[-1:] = left
            self.progress = time.monotonic()

    async def _attempt(self, part: _Part, deadline: float) -> list[_Part]:
        """Send one statement; return the parts to write in its place, the next part last."""
        items = part.items
        try:
            written, refused = await write(
                self._engine,
                [item.work for item in items],
                ticket=part.ticket,
                deadline=deadline,
                checks=list(self._checks.values()),
            )
        except PolicyError as error:
            self._drop(items, error)
            return []
        except UNWRITABLE as error:
            if len(items) > 1 and not self._atomic:
                half = len(items) // 2  # bisect, to find the item that cannot be stored
                return [_Part(items[half:]), _Part(items[:half])]
            if len(items) == 1 and self._without_changes(items[0], error):
                return [_Part(items)]
            self._drop(items, error)
            return []
        if written:
            for item in items:
                self.recorded += count_of(item.work)
                self._queue.forget(item)
            return []
        if self._atomic:
            self._drop(items, next(iter(refused.values())))
            return []
        for item in items:
            if item.work in refused:
                self.lose(item, refused[item.work])
        left = [item for item in items if item.work not in refused]
        return [_Part(left)] if left else []

    def _without_changes(self, item: Item, error: Exception) -> bool:
        """Drop user properties of an end that cannot be stored; return False if it has none."""
        closing = closing_of(item.work)
        if closing is None or not closing.changed:
            return False
        closing.changed = {}
        span = closing.span
        lost = Lost("properties of span", span.node_id, span.label, error)
        self._tell(item, [lost])
        return True

    # -- given up --------------------------------------------------------------------------------

    def give_up(self, cause: BaseException) -> None:
        """Stop writing. Works never sent are lost; the next contact decides about those sent."""
        parts, self._parts = self._parts, []
        for part in reversed(parts):
            if part.ticket.unconfirmed:
                self._doubt(part, cause)
            else:
                self._drop(part.items, cause)
        self.lose_all(cause)

    def _doubt(self, part: _Part, cause: BaseException) -> None:
        entries = [entry for item in part.items for entry in losses_of(item.work, cause)]
        self.unconfirmed += entries
        for item in part.items:
            self._queue.forget(item)

        async def settle() -> None:
            applied = await self._engine.settle(part.ticket)
            doubted = {id(entry) for entry in entries}
            self.unconfirmed = [x for x in self.unconfirmed if id(x) not in doubted]
            for item in part.items:
                if applied:
                    self.recorded += count_of(item.work)
                    closing = closing_of(item.work)
                    if closing is not None:
                        self._engine.writer.closed(closing.span.node_id)
                elif isinstance(item.work, Opening):
                    mark_lost(item.work.span)
                elif isinstance(item.work, Closing):
                    self._end_otherwise(item.work, cause)
            if not applied:
                self.lost += entries

        self._engine.later(settle)


def _in_order(told: list[tuple[Item, Lost]]) -> list[Lost]:
    return [lost for _, lost in sorted(told, key=lambda pair: pair[0].number)]


def _share_of(item: Item) -> Share | None:
    return None if item.share is None else item.share.current()
