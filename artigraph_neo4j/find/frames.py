"""Results as columns, without an object for any: Arrow tables, and frames of pandas and polars.

The database returns the columns themselves, in lists of up to 1,000 values, which the driver reads
several times as fast as rows. What all results have comes first; then what their class declares.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from artigraph_neo4j.find.natives import Native, Values, field_columns, property_columns
from artigraph_neo4j.find.targets import ArtifactTarget, Target
from artigraph_neo4j.graph.names import quoted
from artigraph_neo4j.graph.span_rows import declared_properties

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["PAGE_ROWS", "Frame", "as_pandas", "as_polars"]

logger = logging.getLogger("artigraph_neo4j.find")

PAGE_ROWS = 50_000
"""Maximum number of results that one statement returns as columns."""


CHUNK_ROWS = 1000
"""Number of values in one list of a column; the server makes one chunk after the other."""


def _instants(property_: str) -> str:
    """Return the expression for instants, in microseconds: a tenth of the cost of temporals."""
    return (
        f"[t IN [x IN part | x.{property_}] | CASE WHEN t IS :: ZONED DATETIME NOT NULL "
        "THEN t.epochSeconds * 1000000 + t.microsecond END]"
    )


def _each(expression: str) -> str:
    return f"[x IN part | {expression}]"


_SPAN = """coalesce(head([(x)-[:MADE_BY]->(s) | s.node_id]), head(COLLECT {
  MATCH (s:Span)-[:HAS_ARTIFACT]->(x)
  RETURN s.node_id ORDER BY s.opened_at, s.node_id LIMIT 1 }))"""
"""The span that made an artifact; the first that shares it, if that was deleted."""

_OF_ALL: dict[str, tuple[tuple[Native, str], ...]] = {
    "artifact": (
        (Native("node_id", "", "str"), _each("x.node_id")),
        (Native("label", "", "str"), _each("x.artifact_label")),
        (Native("span_id", "", "str"), _each(_SPAN)),
        (Native("model", "", "str"), _each("x.model")),
        (Native("recorded_at", "", "instant"), _instants("recorded_at")),
    ),
    "span": (
        (Native("node_id", "", "str"), _each("x.node_id")),
        (Native("label", "", "str"), _each("x.label")),
        (Native("root_id", "", "str"), _each("x.root_id")),
        (Native("status", "", "str"), _each("x.status")),
        (Native("opened_at", "", "instant"), _instants("opened_at")),
        (Native("closed_at", "", "instant"), _instants("closed_at")),
    ),
}
"""Columns that do not depend on the class, with the expression for each."""

_CODECS = """CASE WHEN all(x IN part WHERE x.codec = codec) THEN [codec]
  ELSE [x IN part | coalesce(x.codec, '')] END"""
"""The codecs of a chunk: mostly it is the same text, which then is sent once."""


class Frame:
    """The columns of a query: the end of its statement, and the table that comes of its rows.

    Args:
        target: What the query is about.
    """

    def __init__(self, target: Target) -> None:
        self._fixed = [Values(column) for column, _ in _OF_ALL[target.noun]]
        self._declared = [Values(column) for column in _declared(target)]
        expressions = [expression for _, expression in _OF_ALL[target.noun]]
        expressions += [_each(_expression(values.column)) for values in self._declared]
        self._coded = target.noun == "artifact"
        self._cells = ",\n  ".join([_CODECS if self._coded else "[]", *expressions])

    def items(self, _: object = None) -> str:
        """Return the end of the statement: from the nodes ``found`` to chunks of columns."""
        codec = ", part[0].codec AS codec" if self._coded else ""
        return (
            # Without the condition, range() counts up to -1 too.
            "WITH found, keys WHERE size(found) > 0\n"
            f"UNWIND range(0, size(found) - 1, {CHUNK_ROWS}) AS i\n"
            f"WITH keys, found[i..i + {CHUNK_ROWS}] AS part\nWITH keys, part{codec}\n"
            f"RETURN keys, {self._cells}"
        )

    def add(self, rows: Iterable[Sequence[Any]]) -> int:
        """Add the rows of one statement, each the chunk of all columns.

        Returns:
            The number of nodes that the statement found.
        """
        rows = list(rows)
        chunks = [_there(row[1], row[2:]) for row in rows]
        codecs = [codecs for codecs, _ in chunks]
        for i, values in enumerate([*self._fixed, *self._declared]):
            cells = [columns[i] for _, columns in chunks]
            if i < len(self._fixed):
                values.take(cells)
            else:
                values.add(zip(codecs, cells, strict=True))
        return sum(len(row[2]) for row in rows)

    def table(self) -> pa.Table:
        """Return everything that was added as one table."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found: dict[str, Any] = {v.column.name: v.chunked() for v in self._fixed}
        if "closed_at" in found:
            begin, end = found["opened_at"], found["closed_at"]
            found["duration"] = pc.if_else(pc.less(end, begin), None, pc.subtract(end, begin))
        for values in self._declared:
            name = values.column.name
            while name in found:  # a field with the name of a column of all artifacts
                name += "_"
            found[name] = values.chunked()
        left_out = {v.column.name: v.left_out for v in self._declared if v.left_out}
        if left_out:
            logger.warning(
                "values are null in these columns although the graph has them, since they are not "
                "native: %s; read the artifacts for them",
                ", ".join(f"{name} ({count:,})" for name, count in left_out.items()),
            )
        return pa.table(found)


def _declared(target: Target) -> list[Native]:
    if not isinstance(target, ArtifactTarget):
        return property_columns(declared_properties(target.cls))
    return [] if target.is_any else field_columns(target.cls)


def _expression(column: Native) -> str:
    value = f"x.{quoted(column.property)}"
    # As text, since the driver takes ten times as long for a temporal.
    return f"toStringOrNull({value})" if column.is_time else value


def _there(codecs: list[str], columns: Sequence[list[Any]]) -> tuple[list[str], Any]:
    """Return a chunk without the nodes that were deleted while the statement ran."""
    ids = columns[0]
    if None not in ids:
        return codecs, columns
    kept = [i for i, node_id in enumerate(ids) if node_id is not None]
    if len(codecs) > 1:
        codecs = [codecs[i] for i in kept]
    return codecs, [[cells[i] for i in kept] for cells in columns]


def as_pandas(table: pa.Table) -> pd.DataFrame:
    """Return a table as a DataFrame, whose index are the ids.

    Columns of ints or bools with nulls are nullable ones, so that no value changes.
    """
    import pandas as pd
    import pyarrow as pa

    nullable: Mapping[Any, Any] = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    found: dict[str, Any] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        dtype = nullable.get(column.type) if column.null_count else None
        found[name] = column.to_pandas() if dtype is None else dtype.__from_arrow__(column)
    ids = found.pop("node_id")
    frame = pd.DataFrame({name: pd.Series(column) for name, column in found.items()})
    frame.index = pd.Index(ids, name="node_id")
    return frame


def as_polars(table: pa.Table) -> pl.DataFrame:
    """Return a table as a DataFrame of polars."""
    import polars as pl

    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table becomes a frame
    return frame
