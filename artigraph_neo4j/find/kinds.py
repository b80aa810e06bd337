"""Kinds of values that an annotation, or a property of a span class, allows."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, get_args, get_origin

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

from artigraph_neo4j.common.annotations import alternatives, hint_of, text_of
from artigraph_neo4j.find.operands import Kind
from artigraph_neo4j.graph.span_fields import FieldProperty
from artigraph_neo4j.graph.span_meta import InstantProperty
from artigraph_neo4j.model.base import ModelBase

__all__ = ["ANY", "Kinds", "field_kinds", "property_kinds"]


@dataclass(frozen=True, slots=True)
class Kinds:
    """The values that a field may hold.

    Attributes:
        native: Kinds that the database can compare; None where any value is allowed.
        model: The model that may be nested here, or None.
        text: The annotation, for messages.
        entries: The kinds of values in a dict, whose entries filters can compare; None where a
            dict is not allowed.
    """

    native: frozenset[Kind] | None
    model: type[ModelBase] | None = None
    text: str = "Any"
    entries: Kinds | None = None


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


def field_kinds(cls: type[ModelBase], name: str) -> Kinds:
    """Return the kinds that a field's annotation allows; ``ANY`` where it does not say."""
    return _kinds(hint_of(cls, name))


def _kinds(hint: Any) -> Kinds:
    parts = alternatives(hint)
    if parts is None:
        return ANY
    native: set[Kind] = set()
    model: type[ModelBase] | None = None
    entries: Kinds | None = None
    for part in parts:
        if (get_origin(part) or part) in (dict, Mapping, MutableMapping):
            entries = _kinds(get_args(part)[1]) if get_args(part) else ANY
            continue
        literal = get_origin(part) is Literal
        kind = _NATIVE.get(type(get_args(part)[0]) if literal else get_origin(part) or part)
        if kind is not None:
            native |= kind
        elif isinstance(part, type) and issubclass(part, ModelBase):
            model = part
    return Kinds(frozenset(native), model, text_of(hint), entries)


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
    """Return the kinds of a span class's property in the database; ``ANY`` if it converts."""
    if isinstance(property_, FieldProperty):
        kinds = _kinds(property_.hint)
        if property_.is_native:
            return kinds
        return Kinds(frozenset(), None, f"{kinds.text} as JSON", kinds.entries)
    for cls, kind in _PROPERTIES:
        if isinstance(property_, cls):
            return Kinds(frozenset({kind}), None, cls.__name__)
    return Kinds(None, None, type(property_).__name__)
