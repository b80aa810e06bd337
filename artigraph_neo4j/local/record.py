"""The record of the servers that ``up`` started: processes, ports and credentials."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from artigraph_neo4j.errors import LocalStackError
from artigraph_neo4j.local.files import write_private
from artigraph_neo4j.local.process import Process

__all__ = ["Credentials", "Record", "StackInfo"]


@dataclass(frozen=True, slots=True)
class StackInfo:
    """Addresses and credentials of a running stack.

    Attributes:
        bolt_url: The URL of Neo4j for drivers.
        browser_url: The URL of Neo4j Browser.
        username: The user name for Neo4j.
        password: The password for Neo4j; not shown by ``repr``.
        database: The name of the database.
        s3_endpoint: The S3 service, or an empty string without one.
        s3_access_key: The access key's id.
        s3_secret_key: The access key's secret; not shown by ``repr``.
        s3_bucket: The name of a bucket that exists.
        s3_region: The region to use; the service accepts any.
        neo4j_version: The version of Neo4j.
        directory: The directory of the data.
    """

    bolt_url: str
    browser_url: str
    username: str
    password: str = field(repr=False)
    database: str
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str = field(repr=False)
    s3_bucket: str
    s3_region: str
    neo4j_version: str
    directory: Path

    def environment(self) -> dict[str, str]:
        """Environment variables that lead this library and AWS clients to the stack."""
        found = {
            "NEO4J_URI": self.bolt_url,
            "NEO4J_USERNAME": self.username,
            "NEO4J_PASSWORD": self.password,
            "NEO4J_DATABASE": self.database,
        }
        if self.s3_endpoint:
            found |= {
                "AWS_ENDPOINT_URL_S3": self.s3_endpoint,
                "AWS_ACCESS_KEY_ID": self.s3_access_key,
                "AWS_SECRET_ACCESS_KEY": self.s3_secret_key,
                "AWS_REGION": self.s3_region,
                "AWS_DEFAULT_REGION": self.s3_region,
                "ARTIGRAPH_STORAGE": f"s3://{self.s3_bucket}",
            }
        return found


@dataclass(frozen=True, slots=True)
class Credentials:
    """Passwords and keys of a directory, made once; only its user can read their file."""

    neo4j_password: str = field(repr=False)
    s3_access_key: str
    s3_secret_key: str = field(repr=False)

    @classmethod
    def read(cls, directory: Path) -> Credentials | None:
        """Read the credentials of a directory; None if none were made.

        Raises:
            LocalStackError: The file exists but cannot be parsed.
        """
        path = directory / "credentials.json"
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            # Without the cause: the parser's message could show a part of the file.
            raise LocalStackError(
                f"{path} cannot be read as credentials; restore it, or name another directory"
            ) from None

    @classmethod
    def make(cls, directory: Path) -> Credentials:
        """Make new credentials and write them to the directory."""
        made = cls(secrets.token_urlsafe(18), secrets.token_hex(10), secrets.token_urlsafe(30))
        write_private(directory / "credentials.json", json.dumps(asdict(made)))
        return made


@dataclass(slots=True)
class Record:
    """The servers of a directory.

    Attributes:
        neo4j_version: The version that was started last, and therefore wrote the data.
        processes: The processes ``neo4j`` and ``s3``, while they run.
        ports: The ports by name; the next start tries them first.
        ready: Whether all servers answered; False while ``up`` is running.
    """

    neo4j_version: str = ""
    processes: dict[str, Process] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    ready: bool = False

    @classmethod
    def read(cls, directory: Path) -> Record:
        """Read the record of a directory; a missing or broken one counts as empty."""
        try:
            data: dict[str, Any] = json.loads((directory / "stack.json").read_text())
            processes = {name: Process(*pair) for name, pair in data["processes"].items()}
            return cls(data["neo4j_version"], processes, dict(data["ports"]), data["ready"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def write(self, directory: Path) -> None:
        """Write the record to the directory."""
        data = {
            "neo4j_version": self.neo4j_version,
            "processes": {name: [p.pid, p.created] for name, p in self.processes.items()},
            "ports": self.ports,
            "ready": self.ready,
        }
        write_private(directory / "stack.json", json.dumps(data, indent=1))
