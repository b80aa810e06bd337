"""S3 clients: one for each event loop and way to connect, made when first used, and kept.

A client cannot leave the loop it was made on, and making one costs ten times what a request does.
"""

# What aioboto3 returns is only typed with stubs for every AWS service.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import asyncio
import re
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from artigraph_neo4j.common import iothread
from artigraph_neo4j.errors import BlobNotFoundError, StorageError

try:
    import aioboto3
    import aiohttp
    from aiobotocore.config import AioConfig
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
except ImportError as error:  # pragma: no cover - an install without the extra
    raise ImportError('S3Storage needs aioboto3: pip install "artigraph-neo4j[s3]"') from error

__all__ = [
    "CONNECTION_ERRORS",
    "ClientError",
    "Connection",
    "OpenClient",
    "close_clients",
    "error_code",
    "mapped_errors",
]

CONNECTION_ERRORS = (BotoCoreError, aiohttp.ClientError, OSError)
"""What a failing connection raises; a body that ends early raises aiohttp's own error."""


@dataclass(frozen=True)
class Connection:
    """How a bucket is reached; what is None is found the AWS way."""

    endpoint_url: str | None = None
    region_name: str | None = None
    profile_name: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    session: aioboto3.Session | None = field(default=None, repr=False)
    max_concurrency: int = 16

    async def client(self) -> OpenClient:
        """The open client of the running loop.

        Raises:
            StorageError: The settings are not complete, or name what is not there.
        """
        return await _clients.of(self)

    async def aclose(self) -> None:
        """Close the client of the running loop; the next use opens another."""
        await _clients.close(self)

    def new_client(self) -> Any:
        """An asynchronous context manager that gives a client."""
        session = self.session or aioboto3.Session(profile_name=self.profile_name)
        config = AioConfig(
            retries={"mode": "standard", "max_attempts": 4},
            connect_timeout=5,
            read_timeout=60,
            max_pool_connections=2 * self.max_concurrency,  # a connection for each in a gate
        )
        return session.client(
            "s3",
            config=config,
            endpoint_url=self.endpoint_url,
            region_name=self.region_name,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            aws_session_token=self.session_token,
        )


class OpenClient:
    """A client of one loop, and the gates that bound its requests at once.

    Downloads have a gate of their own. They hold it for as long as their reader takes, who may be
    waiting to upload what was read: with one gate all copies could wait for each other.
    """

    def __init__(self, connection: Connection) -> None:
        self.client: Any = None
        self.gate = asyncio.Semaphore(connection.max_concurrency)
        self.downloads = asyncio.Semaphore(connection.max_concurrency)
        self._connection = connection
        self._lock = asyncio.Lock()
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Connect, unless that is done."""
        async with self._lock:
            if self.client is None:
                made = self._connection.new_client()
                self.client = await self._stack.enter_async_context(made)

    async def aclose(self) -> None:
        """Close all connections."""
        async with self._lock:
            self.client = None
            await self._stack.aclose()


class _Clients:
    def __init__(self) -> None:
        self._of_loop: dict[asyncio.AbstractEventLoop, dict[Connection, OpenClient]] = {}

    async def of(self, connection: Connection) -> OpenClient:
        for loop in [loop for loop in self._of_loop if loop.is_closed()]:
            del self._of_loop[loop]
        mine = self._of_loop.setdefault(asyncio.get_running_loop(), {})
        if connection not in mine:
            mine[connection] = OpenClient(connection)
            # A bound method: a forked child keeps what it is bound to from closing itself.
            iothread.at_shutdown(self.close_all)
        with mapped_errors("could not set up the S3 client", "", ""):
            await mine[connection].open()
        return mine[connection]

    async def close(self, connection: Connection) -> None:
        held = self._of_loop.get(asyncio.get_running_loop(), {}).pop(connection, None)
        if held is not None:
            await held.aclose()

    async def close_all(self) -> None:
        for held in self._of_loop.pop(asyncio.get_running_loop(), {}).values():
            await held.aclose()


_clients = _Clients()


async def close_clients() -> None:
    """Close all clients of the running loop. The library does so on its own loop at the end."""
    await _clients.close_all()


_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_HINTS = {
    "NoSuchBucket": "create the bucket first",
    "AccessDenied": "the credentials lack this permission",
    "403": "the credentials lack this permission",
    "InvalidAccessKeyId": "check AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "check AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": "the credentials have expired; get new ones",
    "PermanentRedirect": "the bucket is in another region; set AWS_DEFAULT_REGION or region_name",
    "SlowDown": "the service asks for fewer requests at once; lower max_concurrency",
}
_LOGIN_IN_URL = re.compile(r"://[^/@\s]*@")


def error_code(error: ClientError) -> str:
    """The service's name for an error, or its HTTP status."""
    return str(error.response.get("Error", {}).get("Code", "?"))


@contextmanager
def mapped_errors(what: str, bucket: str, location: str) -> Generator[None]:
    """Turn the client's errors into ours, with the next step in the message."""
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if code in _MISSING:
            raise BlobNotFoundError(f"bucket {bucket!r} has no object {location!r}") from error
        raise StorageError(f"{what}: {code}; {_HINTS.get(code, 'see the cause')}") from error
    except NoCredentialsError as error:
        raise StorageError(
            f"{what}: no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "AWS_PROFILE, or pass access_key and secret_key"
        ) from error
    except (*CONNECTION_ERRORS, ValueError) as error:
        text = _LOGIN_IN_URL.sub("://…@", f"{type(error).__name__}: {error}")
        raise StorageError(f"{what}: {text}; check the endpoint and the AWS_* settings") from error
