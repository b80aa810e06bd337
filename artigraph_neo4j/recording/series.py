"""Metrics that a span logs as they come: buffered, and written behind the program's back.

Rows are collected in memory and written a few seconds later, or when there are many. The latest are
bytes on the span, which each write replaces; many of them become a part of the span, stored as
artifacts are, of which the span keeps nothing but the summaries. No read of artifacts returns it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.engine.contact import NotYet
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.scope import Unit, current_batch, current_cell, enter_batch
from artigraph_neo4j.errors import (
    ArgumentError,
    ArtigraphError,
    EngineError,
    SerializationError,
    SpanError,
)
from artigraph_neo4j.graph.cypher.series import LOG
from artigraph_neo4j.graph.lanes import Ticket
from artigraph_neo4j.graph.logged import STATISTICS, Logged, logged_property
from artigraph_neo4j.graph.names import LOG_FIELD
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.encode import encode
from artigraph_neo4j.recording.artifact_model import ArtifactModel
from artigraph_neo4j.recording.artifacts import record_alone
from artigraph_neo4j.recording.metrics import check_extra, check_names, checked, whole_step
from artigraph_neo4j.recording.work import Recording
from artigraph_neo4j.values.upload import Uploads

if TYPE_CHECKING:
    from artigraph_neo4j.serializer.series import Given, LoggedRow

__all__ = ["CHUNK_MODEL", "SeriesChunk", "SpanLog", "flush_logs", "log_metrics", "open_log"]

logger = logging.getLogger("artigraph_neo4j.series")

SECONDS = 5.0
"""Maximum seconds that rows wait in memory, while the database is in reach."""

FULL_POINTS = 131_072
"""Number of values that are written at once, without waiting for the seconds to pass."""

CHUNK_POINTS = 32_768
"""Minimum number of values of which an artifact is made."""

MAX_METRICS = 1_000
"""Maximum number of metrics of one span: each has five properties on it."""

_live: WeakSet[SpanLog] = WeakSet()


CHUNK_MODEL = "ArtigraphSeries"
"""Name of the model of artifacts that hold rows."""


@dataclass
class SeriesChunk(ArtifactModel, version=1, name=CHUNK_MODEL):
    """Some rows of what a span logged; ``read_series`` puts them together.

    Attributes:
        session: The id of the process's log of the span.
        start: The place of the first row within the session.
        rows: The number of rows.
        points: The number of values.
        table: The rows: ``step``, ``time``, and a column for each metric.
    """

    session: str
    start: int
    rows: int
    points: int
    table: Any


_NO_NAMES: frozenset[str] = frozenset()  # one for all: most spans log nothing


class SpanLog:
    """Writer of what one process logs to one span; ``Span.log`` hands rows to it.

    Args:
        engine: The graph of the span.
        span_id: The id of the span.
        known: Summaries of what the span logged so far.
    """

    def __init__(self, engine: Engine, span_id: str, known: Mapping[str, Logged]) -> None:
        self._engine = engine
        self._span_id = span_id
        self._session = ""  # made with the first metric, since most spans log none
        self._unit: Unit | None = current_batch(engine)
        self._pid = os.getpid()
        self._guard = threading.Lock()
        self._rows: list[LoggedRow] = []
        self._points = 0
        self._step = -1
        self._names = _NO_NAMES
        self._timed = self._kicked = False
        self._entered = 0  # the number of blocks in which the span is current
        self._taken = False  # whether rows are being written
        # On the I/O loop only:
        self._timer: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._writing: asyncio.Lock | None = None
        self._rest: Any = None  # the rows that are in no artifact yet, as a table
        self._start = 0  # the place of the first of them
        self._owns = True  # False if another session has bytes on the span
        self._claims = False  # whether this one has tried to take its place
        self.known = dict(known)  # replaced, never changed: other threads read it
        self._unsent: tuple[Ticket, dict[str, Any]] | None = None

    def __reduce__(self) -> Any:
        """A copy of a span, in this process or another, does not log."""
        return _no_log, ()

    @property
    def engine(self) -> Engine:
        """The graph of the span."""
        return self._engine

    @property
    def span_id(self) -> str:
        """The id of the span."""
        return self._span_id

    def enter(self) -> None:
        """Note that the span is current again."""
        with self._guard:
            self._entered += 1

    @property
    def _ended(self) -> bool:
        return self._entered <= 0

    def add(self, metrics: Mapping[str, Any], step: int | None) -> None:
        """Add one row; see ``Span.log``."""
        if self._pid != os.getpid():
            raise SpanError("a forked process cannot log to a span of its parent; open one in it")
        values = checked(metrics)
        if step is not None:
            step = whole_step(step)
        if not values.keys() <= self._names:
            self._note(values)
        if not values:
            return
        with self._guard:
            if self._ended:
                raise SpanError(
                    f"span {self._span_id} is not open here any more; log inside of: "
                    "async with span_context(span)"
                )
            self._step = whole_step(self._step + 1) if step is None else step
            self._rows.append((self._step, time.time_ns() // 1000, values))
            self._points += len(values)
            kick = self._points >= FULL_POINTS and not self._kicked
            timed = not self._timed
            self._kicked, self._timed = self._kicked or kick, True
        if kick or timed:
            self._start_writing(0.0 if kick else SECONDS)

    def _note(self, values: Mapping[str, float]) -> None:
        check_extra()
        check_names(values)
        if len(self._names | values.keys()) > MAX_METRICS:
            raise ArgumentError(f"a span logs {MAX_METRICS:,} metrics at the most")
        with self._guard:
            if not self._session:
                self._session = new_id()
                _live.add(self)
        self._names = self._names.union(values)

    def _start_writing(self, seconds: float) -> None:
        try:
            self._engine.start(partial(self._write_after, seconds))
        except (RuntimeError, EngineError):
            # A ready-made driver, and no loop here or another one: a later row or the end writes.
            with self._guard:
                self._timed = self._kicked = False

    async def _write_after(self, seconds: float) -> None:
        if seconds and not self._ended:
            self._timer = asyncio.get_running_loop(), asyncio.Event()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._timer[1].wait(), seconds)
        with self._guard:
            if seconds:
                self._timed = False
            else:
                self._kicked = False
        enter_batch(None)
        try:
            await self._flush()
        except ArtigraphError as error:  # written with the next rows, or by the end of the span
            logger.info("what a span logged could not be written for now: %s", error)
        except Exception:
            logger.warning("what span %s logged could not be written", self._span_id, exc_info=True)

    async def flush(self) -> None:
        """Write all rows; return when they are in the graph. One round trip if there are any.

        Raises:
            ConnectionFailed: The database stayed out of reach. The rows still wait.
            StorageError: A storage failed.
        """
        if self.waits:
            await self._engine.call(self._flush, settle=True)

    async def finish(self) -> Exception | None:
        """Write all rows at the end of the span.

        Returns:
            The reason why they could not be written yet. They are written with the next contact.
        """
        with self._guard:
            self._entered -= 1
        if self._timer is None and not self.waits:
            return None
        try:
            await self.flush()
        except Exception as error:
            return error
        finally:
            if self._ended:
                self._wake()
            if self.waits:  # it failed, or the span itself waits in a batch
                self._engine.later(self._flush_later)
        return None

    def _wake(self) -> None:
        """Let the timer end, for which the end of the process would wait."""
        if self._timer is not None:
            loop, event = self._timer
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(event.set)

    async def _flush_later(self) -> None:
        unit = self._unit if self._unit is not None and self._unit.alive else None
        if unit is None or not unit.atomic:
            await self._flush()
            if self._unsent is None:
                return
        if unit is not None:  # the span waits in it
            raise NotYet
        logger.warning("span %s was never written; what it logged is lost", self._span_id)

    @property
    def waits(self) -> bool:
        """True if some rows of this process are not in the graph."""
        if self._pid != os.getpid():
            return False
        with self._guard:
            return bool(self._rows) or self._taken or self._unsent is not None

    async def _flush(self) -> None:
        if self._writing is None:
            self._writing = asyncio.Lock()
        async with self._writing:
            if self._unsent is not None and not await self._send(*self._unsent):
                return
            with self._guard:
                rows, self._rows, self._points = self._rows, [], 0
                self._taken = bool(rows)
            try:
                if rows:
                    await self._write(rows)
            finally:
                self._taken = False

    async def _write(self, rows: list[LoggedRow]) -> None:
        """Write new rows: they join those on the span, or all of them become an artifact."""
        from artigraph_neo4j.serializer import series

        before = self._rest
        try:
            table = await asyncio.to_thread(series.table_of, rows)
            given = await asyncio.to_thread(series.given_of, table)
            self._rest = table if before is None else series.joined([before, table])
            if not self._owns or _points(self._rest) >= CHUNK_POINTS:
                await self._keep_chunk()
        except BaseException:
            self._rest = before
            with self._guard:
                self._rows[:0] = rows
                self._points += sum(len(values) for _, _, values in rows)
            raise
        rest = None
        if self._rest is not None:
            dump = partial(series.dump, self._rest, self._session, self._start)
            rest = await asyncio.to_thread(dump)
        parameters = {
            "span": self._span_id,
            "session": self._session,
            "rest": rest,
            "claim": False,
            "metrics": [_changes(name, new) for name, new in given.items()],
        }
        known = self.known
        self.known = known | {n: _merged(known.get(n), Logged(*new)) for n, new in given.items()}
        await self._send(Ticket(), parameters)

    async def _send(self, ticket: Ticket, parameters: dict[str, Any]) -> bool:
        """Send the statement; return False if the span is not in the graph."""
        self._unsent = ticket, parameters
        result = await self._engine.once(LOG, parameters, ticket=ticket)
        # Its summaries are added once; the bytes may have to be sent again.
        again = parameters | {"metrics": list[Any](), "claim": False}
        if result.before:  # the answer was lost, which says whether the bytes were taken
            return await self._send(Ticket(), again)
        if result.row[0] is None:
            self._unsent = Ticket(), parameters
            return False
        if result.row[1] != [False]:
            self._unsent = None
            return True
        # Another session has bytes on the span. If one of these steps fails, they come again.
        self._unsent = Ticket(), again
        if not self._claims:
            await self._keep_others(result.row[2])
            self._claims = True
            return await self._send(Ticket(), again | {"claim": True})
        self._owns = False
        if self._rest is not None:
            await self._keep_chunk()
        self._unsent = None
        return True

    async def _keep_others(self, found: list[bytes]) -> None:
        """Make an artifact of the rows that an earlier session left on the span."""
        from artigraph_neo4j.serializer import series

        for data in found:
            with suppress(SerializationError):  # its session is at work, and will write them again
                table = await asyncio.to_thread(series.load, data)
                await self._record(table, *series.place_of(table))

    async def _keep_chunk(self) -> None:
        """Make an artifact of the rows that are in none yet."""
        from artigraph_neo4j.serializer import series

        table = self._rest
        await self._record(
            series.placed(table, self._session, self._start), self._session, self._start
        )
        self._start += table.num_rows
        self._rest = None

    async def _record(self, table: Any, session: str, start: int) -> None:
        chunk = SeriesChunk(session, start, table.num_rows, _points(table), table)
        encoded = await asyncio.to_thread(encode, [chunk], inline_bytes=self._engine.inline_bytes)
        uploads = Uploads(self._engine, encoded.pending) if encoded.pending else None
        work = Recording(encoded, [None], self._span_id, uploads, part_of=LOG_FIELD)
        await record_alone(self._engine, [work])


def _no_log() -> None:
    return None


def _points(table: Any) -> int:
    """Return the number of values of a table, without its steps and times."""
    return sum(len(column) - column.null_count for column in table.columns[2:])


def _changes(name: str, new: Given) -> dict[str, list[Any]]:
    return {
        statistic: [logged_property(name, statistic), value]
        for statistic, value in zip(STATISTICS, new, strict=True)
    }


def _merged(old: Logged | None, new: Logged) -> Logged:
    """Return the summary of the values of two, as the statement makes it."""
    if old is None or not old.count or old.mean is None or old.min is None or old.max is None:
        return new
    if not new.count or new.mean is None or new.min is None or new.max is None:
        return replace(old, last=new.last)
    count = old.count + new.count
    mean = (old.mean * old.count + new.mean * new.count) / count
    return Logged(new.last, min(old.min, new.min), max(old.max, new.max), mean, count)


def open_log(engine: Engine, span: Span) -> SpanLog:
    """Let a span that is open in this process log; return its log."""
    log = span.__dict__.get("_log")
    if not isinstance(log, SpanLog) or log.engine is not engine:
        log = SpanLog(engine, span.node_id, vars(span).get("_logged", {}))
        span.__dict__["_log"] = log
    log.enter()
    return log


async def flush_logs(engine: Engine, span_id: str) -> None:
    """Write what this process logged to a span."""
    for log in [log for log in _live if log.engine is engine and log.span_id == span_id]:
        await log.flush()


def log_metrics(metrics: Mapping[str, Any], /, *, step: int | None = None) -> None:
    """Log metrics to the current span; ``Span.log`` says how. No round trip.

    For functions that do not have the span at hand: inside ``@spanned``, in callbacks.

    Args:
        metrics: Numbers by name.
        step: The step; by default one more than that of the row before.

    Raises:
        SpanError: There is no current span.
        ArgumentError: A value is not a number, or a name cannot be one.
    """
    cell = current_cell()
    log = cell.log if cell is not None else None
    if cell is not None and not isinstance(log, SpanLog):
        raise SpanError(
            f"span {cell.span_id} was opened elsewhere; to log to it here, enter it: "
            f'async with span_context(await read_span("{cell.span_id}"))'
        )
    if not isinstance(log, SpanLog):
        raise SpanError(
            'no span is current here; open one with "async with span_context(label=...)"'
        )
    log.add(metrics, step)
