"""Moving from Artigraph 0.0.x: what its SQLite or PostgreSQL database holds, into this graph.

``import_artigraph`` reads the database and the storages that it refers to, and writes neither.
Everything is under new ids, which are made from the old ones: to import again adds what is new
since, and what could not be read before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from artigraph_neo4j.common.packing import packed
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.exchange.upstream.database import Database, open_database
from artigraph_neo4j.exchange.upstream.reading import Reader
from artigraph_neo4j.exchange.upstream.records import ArtifactMapping, ArtifactSequence, RawArtifact
from artigraph_neo4j.exchange.upstream.tree import ImportNote, OldArtifact, Tree, grow
from artigraph_neo4j.exchange.upstream.values import Decode, storage_name
from artigraph_neo4j.exchange.upstream.writing import Counts, Writer
from artigraph_neo4j.storage.base import Storage

__all__ = [
    "ArtifactMapping",
    "ArtifactSequence",
    "ImportNote",
    "ImportReport",
    "RawArtifact",
    "import_artigraph",
    "storage_name",
]

BYTES_AT_ONCE = 64 * 1024 * 1024
"""Values in memory at once; what a storage holds counts as ``_UNKNOWN`` before it is read."""

_UNKNOWN = 4 * 1024 * 1024


@dataclass(slots=True)
class ImportReport:
    """The outcome of an import.

    Attributes:
        dry_run: Whether it wrote nothing; the numbers are what it would have done.
        spans: How many spans it recorded.
        artifacts: How many artifacts it recorded.
        nested: How many models nested in those.
        known: How many spans and artifacts were there from an import before.
        as_bytes: Values that stayed the bytes they were, and why.
        skipped: What was not imported, and why.
        notes: What was imported otherwise than it was: another label, another place.
        seconds: How long it took.
    """

    dry_run: bool
    spans: int = 0
    artifacts: int = 0
    nested: int = 0
    known: int = 0
    as_bytes: list[ImportNote] = field(default_factory=list)
    skipped: list[ImportNote] = field(default_factory=list)
    notes: list[ImportNote] = field(default_factory=list)
    seconds: float = 0.0

    def _add(self, counts: Counts) -> None:
        self.known += counts.known
        self.nested += counts.nested
        self.as_bytes += counts.as_bytes
        self.skipped += counts.skipped
        self.notes += counts.notes


async def import_artigraph(
    url: str,
    *,
    storages: Mapping[str, Storage] | None = None,
    serializers: Mapping[str, Decode] | None = None,
    names: Mapping[str, str] | None = None,
    allow_pickle: bool = False,
    source: str = "",
    batch: int = 500,
    dry_run: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> ImportReport:
    """Import the database of an Artigraph 0.0.x: spans, artifacts, models, and their values.

    The database is read in one transaction, and never written; so are its storages. Each span
    and artifact keeps its old id as the property ``imported_id_``. Values are stored anew, where
    the engine's settings say, so the old storages are not needed afterwards. What was imported
    before stays as it is, but for spans that have ended since.

    Three round trips for every ``batch`` of nodes; the tree of the database is held in memory,
    about a kilobyte a node, and its values a batch at a time.

    Args:
        url: The URL that Artigraph was given, or the path of an SQLite file. What is not SQLite
            is read through SQLAlchemy, the extra ``[sqlalchemy]``.
        storages: Where values outside of the database are: storages by the names that Artigraph
            gave them, which ``storage_name`` tells.
        serializers: By name, functions that make values of bytes of serializers of your own.
        names: Other names for models, by their old ones.
        allow_pickle: Read values of serializers that pickle, which runs code that the database
            names. Otherwise they stay bytes.
        source: Tells databases apart which happen to be equal; any text, always the same for one.
        batch: How many nodes to write at once.
        dry_run: Read everything and write nothing.
        progress: Called with the numbers of nodes done and of all, after every batch.

    Returns:
        What it did, what it could not do, and why; a value that cannot be read ends nothing.

    Raises:
        ValueError: ``batch`` is less than 1.
        NotFoundError: There is no such database; or a span was deleted in the meantime.
        StorageError: The database cannot be opened, or the engine's storage failed.
        ConnectionFailed: The graph stayed out of reach. What was imported by then stays.
    """
    if batch < 1:
        raise ValueError(f"batch must be 1 or more, not {batch}")
    begin = time.monotonic()
    engine = get_engine()
    await engine.ready()
    database = await asyncio.to_thread(open_database, url)
    try:
        tree = await asyncio.to_thread(_tree, database, source)
        reader = Reader(
            engine, database, storages or {}, serializers or {}, allow_pickle=allow_pickle
        )
        writer = Writer(engine, reader, tree, names or {}, dry_run=dry_run)
        report = ImportReport(dry_run, skipped=tree.skipped, notes=tree.notes)
        total, done = len(tree.spans) + len(tree.artifacts), 0
        for start in range(0, len(tree.spans), batch):
            spans = tree.spans[start : start + batch]
            counts = await writer.spans(spans)
            report.spans += counts.done
            report._add(counts)  # noqa: SLF001 - this module's own
            done += len(spans)
            if progress is not None:
                progress(done, total)
        for artifacts in packed(tree.artifacts, _cost, (batch, BYTES_AT_ONCE)):
            counts = await writer.artifacts(artifacts)
            report.artifacts += counts.done
            report._add(counts)  # noqa: SLF001
            done += len(artifacts)
            if progress is not None:
                progress(done, total)
    finally:
        await asyncio.to_thread(database.close)
    report.seconds = time.monotonic() - begin
    return report


def _tree(database: Database, source: str) -> Tree:
    return grow(database.nodes(), source)


def _cost(artifact: OldArtifact) -> tuple[int, int]:
    """The nodes of an artifact, and about how many bytes its values have."""
    outside = sum(row.location is not None for row in artifact.rows)
    return len(artifact.rows), artifact.size + _UNKNOWN * outside
