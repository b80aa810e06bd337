"""One pass of garbage collection through one storage, and its report.

Names begin with digests, which are spread evenly. So the graph and the storage are compared in
parts, by the first digits of the digest, and memory stays bounded for a storage of any size.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any, TypeVar

from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import StorageError
from artigraph_neo4j.graph.cypher import blobs as cypher
from artigraph_neo4j.storage.base import Storage, StoredBytes
from artigraph_neo4j.storage.names import BlobName, graph_prefix, marker_key
from artigraph_neo4j.values.moving import asked
from artigraph_neo4j.values.transfer import together

__all__ = ["EXAMPLES", "BlobReference", "Collection", "GarbageReport", "Tally"]

T = TypeVar("T")

EXAMPLES = 1000
"""Maximum number of examples of each kind in a report; its counts are complete."""

PART = 100_000
"""Approximate number of Blob nodes in a part."""

BATCH = 1000
"""Maximum number of names to look up and delete at once, which is S3's limit for a request."""


@dataclass(slots=True)
class Tally:
    """A number of objects and of bytes.

    Attributes:
        count: Number of objects.
        bytes: Their total size in bytes.
    """

    count: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """Count an object of this size."""
        self.count += 1
        self.bytes += size


@dataclass(frozen=True, slots=True)
class BlobReference:
    """A Blob node with a problem.

    Attributes:
        location: The place where its object should be.
        size: The object's size in bytes.
        blob_id: The node's id.
        artifact: The id of the artifact whose value it is; None if no artifact has it.
        model: The artifact's model.
        field: The artifact's field.
    """

    location: str
    size: int
    blob_id: str
    artifact: str | None
    model: str | None
    field: str | None


@dataclass(slots=True)
class GarbageReport:
    """Result of one pass through one storage.

    Attributes:
        storage: The storage's name.
        graph_id: The id of the graph whose prefix was scanned.
        min_age: The age at which unreferenced objects become garbage.
        dry_run: Whether garbage was only counted.
        live: Objects to which Blob nodes refer.
        young: Objects without a reference that may belong to a write under way.
        garbage: Older objects without a reference.
        deleted: Garbage that was deleted.
        garbage_examples: Examples of the garbage, at most 1,000.
        dangling: Number of locations without an object to which Blob nodes refer.
        dangling_examples: Examples of these references, at most 1,000.
        unowned: Number of Blob nodes without an artifact. They keep their objects alive.
        unowned_examples: Examples of them, at most 1,000.
    """

    storage: str
    graph_id: str
    min_age: timedelta
    dry_run: bool
    live: Tally = field(default_factory=Tally)
    young: Tally = field(default_factory=Tally)
    garbage: Tally = field(default_factory=Tally)
    deleted: Tally = field(default_factory=Tally)
    garbage_examples: list[StoredBytes] = field(default_factory=list)
    dangling: int = 0
    dangling_examples: list[BlobReference] = field(default_factory=list)
    unowned: int = 0
    unowned_examples: list[BlobReference] = field(default_factory=list)


class Collection:
    """One pass through one storage; ``run`` fills the report."""

    def __init__(
        self,
        engine: Engine,
        storage: Storage,
        report: GarbageReport,
        progress: Callable[[GarbageReport], None] | None,
    ) -> None:
        self._engine = engine
        self._storage = storage
        self._report = report
        self._progress = progress
        self._oldest_kept = _now() - report.min_age
        self._candidates: list[tuple[StoredBytes, BlobName]] = []

    async def run(self) -> None:
        """Compare the whole storage with the graph, and delete the garbage if asked to.

        Raises:
            StorageError: The storage failed, or does not say that the prefix belongs to this graph.
        """
        await self._check_marker()
        ((blobs,),) = await self._engine.ask(cypher.BLOB_COUNT, {})
        for part in _parts(blobs):
            await self._compare(part)

    async def _check_marker(self) -> None:
        """Refuse to go on unless the marker says that the prefix belongs to this graph.

        An empty prefix does not need a marker: the first upload writes it.
        """
        prefix, key = graph_prefix(self._report.graph_id), marker_key(self._report.graph_id)
        what = f"{self._storage.name}: what is below {prefix!r}"
        found = [item.location async for batch in self._list(key) for item in batch]
        location = next((at for at in found if f"/{at}".endswith(f"/{key}")), None)
        if location is None:
            async for _ in self._list(prefix):
                raise StorageError(
                    f"{what} does not say whose it is: {key!r} is missing, which programs of this "
                    "library put before their first upload; nothing was deleted"
                )
            return
        data = await self._ask(lambda: self._storage.read(location))
        try:
            owner = json.loads(data)["graph_id"]
        except (ValueError, LookupError, TypeError) as error:
            raise StorageError(f"{what}: {key!r} cannot be read; nothing was deleted") from error
        if owner != self._report.graph_id:
            raise StorageError(f"{what} is of another graph, {owner}; nothing was deleted")

    async def _compare(self, part: str) -> None:
        """Compare graph and storage for digests that begin with ``part``."""
        names: set[str] = set()
        unseen: dict[str, str] = {}
        unowned: list[BlobReference] = []
        rows = await self._engine.read_chunks(cypher.REFERENCES, {"part": part})
        for storage, digest, location, size, alone in rows or ():
            names.add(location.rpartition("/")[2])
            if storage == self._storage.name:
                unseen[location] = digest
                unowned += [BlobReference(location, size, b, None, None, None) for b in alone]
        async for batch in self._list(f"{graph_prefix(self._report.graph_id)}{part}"):
            for item in batch:
                self._judge(item, names)
                unseen.pop(item.location, None)
            await self._collect(all_of_them=False)
        await self._collect(all_of_them=True)
        await self._note_unowned(unowned)
        await self._note_dangling(unseen)

    async def _note_unowned(self, seen: list[BlobReference]) -> None:
        """Look again at Blob nodes that seemed to be without an artifact; count those that are."""
        report = self._report
        for start in range(0, len(seen), BATCH):
            part = seen[start : start + BATCH]
            parameters = {"blob_ids": [item.blob_id for item in part]}
            ((ids,),) = await self._engine.ask(cypher.UNOWNED, parameters)
            alone = set(ids)
            report.unowned += len(alone)
            room = EXAMPLES - len(report.unowned_examples)
            report.unowned_examples += [i for i in part if i.blob_id in alone][:room]

    async def _note_dangling(self, unseen: dict[str, str]) -> None:
        """Look again at locations that were not listed; count those that are missing and named."""
        gone: list[dict[str, str]] = []

        async def look(location: str, digest: str) -> None:
            if not await self._ask(lambda: self._storage.exists(location)):
                gone.append({"location": location, "digest": digest})

        looks = (partial(look, location, digest) for location, digest in unseen.items())
        await together(looks, self._engine)
        report = self._report
        for start in range(0, len(gone), BATCH):
            parameters = {
                "storage": self._storage.name,
                "locations": gone[start : start + BATCH],
            }
            ((found,),) = await self._engine.ask(cypher.REFERENCES_TO, parameters)
            for rows in filter(None, found):
                report.dangling += 1
                room = EXAMPLES - len(report.dangling_examples)
                report.dangling_examples += [BlobReference(*row) for row in rows[:room]]

    def _judge(self, item: StoredBytes, names: set[str]) -> None:
        report = self._report
        name = BlobName.of(item.location, report.graph_id)
        if name is None:
            return
        if name.name in names:
            report.live.add(item.size)
        elif max(item.modified, name.begun) > self._oldest_kept:
            report.young.add(item.size)
        else:
            self._candidates.append((item, name))

    async def _collect(self, *, all_of_them: bool) -> None:
        """Look up each candidate again, and delete it if there is still no reference.

        The first look alone could miss a reference that passed from one Blob node to another in
        the meantime. The second is sent as a write, so that a cluster's leader answers it.
        """
        while len(self._candidates) >= (1 if all_of_them else BATCH):
            batch = self._candidates[:BATCH]
            del self._candidates[:BATCH]
            names = [{"digest": name.digest, "name": name.name} for _, name in batch]
            ((kept,),) = await self._engine.write(cypher.NAMES_REFERRED_TO, {"names": names})
            live = set(kept)
            garbage: list[StoredBytes] = []
            for item, name in batch:
                if name.name in live:
                    self._report.live.add(item.size)
                else:
                    garbage.append(item)
            await self._delete(garbage)
        if self._progress is not None:
            self._progress(self._report)

    async def _delete(self, garbage: list[StoredBytes]) -> None:
        report = self._report
        for item in garbage:
            report.garbage.add(item.size)
        report.garbage_examples += garbage[: EXAMPLES - len(report.garbage_examples)]
        if report.dry_run or not garbage:
            return
        locations = [item.location for item in garbage]
        await self._ask(lambda: self._storage.delete_many(locations))
        for item in garbage:
            report.deleted.add(item.size)

    async def _ask(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return await asked(self._engine, self._storage, call, limited=False)

    async def _list(self, prefix: str) -> AsyncIterator[list[StoredBytes]]:
        """Yield the objects of a prefix in batches, listed on the thread that does the I/O."""
        listing = self._storage.list(prefix)

        async def take() -> list[StoredBytes]:
            taken: list[StoredBytes] = []
            async for item in listing:
                taken.append(item)
                if len(taken) == BATCH:
                    break
            return taken

        while batch := await self._ask(take):
            yield batch


def _parts(blobs: int) -> Iterable[str]:
    """Return the first digits of digests that divide this number of Blob nodes into parts."""
    digits = 0
    while blobs > PART * 16**digits:
        digits += 1
    return ("".join(part) for part in product("0123456789abcdef", repeat=digits))


def _now() -> datetime:
    return datetime.now(UTC)
