"""URLs that users give for storages: refused if unclear, and shown without a login or a query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote

from artigraph_neo4j.errors import StorageError

__all__ = ["check_url", "secrets_of", "shown_url"]

_LOGIN = re.compile(r"(?<=://)[^/?#]*@")
_QUERY = re.compile(r"(://[^?]*)\?.*?(?=::|$)", re.DOTALL)
_LOCAL = ("file://", "local://")
_HOST = re.compile(r"://(?:[^/?#]*@)?([^/?#@]*)")
_PORT = re.compile(r"(\[.*\]|[^:]*)(:\d*)?")


def check_url(url: str) -> None:
    """Refuse a URL whose login ends in the middle of a password, which would then be shown.

    Raises:
        StorageError: The port in the URL is not a number. The message does not quote the URL.
    """
    for part in url.split("::"):
        host = _HOST.search(part)
        port = host and _PORT.fullmatch(host[1])
        if host and (port is None or (port[2] and "@" in part[host.end() :].partition("?")[0])):
            raise StorageError(
                f"the login in the {_scheme(part)} URL ends too early, or its port is not a "
                "number; write special characters of a password as "
                "urllib.parse.quote(password, safe='') does, or pass the login as options"
            )


def shown_url(url: str) -> str:
    """Return a URL without its login and its query, which may be secret; for names and messages."""
    url = _LOGIN.sub("", url)
    return url if url.startswith(_LOCAL) else _QUERY.sub(r"\1", url)


def secrets_of(url: str) -> tuple[str, ...]:
    """Return the texts in a URL that no message may quote: login, password and query."""
    return tuple(_secrets(url))


def _secrets(url: str) -> Iterator[str]:
    for login in _LOGIN.findall(url):
        password = login.removesuffix("@").partition(":")[2]
        yield from (login, password, unquote(password))
    for part in url.split("::"):
        if not part.startswith(_LOCAL):
            query = part.partition("?")[2]
            yield query
            yield from (value for _, value in parse_qsl(query))


def _scheme(url: str) -> str:
    scheme = url.partition("://")[0]
    return f"{scheme}://" if re.fullmatch(r"[a-z][a-z0-9+.-]{0,30}", scheme) else "given"
