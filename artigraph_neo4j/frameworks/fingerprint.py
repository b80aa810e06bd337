"""The form of data, and a digest of its content, without a copy of it."""

from __future__ import annotations

import hashlib
import sys
from typing import Any

__all__ = ["fingerprint"]

_COLUMNS = 1000
_PIECE = 2**24
"""Bytes that are hashed at once."""


def fingerprint(value: object) -> tuple[list[int], list[str], str | None]:
    """Return the shape, the names of columns and the SHA-256 of an array, a frame or a list.

    Tensors of PyTorch, data sets of tensors and their loaders have one too. It takes a second for
    1 GB. Other values have no digest.
    """
    torch: Any = sys.modules.get("torch")
    data: Any = value
    if torch is not None and isinstance(value, torch.utils.data.DataLoader):
        data = data.dataset
    shape = [int(side) for side in getattr(data, "shape", None) or _length(data)]
    names = getattr(data, "columns", getattr(data, "column_names", ()))
    columns = [str(name) for name in list(names)[:_COLUMNS]]
    return shape, columns, _digest(data)


def _length(data: Any) -> list[int]:
    try:
        return [len(data)] if callable(getattr(data, "__len__", None)) else []
    except TypeError:  # a data set without an end
        return []


def _digest(data: Any) -> str | None:
    pandas: Any = sys.modules.get("pandas")
    numpy: Any = sys.modules.get("numpy")
    torch: Any = sys.modules.get("torch")
    state = hashlib.sha256()
    if pandas is not None and isinstance(data, (pandas.DataFrame, pandas.Series)):
        hashed = pandas.util.hash_pandas_object(data, index=True)
        names = data.columns if data.ndim == 2 else [data.name]
        state.update(repr([data.shape, [str(name) for name in names]]).encode())
        _add(state, hashed.to_numpy())
    elif numpy is not None and isinstance(data, (numpy.ndarray, list, tuple)):
        array = numpy.asarray(data)
        if array.dtype.hasobject:
            return None
        _add(state, array)
    elif getattr(data, "format", None) in ("csr", "csc") and hasattr(data, "indptr"):
        for part in (data.data, data.indices, data.indptr):
            _add(state, part)
    elif torch is not None and (tensors := _tensors(torch, data)):
        for tensor in tensors:
            state.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
            flat = tensor.detach().to("cpu").contiguous().reshape(-1)
            _add(state, flat.view(torch.uint8).numpy())
    else:
        return None
    return state.hexdigest()


def _tensors(torch: Any, data: Any) -> list[Any]:
    """Return a tensor, or those of a data set of tensors, if all are dense."""
    found: list[Any] = [data] if isinstance(data, torch.Tensor) else []
    if isinstance(data, torch.utils.data.TensorDataset):
        found = list(data.tensors)
    return found if all(tensor.layout is torch.strided for tensor in found) else []


def _add(state: Any, array: Any) -> None:
    """Add the form and the bytes of an array, in C order, some rows at a time."""
    state.update(f"{array.dtype.str}{array.shape}".encode())
    if not array.size:
        return
    if not array.ndim:
        state.update(array.tobytes())
        return
    rows = max(_PIECE * len(array) // max(array.nbytes, 1), 1)
    for start in range(0, len(array), rows):
        state.update(array[start : start + rows].tobytes())
