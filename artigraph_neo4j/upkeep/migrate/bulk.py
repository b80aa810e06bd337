"""All stored artifacts of older versions to today's classes, in bulk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from artigraph_neo4j.common.packing import packed
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.graph.cypher import migrate
from artigraph_neo4j.model.base import ModelBase, model_info
from artigraph_neo4j.recording.artifact_model import ArtifactModel
from artigraph_neo4j.upkeep.migrate.backlog import ModelBacklog, migration_backlog
from artigraph_neo4j.upkeep.migrate.rewriter import MigrationFailure, Rewriter, Tally

__all__ = ["MigrationProgress", "MigrationReport", "migrate_artifacts"]

FAILURES_KEPT = 10_000
IDLE_PASSES = 4
BYTES_AT_ONCE = 64 * 1024 * 1024
"""Values from storages that are in memory at once; a larger artifact is alone."""


@dataclass(frozen=True, slots=True)
class MigrationProgress:
    """How far a migration is.

    Attributes:
        model: The stored name of the model it is at.
        version: The stored version it is at.
        done: How many artifacts it has seen; what is nested counts too.
        total: How many there were to see when it began.
    """

    model: str
    version: int
    done: int
    total: int


@dataclass(slots=True)
class MigrationReport:
    """What a migration did.

    Attributes:
        migrated: How many artifacts, nested ones too, were rewritten; in a dry run, how many could
            be.
        elsewhere: How many another process changed in the same moment.
        failed: How many could not be migrated; they are as they were.
        failures: The first 10,000 of them.
        blocked: Stored versions that it did not try: no path, unknown model, newer.
        dry_run: Whether it wrote nothing.
        seconds: How long it took.
    """

    dry_run: bool
    migrated: int = 0
    elsewhere: int = 0
    failed: int = 0
    failures: list[MigrationFailure] = field(default_factory=list)
    blocked: list[ModelBacklog] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, tally: Tally) -> None:
        """Count what became of some more artifacts."""
        self.migrated += tally.migrated
        self.elsewhere += tally.elsewhere
        self.failed += len(tally.failures)
        self.failures += tally.failures[: FAILURES_KEPT - len(self.failures)]


async def migrate_artifacts(
    model: type[ArtifactModel] | None = None,
    *,
    batch: int = 500,
    dry_run: bool = False,
    progress: Callable[[MigrationProgress], object] | None = None,
) -> MigrationReport:
    """Rewrite stored artifacts of older versions, or under former names, as today's classes do.

    Each becomes what reading it would give: it goes through the class's migration, is encoded anew
    and written in place. Ids, labels, times of recording, spans and everything else that is linked
    to it stay; so do values in storages that did not change, and nested models that the migration
    leaves alone. Programs may read and record meanwhile: a reader gets the old or the new, never a
    mix. It may be interrupted and started again, and several may run at once.

    What is nested is migrated with what it is in; where that is current, by itself. A nested model
    that a step changes or replaces becomes a new node; the old one is deleted, unless a span or
    something else refers to it.

    Four round trips for every ``batch`` artifacts, plus values in storages.

    Args:
        model: Only artifacts of this model, with what is nested in them; by default all for which
            this program has a class.
        batch: How many artifacts to read and write at once; memory is bounded by it, and by 64 MiB
            of values in storages.
        dry_run: Read, migrate and encode everything, and write nothing.
        progress: Called after every batch.

    Returns:
        What it did, with every artifact that failed; a failure ends nothing.

    Raises:
        ValueError: ``batch`` is less than 1.
        ConnectionFailed: The database stayed out of reach. What was done by then stays.
    """
    if batch < 1:
        raise ValueError(f"batch must be 1 or more, not {batch}")
    begin = time.monotonic()
    report = MigrationReport(dry_run)
    todo: list[ModelBacklog] = []
    for row in await migration_backlog():
        if _is_of(row.model, model) and row.status != "current":
            (todo if row.status == "can migrate" else report.blocked).append(row)
    total, done = sum(row.artifacts for row in todo), 0
    for row in todo:
        async for seen, tally in _rewrite(get_engine(), row, model, batch, dry_run):
            report.add(tally)
            done = min(total, done + seen)
            if progress is not None:
                progress(MigrationProgress(row.model, row.version, done, total))
    report.seconds = time.monotonic() - begin
    return report


def _is_of(name: str, model: type[ModelBase] | None) -> bool:
    if model is None or model is ArtifactModel:
        return True
    info = model_info(model)
    return name == info.name or name in info.aliases


async def _rewrite(
    engine: Engine,
    row: ModelBacklog,
    model: type[ModelBase] | None,
    batch: int,
    dry_run: bool,
) -> AsyncIterator[tuple[int, Tally]]:
    """Go through all artifacts of one model and version, again if others were at them too."""
    rewriter = Rewriter(engine, row.model, row.version, model, dry_run=dry_run)
    failed: set[str] = set()
    idle, again = 0, True
    while again and idle < IDLE_PASSES:
        # What others are still at after so many passes nobody is at: then it is a failure.
        rewriter.last = idle == IDLE_PASSES - 1
        idle, again = idle + 1, False
        async for ids in _pages(engine, row, batch):
            tally = await rewriter.run([node_id for node_id in ids if node_id not in failed])
            failed |= {failure.node_id for failure in tally.failures}
            idle = 0 if tally.migrated and not dry_run else idle
            again |= tally.elsewhere > 0
            yield len(ids), tally
        if again:
            await asyncio.sleep(0.1 * idle)
    await rewriter.finish()


async def _pages(engine: Engine, row: ModelBacklog, batch: int) -> AsyncIterator[list[str]]:
    """Ids in order of recording, no more at once than ``batch`` nodes and ``BYTES_AT_ONCE``."""
    at, after = "0001-01-01T00:00:00Z", ""
    while True:
        parameters = {
            "model": row.model, "version": row.version, "at": at, "after": after, "size": batch,
        }  # fmt: skip
        ((page,),) = await engine.read(migrate.OLD_PAGE, parameters)
        if not page:
            return
        for group in packed(page, lambda row: (row[2], row[3]), (batch, BYTES_AT_ONCE)):
            yield [row[0] for row in group]
        after, at, *_ = page[-1]
