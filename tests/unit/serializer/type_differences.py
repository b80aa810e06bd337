"""How two values of a type differ, for types that ``==`` says too little about, or too much."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from artigraph_neo4j.testing import difference
from tests.unit.serializer.media_values import DIFFERENCES
from tests.unit.serializer.test_arrow import table_difference
from tests.unit.serializer.test_numpy import array_difference, masked_difference
from tests.unit.serializer.test_pandas import same_frame, same_index, same_series
from tests.unit.serializer.test_polars import frame_difference


def any_difference(left: Any, right: Any) -> str | None:
    """How they differ, or None; values, types and what belongs to them."""
    if type(left) is not type(right):
        return f"{type(left)} is not {type(right)}"
    for kind, compare in _COMPARE.items():
        if isinstance(left, kind):
            found: str | None = compare(left, right)
            return found
    return difference(left, right)


def _times(left: Any, right: Any) -> str | None:
    if left is right:  # NaT, too, is a datetime
        return None
    same_clock = left.replace(tzinfo=None) == right.replace(tzinfo=None) and left.fold == right.fold
    same_zone = left.tzinfo is right.tzinfo or (
        left.tzinfo == right.tzinfo and left.tzname() == right.tzname()
    )
    return None if same_clock and same_zone else f"{left!r} is not {right!r}"


def _asserted(check: Any) -> Any:
    def compare(left: Any, right: Any) -> str | None:
        check(left, right)
        return None

    return compare


def _polars_series(left: Any, right: Any) -> str | None:
    if left.name != right.name:
        return f"{left.name!r} is not {right.name!r}"
    return frame_difference(left.to_frame(), right.to_frame())


_COMPARE: dict[Any, Any] = {
    pd.Timestamp: lambda left, right: (
        _times(left, right)
        or difference((left.unit, left.nanosecond), (right.unit, right.nanosecond))
    ),
    (datetime, time): _times,
    np.ma.MaskedArray: masked_difference,
    np.ndarray: array_difference,
    np.generic: lambda left, right: array_difference(np.asarray(left), np.asarray(right).copy()),
    pd.DataFrame: _asserted(same_frame),
    pd.Series: _asserted(same_series),
    pd.Index: _asserted(same_index),
    (pa.Table, pa.RecordBatch): table_difference,
    pl.DataFrame: frame_difference,
    pl.Series: _polars_series,
    **DIFFERENCES,
}
