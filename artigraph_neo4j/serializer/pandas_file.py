"""The Parquet files of frames, series and indexes, read whole or in part."""

from __future__ import annotations

import base64
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import IO, Any

import numpy as np
import pyarrow as pa

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer, check_part
from artigraph_neo4j.serializer.msgpack import unpack
from artigraph_neo4j.serializer.pandas_arrays import from_arrow
from artigraph_neo4j.serializer.pandas_index import index_from_arrow
from artigraph_neo4j.serializer.parquet import open_parquet, read_parquet

__all__ = ["FORMAT", "KEY", "FrameFile", "positions_of", "unreadable", "written"]

KEY = b"artigraph"
"""The file's metadata under this key says how each column is made again."""

FORMAT = 1

_UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError)


@contextmanager
def unreadable() -> Generator[None]:
    """Whatever goes wrong with bytes that are something else, as an error of this library."""
    try:
        yield
    except _UNREADABLE as error:
        raise SerializationError(f"no Parquet file of this serializer: {error}") from error


def written(serializer: Serializer[Any], value: Any) -> bytes:
    """What the serializer writes to a file, as bytes."""
    sink = BytesIO()
    serializer.write(value, sink)
    return sink.getvalue()


class FrameFile:
    """A file of columns, with those of an index after them.

    Args:
        source: The file, open. Only its metadata is read at first.
        part: Whether only a part will be read; see ``open_parquet``.

    Attributes:
        about: How the columns are made again, and what else was written.

    Raises:
        SerializationError: It was written by something else.
    """

    def __init__(self, source: IO[bytes], *, part: bool = False) -> None:
        self._file = open_parquet(source, part=part)
        packed = (self._file.schema_arrow.metadata or {}).get(KEY)
        if packed is None:
            raise SerializationError("the Parquet file was not written by this library")
        self.about: dict[str, Any] = unpack(base64.b64decode(packed))
        if self.about["format"] > FORMAT:
            raise SerializationError(
                f"a newer version of this library wrote format {self.about['format']}"
            )
        self._names: list[str] = self._file.schema_arrow.names

    def columns(self, places: list[int], row_groups: Sequence[int] | None = None) -> list[Any]:
        """The columns at some places, as arrays."""
        table = read_parquet(self._file, [self._names[i] for i in places], row_groups)
        recipes = [self.about["columns"][i] for i in places]
        return list(map(from_arrow, table.itercolumns(), recipes))

    def index(self, row_groups: Sequence[int] | None = None) -> Any:
        """The index; all of it is read, also for a part of the rows."""
        names = self._names[len(self.about["columns"]) :]
        whole = index_from_arrow(read_parquet(self._file, names).columns, self.about["index"])
        return whole if row_groups is None else _rows(whole, self._runs(row_groups))

    def _runs(self, row_groups: Sequence[int]) -> list[range]:
        """The rows of some groups, adjoining ones together."""
        check_part("row group", row_groups, range(self._file.num_row_groups))
        sizes = [
            self._file.metadata.row_group(i).num_rows
            for i in range(max(row_groups, default=-1) + 1)
        ]
        ends = np.cumsum([0, *sizes]).tolist()
        runs: list[range] = []
        for group in row_groups:
            start, stop = ends[group], ends[group + 1]
            if runs and runs[-1].stop == start:
                start = runs.pop().start
            runs.append(range(start, stop))
        return runs


def _rows(index: Any, runs: list[range]) -> Any:
    if len(runs) == 1:  # as a slice, which a freq and a range survive
        return index[runs[0].start : runs[0].stop]
    return index.take(np.concatenate([np.array([], "i8"), *map(np.array, runs)]).astype("i8"))


def positions_of(labels: Any, wanted: Sequence[Any] | None) -> list[int]:
    """Where columns of these labels are, in the order of the frame; all that have one of them."""
    there = list(labels)
    check_part("column", wanted, there)
    return [i for i, label in enumerate(there) if wanted is None or label in wanted]
