"""Results as a table: one row for each, one column for each value."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from artigraph_neo4j.common.markup import Html, escaped, faint
from artigraph_neo4j.common.markup import table as html_table
from artigraph_neo4j.common.wording import (
    aligned,
    cut,
    duration_text,
    number_text,
    time_text,
    visible,
)
from artigraph_neo4j.errors import ArgumentError, FilterError, NotFoundError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["Row", "Table", "value_text"]

SHOWN_ROWS = 50
"""Maximum number of rows that a notebook or a terminal shows."""

_CHARACTERS = 60


class Row(Mapping[str, Any]):
    """One row of a table: its values by the name of the column.

    Attributes:
        node_id: The id of the span or artifact.
        label: Its label, or None.
        left_out: The columns whose value is None here because the graph does not keep it as a value
            of its own.
    """

    __slots__ = ("_values", "label", "left_out", "node_id")

    def __init__(
        self,
        node_id: str,
        label: str | None,
        values: dict[str, Any],
        left_out: Sequence[str] = (),
    ) -> None:
        self.node_id = node_id
        self.label = label
        self.left_out = left_out
        self._values = values

    def __getitem__(self, column: str) -> Any:
        if column not in self._values:
            raise KeyError(f"{column!r} is not a column; there are {', '.join(self._values)}")
        return self._values[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value_text(value)}" for name, value in self.items())
        return f"<Row {self.label!r} {self.node_id} {told}>"


class Table:
    """Results as a table; ``find_spans(...).table(...)`` makes one.

    ``table[0]`` is a row, ``for row in table`` yields all. ``table["column"]`` is the list of a
    column's values. A value that is missing is None. Notebooks and terminals show rounded numbers;
    the values are exact.

    Attributes:
        columns: The names of the columns.
        left_out: By column, the number of values that are None here because the graph does not
            keep them as values of their own: they were serialized, or are in a storage. Read the
            artifact for them.
    """

    def __init__(self, columns: Sequence[str], rows: Sequence[Row]) -> None:
        self.columns = list(columns)
        self._rows = list(rows)
        left_out = Counter(name for row in self._rows for name in row.left_out)
        self.left_out = {name: count for name, count in left_out.items() if name in self.columns}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    @overload
    def __getitem__(self, key: str) -> list[Any]: ...
    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: slice) -> Table: ...
    def __getitem__(self, key: str | int | slice) -> Any:
        if isinstance(key, str):
            self._check(key)
            return [row[key] for row in self._rows]
        if isinstance(key, slice):
            return Table(self.columns, self._rows[key])
        return self._rows[key]

    @property
    def ids(self) -> list[str]:
        """The ids of the rows."""
        return [row.node_id for row in self._rows]

    @property
    def labels(self) -> list[str | None]:
        """The labels of the rows."""
        return [row.label for row in self._rows]

    def best(self, column: str, mode: Literal["max", "min"] = "max") -> Row:
        """Return the row with the best value in a column; the first of equal ones.

        Args:
            column: The column. Missing values and NaN are never the best.
            mode: Whether the best is the largest value or the smallest.

        Raises:
            ArgumentError: ``mode`` is unknown.
            FilterError: There is no such column, or its values have no order.
            NotFoundError: No row has a value there.
        """
        if mode not in ("max", "min"):
            raise ArgumentError(f"mode takes 'max' or 'min', not {mode!r}")
        self._check(column)
        rows = [row for row in self._rows if _counts(row[column])]
        if not rows:
            raise NotFoundError(f"none of {len(self)} rows has a value in {column}")
        pick = max if mode == "max" else min
        try:
            return pick(rows, key=lambda row: row[column])
        except TypeError as error:
            raise FilterError(f"the values of {column} have no order: {error}") from error

    def differing(self) -> Table:
        """Return the table with only those columns whose values are not all the same."""
        kept = [
            name for name in self.columns if len({_comparable(value) for value in self[name]}) > 1
        ]
        return self.select(*kept)

    def select(self, *columns: str) -> Table:
        """Return the table with some of its columns.

        Raises:
            FilterError: There is no such column.
        """
        for name in columns:
            self._check(name)
        rows = [
            Row(row.node_id, row.label, {name: row[name] for name in columns}, row.left_out)
            for row in self._rows
        ]
        return Table(columns, rows)

    def in_order(self, ids: Sequence[str]) -> Table:
        """Return the table with the rows of some ids, in that order; missing ones are left out."""
        rows = {row.node_id: row for row in self._rows}
        return Table(self.columns, [rows[node_id] for node_id in ids if node_id in rows])

    def _check(self, column: str) -> None:
        if column not in self.columns:
            raise FilterError(
                f"the table has no column {column!r}; it has {', '.join(self.columns)}"
            )

    # -- other libraries -------------------------------------------------------------------------

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame, whose index are the ids.

        Columns of ints or bools with missing values are nullable, so that no value changes.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        import pandas as pd

        found = {name: pd.Series(self[name], dtype=_dtype(self[name])) for name in self.columns}
        frame = pd.DataFrame(found, columns=self.columns)
        frame.index = pd.Index(self.ids, name="node_id")
        return frame

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table, with the ids in the column ``node_id``.

        A column whose values have several types is text.

        Raises:
            ModuleNotFoundError: pyarrow is not installed.
        """
        import pyarrow as pa

        return pa.table({name: _uniform(values) for name, values in self._with_ids().items()})

    def to_polars(self) -> pl.DataFrame:
        """Return a DataFrame of polars, with the ids in the column ``node_id``.

        A column whose values have several types is text.

        Raises:
            ModuleNotFoundError: polars is not installed.
        """
        import polars as pl

        return pl.DataFrame({name: _uniform(v) for name, v in self._with_ids().items()})

    def _with_ids(self) -> dict[str, list[Any]]:
        return {"node_id": list[Any](self.ids)} | {name: self[name] for name in self.columns}

    # -- shown to people -------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<Table of {len(self)} rows: {', '.join(self.columns)}>"

    def __str__(self) -> str:
        rows = self._rows[:SHOWN_ROWS]
        columns = [["", *map(_name, rows)]]
        columns += [_justified([name, *self.texts(name)[: len(rows)]],
                               right=self.is_numeric(name)) for name in self.columns]  # fmt: skip
        columns[0] = _justified(columns[0], right=False)
        lines = ["  ".join(line).rstrip() for line in zip(*columns, strict=True)]
        return "\n".join([*lines, *self.notes()])

    def _repr_html_(self) -> str:
        """HTML for notebooks."""
        shown = self._rows[:SHOWN_ROWS]
        names = [
            Html(f'<span title="{escaped(row.node_id)}">{escaped(_name(row))}</span>')
            for row in shown
        ]
        spaces = {"digit": "\N{FIGURE SPACE}", "point": "\N{PUNCTUATION SPACE}"}
        columns = [self.texts(name, **spaces)[: len(shown)] for name in self.columns]
        heads = [faint(self._noun()), *self.columns]
        numbers = {i for i, name in enumerate(self.columns, 1) if self.is_numeric(name)}
        note = "; ".join(self.notes())
        return html_table(heads, zip(names, *columns, strict=True), note, numbers=numbers)

    def is_numeric(self, column: str) -> bool:
        """Tell whether a column has nothing but numbers and lengths of time, or is empty."""
        return all(
            isinstance(value, (int, float, timedelta, type(None))) and not isinstance(value, bool)
            for value in self[column]
        )

    def texts(self, column: str, *, digit: str = " ", point: str = " ") -> list[str]:
        """Return the values of a column for people; numbers are padded to be put at the right.

        Args:
            column: The column.
            digit: A space as wide as a digit.
            point: A space as wide as a point.
        """
        texts = [cut(value_text(value), _CHARACTERS) for value in self[column]]
        lengths = any(isinstance(value, timedelta) for value in self[column])
        if lengths or not self.is_numeric(column):
            return texts
        return aligned(texts, digit=digit, point=point)

    def notes(self) -> list[str]:
        """Notes, in words, on values that the table as shown leaves out."""
        notes = [
            f"{name}: {count:,} {'value is' if count == 1 else 'values are'} not native; read the "
            "artifact"
            for name, count in self.left_out.items()
        ]
        if len(self) > SHOWN_ROWS:
            notes.insert(0, f"{len(self) - SHOWN_ROWS:,} more rows")
        return notes

    def _noun(self) -> str:
        return f"{len(self):,} {'row' if len(self) == 1 else 'rows'}"


def _name(row: Row) -> str:
    return row.node_id if row.label is None else cut(visible(row.label), _CHARACTERS)


def _justified(texts: list[str], *, right: bool) -> list[str]:
    width = max(map(len, texts))
    return [text.rjust(width) if right else text.ljust(width) for text in texts]


def value_text(value: object) -> str:
    """Return a value for people: numbers rounded to four digits, times and durations in words."""
    if value is None:
        return ""
    if type(value) is float or type(value) is int:
        return number_text(value)
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, datetime):
        return time_text(value) if value.tzinfo is not None else f"{value:%Y-%m-%d %H:%M:%S}"
    return visible(str(value))


def _counts(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _type(value: object) -> type:
    return type(value)


def _comparable(value: Any) -> tuple[type, Any]:
    """Return the type, and something that can be hashed and is the same for equal values."""
    kind, same = _type(value), value
    if isinstance(value, float) and math.isnan(value):
        same = "nan"
    elif isinstance(value, (list, tuple)):
        same = tuple(map(_comparable, cast("Sequence[object]", value)))
    elif isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        same = frozenset((_comparable(key), _comparable(item)) for key, item in items)
    else:
        try:
            hash(value)
        except TypeError:
            same = repr(value)
    return kind, same


def _dtype(values: list[Any]) -> str | None:
    """Return the type of pandas that holds ints or bools and missing values without a change."""
    kinds = {_type(value) for value in values}
    if kinds == {int, type(None)}:
        return "Int64"
    if kinds == {bool, type(None)}:
        return "boolean"
    return "object" if len(kinds - {type(None)}) > 1 else None


def _uniform(values: list[Any]) -> list[Any]:
    kinds = {_type(value) for value in values} - {type(None)}
    if kinds == {int, float} and all(float(v) == v for v in values if type(v) is int):
        return [None if value is None else float(value) for value in values]
    if kinds and kinds <= {datetime}:
        return [v.astimezone(UTC) if v is not None and v.tzinfo else v for v in values]
    return [None if v is None else str(v) for v in values] if len(kinds) > 1 else values
