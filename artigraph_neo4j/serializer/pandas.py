"""pandas frames, series and indexes, as Parquet files that other tools read too.

A frame's columns are the file's columns, with those of its index after them. How each has to be
made again is in the file's metadata under ``artigraph``: msgpack in base64.
"""

# pyarrow has no type information.
# pyright: reportArgumentType=false

from __future__ import annotations

import base64
import json
from typing import Any, ClassVar

try:
    import pandas as pd
    import pyarrow as pa
except ImportError as error:  # pragma: no cover - an install without the extra
    raise ImportError(
        'this serializer needs pandas and pyarrow: pip install "artigraph-neo4j[pandas]"'
    ) from error

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer, exactly
from artigraph_neo4j.serializer.msgpack import pack, unpack
from artigraph_neo4j.serializer.pandas_arrays import (
    Recipe,
    from_arrow,
    to_arrow,
    values_of,
)
from artigraph_neo4j.serializer.pandas_index import (
    index_from_arrow,
    index_to_arrow,
    pack_index,
    unpack_index,
)
from artigraph_neo4j.serializer.pandas_scalars import (
    interval_serializer,
    missing_serializer,
    period_serializer,
    timedelta_serializer,
    timestamp_serializer,
)
from artigraph_neo4j.serializer.parquet import from_parquet, to_parquet

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

_KEY = b"artigraph"
_FORMAT = 1


def _write(columns: list[tuple[str, Any]], index: Any, more: dict[str, Any]) -> bytes:
    """Columns by name and an index as a Parquet file."""
    arrays: list[Any] = []
    recipes: list[Recipe] = []
    for name, values in columns:
        try:
            array, recipe = to_arrow(values)
        except (SerializationError, ValueError, TypeError, pa.ArrowException) as error:
            raise SerializationError(f"column {name}: {error}") from error
        arrays.append(array)
        recipes.append(recipe)
    try:
        index_arrays, index_recipe = index_to_arrow(index)
    except (SerializationError, ValueError, TypeError, pa.ArrowException) as error:
        raise SerializationError(f"the index: {error}") from error
    names = _distinct([name for name, _ in columns], len(index_arrays))
    about = {
        "format": _FORMAT,
        "rows": len(index),
        "columns": recipes,
        "index": index_recipe,
        **more,
    }
    table = pa.table([*arrays, *index_arrays], names=names)
    metadata = {_KEY: base64.b64encode(pack(about)), b"pandas": _for_pandas(names, index)}
    return to_parquet(table.replace_schema_metadata(metadata))


def _read(data: bytes) -> tuple[list[Any], Any, dict[str, Any]]:
    """The columns, the index and what else was written."""
    table = from_parquet(data)
    packed = (table.schema.metadata or {}).get(_KEY)
    if packed is None:
        raise SerializationError("the Parquet file was not written by this library")
    about = unpack(base64.b64decode(packed))
    if about["format"] > _FORMAT:
        raise SerializationError(f"a newer version of this library wrote format {about['format']}")
    arrays = iter(table.itercolumns())
    columns = [from_arrow(next(arrays), recipe) for recipe in about["columns"]]
    return columns, index_from_arrow(list(arrays), about["index"]), about


def _distinct(names: list[str], index_levels: int) -> list[str]:
    """Names of the file's columns: the labels where they can be, else numbered."""
    index_names = [f"__index_level_{i}__" for i in range(index_levels)]
    names = [name.encode("utf-8", "replace").decode() for name in names]
    if len({*names, *index_names}) < len(names) + index_levels:
        names = [f"{i}:{name}" for i, name in enumerate(names)]
    return [*names, *index_names]


def _for_pandas(names: list[str], index: Any) -> bytes:
    """What lets ``pandas.read_parquet`` know which columns are the index."""
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
    try:
        pack(value.attrs)
    except SerializationError as error:
        raise SerializationError(f"attrs: {error}") from error
    return dict(value.attrs)


def _no_parquet(error: Exception) -> SerializationError:
    return SerializationError(f"no Parquet file of this serializer: {error}")


_UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError)


class DataFrameSerializer(Serializer[pd.DataFrame]):
    """A frame with its index, column labels, dtypes, flags and ``attrs``."""

    name: ClassVar[str] = "pandas.parquet"
    types: ClassVar[tuple[type[Any], ...]] = (pd.DataFrame,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pd.DataFrame, /) -> bytes:
        """The frame as a Parquet file.

        Raises:
            SerializationError: It is of a subclass, or a column has no faithful form; the message
                names the column.
        """
        frame = exactly(pd.DataFrame, value)
        columns = [
            (str(label), values_of(frame.iloc[:, i])) for i, label in enumerate(frame.columns)
        ]
        try:
            labels = pack_index(frame.columns)
        except SerializationError as error:
            raise SerializationError(f"the column labels: {error}") from error
        more = {
            "labels": labels,
            "attrs": _attrs(frame),
            "duplicates": frame.flags.allows_duplicate_labels,
        }
        return _write(columns, frame.index, more)

    def deserialize(self, data: bytes, /) -> pd.DataFrame:
        """The frame.

        Raises:
            SerializationError: The bytes are no such file.
        """
        try:
            columns, index, about = _read(data)
            # As series, since a frame would guess at the dtype of objects.
            series = [pd.Series(c, index=index, dtype=c.dtype, copy=False) for c in columns]
            frame = pd.DataFrame(dict(enumerate(series)), index=index, copy=False)
            frame.columns = unpack_index(about["labels"])
        except _UNREADABLE as error:
            raise _no_parquet(error) from error
        frame.attrs = about["attrs"]
        return frame.set_flags(allows_duplicate_labels=about["duplicates"])


class SeriesSerializer(Serializer["pd.Series[Any]"]):
    """A series with its index, name, dtype, flags and ``attrs``."""

    name: ClassVar[str] = "pandas.series"
    types: ClassVar[tuple[type[Any], ...]] = (pd.Series,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pd.Series[Any], /) -> bytes:
        """The series as a Parquet file of one column and its index.

        Raises:
            SerializationError: It is of a subclass, or has no faithful form.
        """
        series = exactly(pd.Series, value)
        more = {
            "name": series.name,
            "attrs": _attrs(series),
            "duplicates": series.flags.allows_duplicate_labels,
        }
        return _write([(str(series.name), values_of(series))], series.index, more)

    def deserialize(self, data: bytes, /) -> pd.Series[Any]:
        """The series.

        Raises:
            SerializationError: The bytes are no such file.
        """
        try:
            columns, index, about = _read(data)
            (values,) = columns
            series = pd.Series(values, index, values.dtype, about["name"], copy=False)
        except _UNREADABLE as error:
            raise _no_parquet(error) from error
        series.attrs = about["attrs"]
        return series.set_flags(allows_duplicate_labels=about["duplicates"])


class IndexSerializer(Serializer["pd.Index[Any]"]):
    """An index of any kind, with its names and ``freq``."""

    name: ClassVar[str] = "pandas.index"
    types: ClassVar[tuple[type[Any], ...]] = (pd.Index,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pd.Index[Any], /) -> bytes:
        """The index as a Parquet file.

        Raises:
            SerializationError: It has no faithful form.
        """
        return _write([], value, {})

    def deserialize(self, data: bytes, /) -> pd.Index[Any]:
        """The index.

        Raises:
            SerializationError: The bytes are no such file.
        """
        try:
            found: pd.Index[Any] = _read(data)[1]
        except _UNREADABLE as error:
            raise _no_parquet(error) from error
        return found


dataframe_serializer = DataFrameSerializer().register()
series_serializer = SeriesSerializer().register()
index_serializer = IndexSerializer().register()
