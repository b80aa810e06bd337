"""Exact conversion of the arrays of pandas frames and indexes to Arrow arrays and back.

pandas' own conversion guesses: it turns ``nan`` into a missing value, integer categories into
numbers, seconds into milliseconds. Here each array has a recipe, a short list that tells how to
restore it; arrays without a recipe are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import DamagedError, shown, unreadable
from artigraph_neo4j.serializer.msgpack import pack, unpack
from artigraph_neo4j.serializer.pandas_times import (
    check_zone,
    freq_to_text,
    from_periods,
    from_times,
    from_zoned,
    make_periods,
    make_times,
    make_zoned,
    own,
    with_freq,
)
from artigraph_neo4j.serializer.parquet import column_from_parquet, column_to_parquet

__all__ = ["Recipe", "from_arrow", "from_categories", "to_arrow", "to_categories", "values_of"]

Recipe = list[Any]
"""The key of one of the functions below, which restores the array, and its arguments."""

_NUMBERS = "biuf"
_MASKED = {
    "i": pd.arrays.IntegerArray,
    "u": pd.arrays.IntegerArray,
    "f": pd.arrays.FloatingArray,
    "b": pd.arrays.BooleanArray,
}


def values_of(series: Any) -> Any:
    """Return the array behind a series or an index, without a copy."""
    return series.to_numpy() if isinstance(series.dtype, np.dtype) else series.array


def to_arrow(values: Any) -> tuple[Any, Recipe]:
    """Return an array of pandas or numpy as an Arrow array, and its recipe.

    Raises:
        SerializationError: There is no recipe for its dtype, or for one of its items.
    """
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        return _from_numpy(values)
    for kind, convert in _CONVERTERS.items():
        if type(dtype) is kind:
            return convert(values)
    if type(values) in _MASKED.values():
        return values.__arrow_array__(), ["masked", dtype.numpy_dtype.str]
    raise SerializationError(f"dtype {dtype} has no faithful form; convert it to another first")


def from_arrow(array: Any, recipe: Recipe) -> Any:
    """Return the array from which ``to_arrow`` made an Arrow array and its recipe.

    Raises:
        SerializationError: ``to_arrow`` does not return such a recipe, or not for an array of this
            type.
    """
    kind, *arguments = recipe
    with unreadable(f"a column made by {shown(recipe)}"):
        return _MAKERS[kind](array, *arguments)


def _dtype(text: object, kinds: str) -> np.dtype[Any]:
    """Return the dtype of a stored name, after checking that its kind is one of ``kinds``."""
    dtype = np.dtype(str(text))
    if dtype.kind not in kinds or dtype.str != text:
        raise DamagedError(f"{shown(text)} is not a dtype of numbers")
    return dtype


# Numbers ----------------------------------------------------------------------------------------


def _from_numpy(values: Any) -> tuple[Any, Recipe]:
    dtype = values.dtype
    if dtype.kind in _NUMBERS:
        return pa.array(values.astype(dtype.newbyteorder("="), copy=False)), ["numpy", dtype.str]
    if dtype.kind == "c":
        parts = np.ascontiguousarray(values).view(f"f{dtype.itemsize // 2}")
        return pa.FixedSizeListArray.from_arrays(pa.array(parts), 2), ["complex", dtype.str]
    if dtype.kind in "mM":
        return from_times(np.asarray(values), None)
    if dtype.kind == "O":
        return _objects(np.asarray(values))
    raise SerializationError(f"dtype {dtype} has no faithful form; convert it to another first")


def _numbers(array: Any, dtype: str) -> Any:
    return own(array.to_numpy()).astype(_dtype(dtype, _NUMBERS), copy=False)


def _complex(array: Any, dtype: str) -> Any:
    flat = pa.chunked_array([chunk.flatten() for chunk in _chunks(array)], array.type.value_type)
    return own(flat.to_numpy()).view(_dtype(dtype, "c"))


def _masked(array: Any, dtype: str) -> Any:
    zero = pa.scalar(False if array.type == pa.bool_() else 0, array.type)
    found = _dtype(dtype, _NUMBERS)
    values = own(pc.fill_null(array, zero).to_numpy()).astype(found, copy=False)
    return _MASKED[found.kind](values, own(pc.is_null(array).to_numpy()))


# Texts and objects ------------------------------------------------------------------------------


def _strings(values: Any) -> tuple[Any, Recipe]:
    array = pa.array(values.to_numpy(object, na_value=None), pa.large_string())
    missing = "NA" if values.dtype.na_value is pd.NA else "nan"
    return array, ["string", values.dtype.storage, missing]


def _make_strings(array: Any, storage: str, missing: str) -> Any:
    options: dict[str, Any] = {} if missing == "NA" else {"na_value": np.nan}
    pandas: Any = pd
    dtype = pandas.StringDtype(storage, **options)
    if storage == "python":  # in pandas 2.3, __from_arrow__ makes an array of another class
        return pandas.array(array.to_numpy(zero_copy_only=False), dtype=dtype)
    return dtype.__from_arrow__(array.cast(pa.large_string()))


def _objects(values: Any) -> tuple[Any, Recipe]:
    if {str, type(None)}.issuperset(map(type, values)):
        try:
            return pa.array(values, pa.large_string(), from_pandas=False), ["object"]
        except UnicodeEncodeError:
            pass  # lone surrogates, which msgpack can store
    cells: list[bytes] = []
    for position, value in enumerate(values):
        try:
            cells.append(pack(value))
        except SerializationError as error:
            raise SerializationError(f"in row {position}: {error}") from error
    return pa.array(cells, pa.large_binary()), ["msgpack"]


def _make_objects(array: Any) -> Any:
    return _object_array(array.to_pylist())


def _make_cells(array: Any) -> Any:
    return _object_array([unpack(cell) for cell in array.to_pylist()])


def _object_array(items: list[Any]) -> Any:
    """Return an array with one item per cell, even if the items are lists or tuples."""
    made = np.empty(len(items), dtype=object)
    for position, item in enumerate(items):
        made[position] = item
    return made


# Categories, intervals, Arrow ------------------------------------------------------------------


def to_categories(codes: Any, categories: Any) -> tuple[Any, Recipe]:
    """Return the values at some positions in ``categories``, missing at -1, and a recipe.

    The array has the values themselves, so that other tools can read it.

    Raises:
        SerializationError: The categories cannot be stored faithfully, or are not distinct.
    """
    inner, recipe = to_arrow(values_of(categories))
    values, codes = _combined(inner), np.asarray(codes, np.int64)
    if recipe[0] == "complex":  # a missing one is a pair of nulls: before 26, Arrow writes no null
        parts = (2 * codes[:, np.newaxis] + [0, 1]).ravel()
        pairs = values.flatten().take(pa.array(parts, mask=parts < 0))
        array = pa.FixedSizeListArray.from_arrays(pairs, 2)
    else:
        array = values.take(pa.array(codes, mask=codes < 0))
    if not np.array_equal(_positions(array, values), codes):
        raise SerializationError(f"categories of {categories.dtype} cannot be told apart")
    return array, [column_to_parquet(values), recipe, *_beside(categories)]


def _beside(categories: Any) -> list[Any]:
    """Return the attributes of an index that are not its values."""
    if isinstance(categories, pd.RangeIndex):
        return ["range", categories.start, categories.stop, categories.step]
    freq = freq_to_text(categories)
    return [] if freq is None else ["freq", freq]


def from_categories(array: Any, data: bytes, recipe: Recipe, *beside: Any) -> tuple[Any, Any]:
    """Return the codes and the categories."""
    inner = column_from_parquet(data)
    codes = _positions(array, _combined(inner))
    match beside:
        case ("range", start, stop, step):
            categories = pd.RangeIndex(start, stop, step)
            if len(categories) != len(inner):
                raise DamagedError("a range has another length than its values")
            return codes, categories
        case ("freq", freq):
            return codes, with_freq(_index(from_arrow(inner, recipe)), freq)
        case _:
            return codes, _index(from_arrow(inner, recipe))


def _positions(array: Any, categories: Any) -> Any:
    if pa.types.is_nested(categories.type):  # intervals and complex numbers, unknown to index_in
        places = {_parts(item): i for i, item in enumerate(categories.to_pylist())}
        return np.array([places.get(_parts(item), -1) for item in array.to_pylist()], dtype="i8")
    found = pc.index_in(array, value_set=categories, skip_nulls=True)
    return pc.fill_null(found, -1).to_numpy(zero_copy_only=False)


def _parts(item: dict[str, Any] | list[Any] | None) -> tuple[Any, ...]:
    parts: Iterable[Any] = item.values() if isinstance(item, dict) else item or ()
    return tuple(parts)


def _categories(values: Any) -> tuple[Any, Recipe]:
    array, recipe = to_categories(values.codes, values.categories)
    return array, ["category", bool(values.ordered), *recipe]


def _make_category(array: Any, ordered: bool, *recipe: Any) -> Any:
    codes, categories = from_categories(array, *recipe)
    return pd.Categorical.from_codes(codes, categories, ordered=ordered)


def _index(values: Any) -> Any:
    return pd.Index(values, dtype=values.dtype, tupleize_cols=False)


def _intervals(values: Any) -> tuple[Any, Recipe]:
    (left, how_left), (right, how_right) = (
        to_arrow(values_of(side)) for side in (values.left, values.right)
    )
    array = pa.StructArray.from_arrays([left, right], ["left", "right"])
    return array, ["interval", values.closed, how_left, how_right]


def _make_intervals(array: Any, closed: Any, how_left: Recipe, how_right: Recipe) -> Any:
    left, right = (
        from_arrow(pa.chunked_array([c.field(i) for c in _chunks(array)], array.type[i].type), how)
        for i, how in enumerate((how_left, how_right))
    )
    return pd.arrays.IntervalArray.from_arrays(left, right, closed=closed)


def _arrow(values: Any) -> tuple[Any, Recipe]:
    array = values.__arrow_array__()
    back = column_from_parquet(column_to_parquet(array))
    if back.type != array.type or not _equal(back, array):
        raise SerializationError(f"Parquet would change {array.type}; convert it to another type")
    _make_arrow(array)
    return array, ["arrow"]


def _make_arrow(array: Any) -> Any:
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        check_zone(array.type.tz)
    return pd.arrays.ArrowExtensionArray(array)


def _equal(left: Any, right: Any) -> bool:
    """Return True if two Arrow arrays are equal; unlike in Arrow, nan equals nan."""
    if pa.types.is_floating(right.type):
        return True  # Parquet stores them unchanged
    if pa.types.is_nested(right.type):
        return repr(left.to_pylist()) == repr(right.to_pylist())
    return bool(left.equals(pa.chunked_array(_chunks(right), right.type)))


def _chunks(array: Any) -> list[Any]:
    return array.chunks if isinstance(array, pa.ChunkedArray) else [array]


def _combined(array: Any) -> Any:
    combined = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined


_CONVERTERS: dict[Any, Callable[[Any], tuple[Any, Recipe]]] = {
    pd.CategoricalDtype: _categories,
    pd.DatetimeTZDtype: from_zoned,
    pd.PeriodDtype: from_periods,
    pd.IntervalDtype: _intervals,
    pd.StringDtype: _strings,
    pd.ArrowDtype: _arrow,
}
_MAKERS: dict[str, Callable[..., Any]] = {
    "numpy": _numbers,
    "complex": _complex,
    "masked": _masked,
    "times": make_times,
    "zoned": make_zoned,
    "period": make_periods,
    "string": _make_strings,
    "object": _make_objects,
    "msgpack": _make_cells,
    "category": _make_category,
    "interval": _make_intervals,
    "arrow": _make_arrow,
}
"""Makers of arrays by the key of their recipe. New ones are added, old ones never change."""
