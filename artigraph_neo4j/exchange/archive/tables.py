"""Tables of the whole graph, in partitions by day, to be kept up to date and analysed elsewhere.

Spans and artifacts are read in order of time, each once, so that the files of one day at a time are
open. A relationship is told with the later of the nodes that it connects.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from artigraph_neo4j.common.ahead import ahead
from artigraph_neo4j.common.packing import packed
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import ArchiveError
from artigraph_neo4j.exchange.archive.exporting import ExportReport
from artigraph_neo4j.exchange.archive.lines import Line
from artigraph_neo4j.exchange.archive.reading import NODES, artifact_record, span_record
from artigraph_neo4j.graph.cypher import tables as cypher
from artigraph_neo4j.model.seal import TornReadError
from artigraph_neo4j.recording.objects import until_whole

__all__ = ["export_tables"]

SPANS = 500
"""Number of spans to read at once."""

IDS = 5_000
"""Number of ids of artifacts to read at once."""

KINDS = 50_000
"""Number of artifacts whose codecs are looked at in one statement."""

Progress = Callable[[ExportReport], object]
Page = list[tuple[str, Line]]
"""Records with the times by which they are partitioned."""


async def export_tables(
    path: str | os.PathLike[str],
    /,
    *,
    label: str | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Write Parquet tables of the whole graph, or of some days, into a directory.

    The tables are ``spans``, ``artifacts`` (with nested models), ``relationships``, and for each
    model ``models/NAME`` with its native fields. Each is a directory with a file for each day in
    UTC, such as ``spans/day=2026-11-30/part.parquet``: spans by the day on which they were opened,
    artifacts by the day on which they were recorded, relationships with the later of their ends.
    Files of the days are replaced one by one, as soon as a day is written. So a nightly call for
    the last days keeps a directory up to date.

    One round trip for every 500 spans, two for every 500 artifacts, and one for every 50,000 to
    learn the types of columns. Memory is bounded, whatever the size of the graph.

    Args:
        path: The directory.
        label: Only spans and artifacts of runs whose labels begin so.
        since: Only days from the one that contains this time.
        before: Only days before the one that contains this time.
        progress: Called after every batch with the counts so far.

    Returns:
        The counts of what was written.

    Raises:
        ArchiveError: A file cannot be written, or pyarrow is not installed.
        ConnectionFailed: The database stayed out of reach. Days written so far stay.
    """
    from artigraph_neo4j.exchange.archive.parquet import Types  # needs pyarrow

    first = "0001-01-01" if since is None else _day(since.astimezone(UTC).isoformat())
    last = "9999-12-31" if before is None else _day(before.astimezone(UTC).isoformat())
    scan = _Scan(get_engine(), label, first, last)
    report = ExportReport(Path(path))
    types = Types()
    async for kinds in scan.kinds():
        types.learn(kinds)
    for kind, pages in (("spans", scan.spans()), ("artifacts", scan.artifacts())):
        async with ahead(pages) as read:
            await _write(kind, read, types, report, (first, last), progress)
    return report


async def _write(
    kind: str,
    pages: AsyncIterator[Page],
    types: Any,
    report: ExportReport,
    days: tuple[str, str],
    progress: Progress | None,
) -> None:
    from artigraph_neo4j.exchange.archive.parquet import Tables, writing

    root = report.path
    written: set[Path] = set()
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        with ExitStack() as open_day:
            day, tables = "", None
            async for page in pages:
                for found, rows in groupby(page, lambda row: _day(row[0])):
                    records = [record for _, record in rows]
                    if found != day or tables is None:
                        if tables is not None:
                            await asyncio.to_thread(tables.flush)
                        await asyncio.to_thread(open_day.close)
                        day = found
                        tables = Tables(root, types, open_day, partial(_place, kind, day))
                    await asyncio.to_thread(tables.write, records)
                    written |= tables.paths
                    report.count(records)
                if progress is not None:
                    progress(report)
            if tables is not None:
                await asyncio.to_thread(tables.flush)
        await asyncio.to_thread(_forget, root, kind, days, written)


def _day(time: str) -> str:
    return time[:10]


def _place(kind: str, day: str, table: str) -> str:
    """Return the path of a day's file; relationships of spans and of artifacts have one each."""
    name = kind if table == "relationships" else "part"
    return f"{table}/day={day}/{name}.parquet"


def _forget(root: Path, kind: str, days: tuple[str, str], written: set[Path]) -> None:
    """Delete files of the days that nothing was written to: what they held was deleted."""
    patterns = [f"{kind}/day=*/part.parquet", f"relationships/day=*/{kind}.parquet"]
    if kind == "artifacts":
        patterns.append("models/*/day=*/part.parquet")
    for pattern in patterns:
        for path in set(root.glob(pattern)) - written:
            day = path.parent.name.removeprefix("day=")
            if days[0] <= day < days[1]:
                path.unlink()


class _Scan:
    """Reads all spans and artifacts of some days, in order of time.

    Args:
        engine: The graph.
        label: The beginning of the labels of their runs, or None.
        first: The first day.
        last: The day after the last one.
    """

    def __init__(self, engine: Engine, label: str | None, first: str, last: str) -> None:
        self._engine = engine
        self._label = label
        self._first = f"{first}T00:00:00Z"
        self._last = f"{last}T00:00:00Z"

    def _page(self, at: str, after: str, size: int) -> dict[str, Any]:
        return {
            "label": self._label, "at": at, "after": after, "before": self._last, "size": size,
        }  # fmt: skip

    async def kinds(self) -> AsyncIterator[list[list[Any]]]:
        at, after, seen = self._first, "", KINDS
        while seen == KINDS:
            page = self._page(at, after, KINDS)
            ((kinds, at, after, seen),) = await self._engine.ask(cypher.TABLE_KINDS, page)
            yield kinds

    async def spans(self) -> AsyncIterator[Page]:
        """Yield spans, and what they used."""
        at, after = self._first, ""
        while True:
            page = self._page(at, after, SPANS)
            ((rows,),) = await self._engine.ask(cypher.TABLE_SPANS, page)
            if rows:
                at, after = rows[-1][0], rows[-1][1][1]["node_id"]
                yield [found for time, span, used in rows for found in _with_used(time, span, used)]
            if len(rows) < SPANS:
                return

    async def artifacts(self) -> AsyncIterator[Page]:
        """Yield artifacts with the models nested in them."""
        at, after = self._first, ""
        while True:
            page = self._page(at, after, IDS)
            ((found,),) = await self._engine.ask(cypher.TABLE_ARTIFACT_IDS, page)
            for group in packed(found, lambda row: (row[2],), (NODES,)):
                records = await self._records([row[1] for row in group])
                yield [(time, records[i]) for time, i, _ in group if i in records]
            if len(found) < IDS:
                return
            at, after, _ = found[-1]

    async def _records(self, ids: list[str]) -> dict[str, Line]:
        try:
            return await until_whole(await self._rows(ids), artifact_record, self._rows)
        except TornReadError as error:
            raise ArchiveError(f"{error}; export again") from error

    async def _rows(self, ids: list[str]) -> dict[str, list[Any]]:
        ((rows,),) = await self._engine.ask(cypher.TABLE_ARTIFACTS, {"ids": ids})
        return {row[0][0][0]["node_id"]: row for row in rows}


def _with_used(time: str, span: list[Any], used: list[list[Any]]) -> Page:
    records: list[Line] = [span_record(*span)]
    records += [{"kind": "used", "span": s, "artifact": a, "at": at} for s, a, at in used]
    return [(time, record) for record in records]
