"""polars frames and series, as Arrow IPC files that any Arrow library can read."""

from __future__ import annotations

import io
from typing import Any, ClassVar, NoReturn

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer, exactly, shown, unreadable, unwritable
from artigraph_neo4j.serializer.held_file import HeldFile
from artigraph_neo4j.serializer.ipc import check_file

try:
    import polars as pl
except ImportError as error:  # pragma: no cover - an install without the extra
    raise ImportError(
        'this serializer needs polars: pip install "artigraph-neo4j[polars]"'
    ) from error

__all__ = [
    "DataFrameSerializer",
    "LazyFrameSerializer",
    "SeriesSerializer",
    "dataframe_serializer",
    "lazyframe_serializer",
    "series_serializer",
]


def _write(frame: pl.DataFrame) -> bytes:
    for name, dtype in frame.schema.items():
        if why := _unfaithful(dtype):
            raise SerializationError(f"column {shown(name)}: {why}")
    sink = io.BytesIO()
    with unwritable("an Arrow file"):
        frame.write_ipc(sink, compression="lz4")
    data = sink.getvalue()
    if frame.width == 0 and _read(data).height != frame.height:
        raise SerializationError("the rows of a frame without columns would be lost")
    return data


def _unfaithful(dtype: Any) -> str | None:
    """Return the reason why a column of this type, or of a nested one, would not come back."""
    if dtype == pl.Object:
        return "Python objects have no Arrow type; convert it to a type of its own"
    if isinstance(dtype, pl.Array) and dtype.size == 0:
        return "arrays of no items cannot be read back; use a list"
    inner = [getattr(dtype, "inner", None)]
    inner += [field.dtype for field in getattr(dtype, "fields", ())]
    return next((why for part in inner if part is not None and (why := _unfaithful(part))), None)


def _read(data: bytes) -> pl.DataFrame:
    with unreadable("an Arrow file"):
        check_file(HeldFile(io.BytesIO(data)))
        return pl.read_ipc(io.BytesIO(data))


class DataFrameSerializer(Serializer[pl.DataFrame]):
    """A frame with its column names, dtypes and categories."""

    name: ClassVar[str] = "polars.ipc"
    types: ClassVar[tuple[type[Any], ...]] = (pl.DataFrame,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pl.DataFrame, /) -> bytes:
        """Return the frame as an Arrow IPC file.

        Raises:
            SerializationError: The frame is of a subclass, or has a column of Python objects.
        """
        return _write(exactly(pl.DataFrame, value))

    def deserialize(self, data: bytes, /) -> pl.DataFrame:
        """Return the frame.

        Raises:
            SerializationError: The bytes are not such a file.
        """
        return _read(data)


class SeriesSerializer(Serializer[pl.Series]):
    """A series with its name and dtype, as a frame of one column."""

    name: ClassVar[str] = "polars.series"
    types: ClassVar[tuple[type[Any], ...]] = (pl.Series,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pl.Series, /) -> bytes:
        """Return the series as an Arrow IPC file of one column.

        Raises:
            SerializationError: The series is of a subclass, or has Python objects.
        """
        return _write(exactly(pl.Series, value).to_frame())

    def deserialize(self, data: bytes, /) -> pl.Series:
        """Return the series.

        Raises:
            SerializationError: The bytes are not such a file.
        """
        frame = _read(data)
        if frame.width != 1:
            raise SerializationError(f"the frame has {frame.width} columns, and a series is one")
        return frame.to_series()


class LazyFrameSerializer(Serializer[pl.LazyFrame]):
    """A serializer that refuses lazy frames, whose data is not known until they are collected."""

    name: ClassVar[str] = "polars.lazy"
    types: ClassVar[tuple[type[Any], ...]] = (pl.LazyFrame,)

    def serialize(self, value: pl.LazyFrame, /) -> NoReturn:
        """Refuse the value.

        Raises:
            SerializationError: Always.
        """
        raise SerializationError(
            "a LazyFrame is a query, not data; store the frame that collect() returns"
        )

    def deserialize(self, data: bytes, /) -> NoReturn:
        """Refuse the bytes.

        Raises:
            SerializationError: Always.
        """
        raise SerializationError("lazy frames are never stored")


dataframe_serializer = DataFrameSerializer().register()
series_serializer = SeriesSerializer().register()
lazyframe_serializer = LazyFrameSerializer().register()
