"""Instances of users' classes as plain data: enums, NamedTuples, dataclasses, pydantic models.

The kind and name of the class (``class_names``) are stored with the fields. Reading accepts only a
class of the stored kind, and restores the fields without calling ``__init__``.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from enum import Enum, Flag
from functools import cached_property
from typing import Any, Literal, NamedTuple, cast

from artigraph_neo4j.common.annotations import is_missing
from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import DamagedError, shown
from artigraph_neo4j.serializer.class_names import class_of, name_of

__all__ = ["Kind", "State", "restore", "state_of"]

Kind = Literal["enum", "flag", "namedtuple", "dataclass", "pydantic"]

_HEAP_TYPE = 1 << 9
_MISSING = object()


class State(NamedTuple):
    """The stored form of an instance: the kind and name of its class, and plain data."""

    kind: Kind
    name: str
    data: Any


def state_of(value: object) -> State | None:
    """Return the state of an instance, or None if its class is of another kind.

    Raises:
        SerializationError: The instance would not come back: its class cannot be found by name, or
            it has attributes that are not fields.
    """
    cls = type(value)
    kind = _kind_of(cls)
    if kind is None:
        return None
    return State(kind, name_of(cls), _TAKE[kind](value, cls))


def restore(kind: Kind, name: str, data: Any) -> Any:
    """Return the instance that ``state_of`` described.

    Raises:
        SerializationError: The class cannot be found, is of another kind, or has other fields now.
    """
    cls = class_of(name)
    if _kind_of(cls) != kind:
        raise SerializationError(f"{name} was a {kind} when the value was stored, but is not now")
    if type(data) is not _DATA[kind]:
        raise DamagedError(f"the stored {kind} {name} has {type(data).__name__} for its data")
    return _GIVE[kind](cls, data)


def _kind_of(cls: type[Any]) -> Kind | None:
    if issubclass(cls, Enum):
        return "flag" if issubclass(cls, Flag) else "enum"
    if issubclass(cls, tuple):
        parts = ("_fields", "_field_defaults", "_make")
        found = cast("type[object]", cls)
        return "namedtuple" if all(hasattr(found, part) for part in parts) else None
    if (pydantic := sys.modules.get("pydantic.main")) and issubclass(cls, pydantic.BaseModel):
        return "pydantic"
    if dataclasses.is_dataclass(cls):
        return "dataclass"
    return None


# Enums ------------------------------------------------------------------------------------------


def _take_enum(value: Enum, cls: type[Enum]) -> str:
    if cls.__members__.get(value.name) is not value:  # made by ``_missing_`` of the class
        raise SerializationError(
            f"{shown(value)} is not among the members of {cls.__qualname__}; use its value"
        )
    return value.name


def _give_enum(cls: type[Enum], data: str) -> Enum:
    try:
        return cls[data]
    except KeyError:
        known = ", ".join(cls.__members__)
        raise SerializationError(
            f"{cls.__qualname__} has no member {shown(data)} now; it has {known:.500}"
        ) from None


def _take_flag(value: Flag, cls: type[Flag]) -> int:
    number: object = value.value
    if type(number) is not int or not _fits_flag(cls, number):
        raise SerializationError(f"{shown(value)} has bits beyond those of {cls.__qualname__}")
    return number


def _give_flag(cls: type[Flag], data: int) -> Flag:
    found = cls(data) if _fits_flag(cls, data) else None
    if found is None or type(found) is not cls or found.value != data:
        raise SerializationError(f"{cls.__qualname__} has no flags {shown(data)} now")
    return found


def _fits_flag(cls: type[Flag], number: int) -> bool:
    """Return True if a flag has at most 64 bits, or the bits of the class's members.

    Python iterates over all bits of a flag, and caches each flag it makes, so the size is limited.
    """
    highest = max((int(member.value).bit_length() for member in cls), default=0)
    return number.bit_length() <= max(highest, 64)


# NamedTuples ------------------------------------------------------------------------------------


def _take_namedtuple(value: Any, cls: Any) -> dict[str, Any]:
    _refuse_more(cls, getattr(value, "__dict__", {}))
    return dict(zip(cls._fields, tuple(value), strict=True))


def _give_namedtuple(cls: Any, data: dict[str, Any]) -> Any:
    defaults: dict[str, Any] = cls._field_defaults
    values = _fill(cls, data, dict.fromkeys(cls._fields, defaults.get))
    return tuple.__new__(cls, values)  # pyright: ignore[reportUnknownMemberType]


# Dataclasses ------------------------------------------------------------------------------------


def _take_dataclass(value: Any, cls: type[Any]) -> dict[str, Any]:
    if any(base is not object and not base.__flags__ & _HEAP_TYPE for base in cls.__mro__):
        raise SerializationError(
            f"{cls.__qualname__} extends a built-in class, whose part would be lost"
        )
    names = [field.name for field in dataclasses.fields(cls)]
    extra = {k: v for k, v in getattr(value, "__dict__", {}).items() if k not in names}
    _refuse_more(cls, extra)
    _refuse_more(cls, [slot for slot in _slots(cls) if slot not in names and hasattr(value, slot)])
    found = {name: getattr(value, name, _MISSING) for name in names}
    if unset := [name for name, item in found.items() if item is _MISSING]:
        raise SerializationError(f"{cls.__qualname__}: field {unset[0]} has no value")
    return found


def _give_dataclass(cls: type[Any], data: dict[str, Any]) -> Any:
    fields = {field.name: _default_of(field) for field in dataclasses.fields(cls)}
    made = object.__new__(cls)
    for name, item in zip(fields, _fill(cls, data, fields), strict=True):
        object.__setattr__(made, name, item)
    return made


def _default_of(field: dataclasses.Field[Any]) -> Callable[[str, Any], Any]:
    if not is_missing(field.default):
        return lambda _name, _else: field.default
    if not is_missing(field.default_factory):
        factory: Any = field.default_factory
        return lambda _name, _else: factory()
    return lambda _name, otherwise: otherwise


def _slots(cls: type[Any]) -> list[str]:
    found: list[str] = []
    for base in cls.__mro__:
        slots = vars(base).get("__slots__", ())
        found.extend([slots] if isinstance(slots, str) else slots)
    return [slot for slot in found if slot not in ("__weakref__", "__dict__")]


# pydantic ---------------------------------------------------------------------------------------


def _take_pydantic(value: Any, cls: Any) -> dict[str, Any]:
    state = value.__getstate__()
    fields = {k: v for k, v in state["__dict__"].items() if k in cls.model_fields}
    _refuse_more(cls, {k: v for k, v in state["__dict__"].items() if k not in fields})
    data = {"fields": fields, "set": sorted(state["__pydantic_fields_set__"])}
    for key in ("extra", "private"):  # a root model has none
        if state.get(f"__pydantic_{key}__") is not None:
            data[key] = state[f"__pydantic_{key}__"]
    return data


def _give_pydantic(cls: Any, data: dict[str, Any]) -> Any:
    defaults = {name: _pydantic_default(field) for name, field in cls.model_fields.items()}
    if not _is_pydantic_state(data):
        raise DamagedError(f"the stored state of {cls.__qualname__} has another form")
    made = cls.__new__(cls)
    made.__setstate__(
        {
            "__dict__": dict(zip(defaults, _fill(cls, data["fields"], defaults), strict=True)),
            "__pydantic_fields_set__": set(data["set"]),
            "__pydantic_extra__": data.get("extra"),
            "__pydantic_private__": data.get("private"),
        }
    )
    return made


def _is_pydantic_state(data: dict[Any, Any]) -> bool:
    names: Any = data.get("set")
    return (
        {"fields", "set"} <= data.keys() <= {"fields", "set", "extra", "private"}
        and type(names) is list
        and all(type(name) is str for name in cast("list[object]", names))
        and all(type(part) is dict for key, part in data.items() if key != "set")
    )


def _pydantic_default(field: Any) -> Callable[[str, Any], Any]:
    if field.is_required():
        return lambda _name, otherwise: otherwise
    return lambda _name, _else: field.get_default(call_default_factory=True, validated_data={})


# Fields -----------------------------------------------------------------------------------------


def _refuse_more(cls: type[Any], names: Any) -> None:
    """Refuse attributes that are not fields, which would be lost.

    Values kept by ``cached_property`` may be lost, as may the ``__orig_class__`` that
    ``Box[int](1)`` leaves on an instance of a generic class.
    """
    for name in names:
        cached = isinstance(getattr(cls, name, None), cached_property)
        if not cached and name != "__orig_class__":
            raise SerializationError(
                f"{cls.__qualname__}: attribute {name!r} is not a field and would be lost"
            )


def _fill(
    cls: type[Any], data: dict[str, Any], defaults: dict[str, Callable[..., Any]]
) -> list[Any]:
    """Return the values of all fields of the current class, in order."""
    if gone := [name for name in data if name not in defaults]:
        raise SerializationError(
            f"{cls.__qualname__} has no field {shown(gone[0])} any more, which the stored value has"
        )
    values = [
        data[name] if name in data else default(name, _MISSING)
        for name, default in defaults.items()
    ]
    for name, value in zip(defaults, values, strict=True):
        if value is _MISSING:
            raise SerializationError(
                f"{cls.__qualname__} has a field {name!r} without a default, which the stored "
                "value does not have"
            )
    return values


_TAKE: dict[Kind, Callable[[Any, Any], Any]] = {
    "enum": _take_enum,
    "flag": _take_flag,
    "namedtuple": _take_namedtuple,
    "dataclass": _take_dataclass,
    "pydantic": _take_pydantic,
}
_GIVE: dict[Kind, Callable[[Any, Any], Any]] = {
    "enum": _give_enum,
    "flag": _give_flag,
    "namedtuple": _give_namedtuple,
    "dataclass": _give_dataclass,
    "pydantic": _give_pydantic,
}
_DATA: dict[Kind, type[Any]] = {
    "enum": str,
    "flag": int,
    "namedtuple": dict,
    "dataclass": dict,
    "pydantic": dict,
}
