"""numpy arrays and scalars as ``.npy`` files without pickle, and masked arrays as ``.npz``."""

from __future__ import annotations

import ast
import io
import math
import re
import struct
import sys
from collections.abc import Mapping
from typing import IO, Any, ClassVar, cast

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import (
    DamagedError,
    Serializer,
    exactly,
    shown,
    undisturbed,
    unreadable,
    unwritable,
)
from artigraph_neo4j.serializer.limits import check_decoded
from artigraph_neo4j.serializer.zipped import unzipped, zipped

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
    "array_of",
    "array_serializer",
    "as_native",
    "as_scalar",
    "masked_array_serializer",
    "scalar_serializer",
    "unzipped_arrays",
    "zipped_arrays",
]


_MAX_HEADER = 2**20
"""Maximum bytes of a header; numpy's default is too small for a record of many fields."""

_MAX_BRACKETS = 100
"""Maximum levels of brackets in a header: two for each record within a record."""

_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_PLAIN = re.compile(r"(?:[\s\d{}()\[\],:]|True|False|None)*")


def _save(value: np.ndarray[Any, Any]) -> bytes:
    sink = io.BytesIO()
    _write(value, sink)
    return sink.getvalue()


def _write(value: np.ndarray[Any, Any], sink: IO[bytes]) -> None:
    _refuse_unfaithful(value.dtype)
    check_decoded(value.size, value.nbytes)  # of a dtype without bytes
    for version in ((1, 0), (3, 0)):  # explicit, since numpy warns if it has to choose
        try:
            np.lib.format.write_array(sink, value, version, allow_pickle=False)
        except ValueError:  # field names outside Latin-1, or too many; nothing is written yet
            continue
        return
    raise SerializationError(f"a .npy file cannot hold {value.dtype}: its header is too large")


def _load(source: IO[bytes]) -> np.ndarray[Any, Any]:
    with unreadable("a .npy file"):
        start = source.tell()
        return undisturbed(lambda: _array_at(source, start))


def _array_at(source: IO[bytes], start: int) -> np.ndarray[Any, Any]:
    source.seek(start)
    dtype, shape = _header(source)
    size = _end(source) - source.tell()
    if dtype.hasobject:
        raise DamagedError("it holds Python objects as pickle, which is not read")
    items = math.prod(shape)
    if items * dtype.itemsize != size:
        raise DamagedError(
            f"an array of shape {shape} and dtype {shown(dtype)} does not take {size} bytes"
        )
    check_decoded(items, size)  # of a dtype without bytes
    source.seek(start)
    found: np.ndarray[Any, Any] = np.lib.format.read_array(
        source, allow_pickle=False, max_header_size=_MAX_HEADER
    )
    _check_characters(found)
    return found


def _check_characters(array: Any) -> None:
    """Refuse text with numbers that are not characters, which Python cannot convert."""
    dtype = array.dtype
    if dtype.kind == "U" and array.size and dtype.itemsize:
        order = dtype.str[0]
        if np.ascontiguousarray(array).reshape(-1).view(f"{order}u4").max() > sys.maxunicode:
            raise DamagedError("a text has a character that Unicode does not have")
    for name in dtype.names or ():
        _check_characters(array[name])


def _header(source: IO[bytes]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Read the header of a ``.npy`` file, a dict in Python's notation."""
    version = np.lib.format.read_magic(source)
    form = "<H" if version == (1, 0) else "<I"
    (length,) = struct.unpack(form, source.read(struct.calcsize(form)))
    if length > _MAX_HEADER:
        raise DamagedError(f"the header takes {length} bytes")
    text = source.read(length).decode("latin-1" if version[0] < 3 else "utf-8")
    _check_text(text)
    header: Any = ast.literal_eval(text)
    if not isinstance(header, dict) or header.keys() != {"descr", "fortran_order", "shape"}:
        raise DamagedError("the header has another form")
    about = cast("dict[str, Any]", header)
    dtype: np.dtype[Any] = np.lib.format.descr_to_dtype(about["descr"])
    shape: Any = about["shape"]
    if type(shape) is not tuple or any(
        type(side) is not int or side < 0 for side in cast("tuple[object, ...]", shape)
    ):
        raise DamagedError("the header has no shape")
    return dtype, cast("tuple[int, ...]", shape)


def _check_text(text: str) -> None:
    """Refuse a header that is nested too deeply for Python's recursive parser."""
    rest = _QUOTED.sub("", text)
    deepest = depth = 0
    for sign in re.findall(r"[\[({})\]]", rest):
        depth += 1 if sign in "[({" else -1
        deepest = max(deepest, depth)
    if deepest > _MAX_BRACKETS or _PLAIN.fullmatch(rest) is None:
        raise DamagedError("the header has another form, or records within too many records")


def _end(source: IO[bytes]) -> int:
    """Return the position of the end, without moving the file's position."""
    at = source.tell()
    end = source.seek(0, io.SEEK_END)
    source.seek(at)
    return end


def _refuse_unfaithful(dtype: np.dtype[Any]) -> None:
    """Refuse a dtype that the header of a ``.npy`` file cannot describe in full."""
    if dtype.hasobject:
        raise SerializationError(
            f"an array of {dtype} holds Python objects, which .npy keeps only as pickle; convert "
            "it to a dtype of its own, for example astype(str) or astype(float), or use a list"
        )
    if _has_metadata(dtype):
        raise SerializationError(
            f"a .npy file would lose the metadata of {dtype}; copy the array to a dtype without"
        )
    with unwritable(f"a .npy file of {dtype}"):
        header: Any = np.lib.format.dtype_to_descr(dtype)
        back = np.lib.format.descr_to_dtype(header)
        _check_text(repr(header))
    if _description(back) != _description(dtype):
        raise SerializationError(
            f"a .npy file would change {dtype!r} to {back!r}; convert it with astype first"
        )


def _description(dtype: np.dtype[Any]) -> Any:
    """Return all parts of a dtype; ``==`` ignores alignment and the class of scalars."""
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

    Arrays with other strides (a slice, a transposed view) come back equal, and in C order.
    """

    name: ClassVar[str] = "numpy"
    types: ClassVar[tuple[type[Any], ...]] = (np.ndarray,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: np.ndarray[Any, Any], /) -> bytes:
        """Return the array as a ``.npy`` file.

        Raises:
            SerializationError: The array is of a subclass, holds Python objects, or has a dtype
                that the format would change.
        """
        return _save(exactly(np.ndarray, value))

    def deserialize(self, data: bytes, /) -> np.ndarray[Any, Any]:
        """Return the array.

        Raises:
            SerializationError: The bytes are not such a file, or contain a pickle.
        """
        return _load(io.BytesIO(data))

    def write(self, value: np.ndarray[Any, Any], file: IO[bytes], /) -> None:
        """Write the array as a ``.npy`` file, 16 MiB at a time."""
        _write(exactly(np.ndarray, value), file)

    def read(self, file: IO[bytes], /) -> np.ndarray[Any, Any]:
        """Return the array, read into its own memory."""
        return _load(file)


class MaskedArraySerializer(Serializer["np.ma.MaskedArray[Any, Any]"]):
    """Masked arrays, with the data under the mask and the fill value."""

    name: ClassVar[str] = "numpy.masked"
    types: ClassVar[tuple[type[Any], ...]] = (np.ma.MaskedArray,)
    heavy: ClassVar[bool] = True

    def serialize(self, value: np.ma.MaskedArray[Any, Any], /) -> bytes:
        """Return a ``.npz`` file of ``data``, ``hard`` and, if they are set, ``mask`` and ``fill``.

        Raises:
            SerializationError: The array is of a subclass, or its data cannot be stored.
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
        if getattr(array, "_fill_value", None) is not None:  # otherwise the default of the dtype
            parts["fill"] = np.asarray(array.fill_value)
        return zipped_arrays(parts)

    def deserialize(self, data: bytes, /) -> np.ma.MaskedArray[Any, Any]:
        """Return the masked array.

        Raises:
            SerializationError: The bytes are not such a file.
        """
        with unreadable("a .npz file of this serializer"):
            parts = _parts(data)
            make: Any = np.ma.MaskedArray
            found: np.ma.MaskedArray[Any, Any] = make(
                parts["data"],
                mask=parts.get("mask", np.ma.nomask),
                fill_value=parts["fill"][()] if "fill" in parts else None,
                hard_mask=bool(parts["hard"]),
                copy=False,
            )
            return found


def _parts(data: bytes) -> dict[str, np.ndarray[Any, Any]]:
    parts = unzipped_arrays(data)
    if not {"data", "hard"} <= parts.keys() <= _MEMBERS:
        raise DamagedError(f"its members are {shown(list(parts))}")
    return parts


_MEMBERS = {"data", "hard", "mask", "fill"}


def zipped_arrays(parts: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """Return a ``.npz`` file of arrays.

    Raises:
        SerializationError: An array holds Python objects, or has a dtype that would change.
    """
    return zipped({f"{name}.npy": _save(part) for name, part in parts.items()})


def unzipped_arrays(data: bytes) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays of a ``.npz`` file that ``zipped_arrays`` made.

    Raises:
        DamagedError: The bytes are not such a file.
        SerializationError: A member is not a ``.npy`` file.
    """
    members = unzipped(data)
    return {name.removesuffix(".npy"): array_of(part) for name, part in members.items()}


def array_of(data: bytes) -> np.ndarray[Any, Any]:
    """Return the array in a ``.npy`` file, after all checks.

    Raises:
        SerializationError: The bytes are not such a file, or hold a pickle.
    """
    return _load(io.BytesIO(data))


class ScalarSerializer(Serializer[np.generic]):
    """Single numbers, dates, texts and records of numpy, as arrays without dimensions."""

    name: ClassVar[str] = "numpy.scalar"
    types: ClassVar[tuple[type[Any], ...]] = (np.generic,)

    def serialize(self, value: np.generic, /) -> bytes:
        """Return the scalar as a ``.npy`` file.

        Raises:
            SerializationError: The scalar is of a subclass, or would come back changed: a text that
                ends in zeros, which numpy's arrays drop.
        """
        if type(value) is not value.dtype.type:
            exactly(value.dtype.type, value)
        data = _save(np.asarray(value))
        back = self.deserialize(data)
        longer = isinstance(value, (np.str_, np.bytes_)) and value != back
        if longer or type(back) is not type(value) or back.dtype.str != value.dtype.str:
            raise SerializationError(
                f"numpy would change {shown(value)} to {shown(back)}; use "
                f"{type(value.item()).__name__}"
            )
        return data

    def deserialize(self, data: bytes, /) -> np.generic:
        """Return the scalar.

        Raises:
            SerializationError: The bytes are not such a file.
        """
        with unreadable("a .npy file"):
            array: Any = _load(io.BytesIO(data))
            if array.shape:
                raise DamagedError(f"it is not one value: the shape is {array.shape}")
            found: np.generic = array[()]
            return found


_NATIVE: dict[type[Any], tuple[str, type[Any]]] = {
    np.bool_: ("bool_", bool),
    np.str_: ("str_", str),
    np.longdouble: ("longdouble", float),
    **{getattr(np, name): (name, float) for name in ("float16", "float32", "float64")},
    **{getattr(np, f"{sign}int{bits}"): (f"{sign}int{bits}", int)
       for sign in ("", "u") for bits in (8, 16, 32, 64)},
}  # fmt: skip
for _name in ("longlong", "ulonglong"):  # separate types, though of 64 bits, too
    _NATIVE.setdefault(getattr(np, _name), (_name, int))
_BY_NAME = {name: type_ for type_, (name, _) in _NATIVE.items()}


def as_native(value: object) -> tuple[bool | int | float | str, str] | None:
    """Return the Python value that equals a scalar exactly, and the scalar's type; or None."""
    found = _NATIVE.get(type(value))
    if found is None:
        return None
    name, python = found
    native = python(value)
    back = _BY_NAME[name](native)
    same = back == value or (back != back and value != value)  # NaN equals nothing
    return (native, name) if same else None


def as_scalar(native: object, name: str) -> np.generic:
    """Return the scalar for which ``as_native`` returned ``native`` and ``name``.

    Raises:
        SerializationError: There is no such type.
    """
    found = _BY_NAME.get(name)
    if found is None:
        raise SerializationError(f"numpy has no scalar {name!r} that is stored natively")
    made: np.generic = found(native)
    return made


array_serializer = ArraySerializer().register()
masked_array_serializer = MaskedArraySerializer().register()
scalar_serializer = ScalarSerializer().register()
