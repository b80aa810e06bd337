"""The writer: one node that represents this process, updated every 30 s while spans are open.

A process that is killed cannot report it. It leaves a writer without heartbeats and with open
spans, which ``find_lost_spans`` finds.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from datetime import timedelta
from typing import Any

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.engine.provenance import process_facts
from artigraph_neo4j.errors import ArtigraphError
from artigraph_neo4j.graph.connection import Connection
from artigraph_neo4j.graph.cypher import heartbeat
from artigraph_neo4j.graph.indexing import index_words

__all__ = ["SILENCE", "Writer"]

logger = logging.getLogger("artigraph_neo4j.writer")

END_SECONDS = 1.0
"""Seconds that the end of a process may take to be recorded: it delays the exit if Neo4j is away.

A server plans the statement at its first use, which can take it half a second."""

BEAT_SECONDS = 5.0
"""Seconds that one heartbeat may take."""

HEARTBEAT_SECONDS = 30.0
"""Seconds between two heartbeats of a writer with open spans."""

SILENCE = timedelta(minutes=5)
"""Time without a heartbeat after which a process counts as gone."""

_silent = logging.NullHandler()

GOODBYE_SECONDS = 2.0
"""Maximum seconds that the end of the process waits for recording the writer's end."""

GOODBYE_NODES = 1_000
"""Number of nodes unknown to full-text search from which a process moves them into the index before
it ends. Fewer are left for the next search, so that short programs do not pay for it."""

INDEXING_SECONDS = 5.0
"""Maximum seconds of one statement that moves nodes into the index, in the background."""


class Writer:
    """The open spans of one engine of this process, and their heartbeat.

    The statement that opens a span writes the node if the writer's last sign of life is older than
    half a heartbeat; otherwise a timer on the engine's loop does. Timers do not keep a process
    alive.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._id = new_id()
        self._open: set[str] = set()
        self._left: set[str] = set()
        self._seen: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._beating: asyncio.Task[None] | None = None

    def opening(self) -> list[dict[str, Any]]:
        """The writer's node, if the statement that opens a span has to write it; else empty."""
        recent = self._seen is not None and time.monotonic() - self._seen < HEARTBEAT_SECONDS / 2
        return [] if recent else [self._facts()]

    @property
    def id(self) -> str:
        """The writer's id, stored on the spans that this process opens."""
        if self._pid != os.getpid():  # a forked child is another writer
            self._reset()
        return self._id

    @property
    def beats(self) -> bool:
        """True while a timer waits for the next heartbeat."""
        return self._timer is not None

    def opened(self, span_id: str, announced: bool, connection: Connection) -> None:
        """Note that a span was opened. Runs on the engine's loop, as all methods below."""
        self._open.add(span_id)
        if announced:
            self._seen = time.monotonic()
        if self._timer is None or self._timer.cancelled():
            self._later(connection)

    def closed(self, span_id: str) -> None:
        """Note that a span was closed."""
        self._open.discard(span_id)
        if not self._open:
            self._stop()

    async def leave(self, span_id: str, connection: Connection) -> None:
        """Record that a span stays open although this process lives: its end was refused.

        Raises:
            ConnectionFailed: The database did not answer in time.
        """
        self._left.add(span_id)
        await connection.run(
            heartbeat.ANNOUNCE_WRITER, {"writers": [self._facts()]}, "write", deadline=None
        )
        self._seen = time.monotonic()
        self.closed(span_id)

    async def end(self, connection: Connection) -> None:
        """Delete the node or, if spans stay open, record that nobody will close them."""
        self._stop()
        if self._pid != os.getpid():
            return
        writers = [self._id] if self._seen is not None else []
        ending = {"writers": writers, "lanes": connection.lanes.clean()}
        if not any(ending.values()):
            return
        self._seen = None
        # The driver logs that a server is away; without logging set up, Python would print it.
        logging.getLogger("neo4j").addHandler(_silent)
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                ((waiting,),) = await connection.run(
                    heartbeat.END_WRITER, ending, "write", deadline=END_SECONDS
                )
                if waiting >= GOODBYE_NODES:
                    await index_words(connection, deadline=INDEXING_SECONDS)
        except Exception as error:
            logger.debug("the end of writer %s was not recorded: %s", self._id, error)

    def _facts(self) -> dict[str, Any]:
        return {"writer_id": self._id, "left": sorted(self._left), **process_facts()}

    def _later(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HEARTBEAT_SECONDS, self._beat, connection)

    def _beat(self, connection: Connection) -> None:
        self._timer = None
        if self._open:
            self._beating = asyncio.get_running_loop().create_task(self._announce(connection))
            self._later(connection)

    async def _announce(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                ((waiting,),) = await connection.run(
                    heartbeat.ANNOUNCE_WRITER,
                    {"writers": [self._facts()]},
                    "write",
                    deadline=BEAT_SECONDS,
                )
                self._seen = time.monotonic()
                if waiting:
                    await index_words(connection, deadline=INDEXING_SECONDS)
        except (ArtigraphError, TimeoutError) as error:
            logger.info("a heartbeat was not recorded, or not followed by indexing: %s", error)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
