"""Instances of the caller's own classes as plain data: enums, NamedTuples, dataclasses, pydantic.

A class is stored by name, ``module:qualname``, and checked when it is written to be found again by
it. Reading imports that module, then only accepts a class of the kind that was stored, and restores
the state of an instance without calling its ``__init__``; no other code is named by stored data.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Callable
from enum import Enum, Flag
from functools import cached_property
from typing import Any, Literal, NamedTuple, cast

from artigraph_neo4j.errors import SerializationError

__all__ = ["Kind", "State", "restore", "state_of"]

Kind = Literal["enum", "flag", "namedtuple", "dataclass", "pydantic"]

_HEAP_TYPE = 1 << 9
_MISSING = object()


class State(NamedTuple):
    """What is stored of an instance: the kind and name of its class, and plain data."""

    kind: Kind
    name: str
    data: Any


def state_of(value: object) -> State | None:
    """The state of an instance of such a class; None where it is of no such class.

    Raises:
        SerializationError: It is, but would not come back: its class cannot be found by name, or it
            has more to it than its fields.
    """
    cls = type(value)
    kind = _kind_of(cls)
    if kind is None:
        return None
    return State(kind, _name_of(cls), _TAKE[kind](value, cls))


def restore(kind: Kind, name: str, data: Any) -> Any:
    """The instance that ``state_of`` described.

    Raises:
        SerializationError: The class is not there, is of another kind, or has other fields now.
    """
    cls = _find(name)
    if _kind_of(cls) != kind:
        raise SerializationError(f"{name} was a {kind} when the value was stored, and is none now")
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


# Names ------------------------------------------------------------------------------------------


def _name_of(cls: type[Any]) -> str:
    name = f"{cls.__module__}:{cls.__qualname__}"
    try:
        found = _find(name)
    except SerializationError:
        found = None
    if (
        found is not cls or "[" in name
    ):  # pydantic keeps Model[int] where only this process finds it
        raise SerializationError(
            f"class {name} could not be found by that name when it is read back; define it at the "
            "top of a module"
        )
    return name


def _find(name: str) -> type[Any]:
    """Only ever steps from a module to a class, and from a class to a class in it."""
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = vars(found)[part]
            if not isinstance(found, type):
                raise SerializationError(f"{name} is no class")
    except (ImportError, KeyError, ValueError) as error:
        raise SerializationError(
            f"class {name} of the stored value is not there: {type(error).__name__}: {error}"
        ) from error
    return found  # type: ignore[no-any-return]  # a loop over at least one part has run


# Enums ------------------------------------------------------------------------------------------


def _take_enum(value: Enum, cls: type[Enum]) -> str:
    if cls.__members__.get(value.name) is not value:  # made by the class's own _missing_
        raise SerializationError(
            f"{value!r} is not among the members of {cls.__qualname__}; use its value"
        )
    return value.name


def _give_enum(cls: type[Enum], data: str) -> Enum:
    try:
        return cls[data]
    except KeyError:
        known = ", ".join(cls.__members__)
        raise SerializationError(
            f"{cls.__qualname__} has no member {data!r} now; it has {known}"
        ) from None


def _give_flag(cls: type[Flag], data: int) -> Flag:
    return cls(data)


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
    if field.default is not dataclasses.MISSING:
        return lambda _name, _else: field.default
    if field.default_factory is not dataclasses.MISSING:
        factory = field.default_factory
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


def _pydantic_default(field: Any) -> Callable[[str, Any], Any]:
    if field.is_required():
        return lambda _name, otherwise: otherwise
    return lambda _name, _else: field.get_default(call_default_factory=True, validated_data={})


# Both -------------------------------------------------------------------------------------------


def _refuse_more(cls: type[Any], names: Any) -> None:
    """Attributes that are no fields would be lost; what ``cached_property`` kept may be.

    ``__orig_class__`` is what ``Box[int](1)`` leaves on an instance of a generic class.
    """
    for name in names:
        cached = isinstance(getattr(cls, name, None), cached_property)
        if not cached and name != "__orig_class__":
            raise SerializationError(
                f"{cls.__qualname__}: attribute {name!r} is no field, and would be lost"
            )


def _fill(
    cls: type[Any], data: dict[str, Any], defaults: dict[str, Callable[..., Any]]
) -> list[Any]:
    """The values of all fields of today's class, in order."""
    if gone := [name for name in data if name not in defaults]:
        raise SerializationError(
            f"{cls.__qualname__} has no field {gone[0]!r} any more, which the stored value has"
        )
    values = [
        data[name] if name in data else default(name, _MISSING)
        for name, default in defaults.items()
    ]
    for name, value in zip(defaults, values, strict=True):
        if value is _MISSING:
            raise SerializationError(
                f"{cls.__qualname__} has a field {name!r} without a default, which the stored "
                "value has not"
            )
    return values


_TAKE: dict[Kind, Callable[[Any, Any], Any]] = {
    "enum": _take_enum,
    "flag": lambda value, _cls: value.value,
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
