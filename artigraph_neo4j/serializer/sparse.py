"""Sparse arrays and matrices of scipy, as ``.npz`` files without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import DamagedError, Serializer, exactly, shown, unreadable
from artigraph_neo4j.serializer.limits import check_decoded
from artigraph_neo4j.serializer.needed import needed
from artigraph_neo4j.serializer.numpy import unzipped_arrays, zipped_arrays

__all__ = ["PARTS", "SparseSerializer", "matrix_of", "sparse_serializer"]

_np: Any = needed("numpy", "scipy")
_sparse: Any = needed("scipy.sparse", "scipy")

PARTS = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data", "row", "col"),
    "dia": ("data", "offsets"),
}
"""The arrays of each format."""
_POINTED = ("csr", "csc", "bsr")


class SparseSerializer(Serializer[Any]):
    """Sparse arrays and matrices of the formats csr, csc, bsr, coo and dia."""

    name: ClassVar[str] = "scipy.sparse"
    types: ClassVar[tuple[type[Any], ...]] = (_sparse.sparray, _sparse.spmatrix)
    heavy: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """Return the parts of the matrix as a ``.npz`` file.

        Raises:
            SerializationError: The matrix is of a subclass, of another format, or has not two
                dimensions.
        """
        form: str = value.format
        if form not in PARTS or len(value.shape) != 2:
            raise SerializationError(
                f"a sparse {form} of {len(value.shape)} dimensions cannot be stored; convert it "
                "with tocsr() or tocoo()"
            )
        exactly(_class_of(form, isinstance(value, _sparse.sparray)), value)
        parts = {name: _np.asarray(getattr(value, name)) for name in PARTS[form]}
        about = {
            "format": _np.array(form),
            "shape": _np.array(value.shape, "<i8"),
            "array": _np.array(isinstance(value, _sparse.sparray)),
        }
        data = zipped_arrays({**parts, **about})
        self.deserialize(data)  # a matrix that its owner broke would be refused later
        return data

    def deserialize(self, data: bytes, /) -> Any:
        """Return the matrix.

        Raises:
            SerializationError: The bytes are not such a file, or an index points out of the matrix.
        """
        with unreadable("a sparse matrix of this library"):
            parts = unzipped_arrays(data)
            form = str(parts["format"])
            if form not in PARTS or parts.keys() != {*PARTS[form], "format", "shape", "array"}:
                raise DamagedError(f"its members are {shown(list(parts))}")
            if parts["array"].shape:
                raise DamagedError("it does not say whether it is an array")
            return matrix_of(form, parts, stored=len(data), is_array=bool(parts["array"]))


def matrix_of(form: str, parts: Mapping[str, Any], *, stored: int, is_array: bool) -> Any:
    """Return the matrix of a shape and the arrays of a format, after a check of each number.

    Args:
        form: The format, one of ``PARTS``.
        parts: The arrays by name, and the shape.
        stored: The length of the stored bytes, which limits what is decoded.
        is_array: Whether it becomes a sparse array, or a sparse matrix.

    Raises:
        DamagedError: The arrays do not fit each other, or an index points out of the matrix.
        ValueError: So says scipy.
    """
    if parts["shape"].shape != (2,) or parts["data"].dtype.hasobject:
        raise DamagedError("it has no shape of two sides")
    shape = tuple(int(side) for side in parts["shape"])
    if min(shape) < 0:
        raise DamagedError("a side of its shape is negative")
    if parts["data"].dtype.kind not in "biufc":
        raise DamagedError("its values are not numbers")
    arrays = [parts[name] for name in PARTS[form]]
    _check_dimensions(form, arrays, shape, stored)
    found = _made(form, arrays, shape, is_array=is_array)
    if form in _POINTED:
        found.check_format(full_check=True)
    return found


def _check_dimensions(form: str, arrays: list[Any], shape: tuple[int, ...], stored: int) -> None:
    dimensions = {"bsr": 3, "dia": 2}.get(form, 1)
    if arrays[0].ndim != dimensions or any(array.ndim != 1 for array in arrays[1:]):
        raise DamagedError("a part has other dimensions")
    if any(array.dtype.kind not in "iu" for array in arrays[1:]):
        raise DamagedError("an index is not a number")
    if form in _POINTED:
        rows = shape[0] if form == "csr" else shape[1]
        if form == "bsr":
            blocks = arrays[0].shape[1:]
            if min(blocks) < 1 or any(s % b for s, b in zip(shape, blocks, strict=True)):
                raise DamagedError("the shape is not of whole blocks")
            rows = shape[0] // blocks[0]
        if len(arrays[2]) != rows + 1 or len(arrays[1]) != len(arrays[0]):
            raise DamagedError("the parts have other lengths")
    elif form == "coo":
        _check_coordinates(arrays, shape)
    elif len(arrays[0]) != len(arrays[1]):
        raise DamagedError("the parts have other lengths")
    check_decoded(sum(array.nbytes for array in arrays), stored)


def _check_coordinates(arrays: list[Any], shape: tuple[int, ...]) -> None:
    for places, side in zip(arrays[1:], shape, strict=True):
        if len(places) != len(arrays[0]):
            raise DamagedError("the parts have other lengths")
        if len(places) and not 0 <= int(places.min()) <= int(places.max()) < side:
            raise DamagedError("a place is out of the matrix")


def _class_of(form: str, is_array: bool) -> type[Any]:
    found: type[Any] = getattr(_sparse, f"{form}_{'array' if is_array else 'matrix'}")
    return found


def _made(form: str, arrays: list[Any], shape: tuple[int, ...], *, is_array: bool) -> Any:
    cls = _class_of(form, is_array)
    if form == "coo":
        return cls((arrays[0], (arrays[1], arrays[2])), shape=shape)
    return cls(tuple(arrays), shape=shape)


sparse_serializer = SparseSerializer().register()
