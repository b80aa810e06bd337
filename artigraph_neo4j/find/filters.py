"""Filters: conditions on spans and artifacts, as plain data.

A filter contains no Cypher. A comparison with a missing value is false, and ``~`` of it is true. A
value that exists and cannot be compared (a text with ``>`` 3, the bytes of a serializer) fits
neither the comparison nor ``~`` of it, and so on through ``&`` and ``|`` (Kleene's logic).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC
from os import PathLike
from typing import Any, Literal, NoReturn, cast

from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.find.operands import Value, kind_of, problem
from artigraph_neo4j.graph.names import as_label
from artigraph_neo4j.model.native import NOT_NATIVE, to_native

__all__ = [
    "Above",
    "And",
    "Attribute",
    "Comparison",
    "Field",
    "Filter",
    "HasArtifact",
    "InSpan",
    "IsA",
    "Labeled",
    "Maybe",
    "Not",
    "Operator",
    "Or",
    "Order",
    "Ref",
    "Tagged",
    "Under",
    "conjuncts",
    "named_field",
    "separated",
]

Operator = Literal["=", "<", "<=", ">", ">=", "in", "contains", "startswith", "endswith", "null"]


MAX_OPTIONS = 100_000
"""Maximum number of values for ``one_of``: all of them are sent with the statement."""


class Filter:
    """A condition; ``&``, ``|`` and ``~`` combine conditions."""

    __slots__ = ()

    def __and__(self, other: object) -> Filter:
        return _joined(And, self, _filter(other))

    def __or__(self, other: object) -> Filter:
        return _joined(Or, self, _filter(other))

    # For type checkers: within a lambda over a model, a comparison looks like a bool.
    __rand__ = __and__
    __ror__ = __or__

    def __invert__(self) -> Filter:
        return self.part if isinstance(self, Not) else Not(self)

    def __bool__(self) -> bool:
        raise FilterError(
            "a filter is neither true nor false here; combine filters with & | ~ (with brackets "
            "around comparisons), and use one_of() and contains() instead of 'in'"
        )


def _joined(kind: type[And | Or], left: Filter, right: Filter) -> Filter:
    """Join two filters into a flat one, so that long chains are not deeper than short ones."""
    return kind(tuple(p for f in (left, right) for p in (f.parts if type(f) is kind else (f,))))


def conjuncts(filter_: Filter) -> Iterator[Filter]:
    """Yield the conditions that must all hold for a filter to hold."""
    if isinstance(filter_, And):
        for part in filter_.parts:
            yield from conjuncts(part)
    else:
        yield filter_


def separated(filter_: Filter) -> tuple[list[Filter], list[Filter]]:
    """Return the conjuncts that always hold or do not hold, and those that may be neither."""
    found: tuple[list[Filter], list[Filter]] = ([], [])
    for part in conjuncts(filter_):
        found[_compares(part)].append(part)
    return found


def _compares(filter_: Filter) -> bool:
    match filter_:
        case And(parts) | Or(parts):
            return any(map(_compares, parts))
        case Not(part):
            return _compares(part)
        case Comparison(operator="null"):
            return False
        case _:
            return isinstance(filter_, (Comparison, HasArtifact, InSpan))


def _filter(value: object) -> Filter:
    if not isinstance(value, Filter):
        raise FilterError(f"& and | combine filters, and {value!r} is not one")
    return value


@dataclass(frozen=True, slots=True, eq=False)
class And(Filter):
    """A filter that holds where all of its parts hold."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Or(Filter):
    """A filter that holds where at least one of its parts holds."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Not(Filter):
    """The opposite of a filter."""

    part: Filter


@dataclass(frozen=True, slots=True, eq=False)
class Maybe(Filter):
    """A filter for results of which neither a filter nor its opposite holds: not comparable."""

    part: Filter


@dataclass(frozen=True, slots=True, eq=False)
class Comparison(Filter):
    """A comparison of a field or attribute with values: none for ``null``, several for ``in``."""

    ref: Ref
    operator: Operator
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class IsA(Filter):
    """A filter for spans or artifacts of a class, with or without its subclasses."""

    cls: type[Any]
    subclasses: bool


@dataclass(frozen=True, slots=True, eq=False)
class Under(Filter):
    """A filter for nodes below a span; ``levels`` of 1 means its children only, None any depth."""

    span_id: str
    levels: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Above(Filter):
    """A filter for ancestors of a span, or for their artifacts."""

    span_id: str


@dataclass(frozen=True, slots=True, eq=False)
class Tagged(Filter):
    """A filter for spans or artifacts with a tag."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class HasArtifact(Filter):
    """A filter for spans with an artifact of a model for which a filter holds."""

    model: type[Any]
    filters: tuple[Filter, ...] = field(default=())


@dataclass(frozen=True, slots=True, eq=False)
class InSpan(Filter):
    """A filter for artifacts of a span of a class for which a filter holds."""

    cls: type[Any]
    filters: tuple[Filter, ...] = field(default=())


class Ref:
    """A field of a model, or an attribute; it can be compared, and results ordered by it."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment] # == makes a filter

    def __eq__(self, other: object) -> Filter:  # type: ignore[override]
        return self.is_null() if other is None else self._compare("=", other)

    def __ne__(self, other: object) -> Filter:  # type: ignore[override]
        return ~(self == other)

    def __lt__(self, other: Any) -> Filter:
        return self._compare("<", other)

    def __le__(self, other: Any) -> Filter:
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> Filter:
        return self._compare(">", other)

    def __ge__(self, other: Any) -> Filter:
        return self._compare(">=", other)

    def one_of(self, values: Iterable[Any]) -> Filter:
        """Return a filter for values equal to one of these."""
        found = tuple(self._value(value) for value in values)
        if not found:
            raise FilterError(f"{self}: one_of() needs at least one value")
        if len(found) > MAX_OPTIONS:
            raise FilterError(f"{self}: one_of() takes {MAX_OPTIONS:,} values at the most")
        return Comparison(self, "in", found)

    def contains(self, value: Any) -> Filter:
        """Return a filter for strings that contain another one, or lists that contain an item."""
        return self._compare("contains", value)

    def startswith(self, prefix: str) -> Filter:
        """Return a filter for strings that begin with a prefix."""
        return self._text("startswith", prefix)

    def endswith(self, suffix: str) -> Filter:
        """Return a filter for strings that end with a suffix."""
        return self._text("endswith", suffix)

    def is_null(self) -> Filter:
        """Return a filter for missing values: None, or not stored at all."""
        return Comparison(self, "null", ())

    def is_not_null(self) -> Filter:
        """Return a filter for values that are not missing."""
        return ~self.is_null()

    def asc(self) -> Order:
        """Return the order from the smallest to the largest; missing values come last."""
        return Order(self, descending=False)

    def desc(self) -> Order:
        """Return the order from the largest to the smallest; missing values come last."""
        return Order(self, descending=True)

    def __bool__(self) -> bool:
        raise FilterError(
            f"{self} has no value here, it only stands for one; combine filters with & | ~ "
            "(with brackets around comparisons), and compare a bool field with == True"
        )

    def __contains__(self, item: object) -> NoReturn:
        raise FilterError(f"{self}: Python cannot record 'in'; use contains({self}, {item!r})")

    def __iter__(self) -> NoReturn:
        raise FilterError(f"{self} has no items here, it only stands for a value")

    def _text(self, operator: Operator, value: str) -> Filter:
        if type(value) is not str:
            raise FilterError(f"{self}: {operator}() takes a str, not {value!r}")
        return self._compare(operator, value)

    def _compare(self, operator: Operator, other: Any) -> Filter:
        value = self._value(other)
        if operator in ("<", "<=", ">", ">=") and value.kind in ("bytes", "list"):
            raise FilterError(f"{self}: {value.kind} values have no order; use == or contains()")
        if operator == "contains" and value.kind in ("bytes", "list"):
            raise FilterError(f"{self}: contains() takes part of a str or an item, not {other!r}")
        return Comparison(self, operator, (value,))

    def _recorded(self, value: Any) -> Any:
        """Return a value as it would be recorded."""
        return value

    def _value(self, value: Any) -> Value:
        if isinstance(value, Ref):
            raise FilterError(f"{self}: compare with a value, not with {value}")
        stored = to_native(value)[0] if type(value).__module__ == "numpy" else NOT_NATIVE
        value = value if stored is NOT_NATIVE else stored
        value = self._recorded(value)
        kind = kind_of(value)
        if kind is None:
            raise FilterError(
                f"{self}: a {type(value).__name__} cannot be compared in the database; bool, int, "
                "float, str, bytes, date, datetime, timedelta and lists of the first four can"
            )
        if why := problem(value):
            raise FilterError(f"{self}: {why}")
        return Value(kind, value.astimezone(UTC) if kind == "instant" else value)


@dataclass(frozen=True, slots=True, eq=False)
class Field(Ref):
    """A field of a model or a property of a span class, by name; several names lead into models."""

    path: tuple[str, ...]

    def __getitem__(self, key: str) -> Field:
        """Return an entry of a dict, or a field of a model: ``F("params")["max_depth"] > 3``."""
        return named_field(f"{self}.{key}")

    def __str__(self) -> str:
        return ".".join(self.path)

    __repr__ = __str__


MAX_NAMES = 8
"""Maximum number of names in a path: each is a hop that the database has to plan."""


def named_field(name: str) -> Field:
    """Return the field of a name, or of a path with dots in it.

    Raises:
        FilterError: The text is not a name, or has too many parts.
    """
    path = tuple(name.split(".")) if isinstance(name, str) else ()
    if not path or not all(path):
        raise FilterError(f"F() takes the name of a field, not {name!r}")
    if len(path) > MAX_NAMES:
        raise FilterError(
            f"F() takes {MAX_NAMES} names with dots between at the most, not {len(path)}: "
            f"{name[:100]!r}"
        )
    return Field(path)


@dataclass(frozen=True, slots=True, eq=False)
class Attribute(Ref):
    """An attribute that every span, or every artifact, has."""

    owner: Literal["span", "artifact"]
    name: str

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"

    __repr__ = __str__

    def _recorded(self, value: Any) -> Any:
        is_label = self.name == "label" and isinstance(value, (str, PathLike))
        return as_label(cast("object", value), str(self)) if is_label else cast("object", value)


@dataclass(frozen=True, slots=True, eq=False)
class Labeled(Ref):
    """A field of the artifact that a span has under a label, in its newest version."""

    label: str
    field: Field
    model: type[Any] | None = None

    def __getattr__(self, name: str) -> Labeled:
        """Return a field of the model, or an entry of the dict, that the field holds."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, key: str) -> Labeled:
        """Return an entry of the dict, or a field of the model, that the field holds."""
        return Labeled(self.label, self.field[key], self.model)

    def __str__(self) -> str:
        return f"{self.label}.{self.field}"

    __repr__ = __str__


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """One key of an order."""

    ref: Ref
    descending: bool
