"""Exact conversion of pandas indexes, of rows and of columns, to Arrow arrays and back."""

from __future__ import annotations

from typing import Any

import pandas as pd

from artigraph_neo4j.serializer.base import DamagedError
from artigraph_neo4j.serializer.pandas_arrays import (
    from_arrow,
    from_categories,
    to_arrow,
    to_categories,
    values_of,
)
from artigraph_neo4j.serializer.pandas_times import freq_to_text, with_freq
from artigraph_neo4j.serializer.parquet import column_from_parquet, column_to_parquet

__all__ = ["index_from_arrow", "index_to_arrow", "pack_index", "unpack_index"]


def index_to_arrow(index: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return the index as Arrow arrays, one per level, and plain data for restoring it.

    Raises:
        SerializationError: A level or the ``freq`` cannot be stored faithfully.
    """
    names = list(index.names)
    if isinstance(index, pd.MultiIndex):
        pairs = [
            to_categories(codes, level)
            for codes, level in zip(index.codes, index.levels, strict=True)
        ]
        recipes = [
            [recipe, freq_to_text(level)]
            for (_, recipe), level in zip(pairs, index.levels, strict=True)
        ]
        return [array for array, _ in pairs], {"kind": "multi", "names": names, "levels": recipes}
    if isinstance(index, pd.RangeIndex):
        span = [index.start, index.stop, index.step]
        return [], {"kind": "range", "names": names, "range": span}
    array, recipe = to_arrow(values_of(index))
    return [array], {"kind": "index", "names": names, "recipe": recipe, "freq": freq_to_text(index)}


def index_from_arrow(arrays: list[Any], about: dict[str, Any]) -> Any:
    """Return the index from which ``index_to_arrow`` made the arrays and the data.

    Raises:
        SerializationError: ``index_to_arrow`` does not return such data, or not for these arrays.
    """
    if len(arrays) != (0 if about["kind"] == "range" else len(about["names"])):
        raise DamagedError("an index has more names than levels, or fewer")
    match about["kind"]:
        case "multi":
            parts = [
                from_categories(array, *recipe)
                for array, (recipe, _) in zip(arrays, about["levels"], strict=True)
            ]
            levels = [
                with_freq(level, freq)
                for (_, level), (_, freq) in zip(parts, about["levels"], strict=True)
            ]
            return pd.MultiIndex(
                levels=levels,
                codes=[codes for codes, _ in parts],
                names=about["names"],
                verify_integrity=False,
            )
        case "range":
            start, stop, step = about["range"]
            return pd.RangeIndex(start, stop, step, name=about["names"][0])
        case _:
            values = from_arrow(arrays[0], about["recipe"])
            index = pd.Index(values, dtype=values.dtype, tupleize_cols=False)
            # Most other ways would unpack a name that is a tuple, or a list with one item.
            return with_freq(index.set_names([about["names"][0]]), about["freq"])


def pack_index(index: Any) -> list[Any]:
    """Return an index as plain data: its arrays as Parquet files, and data for restoring it."""
    arrays, about = index_to_arrow(index)
    return [[column_to_parquet(array) for array in arrays], about]


def unpack_index(data: list[Any]) -> Any:
    """Return the index from which ``pack_index`` made the data."""
    files, about = data
    arrays = [column_from_parquet(file) for file in files]
    return index_from_arrow(arrays, about)
