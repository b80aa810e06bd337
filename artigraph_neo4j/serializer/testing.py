"""Tests that every serializer has to pass."""

from __future__ import annotations

import dataclasses
import math
import struct
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, ClassVar, cast

import pytest

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.serializer.base import Serializer, find_serializer

__all__ = ["SerializerTests", "difference"]


def difference(left: Any, right: Any, path: str = "value") -> str | None:
    """Describe the difference of two plain values, including type and sign of zero, or None.

    ``nan`` equals ``nan`` here; dicts must have their keys in the same order.
    """
    if left is right:
        return None
    if type(left) is not type(right):
        return f"{path} is a {type(left).__name__}, and a {type(right).__name__}"
    if isinstance(left, float):
        same = struct.pack(">d", left) == struct.pack(">d", right)
        return (
            None if same or (math.isnan(left) and math.isnan(right)) else _differ(left, right, path)
        )
    if isinstance(left, complex):
        return difference((left.real, left.imag), (right.real, right.imag), path)
    if isinstance(left, (list, tuple)):
        return _difference_of_items(left, right, path)
    if isinstance(left, dict):
        return _difference_of_dicts(cast("dict[object, object]", left), right, path)
    if isinstance(left, (set, frozenset)):
        return _difference_of_sets(left, right, path)
    of_pydantic = hasattr(cast("type[object]", type(left)), "model_fields")
    if dataclasses.is_dataclass(left) or of_pydantic:
        return difference(_state(left), _state(right), path)
    if isinstance(left, Decimal):  # 1.0 is not 1.00, and a signaling nan cannot be compared
        left, right = left.as_tuple(), right.as_tuple()
    return None if left == right else _differ(left, right, path)


def _difference_of_items(left: Any, right: Any, path: str) -> str | None:
    if len(left) != len(right):
        return f"{path} has {len(left)} items, and {len(right)}"
    pairs = enumerate(zip(left, right, strict=True))
    return next(filter(None, (difference(a, b, f"{path}[{i}]") for i, (a, b) in pairs)), None)


def _difference_of_dicts(left: dict[Any, Any], right: dict[Any, Any], path: str) -> str | None:
    values = (
        difference(left[a], right[b], f"{path}[{a!r}]") for a, b in zip(left, right, strict=True)
    )
    return _difference_of_items(list(left), list(right), f"keys of {path}") or next(
        filter(None, values), None
    )


def _state(value: object) -> dict[str, Any]:
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)}
    return dict(vars(value))


def _difference_of_sets(left: Any, right: Any, path: str) -> str | None:
    unmatched = list(right)
    for item in left:
        found = next((i for i in unmatched if difference(item, i) is None), _NOTHING)
        if found is _NOTHING:
            return f"{path} has {item!r:.200}, which the other does not have"
        unmatched = [i for i in unmatched if i is not found]
    return f"{path} does not have {unmatched[0]!r:.200}" if unmatched else None


_NOTHING = object()


def _differ(left: Any, right: Any, path: str) -> str:
    return f"{path} is {left!r:.200}, and {right!r:.200}"


class SerializerTests:
    """Tests for a serializer: subclass it as ``TestYours``, and set the attributes.

    Attributes:
        serializer: The serializer to test, registered or not.
        values: Values that must come back unchanged.
        refused: Values that it must refuse with a ``SerializationError``.
        garbage: Bytes that are not of its format; empty if all bytes are.
    """

    serializer: ClassVar[Serializer[Any]]
    values: ClassVar[Iterable[Any]] = ()
    refused: ClassVar[Iterable[Any]] = ()
    garbage: ClassVar[Iterable[bytes]] = (b"\xc1 garbage \xff",)

    def difference(self, left: Any, right: Any) -> str | None:
        """Describe the difference of two values, or None; override it for types without ``==``."""
        return difference(left, right)

    def test_has_a_short_name(self) -> None:
        name = self.serializer.name
        assert isinstance(name, str)
        assert 0 < len(name) <= 64
        assert name.isascii()
        assert name == name.strip()

    def test_values_come_back(self) -> None:
        for value in self.values:
            data = self.serializer.serialize(value)
            assert type(data) is bytes
            assert self.difference(value, self.serializer.deserialize(data)) is None, repr(value)

    def test_values_come_back_twice(self) -> None:
        """A value that came back can be stored again."""
        for value in self.values:
            once = self.serializer.deserialize(self.serializer.serialize(value))
            twice = self.serializer.deserialize(self.serializer.serialize(once))
            assert self.difference(value, twice) is None, repr(value)

    def test_text_is_text(self) -> None:
        if self.serializer.text:
            for value in self.values:
                self.serializer.serialize(value).decode("utf-8")

    def test_refuses_what_it_would_change(self) -> None:
        for value in self.refused:
            with pytest.raises(SerializationError):
                self.serializer.serialize(value)

    def test_says_when_bytes_are_not_its_own(self) -> None:
        for data in self.garbage:
            with pytest.raises(SerializationError):
                self.serializer.deserialize(data)

    def test_takes_the_types_it_says(self) -> None:
        for value in self.values:
            assert not self.serializer.types or isinstance(value, self.serializer.types)

    def test_is_found_by_its_name_once_registered(self) -> None:
        assert find_serializer(self.serializer.name) in (None, self.serializer)
