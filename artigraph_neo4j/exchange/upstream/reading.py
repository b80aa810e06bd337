"""Reading of Artigraph's values: from the database or a storage, to bytes, to objects."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import StorageError
from artigraph_neo4j.exchange.upstream.database import Database, OldNode
from artigraph_neo4j.exchange.upstream.tree import ImportNote, OldArtifact, model_of, named
from artigraph_neo4j.exchange.upstream.values import Decode, Undecodable, decoder
from artigraph_neo4j.model.native import NOT_NATIVE, to_native
from artigraph_neo4j.serializer.plain import serializer_for
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.values.moving import asked
from artigraph_neo4j.values.transfer import together

__all__ = ["Reader", "Values"]


@dataclass(slots=True)
class Values:
    """The values that were read of some artifacts.

    Attributes:
        of: The values by the artifact's new id and the old id of the field.
        as_bytes: Values that were kept as bytes.
        skipped: Artifacts that have to wait until this program can read them.
    """

    of: dict[str, dict[int, Any]] = field(default_factory=dict)
    as_bytes: list[ImportNote] = field(default_factory=list)
    skipped: list[ImportNote] = field(default_factory=list)


class _Unreadable(Exception):  # noqa: N818 - a reason to wait
    """A value that this program cannot read as it is configured."""


class Reader:
    """Reads values of one database.

    Args:
        engine: The engine that does the I/O with storages.
        database: The database that has the other values.
        storages: Artigraph's storages, by the names that it gave them.
        serializers: Readers of further serializers, by name.
        allow_pickle: Whether to read pickles, which runs code.
    """

    def __init__(
        self,
        engine: Engine,
        database: Database,
        storages: Mapping[str, Storage],
        serializers: Mapping[str, Decode],
        *,
        allow_pickle: bool,
    ) -> None:
        self._engine = engine
        self._database = database
        self._storages = storages
        self._serializers = serializers
        self._allow_pickle = allow_pickle

    async def read(self, artifacts: Sequence[OldArtifact]) -> Values:
        """Read the values of some artifacts, all of them into memory."""
        inline = [
            row.node_id for item in artifacts for row in _fields(item) if row.location is None
        ]
        held = await asyncio.to_thread(self._database.values, inline) if inline else {}
        out = Values()

        async def read(item: OldArtifact) -> None:
            values: dict[int, Any] = {}
            try:
                for row in _fields(item):
                    stored = row.location is not None
                    data = await self._fetch(row) if stored else held.pop(row.node_id, None)
                    values[row.node_id] = await self._value(row, data, item, out)
            except (StorageError, _Unreadable) as error:
                root = item.rows[0]
                out.skipped.append(ImportNote(root.node_id, named(root), str(error)))
            else:
                out.of[item.new_id] = values

        await together(partial(read, item) for item in artifacts)
        return out

    async def _fetch(self, row: OldNode) -> bytes:
        storage, location = self._storages.get(row.storage or ""), row.location
        if storage is None or location is None:
            raise _Unreadable(
                f"field {row.label!r} is in storage {row.storage!r}; say where that is, with "
                "storages= or --storage DIRECTORY or s3://BUCKET/PREFIX, and import again"
            )
        data = await asked(self._engine, storage, lambda: storage.read(location))
        # Artigraph names objects of S3 by their content.
        digest = _SHA512.search(location)
        if digest and hashlib.sha512(data).hexdigest() != digest[0]:
            raise _Unreadable(
                f"field {row.label!r}: the {len(data)} bytes at {location} in {row.storage!r} are "
                "not those that were stored"
            )
        return data

    async def _value(self, row: OldNode, data: bytes | None, item: OldArtifact, out: Values) -> Any:
        if data is None:  # NULL in the database; Artigraph reads it as None too
            return None
        try:
            if len(data) < _BRIEF:
                return self._decoded(row, data)
            return await asyncio.to_thread(self._decoded, row, data)
        except Undecodable as error:
            root = item.rows[0]
            what = named(root) if row is root else f"{named(root)}, field {row.label}"
            out.as_bytes.append(ImportNote(row.node_id, what, str(error)))
            return data

    def _decoded(self, row: OldNode, data: bytes) -> Any:
        """Return the value, if this library can read it back unchanged."""
        decode = decoder(row.serializer, self._serializers, allow_pickle=self._allow_pickle)
        try:
            value = decode(data)
        except ImportError as error:
            raise _Unreadable(
                f"field {row.label!r} needs {error.name or error} to be read; install it, with the "
                "extra [pandas], [arrow] or [polars], and import again"
            ) from error
        except Exception as error:  # a reader may raise anything for damaged bytes
            raise Undecodable(
                f"serializer {row.serializer!r} cannot read its {len(data)} bytes: "
                f"{type(error).__name__}: {error}"
            ) from error
        try:
            if value is not None and to_native(value)[0] is NOT_NATIVE:
                serializer_for(value).serialize(value)
        except Exception as error:
            raise Undecodable(f"its value would not come back as it is: {error}") from error
        return value


_BRIEF = 64 * 1024
_SHA512 = re.compile(r"(?<![0-9a-f])[0-9a-f]{128}$")


def _fields(item: OldArtifact) -> list[OldNode]:
    return [row for row in item.rows if model_of(row) is None]
