"""Bulk migration of all stored artifacts of older versions to today's classes."""

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
"""Maximum bytes of values from storages in memory at once; a larger artifact is read alone."""


@dataclass(frozen=True, slots=True)
class MigrationProgress:
    """The progress of a migration.

    Attributes:
        model: The stored name of the model under way.
        version: The stored version under way.
        done: Number of artifacts visited so far, nested ones too.
        total: Number of artifacts to visit when it began.
    """

    model: str
    version: int
    done: int
    total: int


@dataclass(slots=True)
class MigrationReport:
    """The outcome of a migration.

    Attributes:
        migrated: Number of artifacts, nested ones too, that were rewritten; in a dry run, that
            could be.
        elsewhere: Number of artifacts that another process changed at the same time.
        failed: Number of artifacts that could not be migrated; they are unchanged.
        failures: The first 10,000 of these failures.
        blocked: Stored versions that were not tried: no path, unknown model, newer.
        dry_run: Whether nothing was written.
        seconds: Seconds that it took.
    """

    dry_run: bool
    migrated: int = 0
    elsewhere: int = 0
    failed: int = 0
    failures: list[MigrationFailure] = field(default_factory=list)
    blocked: list[ModelBacklog] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, tally: Tally) -> None:
        """Add the outcome of some more artifacts."""
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

    Each artifact becomes what reading it would return: it goes through the class's migration, is
    encoded again and written in place. Ids, labels, times of recording, spans and everything else
    linked to it stay, and so do unchanged values in storages, and nested models that the migration
    does not change. Programs may read and record at the same time: a reader gets the old or the new
    state, never a mix. A migration may be interrupted and started again, and several may run at
    once.

    A nested model is migrated together with the artifact that it is in; by itself where that is
    current. A nested model that a step changes or replaces becomes a new node; the old node is
    deleted, unless a span or something else refers to it.

    Four round trips for every ``batch`` artifacts, plus values in storages.

    Args:
        model: Migrate only artifacts of this model, with the models nested in them; by default all
            for which this program has a class.
        batch: Number of artifacts to read and write at once; it bounds memory, together with a
            limit of 64 MiB for values in storages.
        dry_run: Whether to read, migrate and encode everything, but write nothing.
        progress: Called after every batch.

    Returns:
        The outcome, with the artifacts that failed; a failure does not end the migration.

    Raises:
        ValueError: ``batch`` is less than 1.
        ConnectionFailed: The database stayed out of reach. Artifacts migrated so far stay migrated.
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
    """Visit all artifacts of one model and version, again if other processes changed some."""
    rewriter = Rewriter(engine, row.model, row.version, model, dry_run=dry_run)
    failed: set[str] = set()
    idle, again = 0, True
    while again and idle < IDLE_PASSES:
        # An artifact still half-written after the last pass was abandoned: then it is a failure.
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
    """Yield ids in order of recording, at most ``batch`` nodes and ``BYTES_AT_ONCE`` together."""
    at, after = "0001-01-01T00:00:00Z", ""
    while True:
        parameters = {
            "model": row.model, "version": row.version, "at": at, "after": after, "size": batch,
        }  # fmt: skip
        ((page,),) = await engine.ask(migrate.OLD_PAGE, parameters)
        if not page:
            return
        for group in packed(page, lambda row: (row[2], row[3]), (batch, BYTES_AT_ONCE)):
            yield [row[0] for row in group]
        after, at, *_ = page[-1]
