"""pandas frames, series and indexes, as Parquet with pandas' own metadata.

Every value is read back once and compared before it is handed on, so what Parquet would change
(mixed objects, a frequency, a flag) is refused instead. Column labels that Parquet has no place for
(numbers, several levels, duplicates) are kept beside the data, in the file's metadata.
"""

from __future__ import annotations

import base64
import io
from typing import Any, ClassVar

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer
from artigraph_neo4j.serializer.msgpack import pack, unpack
from artigraph_neo4j.zones import zone_from, zone_to

try:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pandas.testing import assert_frame_equal, assert_index_equal, assert_series_equal
except ImportError as error:  # pragma: no cover - an install without the extra
    raise ImportError(
        'this serializer needs pandas and pyarrow: pip install "artigraph-neo4j[pandas]"'
    ) from error

__all__ = [
    "DataFrameSerializer",
    "IndexSerializer",
    "SeriesSerializer",
    "dataframe_serializer",
    "index_serializer",
    "series_serializer",
]

_KEY = b"artigraph"
_EXACT: dict[str, Any] = {"check_exact": True, "check_freq": True, "check_flags": True}


def _parquet(table: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _columns_apart(columns: Any) -> bool:
    """Whether Parquet cannot hold these labels as they are."""
    return not (
        isinstance(columns, pd.Index)
        and not isinstance(columns, pd.MultiIndex)
        and columns.is_unique
        and columns.name is None
        and all(type(label) is str and not label.startswith("__") for label in columns)
        and columns.dtype == pd.Index(["a"]).dtype
    )


def _write(frame: Any) -> bytes:
    attrs, columns, index = frame.attrs, frame.columns, frame.index
    bare = frame.copy(deep=False)
    bare.attrs = {}
    extra: dict[str, Any] = {"attrs": attrs} if attrs else {}
    names = list(index.names)
    if _columns_apart(columns):
        labels = _parquet(
            pa.Table.from_pandas(columns.to_frame(index=False, name=_levels(columns)))
        )
        kind = type(columns).__name__
        extra["columns"] = [labels, list(columns.names), kind]
        bare.columns = [f"c{i}" for i in range(len(columns))]
    if names != [None] * len(names):
        extra["index"] = names
        bare.index = index.set_names([None] * len(names))
    if getattr(index, "freq", None) is not None and not isinstance(index, pd.PeriodIndex):
        extra["freq"] = index.freq.freqstr
    table = pa.Table.from_pandas(bare)
    if extra:
        packed = base64.b64encode(pack(extra))
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: packed})
    return _parquet(table)


def _levels(columns: Any) -> Any:
    return [f"l{i}" for i in range(columns.nlevels)] if columns.nlevels > 1 else "l0"


def _read(data: bytes) -> Any:
    table = pq.read_table(io.BytesIO(data))
    frame = table.to_pandas()
    packed = (table.schema.metadata or {}).get(_KEY)
    extra = unpack(base64.b64decode(packed)) if packed else {}
    if "index" in extra:
        frame.index = frame.index.set_names(extra["index"])
    if "freq" in extra:
        frame.index.freq = extra["freq"]
    if "columns" in extra:
        labels, names, kind = extra["columns"]
        frame.columns = _columns(pq.read_table(io.BytesIO(labels)).to_pandas(), names, kind)
    frame.attrs = extra.get("attrs", {})
    return frame


def _columns(labels: Any, names: list[Any], kind: str) -> Any:
    if kind == "MultiIndex":
        return pd.MultiIndex.from_frame(labels, names=names)
    if kind == "RangeIndex" and len(labels):
        values = labels["l0"].tolist()
        step = values[1] - values[0] if len(values) > 1 else 1
        return pd.RangeIndex(values[0], values[-1] + step, step, name=names[0])
    if kind == "RangeIndex":
        return pd.RangeIndex(0, name=names[0])
    return pd.Index(labels["l0"]).rename(names[0])


def _refuse(what: str, error: Exception) -> SerializationError:
    first = str(error).strip().replace("\n", "; ")[:400]
    return SerializationError(
        f"the {what} would come back changed: {first}. Convert it (for example an object column to "
        "one type), or give the field a serializer of your own"
    )


class DataFrameSerializer(Serializer[pd.DataFrame]):
    """A frame with its index, column labels, dtypes and ``attrs``, as Parquet."""

    name: ClassVar[str] = "pandas"
    types: ClassVar[tuple[type[Any], ...]] = (pd.DataFrame,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pd.DataFrame, /) -> bytes:
        """The frame as a Parquet file.

        Raises:
            SerializationError: It is a subclass, or Parquet would change it.
        """
        if type(value) is not pd.DataFrame:
            raise SerializationError(f"{type(value).__qualname__} is not exactly pandas.DataFrame")
        try:
            data = _write(value)
            back = _read(data)
            assert_frame_equal(
                back,
                value,
                check_index_type=True,
                check_column_type=True,
                **_EXACT,
            )
            _same_objects(value, back)
        except SerializationError:
            raise
        except Exception as error:
            raise _refuse("frame", error) from error
        return data

    def deserialize(self, data: bytes, /) -> pd.DataFrame:
        """The frame."""
        try:
            found: pd.DataFrame = _read(data)
        except Exception as error:
            raise SerializationError(f"no Parquet file of this serializer: {error}") from error
        return found


def _same_objects(value: Any, back: Any) -> None:
    """``assert_frame_equal`` takes 1 for True, and a list for an array, in object columns."""
    if value.attrs != back.attrs:
        raise ValueError("attrs differ")
    for position, dtype in enumerate(value.dtypes):
        if dtype == object:
            ours, theirs = value.iloc[:, position], back.iloc[:, position]
            for left, right in zip(ours, theirs, strict=True):
                if type(left) is not type(right):
                    raise ValueError(
                        f"column {value.columns[position]!r}: a {type(left).__name__} would be "
                        f"a {type(right).__name__}"
                    )


class SeriesSerializer(Serializer[pd.Series]):
    """A series with its index, name and dtype, as a frame of one column."""

    name: ClassVar[str] = "pandas.series"
    types: ClassVar[tuple[type[Any], ...]] = (pd.Series,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pd.Series[Any], /) -> bytes:
        """The series as a Parquet file."""
        if type(value) is not pd.Series:
            raise SerializationError(f"{type(value).__qualname__} is not exactly pandas.Series")
        try:
            frame = value.to_frame(name="value")
            frame.attrs = {"name": value.name, "attrs": value.attrs}
            data = _write(frame)
            back = self.deserialize(data)
            assert_series_equal(back, value, check_index_type=True, **_EXACT)
            _same_objects(value.to_frame(name="value"), back.to_frame(name="value"))
        except SerializationError:
            raise
        except Exception as error:
            raise _refuse("series", error) from error
        return data

    def deserialize(self, data: bytes, /) -> pd.Series[Any]:
        """The series."""
        try:
            frame = _read(data)
            found: pd.Series[Any] = frame["value"].rename(frame.attrs["name"])
            found.attrs = frame.attrs["attrs"]
        except Exception as error:
            raise SerializationError(f"no Parquet file of this serializer: {error}") from error
        return found


class IndexSerializer(Serializer[pd.Index]):
    """Any index, as that of a frame without columns."""

    name: ClassVar[str] = "pandas.index"
    types: ClassVar[tuple[type[Any], ...]] = (pd.Index,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: pd.Index[Any], /) -> bytes:
        """The index as a Parquet file."""
        try:
            data = _write(pd.DataFrame({"_": np.zeros(len(value), "int8")}, index=value))
            back = self.deserialize(data)
            assert_index_equal(back, value, exact=True, check_exact=True)
            if type(back) is not type(value) or getattr(back, "freq", None) != getattr(
                value, "freq", None
            ):
                raise ValueError("class or freq differ")
        except SerializationError:
            raise
        except Exception as error:
            raise _refuse("index", error) from error
        return data

    def deserialize(self, data: bytes, /) -> pd.Index[Any]:
        """The index."""
        try:
            found: pd.Index[Any] = _read(data).index
        except Exception as error:
            raise SerializationError(f"no Parquet file of this serializer: {error}") from error
        return found


class TimestampSerializer(Serializer[pd.Timestamp]):
    """A timestamp with its unit, nanoseconds and zone."""

    name: ClassVar[str] = "pandas.timestamp"
    types: ClassVar[tuple[type[Any], ...]] = (pd.Timestamp,)

    def serialize(self, value: pd.Timestamp, /) -> bytes:
        """Msgpack of the count of units since 1970, the unit, the zone and the fold."""
        zone = None if value.tz is None else zone_to(value.tz)
        if type(value) is not pd.Timestamp or (zone is None and value.tz is not None):
            raise SerializationError(
                f"{value!r} cannot come back; its zone has to be of datetime or zoneinfo"
            )
        count = int(value.tz_localize(None).asm8.astype("int64"))
        return pack([count, value.unit, zone, value.fold])

    def deserialize(self, data: bytes, /) -> pd.Timestamp:
        """The timestamp."""
        count, unit, zone, fold = unpack(data)
        local = pd.Timestamp(np.datetime64(count, unit)).as_unit(unit)
        if zone is None:
            return local.replace(fold=fold)
        return local.replace(fold=fold, tzinfo=zone_from(zone)).as_unit(unit)


class TimedeltaSerializer(Serializer[pd.Timedelta]):
    """A duration with its unit, to the nanosecond."""

    name: ClassVar[str] = "pandas.timedelta"
    types: ClassVar[tuple[type[Any], ...]] = (pd.Timedelta,)

    def serialize(self, value: pd.Timedelta, /) -> bytes:
        """Msgpack of the count of units and the unit."""
        return pack([int(value.asm8.astype("int64")), value.unit])

    def deserialize(self, data: bytes, /) -> pd.Timedelta:
        """The duration."""
        count, unit = unpack(data)
        return pd.Timedelta(np.timedelta64(count, unit)).as_unit(unit)


class MissingSerializer(Serializer[Any]):
    """``pandas.NaT`` and ``pandas.NA``."""

    name: ClassVar[str] = "pandas.missing"
    types: ClassVar[tuple[type[Any], ...]] = (type(pd.NaT), type(pd.NA))
    text: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """Its name."""
        return b"NaT" if value is pd.NaT else b"NA"

    def deserialize(self, data: bytes, /) -> Any:
        """The one of that name."""
        return pd.NaT if data == b"NaT" else pd.NA


dataframe_serializer = DataFrameSerializer().register()
series_serializer = SeriesSerializer().register()
index_serializer = IndexSerializer().register()
timestamp_serializer = TimestampSerializer().register()
pandas_timedelta_serializer = TimedeltaSerializer().register()
missing_serializer = MissingSerializer().register()
