"""S3 clients: one for each event loop and set of settings, made at the first use, then cached.

A client cannot leave the loop it was made on, and making one costs ten times as much as a request.
Its settings may change while the process lives: credentials are renewed, an endpoint or a CA file
is corrected. So each request compares the environment and the AWS configuration files, in tens of
microseconds; a client with outdated settings is replaced, and closes after its last request.
"""

# botocore and aiobotocore are only typed with stubs for every AWS service.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, TypeVar

from artigraph_neo4j.common import iothread
from artigraph_neo4j.storage.aws_errors import mapped_errors

try:
    from aiobotocore.config import AioConfig
    from aiobotocore.session import AioSession
except ImportError as error:  # pragma: no cover - an install without the extra
    raise ImportError('S3Storage needs aiobotocore: pip install "artigraph-neo4j[s3]"') from error

__all__ = ["Connection", "Patience", "Request", "close_clients"]

T = TypeVar("T")

_PROXIES = frozenset({"http_proxy", "https_proxy", "no_proxy"})
_SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_SESSION_FILES = ("config_file", "credentials_file", "ca_bundle")


@dataclass(frozen=True)
class Connection:
    """The settings of a connection to a bucket; None means that AWS's rules find the value.

    Attributes:
        endpoint_url: The service's address.
        region_name: The region.
        profile_name: The profile of the AWS configuration files.
        access_key: The access key's id.
        secret_key: The access key's secret.
        session_token: The token that belongs to temporary credentials.
        session: A session of aioboto3 or aiobotocore to make clients with.
        max_concurrency: Maximum number of requests at once, and of downloads in addition.
        timeout: Seconds without progress until a request ends, including its further attempts.
        use_environment: Whether AWS variables, AWS files and proxies of the environment are used.
    """

    endpoint_url: str | None = field(default=None, repr=False)
    region_name: str | None = None
    profile_name: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    session: Any = field(default=None, repr=False)
    max_concurrency: int = 16
    timeout: float = 60.0
    use_environment: bool = True

    def request(
        self, *, download: bool = False, patience: Patience | None = None
    ) -> AbstractAsyncContextManager[Request]:
        """Enter a turn with the client of the running loop, as an asynchronous context manager.

        Args:
            download: Whether the turn lasts until its reader has taken all bytes.
            patience: The time to wait, if several requests share it.

        Raises:
            StorageError: The settings are not complete, or name something that does not exist; or
                no turn became free in time.
        """
        return _clients.request(self, download, patience or Patience(self.timeout))

    async def aclose(self) -> None:
        """Close the client of the running loop once it is idle; the next use opens a new one."""
        await _clients.close(self)

    def secrets(self) -> tuple[str, ...]:
        """The texts that no message may quote, as given here or in the environment."""
        given = (self.secret_key, self.session_token)
        named = map(os.environ.get, _SECRET_VARIABLES if self.use_environment else ())
        return tuple(str(value) for value in (*given, *named) if value)

    def new_session(self) -> Any:
        """Return the session that makes the client: the given one, or a new one of aiobotocore."""
        if self.session is not None:
            return self.session
        if self.use_environment:
            return AioSession(profile=self.profile_name)
        known: dict[str, tuple[Any, ...]] = AioSession.SESSION_VARIABLES
        deaf = {name: (None, None, *rest) for name, (_, _, *rest) in known.items()}
        return AioSession(session_vars=deaf | dict.fromkeys(_SESSION_FILES, (None,) * 4))

    def new_client(self, session: Any) -> Any:
        """Return an asynchronous context manager that gives a client."""
        config = AioConfig(
            retries={"mode": "standard", "max_attempts": 4},
            connect_timeout=min(5.0, self.timeout / 2),
            read_timeout=self.timeout / 2,  # leaves time to retry once after a dead connection
            max_pool_connections=2 * self.max_concurrency,  # a connection for each in a gate
            proxies=None if self.use_environment else {},
        )
        create = getattr(session, "create_client", None) or session.client  # that of aioboto3
        return create(
            "s3",
            config=config,
            endpoint_url=self.endpoint_url,
            region_name=self.region_name,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            aws_session_token=self.session_token,
        )


class Patience:
    """The time that a request waits for a byte to move, in either direction.

    Args:
        seconds: The time from the last byte that moved until the request ends with an error.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._running: asyncio.Timeout | None = None
        self.moved()

    def moved(self) -> None:
        """Restart the time, since a byte has moved, or nothing waited for one."""
        self.until = asyncio.get_running_loop().time() + self.seconds
        if self._running is not None and not self._running.expired():
            self._running.reschedule(self.until)

    async def wait(self, work: Awaitable[T]) -> T:
        """Await ``work``.

        Raises:
            TimeoutError: Nothing has moved for ``seconds``.
        """
        try:
            async with asyncio.timeout_at(self.until) as self._running:
                return await work
        finally:
            self._running = None


class _Body(BytesIO):
    """Bytes to send; each piece that the client takes counts as progress."""

    def __init__(self, data: bytes, taken: Callable[[], None]) -> None:
        super().__init__(data)
        self._taken = taken
        self._loop = asyncio.get_running_loop()

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes; the client calls this on its loop, or in a thread."""
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            self._taken()
        else:
            self._loop.call_soon_threadsafe(self._taken)
        return super().read(size)


class Request:
    """A turn with a client.

    Attributes:
        client: The client.
    """

    def __init__(self, client: Any, patience: Patience, moved: Callable[[], None]) -> None:
        self.client = client
        self._patience = patience
        self._moved = moved

    async def send(self, call: Awaitable[T]) -> T:
        """Await a call of the client while bytes keep moving."""
        answer = await self._patience.wait(call)
        self.moved()
        return answer

    def body(self, data: bytes) -> BytesIO:
        """Make a body whose progress keeps the request alive."""
        return _Body(data, self.moved)

    def moved(self) -> None:
        """Restart the time of this request and of those that wait for their turn."""
        self._patience.moved()
        self._moved()


class _Client:
    """A client of one loop, and the gates that limit its concurrent requests.

    Downloads have a separate gate. They hold it for as long as their reader takes, which may be
    waiting to upload the data: with a single gate, concurrent copies could deadlock.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.settings: tuple[object, ...] = ()
        self.retired = False
        self.users = 0
        self._client: Any = None
        self._files: tuple[str, ...] = ()
        self._gate = asyncio.Semaphore(connection.max_concurrency)
        self._downloads = asyncio.Semaphore(connection.max_concurrency)
        self._moved = 0.0
        self._lock = asyncio.Lock()
        self._stack = AsyncExitStack()

    def is_current(self) -> bool:
        """True if the settings that it was made with have not changed."""
        return self._client is None or self.settings == self._settings()

    def _settings(self) -> tuple[object, ...]:
        if not self.connection.use_environment:
            return ()
        return (_variables(), _stamps(self._files))

    async def _open(self) -> None:
        async with self._lock:
            if self._client is not None:
                return
            session = self.connection.new_session()
            if isinstance(session, AioSession) and self.connection.use_environment:
                self._files = _files_of(session)
            self.settings = self._settings()
            made = self.connection.new_client(session)
            self._client = await self._stack.enter_async_context(made)

    @asynccontextmanager
    async def request(self, download: bool, patience: Patience) -> AsyncGenerator[Request]:
        """Enter a turn, as soon as the gate has room for one more."""
        self.users += 1  # before the first await: from now on the client is not closed
        try:
            with mapped_errors("could not set up the S3 client", "", "", self.connection.secrets):
                await self._open()
            if download:
                async with self._downloads:
                    patience.moved()  # other readers took the time, not the service
                    yield Request(self._client, patience, self._note)
            else:
                await self._enter(patience)
                try:
                    yield Request(self._client, patience, self._note)
                finally:
                    self._gate.release()
        finally:
            self.users -= 1
            if self.retired and not self.users:
                await self.aclose()

    async def _enter(self, patience: Patience) -> None:
        """Wait for a turn, as long as requests in their turns move bytes."""
        while True:
            try:
                await patience.wait(self._gate.acquire())
            except TimeoutError:
                if self._moved + patience.seconds <= asyncio.get_running_loop().time():
                    raise
                patience.until = self._moved + patience.seconds
            else:
                patience.moved()
                return

    def _note(self) -> None:
        self._moved = asyncio.get_running_loop().time()

    async def retire(self) -> None:
        """Close the client, now or after its last request."""
        self.retired = True
        if not self.users:
            await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        async with self._lock:
            self._client = None
            await self._stack.aclose()


def _files_of(session: AioSession) -> tuple[str, ...]:
    """The files that a session's settings come from."""
    named = (session.get_config_variable(name) for name in _SESSION_FILES)
    return tuple(os.path.expanduser(path) for path in named if path)


def _variables() -> tuple[tuple[str, str | None], ...]:
    names = (n for n in os.environ if n.startswith("AWS_") or n.lower() in _PROXIES)
    return tuple((name, os.environ.get(name)) for name in names)


def _stamps(paths: Iterable[str]) -> tuple[tuple[int, int] | None, ...]:
    return tuple(map(_stamp, paths))


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


class _Clients:
    def __init__(self) -> None:
        self._of_loop: dict[asyncio.AbstractEventLoop, dict[Connection, _Client]] = {}

    @asynccontextmanager
    async def request(
        self, connection: Connection, download: bool, patience: Patience
    ) -> AsyncGenerator[Request]:
        held, replaced = self._held(connection)
        async with held.request(download, patience) as request:
            if replaced is not None:
                await replaced.retire()
            yield request

    def _held(self, connection: Connection) -> tuple[_Client, _Client | None]:
        """Return the client for a connection, and the one that it replaces, if any."""
        for loop in [loop for loop in self._of_loop if loop.is_closed()]:
            del self._of_loop[loop]
        mine = self._of_loop.setdefault(asyncio.get_running_loop(), {})
        old = mine.get(connection)
        if old is not None and old.is_current():
            return old, None
        mine[connection] = made = _Client(connection)
        # A bound method keeps this object in the hooks, so that no forked child finalizes it.
        iothread.at_shutdown(self.close_all)
        return made, old

    async def close(self, connection: Connection) -> None:
        held = self._of_loop.get(asyncio.get_running_loop(), {}).pop(connection, None)
        if held is not None:
            await held.retire()

    async def close_all(self) -> None:
        for held in self._of_loop.pop(asyncio.get_running_loop(), {}).values():
            await held.aclose()


_clients = _Clients()


async def close_clients() -> None:
    """Close all clients of the running loop. The library does so on its own loop at the end."""
    await _clients.close_all()
