"""A storage that uses obstore: S3, Google Cloud and Azure through one client written in Rust."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Self, cast
from urllib.parse import unquote

from artigraph_neo4j.common.hiding import chained, hidden, secrets_in
from artigraph_neo4j.errors import BlobNotFoundError, StorageError
from artigraph_neo4j.storage.base import Storage, StoredBytes, blob_key
from artigraph_neo4j.storage.links import refuse_outside
from artigraph_neo4j.storage.names import digest_in
from artigraph_neo4j.storage.urls import check_url, secrets_of, shown_url

try:
    import obstore
    from obstore.exceptions import AlreadyExistsError
    from obstore.store import S3Store, from_url
except ImportError as error:  # pragma: no cover - an install without the extra
    raise ImportError(
        'ObstoreStorage needs obstore: pip install "artigraph-neo4j[obstore]"'
    ) from error

__all__ = ["ObstoreStorage"]

_CHUNK = 4 * 1024 * 1024
_WHOLE = 8 * 1024 * 1024
"""Maximum bytes of a value that is uploaded in one request."""

_RETRIES = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
_LIST = 1000
_ENDPOINTS = ("endpoint", "endpoint_url", "aws_endpoint", "aws_endpoint_url")
_SORTED = ("s3:", "s3a:", "gs:")
"""Schemes of services that list keys in order."""

_started_in: int | None = None
"""The process in which this library first called obstore."""


class ObstoreStorage(Storage):
    """A storage that keeps each value as an object below a URL of obstore.

    ::

        ObstoreStorage("s3://bucket/prefix", region="eu-central-1")
        ObstoreStorage("gs://bucket/prefix")
        ObstoreStorage("az://account/container/prefix")

    For many small values it is faster than ``S3Storage`` and takes half the CPU. Large downloads
    are slower, and it works in one process only: obstore's threads do not survive a fork, so a
    forked child of a process that used it gets an error. Processes that are spawned may use it.

    A request that takes longer than 30 s is retried, for a minute in total; set another limit with
    ``client_options={"timeout": "2 min"}``.

    Credentials and region are found by obstore in the environment, unless they are given here. An
    endpoint that is given here overrides ``AWS_ENDPOINT_URL_S3``.

    Args:
        url: The URL of a bucket or container, with an optional prefix in it; ``file://`` and
            ``memory://`` work, too.
        name: The storage's name in the graph, by default ``obstore:`` and the URL without a login
            or a query.
        **options: Options of ``obstore.store.from_url``; never shown or stored.
    """

    def __init__(self, url: str, *, name: str | None = None, **options: Any) -> None:
        self.url = url.rstrip("/") if not url.endswith("://") else url
        check_url(self.url)
        self._secrets = (*secrets_in(options), *secrets_of(self.url))
        try:
            self._store = _opened(self.url, options)
        except StorageError:
            raise
        except Exception as error:
            raise StorageError(
                f"obstore cannot open {shown_url(url)!r}: {self._text(error)}"
            ) from chained(error, self._secrets)
        self._directory = unquote(self.url[7:]) if self.url.startswith("file:///") else None
        self.name = f"obstore:{shown_url(self.url)}" if name is None else name

    @classmethod
    def from_name(cls, rest: str) -> Self | None:
        """Return the storage whose default name is ``obstore:`` and ``rest``, if that is a URL."""
        return cls(rest) if "://" in rest else None

    async def create(self, data: bytes, /) -> str:
        """Store ``data`` and return its location."""
        return await self.put(data, key=blob_key(data))

    async def put(self, data: bytes, /, *, key: str) -> str:
        """Store ``data`` under ``key``, a relative path, which becomes its location.

        Raises:
            StorageError: The key is not a path, or the service refused it or was out of reach.
        """
        path = self._path(key)
        with self._errors("store", path):
            if digest_in(key) is None or len(data) > _WHOLE:
                await obstore.put_async(self._store, path, data, use_multipart=len(data) > _WHOLE)
            else:
                with suppress(AlreadyExistsError):  # put by an attempt whose answer was lost
                    await obstore.put_async(
                        self._store, path, data, mode="create", use_multipart=False
                    )
        return key

    async def put_stream(self, chunks: AsyncIterable[bytes], /, *, key: str) -> str:
        """Upload the bytes of ``chunks`` in parts, holding only a few of them in memory."""
        path = self._path(key)
        failed: list[BaseException] = []

        async def watched() -> AsyncIterator[bytes]:
            try:
                async for chunk in chunks:
                    if chunk:
                        yield chunk
            except BaseException as error:
                failed.append(error)
                raise

        try:
            with self._errors("store", path):
                await obstore.put_async(self._store, path, watched())
        except StorageError:
            if failed:  # the source failed, not the service
                raise failed[0] from None
            raise
        return key

    async def read(self, location: str, /) -> bytes:
        """Read the bytes at ``location``."""
        path = self._path(location)
        with self._errors("read", path):
            answer = await obstore.get_async(self._store, path)
            return bytes(await answer.bytes_async())

    async def read_range(self, location: str, start: int, stop: int, /) -> bytes:
        """Read the bytes from ``start`` to ``stop``; the service sends no others."""
        path = self._path(location)
        if stop <= start:
            return b""
        try:
            with self._errors("read", path):
                found = await obstore.get_range_async(self._store, path, start=start, end=stop)
                return bytes(found)
        except BlobNotFoundError:
            raise
        except StorageError:
            size = await self.size(location)
            if size is not None and start >= size:
                return b""  # the object ends before ``start``
            raise

    async def stream(self, location: str, /) -> AsyncGenerator[bytes]:
        """Read the bytes at ``location``, a chunk at a time."""
        path = self._path(location)
        with self._errors("read", path):
            answer = await obstore.get_async(self._store, path)
            chunks = aiter(answer.stream(min_chunk_size=_CHUNK))
        while True:
            with self._errors("read", path):
                chunk = bytes(await anext(chunks, b""))
            if not chunk:
                return
            yield chunk

    async def update(self, location: str, data: bytes, /) -> None:
        """Replace the bytes at ``location``."""
        path = self._path(location)
        if not await self.exists(location):
            raise BlobNotFoundError(f"{self.name} keeps nothing at {location!r}")
        with self._errors("store", path):
            await obstore.put_async(self._store, path, data)

    async def delete(self, location: str, /) -> None:
        """Delete the object at ``location``, if there is one."""
        path = self._path(location)
        with suppress(BlobNotFoundError), self._errors("delete", path):
            await obstore.delete_async(self._store, path)

    async def delete_many(self, locations: Sequence[str], /) -> None:
        """Delete these objects, if they exist, in few requests."""
        paths = [self._path(location) for location in locations]
        try:
            with self._errors("delete", f"{len(paths)} objects"):
                if paths:
                    await obstore.delete_async(self._store, paths)
        except BlobNotFoundError:  # a store may stop at the first missing object
            await super().delete_many(locations)

    async def exists(self, location: str, /) -> bool:
        """Return True if there is an object at ``location``."""
        return await self.size(location) is not None

    async def size(self, location: str, /) -> int | None:
        """Return the size in bytes of the object at ``location``, or None if there is none."""
        path = self._path(location)
        try:
            with self._errors("look for", path):
                return int((await obstore.head_async(self._store, path))["size"])
        except BlobNotFoundError:
            return None

    async def list(self, prefix: str = "", /) -> AsyncIterator[StoredBytes]:
        """List the objects under keys that begin with ``prefix``, a page at a time."""
        folder = prefix.rpartition("/")[0] or None
        after = prefix[:-1] if prefix.rpartition("/")[2] else None
        with self._errors("list", prefix):
            listing: Any = cast("Any", obstore).list(
                self._store, folder, offset=after, chunk_size=_LIST
            )
            pages = aiter(listing)
        sorted_keys = self.url.startswith(_SORTED)
        while True:
            with self._errors("list", prefix):
                page: Any = await anext(pages, None)
            if page is None:
                return
            for found in page:
                if found["path"].startswith(prefix):
                    yield StoredBytes(found["path"], found["size"], found["last_modified"])
                elif sorted_keys and found["path"] > prefix:
                    return

    def _path(self, location: str) -> str:
        if not location or "\0" in location or {"", ".", ".."} & set(location.split("/")):
            raise StorageError(f"{location!r} is not a location in {self.name}")
        if self._directory is not None:
            refuse_outside(self._directory, os.path.join(self._directory, location))
        return location

    @contextmanager
    def _errors(self, action: str, path: str) -> Generator[None]:
        """Convert errors of obstore into ours; refuse calls in a forked child: they would hang."""
        _refuse_after_fork()
        try:
            yield
        except (FileNotFoundError, NotADirectoryError) as error:
            raise BlobNotFoundError(f"{self.name} keeps nothing at {path!r}") from chained(
                error, self._secrets
            )
        except Exception as error:
            raise StorageError(
                f"{self.name} could not {action} {path!r}: {self._text(error)}"
            ) from chained(error, self._secrets)

    def _text(self, error: BaseException) -> str:
        """The first line of an error, without what may be secret."""
        line = str(error).strip().partition("\n")[0]
        return hidden(f"{type(error).__name__}: {line}", self._secrets)


def _refuse_after_fork() -> None:
    global _started_in
    if _started_in is None:
        _started_in = os.getpid()
    if _started_in != os.getpid():
        raise StorageError(
            "obstore was used before this process was forked, and its threads are not there any "
            "more; start workers by spawn or forkserver, or use S3Storage"
        )


def _opened(url: str, options: dict[str, Any]) -> Any:
    """Open a URL; an endpoint in the options overrides that of the environment."""
    if not url.startswith(("file:", "memory:")):
        options = {"retry_config": _RETRIES, **options}
    endpoint = next((options[name] for name in options if name.lower() in _ENDPOINTS), None)
    scheme, _, rest = url.partition("://")
    if endpoint is None or scheme not in ("s3", "s3a"):
        return from_url(url, **options)
    check_url(str(endpoint))
    given: dict[str, Any] = {
        name: value for name, value in options.items() if name.lower() not in _ENDPOINTS
    }
    if str(endpoint).startswith("http:"):
        given["client_options"] = {"allow_http": True, **(given.get("client_options") or {})}
    bucket, _, prefix = rest.partition("/")
    return S3Store(bucket, prefix=prefix or None, aws_endpoint_url_s3=endpoint, **given)
