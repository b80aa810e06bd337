"""The one thread of this process that talks to Neo4j and to storages.

Drivers and S3 clients belong to the event loop that they were made on. Callers run on many loops:
several ``asyncio.run``, threads, notebooks, or no loop at all. So all I/O happens on one loop in
one daemon thread. Callers hop to it, and the end of a caller cannot cut a write in two.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import logging
import os
import selectors
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from typing import Any, TypeVar

__all__ = ["IOThread", "at_shutdown", "io_thread", "keep_forever", "settle"]

T = TypeVar("T")
logger = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 10.0
"""Maximum seconds that a process waits at its end for writes, and for connections to close."""


class IOThread:
    """A daemon thread that runs one event loop until the process ends."""

    def __init__(self, name: str = "artigraph-io") -> None:
        self._selector = selectors.DefaultSelector()
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._started.wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(self._started.set)
        self._loop.run_forever()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop to which drivers and clients belong."""
        return self._loop

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start ``work`` here with the caller's context variables."""
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError(f"thread {self._thread.name} cannot wait for itself")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        """Wait for work under way, run the shutdown hooks, end the thread."""
        if not self._thread.is_alive():
            return
        try:
            self.submit(self._wind_down()).result(SHUTDOWN_SECONDS)
        except FutureTimeoutError:
            logger.warning("gave up on unfinished I/O after %.0f s", SHUTDOWN_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SHUTDOWN_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

    async def _wind_down(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=SHUTDOWN_SECONDS / 2)
        for hook in _hooks:
            try:
                await hook()
            except Exception:  # the other hooks still have connections to close
                logger.warning("closing a connection failed", exc_info=True)
        await self._loop.shutdown_asyncgens()

    def abandon(self) -> None:
        """Release the parent's sockets in a forked child without sending anything to the servers.

        Each descriptor is replaced by ``/dev/null``, so that the child neither keeps connections of
        its parent open nor closes a file of its own by closing a number that was reused. The
        selector itself (an epoll descriptor that both processes share) goes first.
        """
        with open(os.devnull, "rb") as nothing:
            fds = [key.fd for key in list(self._selector.get_map().values())]
            own = getattr(self._selector, "fileno", None)
            for fd in [*([own()] if own else []), *fds]:
                with suppress(OSError):
                    os.dup2(nothing.fileno(), fd)


_hooks: list[Callable[[], Awaitable[None]]] = []
_current: IOThread | None = None
_lock = threading.Lock()


def io_thread() -> IOThread:
    """Return the I/O thread of this process, started on first use."""
    global _current
    with _lock:
        if _current is None:
            _current = IOThread()
        return _current


def at_shutdown(hook: Callable[[], Awaitable[None]]) -> None:
    """Register a hook that is awaited on the I/O loop before the process ends."""
    if hook not in _hooks:
        _hooks.append(hook)


def _stop() -> None:
    global _current
    thread, _current = _current, None
    if thread is not None:
        thread.stop()


def keep_forever(thing: object) -> None:
    """Keep an object of the parent's loop from ever being finalized, in a forked child.

    A transport or driver that is collected closes itself through its loop, which runs only in the
    parent. A reference from a module is not enough, since modules are cleared when a process ends.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _after_fork_in_child() -> None:
    global _current, _lock
    _lock = threading.Lock()
    if _current is not None:
        _current.abandon()
        for thing in [_current, *_hooks]:  # the hooks belong to objects with connections
            keep_forever(thing)
        _hooks.clear()
        _current = None


atexit.register(_stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


async def settle(start: Callable[[], asyncio.Future[T]]) -> T:
    """Await work that must be completed even when the caller is cancelled.

    The caller's cancellation is raised once the work is done. ``asyncio.shield`` is not enough: at
    its end ``asyncio.run`` cancels every task of its loop, shielded ones too. Work that was
    cancelled in this way is started again, which all writes of this library allow.
    """
    cancelled: asyncio.CancelledError | None = None
    restarts = 2
    work = start()
    while True:
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError as error:
            cancelled = error
        if not work.done():
            continue
        if work.cancelled() and restarts:
            restarts -= 1
            work = start()
            continue
        break
    if cancelled is not None:
        if not work.cancelled():
            work.exception()  # retrieved, so that asyncio does not report it
        raise cancelled
    return work.result()
