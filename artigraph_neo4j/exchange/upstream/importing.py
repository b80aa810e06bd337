"""Import from Artigraph 0.0.x: the content of its SQLite or PostgreSQL database.

``import_artigraph`` reads the database and the storages that it refers to, and writes to neither.
Everything gets new ids, which are made from the old ones: importing again adds what is new since
then, and values that could not be read before.
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
"""Maximum bytes of values in memory at once; a value in a storage counts as ``_UNKNOWN``."""

_UNKNOWN = 4 * 1024 * 1024


@dataclass(slots=True)
class ImportReport:
    """The outcome of an import.

    Attributes:
        dry_run: Whether nothing was written; then the counts are those of an import.
        spans: Number of spans that it recorded.
        artifacts: Number of artifacts that it recorded.
        nested: Number of models nested in those.
        known: Number of spans and artifacts that an earlier import recorded.
        as_bytes: Values that were kept as bytes, with reasons.
        skipped: Nodes that were not imported, with reasons.
        notes: Nodes that were imported with a change: another label, another place.
        seconds: Seconds that it took.
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
    """Import a database of Artigraph 0.0.x: spans, artifacts, models, and their values.

    The database is read in one transaction; neither it nor its storages are written. Each span
    and artifact keeps its old id as the property ``imported_id_``. Values are stored again, as
    the engine's settings say, so the old storages are not needed afterwards. Nodes that were
    imported before do not change, except spans that have ended since.

    Three round trips for every ``batch`` of nodes; in the end one for every 2,000 nodes, for
    full-text search. The tree of the database is held in memory,
    about a kilobyte for each node, and its values one batch at a time.

    Args:
        url: The URL that Artigraph used, or the path of an SQLite file. Databases other than
            SQLite are read through SQLAlchemy, the extra ``[sqlalchemy]``.
        storages: Storages of values outside of the database, by the names that Artigraph gave
            them; ``storage_name`` returns these names.
        serializers: Functions that turn bytes of your own serializers into values, by name.
        names: New names of models, by the old names.
        allow_pickle: Whether to read values of serializers that pickle, which runs code that the
            database names. Otherwise they are kept as bytes.
        source: Text that tells apart databases with equal content; always the same for one
            database.
        batch: Number of nodes to write at once.
        dry_run: Whether to read everything, but write nothing.
        progress: Called after every batch with the number of nodes done and of all nodes.

    Returns:
        The outcome, with what could not be imported and why; a value that cannot be read does
        not end the import.

    Raises:
        ValueError: ``batch`` is less than 1.
        NotFoundError: The database does not exist; or a span was deleted during the import.
        StorageError: The database cannot be opened, or the engine's storage failed.
        ConnectionFailed: The graph stayed out of reach. Batches imported so far stay.
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
        if report.spans + report.artifacts and not dry_run:
            await engine.index_words()
    finally:
        await asyncio.to_thread(database.close)
    report.seconds = time.monotonic() - begin
    return report


def _tree(database: Database, source: str) -> Tree:
    return grow(database.nodes(), source)


def _cost(artifact: OldArtifact) -> tuple[int, int]:
    """Return the number of nodes of an artifact, and about how many bytes its values have."""
    outside = sum(row.location is not None for row in artifact.rows)
    return len(artifact.rows), artifact.size + _UNKNOWN * outside
