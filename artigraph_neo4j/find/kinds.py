"""What an annotation, or a property of a span class, says of the values that can be stored."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin
from weakref import WeakKeyDictionary

from neomodel import (
    ArrayProperty,
    BooleanProperty,
    FloatProperty,
    IntegerProperty,
    RegexProperty,
    StringProperty,
    UniqueIdProperty,
)
from neomodel.properties import Property

from artigraph_neo4j.find.filters import Kind
from artigraph_neo4j.graph.span_meta import (
    InstantProperty,
)
from artigraph_neo4j.model.base import ModelBase

__all__ = ["ANY", "Kinds", "field_kinds", "property_kinds"]


@dataclass(frozen=True, slots=True)
class Kinds:
    """Which values a field may hold.

    Attributes:
        native: Those that the database can compare; None where anything may be.
        model: The model that may be nested here, or None.
        text: The annotation, for messages.
    """

    native: frozenset[Kind] | None
    model: type[ModelBase] | None = None
    text: str = "Any"


ANY = Kinds(None)

_NATIVE: dict[Any, frozenset[Kind]] = {
    bool: frozenset({"bool"}),
    int: frozenset({"number"}),
    float: frozenset({"number"}),
    str: frozenset({"str"}),
    bytes: frozenset({"bytes"}),
    date: frozenset({"date"}),
    datetime: frozenset({"datetime", "instant"}),
    timedelta: frozenset({"timedelta"}),
    list: frozenset({"list"}),
}
_hints: WeakKeyDictionary[type[Any], dict[str, Any]] = WeakKeyDictionary()


def field_kinds(cls: type[ModelBase], name: str) -> Kinds:
    """What the annotation of a model's field allows; ``ANY`` where it cannot be evaluated."""
    hints = _hints.get(cls)
    if hints is None:
        try:
            hints = typing.get_type_hints(cls)
        except Exception:  # a name that only a type checker, or a function's scope, knows
            hints = {}
        _hints[cls] = hints
    return _kinds(hints[name]) if name in hints else ANY


def _kinds(hint: Any) -> Kinds:
    text = getattr(hint, "__name__", None) if isinstance(hint, type) else None
    native: set[Kind] = set()
    model: type[ModelBase] | None = None
    for part in _alternatives(hint):
        if part in (Any, object) or isinstance(part, (TypeVar, str)):
            return ANY
        kind = _NATIVE.get(get_origin(part) or part)
        if kind is not None:
            native |= kind
        elif isinstance(part, type) and issubclass(part, ModelBase):
            model = part
    return Kinds(frozenset(native), model, text or str(hint))


def _alternatives(hint: Any) -> list[Any]:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return [part for arg in get_args(hint) for part in _alternatives(arg)]
    if origin is Annotated:
        return _alternatives(get_args(hint)[0])
    if origin is Literal:
        return [type(value) for value in get_args(hint)]
    if isinstance(hint, NewType):
        return _alternatives(hint.__supertype__)
    return [] if hint in (None, type(None)) else [hint]


_PROPERTIES: tuple[tuple[type[Property[Any]], Kind], ...] = (
    (InstantProperty, "instant"),
    (StringProperty, "str"),
    (RegexProperty, "str"),
    (UniqueIdProperty, "str"),
    (IntegerProperty, "number"),
    (FloatProperty, "number"),
    (BooleanProperty, "bool"),
    (ArrayProperty, "list"),
)


def property_kinds(property_: Property[Any]) -> Kinds:
    """What a property of a span class is in the database; ``ANY`` for one that converts."""
    for cls, kind in _PROPERTIES:
        if isinstance(property_, cls):
            return Kinds(frozenset({kind}), None, cls.__name__)
    return Kinds(None, None, type(property_).__name__)
