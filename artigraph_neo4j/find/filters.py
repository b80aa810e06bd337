"""Filters: what is asked of a span or an artifact, as plain data.

A filter says nothing of Cypher. A comparison with a value that is missing is false, and ``~`` of it
true. A value that is there and cannot be compared (a text with ``>`` 3, what a serializer made)
fits neither the comparison nor ``~`` of it, and so on through ``&`` and ``|`` (Kleene's logic).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, NoReturn, cast

from artigraph_neo4j.errors import FilterError

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
    "Maybe",
    "Not",
    "Operator",
    "Or",
    "Order",
    "Ref",
    "Tagged",
    "Under",
    "Value",
    "conjuncts",
    "named_field",
    "sending_problem",
    "separated",
]

Operator = Literal["=", "<", "<=", ">", ">=", "in", "contains", "startswith", "endswith", "null"]
Kind = Literal["bool", "number", "str", "bytes", "date", "datetime", "instant", "timedelta", "list"]


MAX_OPTIONS = 100_000
"""Maximum number of values for ``one_of``: all of them are sent with the statement."""


class Filter:
    """A condition; ``&``, ``|`` and ``~`` make larger ones."""

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
    """Flat, so that a long chain is no deeper than a short one."""
    return kind(tuple(p for f in (left, right) for p in (f.parts if type(f) is kind else (f,))))


def conjuncts(filter_: Filter) -> Iterator[Filter]:
    """The conditions all of which have to hold for a filter to hold."""
    if isinstance(filter_, And):
        for part in filter_.parts:
            yield from conjuncts(part)
    else:
        yield filter_


def separated(filter_: Filter) -> tuple[list[Filter], list[Filter]]:
    """The conjuncts that hold or do not hold, and those that may be neither."""
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
        raise FilterError(f"a filter is needed beside & and |, not {value!r}")
    return value


@dataclass(frozen=True, slots=True, eq=False)
class And(Filter):
    """Both."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Or(Filter):
    """At least one."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Not(Filter):
    """The opposite."""

    part: Filter


@dataclass(frozen=True, slots=True, eq=False)
class Maybe(Filter):
    """Neither the filter nor its opposite holds: something in it cannot be compared."""

    part: Filter


@dataclass(frozen=True, slots=True)
class Value:
    """A value to compare with, and its type, of those that a database keeps apart."""

    kind: Kind
    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class Comparison(Filter):
    """A field or an attribute against values; for ``null`` none, for ``in`` one or more."""

    ref: Ref
    operator: Operator
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class IsA(Filter):
    """Of a class, with or without its subclasses."""

    cls: type[Any]
    subclasses: bool


@dataclass(frozen=True, slots=True, eq=False)
class Under(Filter):
    """Below a span; ``levels`` of 1 are its children only, None is any."""

    span_id: str
    levels: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Above(Filter):
    """An ancestor of a span, or an artifact of one."""

    span_id: str


@dataclass(frozen=True, slots=True, eq=False)
class Tagged(Filter):
    """Has a tag."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class HasArtifact(Filter):
    """A span that has an artifact of a model for which a filter holds."""

    model: type[Any]
    filters: tuple[Filter, ...] = field(default=())


@dataclass(frozen=True, slots=True, eq=False)
class InSpan(Filter):
    """An artifact of a span of a class for which a filter holds."""

    cls: type[Any]
    filters: tuple[Filter, ...] = field(default=())


class Ref:
    """Something that can be compared and ordered by: a field of a model, or an attribute."""

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
        """Equal to one of the values."""
        found = tuple(self._value(value) for value in values)
        if not found:
            raise FilterError(f"{self}: one_of() needs at least one value")
        if len(found) > MAX_OPTIONS:
            raise FilterError(f"{self}: one_of() takes {MAX_OPTIONS:,} values at the most")
        return Comparison(self, "in", found)

    def contains(self, value: Any) -> Filter:
        """A string that holds another one, or a list that holds an item."""
        return self._compare("contains", value)

    def startswith(self, prefix: str) -> Filter:
        """A string that begins so."""
        return self._text("startswith", prefix)

    def endswith(self, suffix: str) -> Filter:
        """A string that ends so."""
        return self._text("endswith", suffix)

    def is_null(self) -> Filter:
        """Has no value: None, or not stored at all."""
        return Comparison(self, "null", ())

    def is_not_null(self) -> Filter:
        """Has a value."""
        return ~self.is_null()

    def asc(self) -> Order:
        """Order by it, smallest first; what has no value comes last."""
        return Order(self, descending=False)

    def desc(self) -> Order:
        """Order by it, largest first; what has no value comes last."""
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

    def _value(self, value: Any) -> Value:
        if isinstance(value, Ref):
            raise FilterError(f"{self}: compare with a value, not with {value}")
        kind = _kind(value)
        if kind is None:
            raise FilterError(
                f"{self}: a {type(value).__name__} cannot be compared in the database; bool, int, "
                "float, str, bytes, date, datetime, timedelta and lists of the first four can"
            )
        if problem := _problem(value):
            raise FilterError(f"{self}: {problem}")
        return Value(kind, value.astimezone(UTC) if kind == "instant" else value)


@dataclass(frozen=True, slots=True, eq=False)
class Field(Ref):
    """A field of a model or a property of a span class, by name; several names lead into models."""

    path: tuple[str, ...]

    def __getitem__(self, key: str) -> Field:
        """An entry of a dict, or a field of a model: ``F("params")["max_depth"] > 3``."""
        return named_field(f"{self}.{key}")

    def __str__(self) -> str:
        return ".".join(self.path)

    __repr__ = __str__


MAX_NAMES = 8
"""Maximum number of names in a path: each is a hop that the database has to plan."""


def named_field(name: str) -> Field:
    """The field of a name, or of a path with dots in it.

    Raises:
        FilterError: It is not a name, or has too many parts.
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
    """What every span, or every artifact, has."""

    owner: Literal["span", "artifact"]
    name: str

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"

    __repr__ = __str__


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """One key of an order."""

    ref: Ref
    descending: bool


_KINDS: dict[type[Any], Kind] = {
    bool: "bool",
    int: "number",
    float: "number",
    str: "str",
    bytes: "bytes",
    date: "date",
    timedelta: "timedelta",
}
_INT64 = range(-(2**63), 2**63)


def _kind(value: object) -> Kind | None:
    """By exact type, as values are stored; an enum that is a str is none."""
    if type(value) is datetime:
        return "datetime" if value.tzinfo is None else "instant"
    if type(value) is list:
        types = {type(item) for item in cast("list[object]", value)}
        return "list" if len(types) == 1 and types <= {bool, int, float, str} else None
    return _KINDS.get(type(value))


def sending_problem(value: object) -> str | None:
    """Why the database cannot be sent a value, or None."""
    for item in cast("list[object]", value) if type(value) is list else [value]:
        if type(item) is int and item not in _INT64:
            return f"{item} does not fit into 64 bits, so no stored number equals it"
        if type(item) is str:
            try:
                item.encode()
            except UnicodeEncodeError:
                return f"{item!r} has a lone surrogate, which the database cannot hold"
    return None


def _problem(value: object) -> str | None:
    given = value  # of a type that no check below narrows
    if type(value) is timedelta and value // timedelta(microseconds=1) not in _INT64:
        return f"{value} does not fit into 64 bits of microseconds, so no stored one equals it"
    if type(value) is datetime and value.tzinfo is not None:
        try:
            value.astimezone(UTC)
        except (OverflowError, ValueError):
            return f"{value!r} is not an instant that UTC can express"
    for item in cast("list[object]", value) if type(value) is list else [value]:
        if type(item) is float and math.isnan(item):
            return "nan equals nothing, so a filter with it finds nothing"
    return sending_problem(given)
