"""The database of Artigraph 0.0.x: one table, read in one transaction, never written."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from artigraph_neo4j.errors import NotFoundError, StorageError

__all__ = ["Database", "OldNode", "open_database"]

TABLE = "artigraph_node"

_COLUMNS = {
    "node_id": "node_id",
    "node_parent_id": "parent_id",
    "node_type": "kind",
    "node_created_at": "created_at",
    "artifact_label": "label",
    "artifact_serializer": "serializer",
    "artifact_detail": "detail",
    "remote_artifact_storage": "storage",
    "remote_artifact_location": "location",
    "span_label": "span_label",
    "span_opened_at": "opened_at",
    "span_closed_at": "closed_at",
    "model_artifact_type": "model",
    "model_artifact_version": "version",
}
"""Columns and their names here; releases differ in those from ``artifact_detail`` on."""

_NEEDED = ("node_id", "node_parent_id", "node_type", "node_created_at")
_VALUE = "database_artifact_value"
_NOT_EXTRA = {*_COLUMNS, _VALUE, "node_updated_at"}

_SIZE = f"COALESCE(length({_VALUE}), 0)"
_METADATA = (
    f"CASE WHEN artifact_serializer LIKE 'artigraph-json%' AND length({_VALUE}) < 1000 "
    f"AND substr({_VALUE}, 1, 2) = :brace THEN {_VALUE} END"
)
"""The value, where it is small enough to be the mark of a model."""


@dataclass(slots=True)
class OldNode:
    """A row of Artigraph's table, without its value.

    Attributes:
        node_id: Its integer id.
        parent_id: The id of its parent.
        kind: ``span``, ``database_artifact``, ``remote_artifact`` or one of the user's own.
        created_at: The time when it was recorded.
        size: Number of bytes of its value in the database.
        metadata: That value, if it may be the mark of a model.
        extra: Values of columns that the user added.
    """

    node_id: int
    parent_id: int | None
    kind: str
    created_at: datetime
    label: str | None = None
    serializer: str | None = None
    detail: str | None = None
    storage: str | None = None
    location: str | None = None
    span_label: str | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    model: str | None = None
    version: Any = None
    size: int = 0
    metadata: bytes | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class Database(ABC):
    """A database, with the operations that the import needs."""

    @abstractmethod
    def columns(self) -> list[str]:
        """Return the names of the table's columns; an empty list if the table does not exist."""

    @abstractmethod
    def select(self, text: str, parameters: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
        """Yield the rows of a query, in the one transaction."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    def nodes(self) -> Iterator[OldNode]:
        """Yield all rows without their values, in order of their ids.

        Raises:
            NotFoundError: This is not a database of Artigraph 0.0.x.
        """
        there = self.columns()
        if not set(_NEEDED) <= set(there):
            found = f"has no column {_NEEDED[1]}" if there else "is not there"
            raise NotFoundError(
                f"this is not a database of Artigraph 0.0.2 to 0.0.8: the table {TABLE} {found}"
            )
        known = [name for name in _COLUMNS if name in there]
        extra = [name for name in there if name not in _NOT_EXTRA]
        values = [_SIZE, _METADATA] if _VALUE in there else ["0", "NULL"]
        chosen = ", ".join([*map(_quoted, known), *values, *map(_quoted, extra)])
        text = f"SELECT {chosen} FROM {TABLE} ORDER BY node_id"  # noqa: S608 - names it has itself
        names = [*(_COLUMNS[name] for name in known), "size", "metadata"]
        for row in self.select(text, {"brace": b'{"'}):
            facts = dict(zip(names, row[: len(names)], strict=True))
            for name in ("created_at", "opened_at", "closed_at"):
                facts[name] = _instant(facts.get(name))
            rest = dict(zip(extra, row[len(names) :], strict=True))
            facts["extra"] = {name: value for name, value in rest.items() if value is not None}
            yield OldNode(**facts)

    def values(self, ids: Sequence[int]) -> dict[int, bytes | None]:
        """Return the values of some nodes that the database holds."""
        found: dict[int, bytes | None] = {}
        for start in range(0, len(ids), 500):  # old versions of SQLite take 999 parameters
            some = {f"p{i}": node_id for i, node_id in enumerate(ids[start : start + 500])}
            marks = ", ".join(f":{name}" for name in some)
            text = f"SELECT node_id, {_VALUE} FROM {TABLE} WHERE node_id IN ({marks})"  # noqa: S608
            for node_id, value in self.select(text, some):
                # SQLite returns the type that was stored, whatever the column's type.
                data = value.encode() if isinstance(value, str) else value
                found[node_id] = None if data is None else bytes(data)
        return found


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _instant(value: Any) -> datetime | None:
    """Return a time of Artigraph, which is in UTC but does not say so."""
    if value is None:
        return None
    found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


class _Sqlite(Database):
    def __init__(self, path: Path) -> None:
        if not path.is_file():
            what = "such file" if "@" in str(path) else f"file {path}"  # a URL may hold a password
            raise NotFoundError(
                f"there is no {what}; a database other than SQLite is a URL, x://..."
            )
        # Calls come from threads of a pool, one after another.
        uri = f"{path.absolute().as_uri()}?mode=ro"
        self._connection = sqlite3.connect(
            uri, uri=True, check_same_thread=False, isolation_level=None
        )
        try:
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise StorageError(f"{path} cannot be read as an SQLite database: {error}") from error

    def columns(self) -> list[str]:
        return [row[1] for row in self._connection.execute(f"PRAGMA table_info({TABLE})")]

    def select(self, text: str, parameters: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
        yield from self._connection.execute(text, dict(parameters))

    def close(self) -> None:
        self._connection.close()


class _Sqlalchemy(Database):
    """A database that SQLAlchemy reaches; SQLAlchemy is imported only for such databases."""

    def __init__(self, url: str) -> None:
        try:
            import sqlalchemy
            from sqlalchemy.exc import SQLAlchemyError
        except ImportError as error:
            raise StorageError(
                "a database other than SQLite is read through SQLAlchemy: "
                'pip install "artigraph-neo4j[sqlalchemy]"'
            ) from error
        self._sqlalchemy = sqlalchemy
        try:
            found = _parsed(sqlalchemy, url)
            if found.drivername in _SYNCHRONOUS:
                found = found.set(drivername=_SYNCHRONOUS[found.drivername])
            self._engine = sqlalchemy.create_engine(found)
            self._connection = self._engine.connect().execution_options(
                isolation_level="REPEATABLE READ" if found.get_backend_name() != "sqlite" else None
            )
        except ImportError as error:
            raise StorageError(
                f"the database's driver is not installed: {error}; for PostgreSQL: "
                'pip install "artigraph-neo4j[postgresql]"'
            ) from error
        except SQLAlchemyError as error:
            raise StorageError(f"the database cannot be opened: {_short(error)}") from error

    def columns(self) -> list[str]:
        inspector = self._sqlalchemy.inspect(self._connection)
        if not inspector.has_table(TABLE):
            return []
        return [column["name"] for column in inspector.get_columns(TABLE)]

    def select(self, text: str, parameters: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
        result = self._connection.execute(self._sqlalchemy.text(text), dict(parameters))
        for row in result.yield_per(1000):
            yield tuple(row)

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()


def _parsed(sqlalchemy: Any, url: str) -> Any:
    """Return the parts of a URL; errors do not quote it, since it may hold a password."""
    try:
        found = sqlalchemy.make_url(url)
    except Exception:
        found = None
    if found is None or "@" in f"{found.host}{found.database}":
        raise StorageError(
            "the URL of the database cannot be read; write special characters of a password as "
            "urllib.parse.quote(password, safe='') does"
        ) from None
    return found


_SYNCHRONOUS = {
    "postgresql+asyncpg": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql+aiomysql": "mysql+pymysql",
    "mysql+asyncmy": "mysql+pymysql",
}
"""Synchronous drivers for the asyncio drivers that Artigraph's URLs name: a thread reads here."""


def _short(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def open_database(url: str) -> Database:
    """Open a database by the URL that Artigraph used, or by the path of an SQLite file.

    Raises:
        NotFoundError: The file does not exist.
        StorageError: The database cannot be opened.
    """
    scheme, found, rest = url.partition("://")
    if not found:
        return _Sqlite(Path(url).expanduser())
    if scheme.partition("+")[0] == "sqlite":
        # Three slashes come before a relative path, four before an absolute one.
        return _Sqlite(Path(rest.partition("?")[0].removeprefix("/")))
    return _Sqlalchemy(url)
