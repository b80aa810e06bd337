"""pandas frames, series and indexes, as Parquet files that other tools can read, too.

The file has the columns of the frame, followed by the columns of its index. The file's metadata has
under ``artigraph``, as msgpack in base64, the recipe for restoring each column.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from typing import IO, Any, ClassVar, TypeVar

try:
    import pandas as pd
    import pyarrow as pa
except ImportError as error:  # pragma: no cover - an install without the extra
    raise ImportError(
        'this serializer needs pandas and pyarrow: pip install "artigraph-neo4j[pandas]"'
    ) from error

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import (
    DamagedError,
    Serializer,
    exactly,
    shown,
    unreadable,
    unwritable,
)
from artigraph_neo4j.serializer.msgpack import pack
from artigraph_neo4j.serializer.pandas_arrays import Recipe, to_arrow, values_of
from artigraph_neo4j.serializer.pandas_file import (
    FORMAT,
    KEY,
    PARQUET,
    FrameFile,
    positions_of,
    written,
)
from artigraph_neo4j.serializer.pandas_index import index_to_arrow, pack_index, unpack_index
from artigraph_neo4j.serializer.pandas_scalars import (
    interval_serializer,
    missing_serializer,
    period_serializer,
    timedelta_serializer,
    timestamp_serializer,
)
from artigraph_neo4j.serializer.parquet import to_parquet

__all__ = [
    "DataFrameSerializer",
    "IndexSerializer",
    "SeriesSerializer",
    "dataframe_serializer",
    "index_serializer",
    "interval_serializer",
    "missing_serializer",
    "period_serializer",
    "series_serializer",
    "timedelta_serializer",
    "timestamp_serializer",
]


T = TypeVar("T")


def _write(
    columns: list[tuple[str, Any]],
    index: Any,
    more: dict[str, Any],
    file: IO[bytes],
    row_group_rows: int | None = None,
) -> None:
    """Write columns by name and an index as a Parquet file."""
    arrays: list[Any] = []
    recipes: list[Recipe] = []
    for name, values in columns:
        array, recipe = _part(f"column {name}", partial(to_arrow, values))
        arrays.append(array)
        recipes.append(recipe)
    index_arrays, index_recipe = _part("the index", lambda: index_to_arrow(index))
    names = _distinct([name for name, _ in columns], len(index_arrays))
    about = {
        "format": FORMAT,
        "rows": len(index),
        "columns": recipes,
        "index": index_recipe,
        **more,
    }
    with unwritable("Parquet"):
        table = pa.table([*arrays, *index_arrays], names=names)
        metadata = {KEY: base64.b64encode(pack(about)), b"pandas": _for_pandas(names, index)}
        to_parquet(table.replace_schema_metadata(metadata), file, row_group_rows)


def _part(name: str, work: Callable[[], T]) -> T:
    """Return the result of ``work`` for a part of the value; errors name the part."""
    try:
        with unwritable("Parquet"):
            return work()
    except SerializationError as error:
        raise SerializationError(f"{name}: {error}") from error


def _text(label: object) -> str:
    """Return a label as text, or its type if it cannot be converted, such as 10**5000."""
    try:
        return str(label)
    except Exception:  # raised by the code of a user's class
        return shown(label)


def _distinct(names: list[str], index_levels: int) -> list[str]:
    """Return names for the file's columns: the labels if they are distinct, else numbered ones."""
    index_names = [f"__index_level_{i}__" for i in range(index_levels)]
    names = [name.encode("utf-8", "replace").decode() for name in names]
    if len({*names, *index_names}) < len(names) + index_levels:
        names = [f"{i}:{name}" for i, name in enumerate(names)]
    return [*names, *index_names]


def _for_pandas(names: list[str], index: Any) -> bytes:
    """Return the metadata that tells ``pandas.read_parquet`` the index."""
    levels: list[Any] = names[len(names) - index.nlevels :]
    columns = [
        {"name": None, "field_name": n, "pandas_type": "", "numpy_type": "object", "metadata": None}
        for n in levels
    ]
    if isinstance(index, pd.RangeIndex):
        span = {"start": index.start, "stop": index.stop, "step": index.step}
        levels, columns = [{"kind": "range", "name": None, **span}], []
    return json.dumps({"index_columns": levels, "column_indexes": [], "columns": columns}).encode()


# Serializers ------------------------------------------------------------------------------------


def _attrs(value: Any) -> dict[str, Any]:
    _part("attrs", lambda: pack(value.attrs))
    return dict(value.attrs)


class DataFrameSerializer(Serializer[pd.DataFrame]):
    """A frame with its index, column labels, dtypes, flags and ``attrs``.

    Args:
        row_group_rows: Number of rows in a group, the smallest part that ``Lazy.load`` reads; by
            default 1,048,576.
    """

    name: ClassVar[str] = "pandas.parquet"
    types: ClassVar[tuple[type[Any], ...]] = (pd.DataFrame,)
    heavy: ClassVar[bool] = True

    def __init__(self, row_group_rows: int | None = None) -> None:
        self.row_group_rows = row_group_rows

    def serialize(self, value: pd.DataFrame, /) -> bytes:
        """Return the frame as a Parquet file.

        Raises:
            SerializationError: The frame is of a subclass, or a column cannot be stored faithfully;
                the message names the column.
        """
        return written(self, value)

    def deserialize(self, data: bytes, /) -> pd.DataFrame:
        """Return the frame.

        Raises:
            SerializationError: The bytes are not such a file.
        """
        return self.read_part(BytesIO(data))

    def write(self, value: pd.DataFrame, file: IO[bytes], /) -> None:
        """Write the frame, a group of rows at a time, from an Arrow table of the whole frame."""
        frame = exactly(pd.DataFrame, value)
        columns = [
            (_text(label), values_of(frame.iloc[:, i])) for i, label in enumerate(frame.columns)
        ]
        more = {
            "labels": _part("the column labels", lambda: pack_index(frame.columns)),
            "attrs": _attrs(frame),
            "duplicates": frame.flags.allows_duplicate_labels,
        }
        _write(columns, frame.index, more, file, self.row_group_rows)

    def read(self, file: IO[bytes], /) -> pd.DataFrame:
        """Return the frame."""
        return self.read_part(file)

    def read_part(
        self,
        file: IO[bytes],
        /,
        *,
        columns: Sequence[Any] | None = None,
        row_groups: Sequence[int] | None = None,
    ) -> pd.DataFrame:
        """Return the columns in the order of the frame, with their part of the index."""
        with unreadable(PARQUET):
            some = columns is not None or row_groups is not None
            parts = FrameFile(file, part=some)
            labels = unpack_index(parts.about["labels"])
            if len(labels) != parts.width:
                raise DamagedError("it has more labels than columns, or fewer")
            places = positions_of(labels, columns)
            index = parts.index(row_groups)
            # As series, since a frame would guess the dtype of objects.
            series = [
                pd.Series(c, index=index, dtype=c.dtype, copy=False)
                for c in parts.columns(places, row_groups)
            ]
            frame = pd.DataFrame(dict(enumerate(series)), index=index, copy=False)
            frame.columns = labels if columns is None else labels.take(places)
            frame.attrs = parts.about["attrs"]
            return frame.set_flags(allows_duplicate_labels=parts.about["duplicates"])


class SeriesSerializer(Serializer["pd.Series[Any]"]):
    """A series with its index, name, dtype, flags and ``attrs``."""

    name: ClassVar[str] = "pandas.series"
    types: ClassVar[tuple[type[Any], ...]] = (pd.Series,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pd.Series[Any], /) -> bytes:
        """Return the series as a Parquet file of one column and its index.

        Raises:
            SerializationError: The series is of a subclass, or cannot be stored faithfully.
        """
        return written(self, value)

    def deserialize(self, data: bytes, /) -> pd.Series[Any]:
        """Return the series.

        Raises:
            SerializationError: The bytes are not such a file.
        """
        return self.read(BytesIO(data))

    def write(self, value: pd.Series[Any], file: IO[bytes], /) -> None:
        """Write the series, a group of rows at a time."""
        series = exactly(pd.Series, value)
        more = {
            "name": series.name,
            "attrs": _attrs(series),
            "duplicates": series.flags.allows_duplicate_labels,
        }
        _write([(_text(series.name), values_of(series))], series.index, more, file)

    def read(self, file: IO[bytes], /) -> pd.Series[Any]:
        """Return the series."""
        with unreadable(PARQUET):
            parts = FrameFile(file)
            (values,) = parts.columns([0])
            name = parts.about["name"]
            series = pd.Series(values, parts.index(), values.dtype, name, copy=False)
            series.attrs = parts.about["attrs"]
            return series.set_flags(allows_duplicate_labels=parts.about["duplicates"])


class IndexSerializer(Serializer["pd.Index[Any]"]):
    """An index of any kind, with its names and ``freq``."""

    name: ClassVar[str] = "pandas.index"
    types: ClassVar[tuple[type[Any], ...]] = (pd.Index,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pd.Index[Any], /) -> bytes:
        """Return the index as a Parquet file.

        Raises:
            SerializationError: The index cannot be stored faithfully.
        """
        return written(self, value)

    def deserialize(self, data: bytes, /) -> pd.Index[Any]:
        """Return the index.

        Raises:
            SerializationError: The bytes are not such a file.
        """
        return self.read(BytesIO(data))

    def write(self, value: pd.Index[Any], file: IO[bytes], /) -> None:
        """Write the index."""
        _write([], value, {}, file)

    def read(self, file: IO[bytes], /) -> pd.Index[Any]:
        """Return the index."""
        with unreadable(PARQUET):
            found: pd.Index[Any] = FrameFile(file).index()
        return found


dataframe_serializer = DataFrameSerializer().register()
series_serializer = SeriesSerializer().register()
index_serializer = IndexSerializer().register()
