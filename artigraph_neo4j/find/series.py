"""Series that spans logged, read again: tables of steps and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from artigraph_neo4j.common.markup import Html, joined
from artigraph_neo4j.common.plot import Curve, line_plot
from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.given import AnySpan
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.errors import NotFoundError, SerializationError
from artigraph_neo4j.graph.cypher.series import SERIES
from artigraph_neo4j.recording.objects import STRICT, from_rows
from artigraph_neo4j.recording.series import CHUNK_MODEL, SeriesChunk, flush_logs
from artigraph_neo4j.serializer.base import unreadable

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["Plot", "Series", "read_series"]

ATTEMPTS = 5
"""Maximum number of readings of a series that is written at the same time."""


class Plot:
    """Pictures of metrics over steps; notebooks show them.

    Attributes:
        svg: The picture of each metric, by name: SVG.
    """

    def __init__(self, svg: dict[str, Html]) -> None:
        self.svg: dict[str, str] = dict(svg)

    def _repr_html_(self) -> str:
        """HTML for notebooks."""
        return joined(
            *(Html(f'<div style="display:inline-block">{p}</div>') for p in self.svg.values())
        )

    def __repr__(self) -> str:
        return f"<Plot of {', '.join(self.svg)}>"


class Series:
    """The rows that a span logged: a row for each call of ``log``, in the order of the calls.

    ``series["loss"]`` is the curve of one metric: its ``steps`` and ``values``, without the rows
    that do not have it.

    Attributes:
        metrics: The names of the metrics.
        points: The number of values.
    """

    def __init__(self, span_id: str, table: Any) -> None:
        self._span_id = span_id
        self._table = table
        self.metrics: list[str] = sorted(table.column_names[2:])
        self.points: int = sum(len(column) - column.null_count for column in table.columns[2:])

    def __len__(self) -> int:
        rows: int = self._table.num_rows
        return rows

    def __repr__(self) -> str:
        names = ", ".join(self.metrics[:10]) + (" …" if len(self.metrics) > 10 else "")
        return f"<Series of {len(self):,} rows, {self.points:,} values: {names}>"

    def __getitem__(self, metric: str) -> Curve:
        if metric not in self.metrics:
            raise NotFoundError(
                f"span {self._span_id} did not log {metric!r}; it logged "
                f"{', '.join(self.metrics) or 'nothing'}"
            )
        column = self._table.column(metric)
        kept = column.is_valid()
        steps, values = self._table.column("step").filter(kept), column.filter(kept)
        return Curve(metric, steps.to_pylist(), values.to_pylist())

    def to_arrow(self) -> Any:
        """Return an Arrow table: ``step``, ``time``, and a column of floats for each metric.

        A metric that a row does not have is null there.
        """
        return self._table.select(["step", "time", *self.metrics])

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with the same columns; a missing metric is NaN.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        frame: pd.DataFrame = self.to_arrow().to_pandas()
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Return a DataFrame of polars with the same columns.

        Raises:
            ModuleNotFoundError: polars is not installed.
        """
        import polars as pl

        frame = pl.from_arrow(self.to_arrow())
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table becomes a frame
        return frame

    def plot(self, *metrics: str, logarithmic: bool = False) -> Plot:
        """Return pictures of metrics over steps, which notebooks show.

        Args:
            *metrics: The metrics; by default all of them.
            logarithmic: Whether the axis of values is logarithmic.

        Raises:
            NotFoundError: The span did not log such a metric.
        """
        names: Sequence[str] = metrics or self.metrics
        return Plot({n: line_plot(n, [self[n]], logarithmic=logarithmic) for n in names})

    def _repr_html_(self) -> str:
        """HTML for notebooks."""
        return joined(Html(f"<div>{joined(repr(self))}</div>"), Html(self.plot()._repr_html_()))


async def read_series(span: AnySpan, /) -> Series:
    """Read what a span logged so far. One round trip, plus values in storages.

    Rows that this process has logged and not yet written are written first. Another process's
    latest rows are missing for up to 5 seconds.

    Args:
        span: The span, its id, or ``"current"``.

    Returns:
        The series; without rows if the span logged nothing.

    Raises:
        NotFoundError: There is no such span.
        SpanError: ``"current"``, and no span is.
        SerializationError, StorageError: Some of it cannot be read.
    """
    from artigraph_neo4j.serializer import series

    engine, span_id = get_engine(), given.span_id(span)
    await flush_logs(engine, span_id)
    for attempt in range(ATTEMPTS):
        rows = await engine.ask(SERIES, {"span": span_id})
        if not rows:
            raise await absent(engine, "span", span_id)
        ((rest, chunks),) = rows
        strict = replace(STRICT, missing="error")
        found = await from_rows(chunks, SeriesChunk, strict)
        tables = [chunk.table for _, chunk in found]
        try:
            tables += [] if rest is None else [await asyncio.to_thread(series.load, rest)]
            return Series(span_id, await asyncio.to_thread(_together, tables))
        except SerializationError:
            if attempt + 1 == ATTEMPTS:
                raise
            await asyncio.sleep(0.05 * 2**attempt)  # it was read while it was replaced
    raise AssertionError


@unreadable("rows of a series")
def _together(tables: list[Any]) -> Any:
    """Put the parts of a series together; rows that two parts have are taken once.

    Raises:
        SerializationError: A part is missing.
    """
    from artigraph_neo4j.serializer import series

    sessions: dict[str, list[tuple[int, Any]]] = {}
    for table in tables:
        session, start = series.place_of(table)
        sessions.setdefault(session, []).append((start, table))
    kept: list[Any] = []
    for parts in sessions.values():
        end = 0
        for start, table in sorted(parts, key=lambda part: (part[0], -part[1].num_rows)):
            if start > end:
                raise SerializationError(
                    f"rows {end} to {start} of a series are missing: their node was deleted; read "
                    f"the others with find_artifacts(artifact.model == {CHUNK_MODEL!r})"
                    ".with_nested()"
                )
            if start + table.num_rows > end:
                kept.append(table.slice(end - start))
                end = start + table.num_rows
    whole = series.joined(kept)
    return whole.sort_by("time") if len(sessions) > 1 else whole
