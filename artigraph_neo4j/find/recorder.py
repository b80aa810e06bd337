"""Stand-ins for spans and artifacts in lambdas, which turn comparisons into filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.find.filters import And, Attribute, Field, Filter, Order, Ref, named_field
from artigraph_neo4j.find.kinds import field_kinds
from artigraph_neo4j.find.targets import ArtifactTarget, SpanTarget, Target, unknown
from artigraph_neo4j.graph.span import Span, own_properties
from artigraph_neo4j.model.base import ModelBase

__all__ = ["as_filter", "as_order", "class_and_filters"]


class _Model:
    """A stand-in for an artifact of a model."""

    def __init__(self, target: ArtifactTarget) -> None:
        self.__target = target

    def __getattr__(self, name: str) -> Ref:
        return _field(None if self.__target.is_any else self.__target.cls, (name,))


class _ModelField(Field):
    """A stand-in for a field that holds a model, whose fields can be compared in turn."""

    __slots__ = ("_model",)

    def __init__(self, path: tuple[str, ...], model: type[ModelBase]) -> None:
        super().__init__(path)
        object.__setattr__(self, "_model", model)

    def __getattr__(self, name: str) -> Ref:
        if name.startswith("__"):
            raise AttributeError(name)
        model: type[ModelBase] = object.__getattribute__(self, "_model")
        return _field(model, (*self.path, name))


def _field(model: type[ModelBase] | None, path: tuple[str, ...]) -> Ref:
    nested = None if model is None else field_kinds(model, path[-1]).model
    return Field(path) if nested is None else _ModelField(path, nested)


class _Span:
    """A stand-in for a span of a class."""

    def __init__(self, target: SpanTarget) -> None:
        self.__target = target

    def __getattr__(self, name: str) -> Ref:
        if name in own_properties(self.__target.cls) or name == "duration":
            return Attribute("span", name)
        if name not in (known := self.__target.names()):
            unknown(self.__target.cls.__name__, name, known)
        return Field((name,))


def _record(target: Target, function: Callable[[Any], object]) -> object:
    stand_in = _Model(target) if isinstance(target, ArtifactTarget) else _Span(target)  # type: ignore[arg-type]
    return function(stand_in)


def as_filter(target: Target, filters: Iterable[object]) -> Filter:
    """Join all filters into one; functions are called with a stand-in for the span or artifact.

    Raises:
        FilterError: An argument is not a filter and does not return one.
    """
    found: list[Filter] = []
    for item in filters:
        result = item
        if not isinstance(item, Filter) and callable(item):
            result = _record(target, item)
        if not isinstance(result, Filter):
            raise FilterError(
                f"a filter, or a function that returns one, is needed, not {result!r}; "
                f'write F("x") > 3 or lambda m: m.x > 3'
            )
        found.append(result)
    return found[0] if len(found) == 1 else And(tuple(found))


def as_order(target: Target, key: object) -> Order:
    """Make a key of an order from a field, its name, or a function.

    Raises:
        FilterError: The key is none of these.
    """
    result = _record(target, key) if callable(key) and not isinstance(key, Ref) else key
    if isinstance(result, str):
        result = named_field(result)
    if isinstance(result, Ref):
        result = result.asc()
    if not isinstance(result, Order):
        raise FilterError(f"order by a field, such as F('x') or F('x').desc(), not by {key!r}")
    return result


def class_and_filters(filters: tuple[Any, ...], base: type[Any]) -> tuple[Any, tuple[Any, ...]]:
    """Split arguments into the class before the filters (``base`` without one) and the filters.

    Raises:
        FilterError: The class is not a subclass of ``base``.
    """
    if not filters or not isinstance(filters[0], type):
        return base, filters
    if not issubclass(filters[0], Span if base is Span else ModelBase):
        raise FilterError(f"{filters[0].__name__} is not a subclass of {base.__name__}")
    return filters[0], filters[1:]
