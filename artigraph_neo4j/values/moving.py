"""Waiting for a storage: with a limit while nothing moves, and a warning before it is reached."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from artigraph_neo4j.common.wording import size_text
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import StorageError
from artigraph_neo4j.storage.base import Storage

__all__ = ["StalledError", "asked", "moving"]

T = TypeVar("T")
logger = logging.getLogger("artigraph_neo4j.storage")

WARN_SECONDS = 5.0
"""Seconds without progress until a warning is logged, as for statements of Neo4j."""

_warned: dict[str, float] = {}
"""Times of the last warnings by the names of storages: many values may wait for one storage."""


class StalledError(StorageError):
    """A transfer that made no progress for as long as the engine waits."""


@asynccontextmanager
async def moving(
    engine: Engine, storage: Storage, size: int | None = None
) -> AsyncGenerator[Callable[[], None]]:
    """Cancel the block if nothing moves for as long as the engine waits; on the I/O loop.

    A warning is logged before, after ``WARN_SECONDS``: else the program seems to hang.

    Args:
        engine: The engine that waits.
        storage: The storage that is asked.
        size: Number of bytes of the value, if one is on its way.

    Yields:
        A function to call whenever bytes have moved.

    Raises:
        StalledError: Nothing moved for that long.
    """
    loop = asyncio.get_running_loop()
    limit = asyncio.timeout(engine.deadline)
    busy = "" if size is None else f" with {size_text(size)}"

    def until() -> float:
        return loop.time() if (end := limit.when()) is None else end

    try:
        with _warning(storage.name, busy, until, engine.deadline):
            async with limit:
                yield lambda: limit.reschedule(loop.time() + engine.deadline)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise StalledError(
            f"nothing moved for {engine.deadline:g} s; check the network and the storage"
        ) from error


async def asked(
    engine: Engine,
    storage: Storage,
    call: Callable[[], Coroutine[Any, Any, T]],
    *,
    limited: bool = True,
) -> T:
    """Await one call of a storage on the I/O loop; a warning is logged if it takes long.

    Args:
        engine: The engine that waits.
        storage: The storage that is asked.
        call: The call.
        limited: Whether it may take only as long as the engine waits. Calls for many objects may
            take as long as the storage lets them.

    Raises:
        StalledError: It did not answer in time.
        StorageError: The storage failed.
    """

    async def work() -> T:
        if limited:
            async with moving(engine, storage):
                return await call()
        with _warning(storage.name, ""):
            return await call()

    return await engine.call(work)


@contextmanager
def _warning(
    name: str, busy: str, until: Callable[[], float] | None = None, seconds: float = 0.0
) -> Generator[None]:
    """Log one warning if the end, which moves on with each progress, stays where it is.

    The timer is not set anew by each progress, of which there may be thousands a second; when it is
    due, it looks how long ago the last one was.

    Args:
        name: The storage's name.
        busy: What it may be busy with, for the message.
        until: Returns the time, by the loop's clock, at which the block is cancelled.
        seconds: Seconds from the last progress to that time.
    """
    loop = asyncio.get_running_loop()
    handle: asyncio.TimerHandle

    def look() -> None:
        nonlocal handle
        now = loop.time()
        left = None if until is None else until() - now
        silent = WARN_SECONDS if left is None else seconds - left
        if silent < WARN_SECONDS * 0.99:  # bytes have moved
            handle = loop.call_later(WARN_SECONDS - silent, look)
        elif now - _warned.get(name, -WARN_SECONDS) >= WARN_SECONDS * 0.99:
            _warned[name] = now
            more = "" if left is None else f"; waiting for {left:.0f} s more"
            logger.warning(
                "storage %r does not answer (it is silent, or busy%s)%s", name, busy, more
            )

    handle = loop.call_later(WARN_SECONDS, look)
    try:
        yield
    finally:
        handle.cancel()
