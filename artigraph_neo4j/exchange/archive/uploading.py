"""Uploads of the stored values of an exported file to the storage of another graph."""

from __future__ import annotations

import asyncio
import hashlib
import time
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Protocol

from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import ArchiveError, IntegrityError
from artigraph_neo4j.exchange.archive.lines import blob_path
from artigraph_neo4j.graph.cypher.archive import KNOWN_BLOBS
from artigraph_neo4j.model.references import storage_of
from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.values.stored_object import upload
from artigraph_neo4j.values.transfer import Content, together
from artigraph_neo4j.values.upload import blob_row, fresh_seconds

__all__ = ["BlobWriter"]


class _Report(Protocol):
    uploaded: int
    bytes: int
    shared: int


class BlobWriter:
    """Uploads values that the graph does not have yet, and returns the location of each.

    Args:
        engine: The graph.
        storage: The storage for values; None for the engine's, or without one the storage with the
            name that each value had.
        directory: The directory with their bytes.
        report: The report that counts the uploads.

    Attributes:
        known: Ids of the Blob nodes that the graph has already, sorted; a write locks them.
    """

    def __init__(
        self, engine: Engine, storage: Storage | None, directory: Path, report: _Report
    ) -> None:
        self._engine = engine
        self._storage = storage
        self._directory = directory
        self._report = report
        self._uploaded = inf
        self.known: list[str] = []
        self._new: list[int] = []  # sizes of the contents that ``keep`` uploaded
        self._shared = 0

    def fresh_seconds(self) -> float:
        """Return the seconds for which recent uploads of ``keep`` are safe without a Blob node."""
        return fresh_seconds(self._uploaded)

    async def keep(self, blobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Upload missing values and return the rows of Blob nodes. One round trip, if any.

        Raises:
            StorageError: A value cannot be kept.
        """
        self._uploaded, self.known = inf, []
        self._new, self._shared = [], 0
        if not blobs:
            return []
        await self._engine.ready()
        ids = [blob["blob_id"] for blob in blobs]
        ((known,),) = await self._engine.ask(KNOWN_BLOBS, {"ids": ids})
        places = {blob_id: (storage, location) for blob_id, storage, location in known}
        self.known = sorted(places)
        rows = [dict(blob) for blob in blobs]
        fresh: dict[str, list[dict[str, Any]]] = {}
        for blob in rows:
            if blob["blob_id"] in places:
                blob["storage"], blob["location"] = places[blob["blob_id"]]
            elif blob_path(self._directory, blob["digest"]).exists():
                fresh.setdefault(blob["digest"], []).append(blob)
        await together(partial(self._upload, same) for same in fresh.values())
        self._new = [same[0]["size"] for same in fresh.values()]
        self._shared = len(rows) - len(places) - sum(map(len, fresh.values()))
        return [_row(blob) for blob in rows]

    def count(self) -> None:
        """Count in the report what the last ``keep`` did: its rows are in the graph now."""
        self._report.uploaded += len(self._new)
        self._report.bytes += sum(self._new)
        self._report.shared += self._shared

    async def _upload(self, same: list[dict[str, Any]]) -> None:
        """Upload a content once, for all Blob nodes that have it."""
        first = same[0]
        where = f"artifact {first['owner']}, field {first['field']}"
        storage = self._storage or self._engine.storage
        storage = storage or storage_of(where, first["storage"])
        path = blob_path(self._directory, first["digest"])
        graph_id = (await self._engine.graph()).graph_id
        self._uploaded = min(self._uploaded, time.time())
        try:
            with path.open("rb") as file:
                digest = await asyncio.to_thread(lambda: hashlib.file_digest(file, "sha256"))
                size = file.tell()
                if (digest.hexdigest(), size) != (first["digest"], first["size"]):
                    raise IntegrityError(f"{path} is not what was exported; export it again")
                content = Content(None, file, first["digest"], size)
                location = await upload(self._engine, storage, content, where, graph_id)
        except OSError as error:
            raise ArchiveError(f"{path} cannot be read: {error}") from error
        for blob in same:
            blob |= {"storage": storage.name, "location": location}


def _row(blob: dict[str, Any]) -> dict[str, Any]:
    names = ("owner", "field", "blob_id", "digest", "size", "storage", "location")
    return blob_row(*(blob[name] for name in names))
