"""The rewriter of artifacts of older versions: reads, migrates and writes them in place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from artigraph_neo4j.common.pausing import collector_paused
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import ArtigraphError, ConnectionFailed, MigrationError
from artigraph_neo4j.graph.cypher import migrate
from artigraph_neo4j.model.base import ModelBase
from artigraph_neo4j.model.identity import Resolver, model_names
from artigraph_neo4j.model.seal import TornReadError
from artigraph_neo4j.recording import field_indexes
from artigraph_neo4j.recording.statement import properties_of
from artigraph_neo4j.upkeep.migrate.change import Change, OldArtifact
from artigraph_neo4j.values import fetch
from artigraph_neo4j.values.upload import Uploads

__all__ = ["MigrationFailure", "Rewriter", "Tally"]

T = TypeVar("T")

AT_ONCE = 8
"""Maximum number of artifacts whose values are on their way from or to storages at once."""


@dataclass(frozen=True, slots=True)
class MigrationFailure:
    """An artifact that could not be migrated; it is unchanged.

    Attributes:
        node_id: Its id.
        model: The stored name of its model.
        version: The stored version.
        error: The reason.
    """

    node_id: str
    model: str
    version: int
    error: ArtigraphError


@dataclass(slots=True)
class Tally:
    """The outcome of migrating some artifacts.

    Attributes:
        migrated: Number of nodes that now have, or would have, today's version.
        elsewhere: Number of artifacts that another process changed at the same time.
        failures: Artifacts that could not be migrated.
    """

    migrated: int = 0
    elsewhere: int = 0
    failures: list[MigrationFailure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Unit:
    """One artifact ready to be written.

    Attributes:
        row: Its row for ``REWRITE``.
        seals: Seals of its nodes.
        size: Number of nodes.
        uploads: The uploads of its values.
    """

    row: dict[str, Any]
    seals: list[list[str]]
    size: int
    uploads: Uploads

    @property
    def root(self) -> str:
        """The artifact's id."""
        root: str = self.row["root"]
        return root


class Rewriter:
    """Migrates stored artifacts of one model and version.

    Args:
        engine: The graph.
        model: The stored name.
        version: The stored version.
        wanted: The class that decides where several have the name, or None.
        dry_run: Whether to do everything except storing and writing.

    Attributes:
        last: Whether an artifact that another process seems to be writing counts as a failure.
    """

    def __init__(
        self,
        engine: Engine,
        model: str,
        version: int,
        wanted: type[ModelBase] | None,
        *,
        dry_run: bool,
    ) -> None:
        self._engine = engine
        self._model = model
        self._version = version
        self._wanted = wanted
        self._dry_run = dry_run
        self._sealed: list[list[str]] = []
        self.last = False

    async def run(self, ids: Sequence[str]) -> Tally:
        """Migrate some artifacts: three round trips, plus values in storages.

        Raises:
            ConnectionFailed: The database stayed out of reach.
        """
        tally = Tally()
        found, gone = await self._read(ids, tally)
        tally.elsewhere += gone
        while found:
            # An artifact nested in another one is migrated together with it, unless that fails.
            outer, inner = _outermost(found)
            await self._migrate(outer, tally)
            found, _ = await self._read(inner, tally) if inner else ([], 0)
        return tally

    async def finish(self) -> None:
        """Remove the last seals. One round trip."""
        if self._sealed:
            await self._seal([])

    async def _read(self, ids: Sequence[str], tally: Tally) -> tuple[list[OldArtifact], int]:
        """Read the artifacts that are still old, and count the others."""
        parameters = {"ids": list(ids), "model": self._model, "version": self._version}
        ((rows,),) = await self._engine.ask(migrate.OLD_ARTIFACTS, parameters)
        resolver = Resolver(self._wanted)
        found: list[OldArtifact] = []
        with collector_paused():
            for nodes in rows:
                with self._failures(nodes[0][0]["node_id"], tally):
                    old = OldArtifact(nodes, resolver)
                    if old.root.node_id in old.old:  # one of several classes may have this version
                        found.append(old)
        return found, len(ids) - len(rows)

    @contextmanager
    def _failures(self, node_id: str, tally: Tally) -> Generator[None]:
        """Note the failure of one artifact; only a lost connection ends the migration."""
        try:
            yield
        except ConnectionFailed:
            raise
        except Exception as error:
            if isinstance(error, TornReadError) and not self.last:
                tally.elsewhere += 1
                return
            if not isinstance(error, ArtigraphError):  # from code of the user's class
                cause = error
                error = MigrationError(f"artifact {node_id}: {type(cause).__name__}: {cause}")
                error.__cause__ = cause
            tally.failures.append(MigrationFailure(node_id, self._model, self._version, error))

    async def _migrate(self, found: list[OldArtifact], tally: Tally) -> None:
        if not self._dry_run:
            await self._seal([row for old in found for row in old.seals()])
        loaded = [old for old in found if not old.loadings]
        loaded += await self._each([old for old in found if old.loadings], self._load, tally)
        changes = await asyncio.to_thread(self._change, loaded, tally)
        if self._dry_run:
            tally.migrated += len(changes)
            return
        kept = [(change, Uploads(self._engine, ())) for change in changes if not change.waits]
        kept += await self._each([change for change in changes if change.waits], self._keep, tally)
        units = await asyncio.to_thread(self._units, kept, tally)
        await self._write(units, tally)

    async def _each(
        self,
        items: Sequence[Any],
        work: Callable[[Any], Coroutine[Any, Any, T]],
        tally: Tally,
    ) -> list[T]:
        """Do some work for all, a bounded number at once; return the results that did not fail."""
        gate = asyncio.Semaphore(AT_ONCE)
        done: list[T] = []

        async def one(item: Any) -> None:
            async with gate:
                with self._failures(item.root.node_id, tally):
                    done.append(await work(item))

        await asyncio.gather(*map(one, items))
        return done

    async def _load(self, old: OldArtifact) -> OldArtifact:
        await fetch.load(self._engine, old.loadings)
        return old

    def _change(self, loaded: list[OldArtifact], tally: Tally) -> list[Change]:
        limit = self._engine.inline_bytes
        changes: list[Change] = []
        with collector_paused():
            for old in loaded:
                with self._failures(old.root.node_id, tally):
                    changes.append(old.migrated(inline_bytes=limit))
        return changes

    async def _keep(self, change: Change) -> tuple[Change, Uploads]:
        """Create the indexes that a change needs, and store its new values."""
        await field_indexes.ensure(self._engine, change.encoded)
        uploads = Uploads(self._engine, change.encoded.pending)
        await uploads.keep(adopt=False)  # values that stay were taken out already
        return change, uploads

    def _units(self, kept: list[tuple[Change, Uploads]], tally: Tally) -> list[Unit]:
        models = model_names()
        units: list[Unit] = []
        with collector_paused():
            for change, uploads in kept:
                with self._failures(change.root.node_id, tally):
                    units.append(_unit(change, uploads, models))
        return units

    async def _write(self, units: list[Unit], tally: Tally) -> None:
        if not units:
            return
        parameters = {
            "units": [unit.row for unit in units],
            "locks": sorted({guard[0] for unit in units for guard in unit.row["guard"]}),
        }

        def fresh() -> float:
            return min(unit.uploads.fresh_seconds() for unit in units)

        try:
            ((held,),) = await self._engine.write(migrate.REWRITE, parameters, fresh=fresh)
        except ConnectionFailed:
            raise
        except ArtigraphError as error:
            if len(units) == 1:
                with self._failures(units[0].root, tally):
                    raise error from error.__cause__
            else:  # find the one that failed
                for half in (units[: len(units) // 2], units[len(units) // 2 :]):
                    await self._write(half, tally)
            return
        for unit in units:
            if unit.root in held:
                tally.migrated += unit.size
                self._sealed += unit.seals
            else:
                tally.elsewhere += 1

    async def _seal(self, rows: list[list[Any]]) -> None:
        locks = sorted({row[0] for row in [*rows, *self._sealed]})
        parameters = {"locks": locks, "seal": rows, "unseal": self._sealed}
        await self._engine.write(migrate.SEAL, parameters)
        self._sealed = []


def _unit(change: Change, uploads: Uploads, models: set[str]) -> Unit:
    labels = {
        node.node_id: node.properties.get("artifact_label") for node in change.old.stored.nodes
    }
    rows = [
        {
            "id": node.node_id,
            "labels": node.labels,
            "properties": properties_of(node, labels.get(node.node_id)),
            "at": node.recorded_at.isoformat(),
        }
        for node in change.encoded.nodes
    ]
    row, seals = change.unit(uploads.rows(), rows, models)
    return Unit(row, seals, len(change.old.old), uploads)


def _outermost(found: list[OldArtifact]) -> tuple[list[OldArtifact], list[str]]:
    """Return the artifacts that are not nested in another of them, and the ids of the rest."""
    inner = {node.node_id for old in found for node in old.stored.nodes[1:]}
    roots = [old for old in found if old.root.node_id not in inner]
    return roots, [old.root.node_id for old in found if old.root.node_id in inner]
