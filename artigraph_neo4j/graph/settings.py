"""Where the graph is and how to log in: from a URL, arguments or the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from artigraph_neo4j.errors import EngineError

__all__ = ["SCHEMES", "Settings"]

SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach one database.

    Attributes:
        uri: Scheme, host and port, without credentials: ``bolt://127.0.0.1:7687``.
        username: The user, or None for a server without authentication.
        password: Never shown by ``repr``.
        database: The database's name, or None for the server's default.
    """

    uri: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str | None = None

    @property
    def auth(self) -> tuple[str, str] | None:
        """User and password as the driver takes them."""
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
        """Settings from ``neo4j://user:password@host:7687/database``; arguments win over the URL.

        User, password and database in the URL are percent-decoded.

        Raises:
            EngineError: The URL's scheme is none of Neo4j's, or it names no host.
        """
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES:
            raise EngineError(
                f"{parts.scheme or url.split(':')[0]!r} is no scheme of a Neo4j URL; use one of "
                f'{", ".join(f"{s}://" for s in SCHEMES)}, or "local" for the local stack'
            )
        if not parts.hostname:
            raise EngineError(f"a {parts.scheme}:// URL needs a host: {parts.scheme}://host:7687")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        try:
            port = f":{parts.port}" if parts.port else ""
        except ValueError as error:
            raise EngineError(f"the port in the {parts.scheme}:// URL is no number") from error
        query = f"?{parts.query}" if parts.query else ""
        return cls(
            f"{parts.scheme}://{host}{port}{query}",
            username or (unquote(parts.username) if parts.username else None),
            password or (unquote(parts.password) if parts.password else None),
            database or unquote(parts.path.strip("/")) or None,
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings | None:
        """Settings from ``NEO4J_URI``, ``_USERNAME`` (or ``_USER``), ``_PASSWORD``, ``_DATABASE``.

        Returns:
            None when ``NEO4J_URI`` is not set.
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
