"""The queue of a batch: works that calls add in any thread, until they are in the graph or lost."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

from artigraph_neo4j.engine.scope import Share
from artigraph_neo4j.errors import DuplicateLabelError, EngineError
from artigraph_neo4j.recording.work import Closing, Opening, Recording, Work
from artigraph_neo4j.values.upload import WAVE_BYTES

__all__ = ["ROWS", "Item", "Queue"]

ROWS = 2_000
"""Number of nodes that are written in one statement."""

ROW_BYTES = 8 * 1024 * 1024
"""Maximum bytes of properties that are written in one statement."""

WAITING = 4
"""Maximum number of full writes that wait; beyond it, calls wait for the database."""

ATOMIC_ROWS = 100_000
"""Maximum nodes in an atomic batch: one transaction, in the memory of both sides."""


@dataclass(slots=True)
class Item:
    """A work that waits.

    ``number`` is the count of calls up to it, ``share`` that of the block which added it.
    """

    number: int
    work: Work
    rows: int
    bytes: int
    share: Share | None

    def has_artifact(self, ids: Collection[str]) -> bool:
        """Whether it is one of these artifacts, or has one."""
        work = self.work
        return isinstance(work, Recording) and any(
            node.node_id in ids for node in work.encoded.nodes
        )


class Queue:
    """The works of one batch, in the order of the calls.

    A work whose values have to be uploaded first, and the end of a span that used such a work's
    artifacts, come behind those that are ready.

    Args:
        atomic: Whether all is written at once.
        limit: How many nodes are written at once otherwise.
        added: Called whenever a work is ready to be written, while the queue is locked.
        share: Returns the share of the calling block, which the work is of.

    Attributes:
        number: Number of the last call.
        rows: Number of nodes that wait or are being written.
        bytes: Bytes of their properties.
        ended: Whether nothing can be added any more.
        failure: The reason why writing stopped, or None.
    """

    def __init__(
        self,
        *,
        atomic: bool,
        limit: int,
        added: Callable[[], None],
        share: Callable[[], Share | None],
    ) -> None:
        self.number = 0
        self.rows = 0
        self.bytes = 0
        self.ended = False
        self.failure: BaseException | None = None
        self._atomic = atomic
        self._limit = limit
        self._added = added
        self._share = share
        self._lock = threading.Lock()
        self._waiting: deque[Item] = deque()
        self._ready_rows = self._ready_bytes = 0  # of those that wait
        self._uploading: dict[int, Item] = {}
        self._held: dict[int, int] = {}  # bytes of values in memory, by the number of their item
        self._ids: dict[str, int] = {}  # ids of artifacts whose values are being uploaded
        self._after: list[tuple[set[int], Item]] = []  # ends of spans that use such artifacts
        self._opening: dict[str, Opening] = {}  # spans that wait
        self._keys: dict[str, Recording] = {}  # works that wait, by the keys of their labels

    # -- adding works --------------------------------------------------------------------------

    def open(self, opening: Opening) -> None:
        """Add a new span.

        Raises:
            EngineError: The batch has ended or failed, or would be too large for one transaction.
        """
        with self._lock:
            self._append(self._item(opening, 1, 0))
            self._opening[opening.span.node_id] = opening

    def close(self, closing: Closing) -> bool:
        """Add the end of a span, to its opening if that still waits.

        Returns:
            Whether it is written together with its opening.

        Raises:
            EngineError: As for ``open``.
        """
        with self._lock:
            uploads = {self._ids[key] for key, _ in closing.used if key in self._ids}
            opening = None if uploads else self._opening.pop(closing.span.node_id, None)
            if opening is not None:
                opening.closing = closing
            elif uploads:  # a link needs both of its ends
                self._after.append((uploads, self._item(closing, 1, 0)))
            else:
                self._append(self._item(closing, 1, 0))
        return opening is not None

    def waiting(self, recording: Recording) -> Recording | None:
        """Return the work that waits and has the label of this one, which has one artifact."""
        with self._lock:
            return self._keys.get(recording.keys[0] or "")

    def record(self, recording: Recording) -> Item | None:
        """Add artifacts; their values are already serialized.

        Returns:
            What waits, if values of it have to be uploaded; ``uploaded`` or ``not_uploaded`` is
            next.

        Raises:
            EngineError: As for ``open``.
            DuplicateLabelError: An artifact with that span and label already waits.
        """
        held = 0 if recording.uploads is None else recording.uploads.held
        nodes = recording.encoded.nodes
        with self._lock:
            keys = [key for key in recording.keys if key is not None]
            for label, key in zip(recording.labels, recording.keys, strict=True):
                if key in self._keys:
                    raise DuplicateLabelError(
                        f"span {recording.span_id} has, in this batch, an artifact labeled "
                        f"{label!r} already; use another label, None for one without, or "
                        'if_exists="keep"'
                    )
            item = self._item(recording, len(nodes), recording.encoded.size)
            self._keys |= dict.fromkeys(keys, recording)
            if not held:
                self._append(item)
                return None
            self._uploading[item.number] = item
            self._held[item.number] = held
            self._ids |= dict.fromkeys((node.node_id for node in nodes), item.number)
            return item

    def _item(self, work: Work, rows: int, size: int) -> Item:
        if self.ended:
            raise EngineError("this batch has ended; nothing can be added to it")
        if self.failure is not None:
            raise EngineError(
                "this atomic batch has failed, so nothing of it is recorded; leave its block"
            )
        if self._atomic and self.rows + rows > ATOMIC_ROWS:
            raise EngineError(
                f"an atomic batch holds at most {ATOMIC_ROWS} spans and artifacts, since it is one "
                "transaction; record less in one, or leave atomic=True away"
            )
        self.number += 1
        self.rows += rows
        self.bytes += size
        return Item(self.number, work, rows, size, self._share())

    def _append(self, item: Item) -> None:
        self._waiting.append(item)
        self._ready_rows += item.rows
        self._ready_bytes += item.bytes
        self._added()

    def end(self) -> None:
        """Let nothing be added any more."""
        with self._lock:
            self.ended = True

    # -- what it holds ---------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits, nothing is being written and nothing is being uploaded."""
        return not self.rows and not self._uploading

    @property
    def is_full(self) -> bool:
        """Whether there is enough for a statement, beside the one that is being written."""
        return self._ready_rows >= self._limit or self._ready_bytes >= ROW_BYTES

    @property
    def is_ready(self) -> bool:
        """Whether something waits that can be written."""
        return bool(self._waiting)

    def waits(self, number: int) -> bool:
        """Whether something that was added up to a call waits and can be written."""
        with self._lock:
            return any(item.number <= number for item in self._waiting)

    @property
    def is_crowded(self) -> bool:
        """Whether too much waits, so that calls have to wait for the database."""
        if self.rows >= WAITING * self._limit or self.bytes >= WAITING * ROW_BYTES:
            return True
        if not self._held:
            return False
        with self._lock:
            return sum(self._held.values()) >= WAVE_BYTES

    @property
    def is_uploading(self) -> bool:
        """Whether values are on their way to storages."""
        return bool(self._uploading)

    def uploads_until(self, number: int) -> bool:
        """Whether values that were added up to a call are on their way to storages."""
        with self._lock:
            return any(other <= number for other in self._uploading)

    def has_artifact(self, ids: Collection[str]) -> bool:
        """Whether one of these artifacts waits."""
        with self._lock:
            items = [*self._waiting, *self._uploading.values()]
        return any(item.has_artifact(ids) for item in items)

    # -- what becomes of it ----------------------------------------------------------------------

    def uploaded(self, item: Item) -> None:
        """Make a work ready whose values are in storages now, and the ends that waited for it."""
        assert isinstance(item.work, Recording)  # noqa: S101 - the only work with values
        with self._lock:
            self._held[item.number] = 0 if item.work.uploads is None else item.work.uploads.held
            self._append(item)
            self._release(item, item.work)

    def not_uploaded(self, item: Item) -> None:
        """Take out a work whose values could not be stored; the ends that waited for it stay."""
        assert isinstance(item.work, Recording)  # noqa: S101 - the only work with values
        with self._lock:
            self._release(item, item.work)

    def _release(self, item: Item, recording: Recording) -> None:
        """Make the ends of spans ready that only waited for this upload."""
        self._uploading.pop(item.number, None)
        for node in recording.encoded.nodes:
            self._ids.pop(node.node_id, None)
        for uploads, _ in self._after:
            uploads.discard(item.number)
        ready = [waiting for uploads, waiting in self._after if not uploads]
        self._after = [pair for pair in self._after if pair[0]]
        for waiting in ready:
            self._append(waiting)

    def take(self) -> list[Item]:
        """Take out the next works for one statement; of an atomic batch all that are ready."""
        items: list[Item] = []
        rows = size = 0
        with self._lock:
            while self._waiting and (self._atomic or (rows < self._limit and size < ROW_BYTES)):
                items.append(self._waiting.popleft())
                rows += items[-1].rows
                size += items[-1].bytes
                if isinstance(items[-1].work, Opening):
                    self._opening.pop(items[-1].work.span.node_id, None)
            self._ready_rows -= rows
            self._ready_bytes -= size
        return items

    def forget(self, item: Item) -> None:
        """Let go of a work that is in the graph, or is lost."""
        with self._lock:
            self.rows -= item.rows
            self.bytes -= item.bytes
            self._held.pop(item.number, None)
            if isinstance(item.work, Recording):
                for key in item.work.keys:
                    if key is not None:
                        self._keys.pop(key, None)
                if item.work.uploads is not None:
                    item.work.uploads.drop()

    def fail(self, cause: BaseException) -> list[Item]:
        """Take out all works, in the order of the calls; no more can be added."""
        with self._lock:
            self.failure = cause
            items = [*self._waiting, *self._uploading.values(), *(item for _, item in self._after)]
            self._waiting.clear()
            self._ready_rows = self._ready_bytes = 0
            self._uploading.clear()
            self._ids.clear()
            self._after.clear()
        return sorted(items, key=lambda item: item.number)
