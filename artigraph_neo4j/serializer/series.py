"""Rows of logged metrics as Arrow tables, their summaries, and the part that stays on a span."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any, cast

from artigraph_neo4j.serializer.arrow import feather_serializer
from artigraph_neo4j.serializer.base import DamagedError, unreadable

# After the module above, which explains a missing extra.
import pyarrow  # isort: skip
import pyarrow.compute  # isort: skip

__all__ = [
    "Given",
    "LoggedRow",
    "dump",
    "given_of",
    "joined",
    "load",
    "place_of",
    "placed",
    "table_of",
]

pa: Any = pyarrow
pc: Any = pyarrow.compute

LoggedRow = tuple[int, int, dict[str, float]]
"""The step, the time in microseconds since 1970, and the values by metric."""

_PLACE = b"artigraph.series"
_TIME = pa.timestamp("us", tz="UTC")
_KEYS = ("step", "time")
_CRC_BYTES = 4
_FORM = "rows of a series"


Given = tuple[float, float | None, float | None, float | None, int]
"""A summary: the last value, which may be NaN, then the smallest, the largest, the mean and the
number of all that are not NaN; None for the three if there are none."""

Table = Any
"""A ``pyarrow.Table``."""


def table_of(rows: Sequence[LoggedRow]) -> Table:
    """Return rows as a table: a column for each metric, after ``step`` and ``time``."""
    names = dict.fromkeys(name for _, _, values in rows for name in values)
    columns = {
        "step": pa.array([step for step, _, _ in rows], pa.int64()),
        "time": pa.array([at for _, at, _ in rows], pa.int64()).cast(_TIME),
    }
    arrays = [*columns.values()]
    arrays += [
        pa.array([values.get(name) for _, _, values in rows], pa.float64()) for name in names
    ]
    return pa.Table.from_arrays(arrays, names=[*columns, *names])


def joined(tables: Iterable[Table]) -> Table:
    """Join tables; a metric that a table lacks is missing in its rows."""
    found = [table.replace_schema_metadata(None) for table in tables]
    return pa.concat_tables(found, promote_options="default") if found else table_of([])


def given_of(table: Table) -> dict[str, Given]:
    """Return the summaries of all metrics of a table."""
    found: dict[str, Given] = {}
    for place, name in enumerate(table.column_names[len(_KEYS) :], len(_KEYS)):
        values = table.column(place).drop_null()
        last = values[-1].as_py()
        real = values.filter(pc.invert(pc.is_nan(values)))
        if len(real):
            ends = pc.min_max(real).as_py()
            found[name] = (last, ends["min"], ends["max"], pc.mean(real).as_py(), len(real))
        else:
            found[name] = (last, None, None, None, 0)
    return found


def dump(table: Table, session: str, start: int) -> bytes:
    """Return a table as bytes that show whether they are whole, with the place of its first row."""
    data = feather_serializer.serialize(placed(table, session, start))
    return zlib.crc32(data).to_bytes(_CRC_BYTES, "big") + data


@unreadable(_FORM)
def load(data: bytes) -> Table:
    """Return the table from which ``dump`` made bytes.

    Raises:
        SerializationError: The bytes are not whole: they were read while others were written.
    """
    crc, content = data[:_CRC_BYTES], bytes(data[_CRC_BYTES:])
    if zlib.crc32(content).to_bytes(_CRC_BYTES, "big") != crc:
        raise DamagedError("the bytes of a series are not whole")
    return feather_serializer.deserialize(content)


def placed(table: Table, session: str, start: int) -> Table:
    """Return a table that says which rows it has: those from ``start`` on, of one session."""
    return table.replace_schema_metadata({_PLACE: f"{session} {start}".encode()})


@unreadable(_FORM)
def place_of(table: Table) -> tuple[str, int]:
    """Return the session and the place of the first row of a table.

    Raises:
        SerializationError: The table does not say it, or has other columns.
    """
    metrics = table.num_columns - len(_KEYS)
    types = [pa.int64(), _TIME, *[pa.float64()] * metrics]
    if table.column_names[: len(_KEYS)] != list(_KEYS) or table.schema.types != types:
        raise DamagedError("the table has other columns than a series")
    said = cast("dict[bytes, bytes]", table.schema.metadata or {}).get(_PLACE, b"")
    session, _, start = said.decode("utf-8", "replace").partition(" ")
    if not session or not start.isdecimal():
        raise DamagedError("the table does not say which rows of a series it has")
    return session, int(start)
