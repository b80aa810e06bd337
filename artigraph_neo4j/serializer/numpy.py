"""numpy arrays and scalars, as ``.npy`` files, which hold no pickle; masked arrays as ``.npz``."""

from __future__ import annotations

import io
import zipfile
from typing import IO, Any, ClassVar

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer, exactly

try:
    import numpy as np
except ImportError as error:  # pragma: no cover - an install without it
    raise ImportError(
        'this serializer needs numpy: pip install "artigraph-neo4j[numpy]"'
    ) from error

__all__ = [
    "ArraySerializer",
    "MaskedArraySerializer",
    "ScalarSerializer",
    "array_serializer",
    "masked_array_serializer",
    "scalar_serializer",
]


_MAX_HEADER = 2**20
"""More than numpy allows unasked, which is little for a record of many fields."""


def _save(value: np.ndarray[Any, Any]) -> bytes:
    sink = io.BytesIO()
    _write(value, sink)
    return sink.getvalue()


def _write(value: np.ndarray[Any, Any], sink: IO[bytes]) -> None:
    _refuse_unfaithful(value.dtype)
    for version in ((1, 0), (3, 0)):  # named, for numpy warns where it has to choose
        try:
            np.lib.format.write_array(sink, value, version, allow_pickle=False)
        except ValueError:  # names of fields that Latin-1 has not, or too many; nothing is written
            continue
        return
    raise SerializationError(f"a .npy file cannot hold {value.dtype}: its header is too large")


def _load(source: IO[bytes]) -> np.ndarray[Any, Any]:
    try:
        found: np.ndarray[Any, Any] = np.lib.format.read_array(
            source, allow_pickle=False, max_header_size=_MAX_HEADER
        )
    except (ValueError, EOFError, TypeError, SyntaxError, MemoryError) as error:
        raise SerializationError(f"no .npy file: {error}") from error
    if source.read(1):
        raise SerializationError("no .npy file: there are bytes after the array")
    return found


def _refuse_unfaithful(dtype: np.dtype[Any]) -> None:
    """Refuse a dtype of which the header of a ``.npy`` file would lose something."""
    if dtype.hasobject:
        raise SerializationError(
            f"an array of {dtype} holds Python objects, which .npy keeps only as pickle; convert "
            "it to a dtype of its own, for example astype(str) or astype(float), or use a list"
        )
    if _has_metadata(dtype):
        raise SerializationError(
            f"a .npy file would lose the metadata of {dtype}; copy the array to a dtype without"
        )
    try:
        header: Any = np.lib.format.dtype_to_descr(dtype)
        back = np.lib.format.descr_to_dtype(header)
    except (ValueError, TypeError) as error:
        raise SerializationError(f"a .npy file cannot hold {dtype}: {error}") from error
    if _description(back) != _description(dtype):
        raise SerializationError(
            f"a .npy file would change {dtype!r} to {back!r}; convert it with astype first"
        )


def _description(dtype: np.dtype[Any]) -> Any:
    """All there is to a dtype; ``==`` overlooks alignment and the class of scalars."""
    inner: Any = None
    if dtype.subdtype is not None:
        inner = (_description(dtype.subdtype[0]), dtype.subdtype[1])
    elif dtype.fields is not None:
        fields: Any = dtype.fields
        inner = [
            (name, _description(fields[name][0]), *fields[name][1:]) for name in dtype.names or ()
        ]
    return dtype.type, dtype.str, dtype.itemsize, dtype.isalignedstruct, inner


def _has_metadata(dtype: np.dtype[Any]) -> bool:
    parts = [dtype.subdtype[0]] if dtype.subdtype else []
    parts += [field[0] for field in (dtype.fields or {}).values()]
    return bool(dtype.metadata) or any(map(_has_metadata, parts))


class ArraySerializer(Serializer["np.ndarray[Any, Any]"]):
    """Arrays of any shape, dtype and byte order, in C or Fortran order; never as pickle.

    Strides that are neither (a slice, a transposed view) come back in C order: equal, and whole.
    """

    name: ClassVar[str] = "numpy"
    types: ClassVar[tuple[type[Any], ...]] = (np.ndarray,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: np.ndarray[Any, Any], /) -> bytes:
        """The array as a ``.npy`` file.

        Raises:
            SerializationError: It is of a subclass, holds Python objects, or is of a dtype that the
                format would change.
        """
        return _save(exactly(np.ndarray, value))

    def deserialize(self, data: bytes, /) -> np.ndarray[Any, Any]:
        """The array.

        Raises:
            SerializationError: The bytes are no such file, or one with pickle in it.
        """
        return _load(io.BytesIO(data))

    def write(self, value: np.ndarray[Any, Any], file: IO[bytes], /) -> None:
        """The same, 16 MiB at a time."""
        _write(exactly(np.ndarray, value), file)

    def read(self, file: IO[bytes], /) -> np.ndarray[Any, Any]:
        """The array, read into its own memory."""
        return _load(file)


class MaskedArraySerializer(Serializer["np.ma.MaskedArray[Any, Any]"]):
    """Masked arrays, what is under the mask and the fill value included."""

    name: ClassVar[str] = "numpy.masked"
    types: ClassVar[tuple[type[Any], ...]] = (np.ma.MaskedArray,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: np.ma.MaskedArray[Any, Any], /) -> bytes:
        """A ``.npz`` file of ``data``, ``hard`` and, where they are set, ``mask`` and ``fill``.

        Raises:
            SerializationError: It is of a subclass, or its data cannot be kept.
        """
        array: Any = exactly(np.ma.MaskedArray, value)
        base = np.asarray(array.data)
        if type(array.data) is not np.ndarray:
            raise SerializationError(
                f"its data is of type {type(array.data).__qualname__}, not exactly numpy.ndarray"
            )
        parts = {"data": base, "hard": np.array(array.hardmask)}
        if array.mask is not np.ma.nomask:
            parts["mask"] = array.mask
        if getattr(array, "_fill_value", None) is not None:  # else it is the dtype's own
            parts["fill"] = np.asarray(array.fill_value)
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w") as archive:
            for name, part in parts.items():
                # A fixed date, so that equal arrays are equal bytes.
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), _save(part))
        return sink.getvalue()

    def deserialize(self, data: bytes, /) -> np.ma.MaskedArray[Any, Any]:
        """The masked array.

        Raises:
            SerializationError: The bytes are no such file.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                names = archive.namelist()
                parts: dict[str, Any] = {
                    name.removesuffix(".npy"): _load(io.BytesIO(archive.read(name)))
                    for name in names
                }
            make: Any = np.ma.MaskedArray
            found: np.ma.MaskedArray[Any, Any] = make(
                parts["data"],
                mask=parts.get("mask", np.ma.nomask),
                fill_value=parts["fill"][()] if "fill" in parts else None,
                hard_mask=bool(parts["hard"]),
                copy=False,
            )
        except (zipfile.BadZipFile, KeyError, ValueError, TypeError, np.ma.MAError) as error:
            raise SerializationError(f"no .npz file of this serializer: {error}") from error
        return found


class ScalarSerializer(Serializer[np.generic]):
    """numpy's own numbers, dates, texts and records, as arrays without dimensions."""

    name: ClassVar[str] = "numpy.scalar"
    types: ClassVar[tuple[type[Any], ...]] = (np.generic,)

    def serialize(self, value: np.generic, /) -> bytes:
        """The scalar as a ``.npy`` file.

        Raises:
            SerializationError: It is of a subclass, or would come back changed: a text that ends in
                zeros, which numpy's arrays drop.
        """
        if type(value) is not value.dtype.type:
            exactly(value.dtype.type, value)
        data = _save(np.asarray(value))
        back = self.deserialize(data)
        longer = isinstance(value, (np.str_, np.bytes_)) and value != back
        if longer or type(back) is not type(value) or back.dtype.str != value.dtype.str:
            raise SerializationError(
                f"numpy would change {value!r} to {back!r}; use {type(value.item()).__name__}"
            )
        return data

    def deserialize(self, data: bytes, /) -> np.generic:
        """The scalar.

        Raises:
            SerializationError: The bytes are no such file.
        """
        array: Any = _load(io.BytesIO(data))
        if array.shape:
            raise SerializationError(f"no single value: the shape is {array.shape}")
        found: np.generic = array[()]
        return found


array_serializer = ArraySerializer().register()
masked_array_serializer = MaskedArraySerializer().register()
scalar_serializer = ScalarSerializer().register()
