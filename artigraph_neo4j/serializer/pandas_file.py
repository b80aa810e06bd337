"""The Parquet files of frames, series and indexes, read whole or in part."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import IO, Any

import numpy as np

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import DamagedError, Serializer, check_part, shown
from artigraph_neo4j.serializer.msgpack import unpack
from artigraph_neo4j.serializer.pandas_arrays import from_arrow
from artigraph_neo4j.serializer.pandas_index import index_from_arrow
from artigraph_neo4j.serializer.parquet import ParquetSource

__all__ = ["FORMAT", "KEY", "PARQUET", "FrameFile", "positions_of", "written"]

KEY = b"artigraph"
"""Key of the file's metadata that has the recipe of each column."""

FORMAT = 1
"""Version of the format of the metadata."""

PARQUET = "a Parquet file of this serializer"
"""Name of the format in messages."""


def written(serializer: Serializer[Any], value: Any) -> bytes:
    """Return the bytes that a serializer writes to a file."""
    sink = BytesIO()
    serializer.write(value, sink)
    return sink.getvalue()


class FrameFile:
    """A file of columns, followed by the columns of an index.

    Args:
        source: The open file. Only its metadata is read at first.
        part: Whether only a part will be read; see ``ParquetSource``.

    Attributes:
        about: The recipes of the columns, and other metadata.
        width: The number of columns, without those of the index.

    Raises:
        SerializationError: The file was not written by these serializers.
    """

    def __init__(self, source: IO[bytes], *, part: bool = False) -> None:
        self._file = ParquetSource(source, part=part)
        packed = self._file.metadata.get(KEY)
        if packed is None:
            raise DamagedError("the Parquet file was not written by this library")
        about = unpack(base64.b64decode(packed, validate=True))
        number: object = about["format"]
        if type(number) is not int or not 1 <= number <= FORMAT:
            raise SerializationError(
                f"its format is {shown(number)}, which a newer version of this library may read"
            )
        self.about: dict[str, Any] = about
        self._recipes: list[Any] = about["columns"]
        self.width = len(self._recipes)
        if type(self._recipes) is not list or self.width > len(self._file.names):
            raise DamagedError("it tells of more columns than it has")

    def columns(self, places: list[int], row_groups: Sequence[int] | None = None) -> list[Any]:
        """Return the columns at some places, as arrays."""
        table = self._file.read([self._file.names[i] for i in places], row_groups)
        recipes = [self._recipes[i] for i in places]
        return [from_arrow(*pair) for pair in zip(table.itercolumns(), recipes, strict=True)]

    def index(self, row_groups: Sequence[int] | None = None) -> Any:
        """Return the index; it is read whole even for a part of the rows."""
        names = self._file.names[self.width :]
        whole = index_from_arrow(self._file.read(names).columns, self.about["index"])
        return whole if row_groups is None else _rows(whole, self._runs(row_groups))

    def _runs(self, row_groups: Sequence[int]) -> list[range]:
        """Return the ranges of rows of some groups; adjoining ones are joined."""
        sizes = self._file.group_sizes
        check_part("row group", row_groups, range(len(sizes)))
        ends = np.cumsum([0, *sizes]).tolist()
        runs: list[range] = []
        for group in row_groups:
            start, stop = ends[group], ends[group + 1]
            if runs and runs[-1].stop == start:
                start = runs.pop().start
            runs.append(range(start, stop))
        return runs


def _rows(index: Any, runs: list[range]) -> Any:
    if len(runs) == 1:  # as a slice, which preserves a freq and a range
        return index[runs[0].start : runs[0].stop]
    return index.take(np.concatenate([np.array([], "i8"), *map(np.array, runs)]).astype("i8"))


def positions_of(labels: Any, wanted: Sequence[Any] | None) -> list[int]:
    """Return the places of all columns that have one of these labels, in the frame's order."""
    there = list(labels)
    check_part("column", wanted, there)
    return [i for i, label in enumerate(there) if wanted is None or label in wanted]
