"""Address of the graph and login: from a URL, arguments or the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from artigraph_neo4j.errors import EngineError

__all__ = ["SCHEMES", "Settings"]

SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Address and login of one database.

    Attributes:
        uri: Scheme, host and port, without credentials: ``bolt://127.0.0.1:7687``; for ``neo4j``
            also the parameters of its routing.
        username: The user, or None for a server without authentication.
        password: Never shown by ``repr``.
        database: The database's name, or None for the server's default.
    """

    uri: str
    username: str | None = None
    password: str | None = None
    database: str | None = None

    def __repr__(self) -> str:
        login = f"username={self.username!r}, database={self.database!r}"
        return f"Settings(uri={self.shown!r}, {login})"

    @property
    def shown(self) -> str:
        """The address without parameters, which may be secret; for messages."""
        return self.uri.partition("?")[0]

    @property
    def auth(self) -> tuple[str, str] | None:
        """User and password, in the form that the driver takes."""
        return None if self.username is None else (self.username, self.password or "")

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        database: str | None = None,
    ) -> Settings:
        """Parse ``neo4j://user:password@host:7687/database``; arguments override the URL.

        User, password and database in the URL are percent-decoded.

        Raises:
            EngineError: The URL's scheme is not one of Neo4j's, or it does not name a host.
        """
        scheme = url.partition("://")[0]
        if scheme not in SCHEMES:
            raise EngineError(_wrong_scheme(scheme if "://" in url else ""))
        try:
            parts = urlsplit(url)
        except ValueError:  # its text contains the password
            raise EngineError(f"the {scheme}:// URL cannot be read{_ENCODE}") from None
        if "@" in f"{parts.path}{parts.query}{parts.fragment}":
            raise EngineError(f"the password in the {scheme}:// URL ends too early{_ENCODE}")
        if parts.query and scheme.startswith("bolt"):
            raise EngineError(
                f"a {scheme}:// URL takes no parameters after a question mark; pass the login as "
                "username= and password=, or as NEO4J_USERNAME and NEO4J_PASSWORD"
            )
        if not parts.hostname:
            raise EngineError(f"a {parts.scheme}:// URL needs a host: {parts.scheme}://host:7687")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        try:
            port = f":{parts.port}" if parts.port else ""
        except ValueError:  # its text quotes the port, which may be a password
            raise EngineError(f"the port in the {scheme}:// URL is not a number{_ENCODE}") from None
        query = f"?{parts.query}" if parts.query else ""
        return cls(
            f"{parts.scheme}://{host}{port}{query}",
            username or (unquote(parts.username) if parts.username else None),
            password or (unquote(parts.password) if parts.password else None),
            database or unquote(parts.path.strip("/")) or None,
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings | None:
        """Read ``NEO4J_URI``, ``_USERNAME`` (or ``_USER``), ``_PASSWORD`` and ``_DATABASE``.

        Returns:
            The settings, or None if ``NEO4J_URI`` is not set.
        """
        env = os.environ if environment is None else environment
        if not (url := env.get("NEO4J_URI")):
            return None
        return cls.from_url(
            url,
            username=env.get("NEO4J_USERNAME") or env.get("NEO4J_USER"),
            password=env.get("NEO4J_PASSWORD"),
            database=env.get("NEO4J_DATABASE"),
        )


_ENCODE = (
    "; write special characters of a password as urllib.parse.quote(password, safe='') does, or "
    "pass it as password=... or NEO4J_PASSWORD"
)


def _wrong_scheme(scheme: str) -> str:
    """The message for a wrong scheme; it quotes no other part of the URL, which may be secret."""
    known = ", ".join(f"{known}://" for known in SCHEMES)
    use = f'use one of {known}, or "local" for the local stack'
    if scheme.partition("+")[0] in ("sqlite", "postgresql", "mysql"):
        use += "; import_artigraph(url) imports such a database of Artigraph 0.0.x"
    if re.fullmatch(r"[a-z][a-z0-9+.-]{0,30}", scheme) is None:
        return f"this is not a URL of Neo4j; {use}"
    return f"{scheme!r} is not a Neo4j URL scheme; {use}"
