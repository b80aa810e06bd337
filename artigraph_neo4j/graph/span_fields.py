"""Annotated fields of span classes, such as ``lr: float``, beside the properties of neomodel.

A value is native if Neo4j has the type, so that queries can use it; all others are stored as JSON.
"""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, ClassVar, Literal, cast, get_args, get_origin

from neo4j.time import Date, DateTime
from neomodel.properties import Property

from artigraph_neo4j.common.annotations import alternatives, body_annotations, hint_of, text_of
from artigraph_neo4j.common.fitting import Fits, fits_of
from artigraph_neo4j.errors import ModelError, SerializationError
from artigraph_neo4j.serializer.json import json_serializer

__all__ = ["FieldProperty", "annotated_fields", "is_storable", "plain_scalar"]

_SCALARS = (bool, int, float, str)
_NATIVE = (*_SCALARS, bytes, date, datetime)
_INT64 = range(-(2**63), 2**63)


class FieldProperty(Property[Any]):
    """A property that a span class declares by an annotation.

    Args:
        name: The name of the field.
        annotation: Its annotation, as written in the class.
        default: A function that makes its default, or None if it does not have one.
    """

    def __init__(
        self, name: str, annotation: Any, default: Callable[[], Any] | None = None
    ) -> None:
        super().__init__(name=name, default=default)
        self.annotation = annotation

    @cached_property
    def hint(self) -> Any:
        """The annotation, evaluated when it is first needed."""
        return hint_of(self.owner, str(self.name)) if self.owner is not None else self.annotation

    @cached_property
    def parts(self) -> list[Any] | None:
        """The types that a value may have; None if any type is allowed."""
        return alternatives(self.hint)

    @cached_property
    def is_native(self) -> bool:
        """True if every value is stored as a native type of Neo4j, not as JSON."""
        return self.parts is not None and all(map(_is_native, self.parts))

    @cached_property
    def _fits(self) -> Fits | None:
        return fits_of(self.hint)

    def deflate(self, value: Any, rethrow: Any = None) -> Any:
        """Convert a value to its stored form.

        Raises:
            ValueError: The value does not fit the annotation, or cannot be stored.
        """
        if self._fits is not None and not self._fits(value) and value is not None:
            raise ValueError(
                f"it is declared as {text_of(self.hint)}, and {_brief(value)} is not one"
            )
        if self.is_native:
            plain = _plain(value)
            if not is_storable(plain):
                raise ValueError(f"{_brief(value)} is not a value that Neo4j can hold")
            return plain
        try:
            return json_serializer.serialize(value).decode()
        except SerializationError as error:
            raise ValueError(
                f"{error}; a span keeps it as JSON: put it into an artifact"
            ) from error

    def inflate(self, value: Any, rethrow: Any = None) -> Any:
        """Convert a stored value back."""
        if not self.is_native:
            return json_serializer.deserialize(str(value).encode())
        if not isinstance(value, (Date, DateTime)):
            return value
        native: date = value.to_native()
        if isinstance(native, datetime) and native.tzinfo is not None:
            return native.astimezone(UTC)
        return native


def _brief(value: object) -> str:
    return reprlib.repr(value)


def _is_native(part: Any) -> bool:
    if get_origin(part) is Literal:
        return type(get_args(part)[0]) in _SCALARS
    if get_origin(part) is list:
        return get_args(part)[0] in _SCALARS
    return part in _NATIVE or part is type(None)


def _plain(value: Any) -> Any:
    """Convert numpy's numbers to equal Python numbers, and aware times to UTC."""
    if isinstance(value, datetime):
        return value if value.tzinfo is None else value.astimezone(UTC)
    if type(value) is list:
        return list(cast("list[object]", value))  # a copy: the span's list may be changed in place
    item = getattr(value, "item", None)
    return item() if callable(item) and type(value).__module__ == "numpy" else value


def plain_scalar(value: object) -> object:
    """Return a value as Neo4j stores it exactly, as one property; None where it cannot."""
    plain = _plain(value)
    return plain if is_storable(plain) else None


def is_storable(value: object) -> bool:
    """True if Neo4j stores a value exactly, as one property."""
    if isinstance(value, list):
        items = cast("list[object]", value)
        return len({type(item) for item in items}) <= 1 and all(
            type(item) in _SCALARS and is_storable(item) for item in items
        )
    if type(value) is int:
        return value in _INT64
    if type(value) is str:
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
    return type(value) in _NATIVE


def annotated_fields(name: str, namespace: Mapping[str, Any]) -> dict[str, FieldProperty]:
    """Make the properties for the annotations in the body of a span class.

    Raises:
        ModelError: A field has a default that all spans would share, or is a column of SQLAlchemy.
    """
    found: dict[str, FieldProperty] = {}
    for key, hint in body_annotations(namespace).items():
        value = namespace.get(key, dataclasses.MISSING)
        if type(value).__module__.partition(".")[0] == "sqlalchemy":
            raise ModelError(
                f"span class {name}: {key!r} is a column of SQLAlchemy; write {_line(key, hint)}"
            )
        declared = isinstance(value, Property) or type(value).__module__.startswith("neomodel")
        if key.startswith("_") or declared or _is_class_variable(hint):
            continue
        found[key] = FieldProperty(key, hint, _default(f"{name}.{key}", value))
    return found


def _line(key: str, hint: Any) -> str:
    text = (hint if isinstance(hint, str) else text_of(hint)).removesuffix("]")
    return f"{key}: {text.rpartition('Mapped[')[2]}"


def _is_class_variable(hint: Any) -> bool:
    if isinstance(hint, str):
        return hint.removeprefix("typing.").startswith("ClassVar")
    return hint is ClassVar or get_origin(hint) is ClassVar


def _default(where: str, value: Any) -> Callable[[], Any] | None:
    if isinstance(value, dataclasses.Field):
        declared: Any = cast("object", value)
        if declared.default_factory is not dataclasses.MISSING:
            make: Callable[[], Any] = declared.default_factory
            return make
        value = declared.default
    if value is dataclasses.MISSING:
        return None
    if type(value).__hash__ is None:
        raise ModelError(
            f"span class {where}: the default {_brief(value)} would be shared by all spans; write "
            f"field(default_factory={type(value).__name__})"
        )
    return lambda: value
