"""msgpack with extension types, for plain values that JSON would change.

Strings, numbers, bytes, lists and dicts are plain msgpack (a dict may have any keys; text is UTF-8,
lone surrogates pass). Everything else is an extension type whose data is msgpack again: see
``CODES``; what has a registered serializer (an array, a frame) is that serializer's name and bytes.
Exact types only: a subclass of a built-in type is refused, never flattened.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any, ClassVar
from uuid import UUID

import msgpack
from msgpack import ExtType

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer, find_serializer, infer_serializer
from artigraph_neo4j.serializer.classes import Kind, class_name, find_class, kind_of
from artigraph_neo4j.zones import zone_from, zone_to

__all__ = ["CODES", "MsgpackSerializer", "msgpack_serializer", "pack", "unpack"]

Default = Callable[[Any], ExtType | None]
ExtHook = Callable[[int, bytes], Any]

_MICROSECOND = timedelta(microseconds=1)


def _time_to(value: Any) -> list[Any]:
    zone = None
    if value.tzinfo is not None:
        zone = zone_to(value.tzinfo)
        if zone is None:
            raise SerializationError(
                f"the time zone {value.tzinfo!r} cannot come back; use datetime.timezone or "
                "zoneinfo.ZoneInfo"
            )
    return [value.replace(tzinfo=None, fold=0).isoformat(), value.fold, zone]


def _time_from(cls: Any, data: list[Any]) -> Any:
    text, fold, zone = data
    tzinfo = None if zone is None else zone_from(zone)
    return cls.fromisoformat(text).replace(fold=fold, tzinfo=tzinfo)


def _int_to(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


CODES: dict[int, tuple[type[Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    1: (tuple, list, tuple),
    2: (set, list, set),
    3: (frozenset, list, frozenset),
    4: (int, _int_to, lambda data: int.from_bytes(data, "big", signed=True)),
    5: (complex, lambda v: [v.real, v.imag], lambda data: complex(*data)),
    6: (Decimal, str, Decimal),
    7: (UUID, lambda v: v.bytes, lambda data: UUID(bytes=data)),
    8: (date, date.isoformat, date.fromisoformat),
    9: (time, _time_to, lambda data: _time_from(time, data)),
    10: (datetime, _time_to, lambda data: _time_from(datetime, data)),
    11: (timedelta, lambda v: v // _MICROSECOND, lambda data: data * _MICROSECOND),
    12: (range, lambda v: [v.start, v.stop, v.step], lambda data: range(*data)),
    13: (bytearray, bytes, bytearray),
    14: (PosixPath, str, PosixPath),
    15: (PurePosixPath, str, PurePosixPath),
    16: (PureWindowsPath, str, PureWindowsPath),
    17: (WindowsPath, str, WindowsPath),
}
"""Extension types: code to type, to msgpack data, and back. Never change one; add others."""

_SERIALIZED = 40
"""The extension type of ``[serializer name, bytes]``."""

_CLASS_CODES: dict[Kind, int] = {"enum": 30, "namedtuple": 31, "dataclass": 32}
_BY_TYPE = {kind: (code, to) for code, (kind, to, _) in CODES.items()}


def pack(value: Any, *, default: Default | None = None) -> bytes:
    """The value as msgpack bytes.

    Args:
        value: The value.
        default: Asked first about everything that is not plain msgpack; returns an ``ExtType`` of a
            code from 100 on, or None.

    Raises:
        SerializationError: It holds something of another type, itself, or is nested too deeply.
    """
    try:
        return _pack(value, default)
    except (RecursionError, ValueError) as error:
        if isinstance(error, ValueError) and "recursion" not in str(error):
            raise SerializationError(str(error)) from error
        raise SerializationError("it contains itself or is nested too deeply") from error


def _pack(value: Any, default: Default | None) -> bytes:
    def other(item: Any) -> ExtType:
        found = None if default is None else default(item)
        if found is not None:
            return found
        kind = type(item)
        if kind in _BY_TYPE:
            code, to = _BY_TYPE[kind]
            return ExtType(code, _pack(to(item), default))
        serializer = infer_serializer(kind)
        if serializer is not None:
            return ExtType(_SERIALIZED, _pack([serializer.name, serializer.serialize(item)], None))
        return _of_class(item, kind, default)

    packed: bytes = msgpack.packb(
        _clean(value), default=other, strict_types=True, unicode_errors="surrogatepass"
    )
    return packed


def _clean(value: Any) -> Any:
    """What msgpack would silently change, made an extension type; the same object otherwise."""
    kind = type(value)
    if kind is list:
        items = [_clean(item) for item in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    if kind is dict:
        cleaned = {key: _clean(item) for key, item in value.items()}
        same = all(cleaned[key] is item for key, item in value.items())
        return value if same else cleaned
    if kind is bytearray:
        return ExtType(13, _pack(bytes(value), None))
    if kind in _REFUSED:
        raise SerializationError(f"a {kind.__qualname__} cannot be stored")
    return value


_REFUSED = frozenset({memoryview, ExtType, msgpack.Timestamp})
"""Written by msgpack without asking, and read back as something else."""


def _of_class(item: Any, cls: type[Any], default: Default | None) -> ExtType:
    kind = kind_of(cls)
    data: Any
    match kind:
        case "enum":
            data = item.name if item.name in cls.__members__ else item.value  # a combined flag
        case "namedtuple":
            data = list(item)
        case "dataclass":
            data = {f.name: getattr(item, f.name) for f in dataclasses.fields(cls) if f.init}
        case _:
            raise SerializationError(
                f"a {cls.__module__}.{cls.__qualname__} cannot be stored; register a serializer "
                "for its type, or give the field one: artifact_field(serializer=...)"
            )
    named = isinstance(item, Enum) and isinstance(data, str) and item.name == data
    return ExtType(_CLASS_CODES[kind], _pack([class_name(cls), named, data], default))


def unpack(data: bytes, *, ext_hook: ExtHook | None = None) -> Any:
    """The value that ``pack`` made the bytes from.

    Args:
        data: The bytes.
        ext_hook: Makes values of codes from 100 on.

    Raises:
        SerializationError: The bytes are something else, or name a class that is not there.
    """
    def hook(code: int, inner: bytes) -> Any:
        if code >= 100 and ext_hook is not None:
            return ext_hook(code, inner)
        if code in CODES:
            return CODES[code][2](again(inner))
        if code == _SERIALIZED:
            name, serialized = again(inner)
            serializer = find_serializer(name)
            if serializer is None:
                raise SerializationError(f"serializer {name!r} is not known to this process")
            return serializer.deserialize(serialized)
        kind = next((k for k, c in _CLASS_CODES.items() if c == code), None)
        if kind is None:
            raise SerializationError(f"unknown msgpack extension type {code}")
        return _to_class(kind, *again(inner))

    def again(inner: bytes) -> Any:
        return msgpack.unpackb(
            inner, ext_hook=hook, strict_map_key=False, unicode_errors="surrogatepass"
        )

    try:
        return again(data)
    except SerializationError:
        raise
    except Exception as error:
        raise SerializationError(f"no msgpack of this library: {error}") from error


def _to_class(kind: Kind, name: str, named: bool, data: Any) -> Any:
    cls = find_class(name, kind)
    match kind:
        case "enum":
            return cls[data] if named else cls(data)
        case "namedtuple":
            return cls._make(data)
        case "dataclass":
            return cls(**data)


class MsgpackSerializer(Serializer[Any]):
    """The default for plain values that are neither native nor faithful JSON."""

    name: ClassVar[str] = "msgpack"

    def serialize(self, value: Any, /) -> bytes:
        """The value as msgpack; see ``pack``."""
        return pack(value)

    def deserialize(self, data: bytes, /) -> Any:
        """The value; see ``unpack``."""
        return unpack(data)


msgpack_serializer = MsgpackSerializer().register()
