"""Native fields and properties as columns: which there are, and the Arrow arrays of their values.

A column is what a class declares, so it is there whatever was recorded, with the type that the
class says. Values come as the driver returns them; those of artifacts with the codec of their node,
which alone tells a timedelta from an int, and a text from a value that was serialized as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, get_origin

from neomodel import FloatProperty
from neomodel.properties import Property

from artigraph_neo4j.common.annotations import alternatives, hint_of
from artigraph_neo4j.common.times import instant
from artigraph_neo4j.find.kinds import property_kinds
from artigraph_neo4j.graph.span_fields import FieldProperty
from artigraph_neo4j.model.base import ModelBase
from artigraph_neo4j.model.fields import FieldPlan, plan_of
from artigraph_neo4j.model.native import as_python, kind_of
from artigraph_neo4j.model.stored import entries_in

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Native", "Values", "field_columns", "property_columns"]

Cells = list[Any]


@dataclass(frozen=True, slots=True)
class Native:
    """A column as it is declared.

    Attributes:
        name: The name of the field or property.
        property: The property of the node.
        kind: The kind of its values, as in a codec; ``list:float`` for a list; ``text`` where
            several are allowed.
        is_time: Whether only dates and times are allowed, which then are read as text.
        field: The field's name, where the codec says how its values are stored.
    """

    name: str
    property: str
    kind: str
    is_time: bool = False
    field: str | None = None


# -- declared columns -----------------------------------------------------------------------------

_KINDS: dict[Any, str] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    bytes: "bytes",
    date: "date",
    datetime: "instant",
    timedelta: "timedelta",
}
_ITEMS = ("bool", "int", "float", "str")
_TIMES = frozenset({"date", "instant"})
_TEXT = "text"


def field_columns(cls: type[ModelBase]) -> list[Native]:
    """Return a column for each field of a model whose values may be native."""
    found = (_of_field(cls, name, plan) for name, plan in plan_of(cls).fields.items())
    return [column for column in found if column is not None]


def _of_field(cls: type[ModelBase], name: str, plan: FieldPlan) -> Native | None:
    if plan.serializer is not None or plan.storage is not None or plan.lazy:
        return None
    kinds = _declared(hint_of(cls, name))
    return Native(name, plan.property, *kinds, field=name) if kinds else None


def property_columns(declared: Mapping[str, Property[Any]]) -> list[Native]:
    """Return a column for each property of a span class that the graph keeps as it is."""
    found: list[Native] = []
    for name, property_ in declared.items():
        kinds = _of_property(property_)
        if kinds is not None:
            found.append(Native(name, property_.get_db_property_name(name), *kinds))
    return found


def _of_property(property_: Property[Any]) -> tuple[str, bool] | None:
    if isinstance(property_, FieldProperty):
        return _declared(property_.hint) if property_.is_native else None
    native = property_kinds(property_).native
    if not native:  # it is converted on its way
        return None
    (kind,) = native
    number = "float" if isinstance(property_, FloatProperty) else "int"
    return (number if kind == "number" else "instant" if kind == "datetime" else kind), (
        kind in ("datetime", "instant")
    )


def _declared(hint: Any) -> tuple[str, bool] | None:
    """Return the kind of a column and whether it has only times; None if nothing is native."""
    found = {kind for part in alternatives(hint) or () if (kind := _of_part(part)) is not None}
    if not found:
        return None
    kind = found.copy().pop() if len(found) == 1 else _TEXT
    return ("float" if found == {"int", "float"} else kind), found <= _TIMES


def _of_part(part: Any) -> str | None:
    origin = get_origin(part)
    if origin is Literal:
        return _KINDS.get(type(get_args(part)[0]))
    if (origin or part) is list:
        items = alternatives(get_args(part)[0]) if get_args(part) else None
        kinds = {_of_part(item) for item in items or ()}
        known = kinds.issubset(_ITEMS)
        return f"list:{kinds.pop()}" if known and len(kinds) == 1 else "list" if known else None
    if isinstance(part, type) and part.__module__ == "numpy":  # its scalars are stored as Python's
        names = {base.__name__ for base in part.__mro__}
        for name, kind in _NUMPY:
            if name in names:
                return kind
    return _KINDS.get(part)


_NUMPY = (("floating", "float"), ("integer", "int"), ("bool", "bool"), ("str_", "str"))


# -- values ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Values:
    """The values of one column, collected page by page as Arrow arrays.

    Attributes:
        column: The column.
        left_out: The number of values that are null because they are not native.
    """

    column: Native
    left_out: int = 0
    _pages: list[tuple[str | None, pa.Array]] = field(
        default_factory=list["tuple[str | None, pa.Array]"]
    )

    def add(self, chunks: Iterable[tuple[Sequence[str], Cells]]) -> None:
        """Add the values of a page.

        Args:
            chunks: The codecs of some nodes, or the one that they share, and their values. Spans
                do not have codecs.
        """
        parts = [self._typed(codecs, cells) for codecs, cells in chunks]
        kinds = {kind for kind, _ in parts} - {None}
        if len(kinds) > 1:
            parts = [(kind, _as_values(kind, cells)) for kind, cells in parts]
        kind = _common(kinds)
        self._pages.append(_array(kind, list(chain.from_iterable(cells for _, cells in parts))))

    def take(self, chunks: Iterable[Cells]) -> None:
        """Add the values of a page that have the declared kind, or are null."""
        self._pages.append(_array(self.column.kind, list(chain.from_iterable(chunks))))

    def chunked(self) -> pa.ChunkedArray:
        """Return all values as one column, of one type."""
        import pyarrow as pa

        declared = self.column.kind
        kind = _common({kind for kind, _ in self._pages} - {None}) or declared
        holds_it = declared != _TEXT and _common({kind, declared}) == declared
        for wanted in dict.fromkeys((declared if holds_it else kind, kind)):
            try:
                return _cast([array for _, array in self._pages], wanted)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                continue  # an int that no float equals, or several types
        texts = [pa.array(map(_text, array.to_pylist()), pa.string()) for _, array in self._pages]
        return pa.chunked_array(texts, pa.string())

    def _typed(self, codecs: Sequence[str], cells: Cells) -> tuple[str | None, Cells]:
        """Return the kind of the values of a chunk, and the values."""
        if self.column.field is None:
            return _by_type([_time(cell) for cell in cells] if self.column.is_time else cells)
        hows = [self._how(codec) for codec in codecs]
        if len(hows) == 1:
            kind = kind_of(hows[0])
            if kind in _MISSING:
                return None, [None] * len(cells)
            if kind in _PLAIN:
                return kind, cells
        each = zip(repeat(hows[0]) if len(hows) == 1 else hows, cells, strict=False)
        return _by_type([self._value(how, cell) for how, cell in each])

    def _how(self, codec: str) -> Any:
        """Return the codec's entry of the field."""
        try:
            return entries_in(codec).get(str(self.column.field), "unset")
        except Exception:  # one damaged node must not hide the others
            return "blob"

    def _value(self, how: Any, cell: Any) -> Any:
        kind = kind_of(how)
        if cell is None and kind not in _APART:
            return None
        match kind:
            case "none" | "unset":
                return None
            case "date" | "datetime" | "instant":
                return _time(cell)
            case "timedelta":
                return _duration(cell)
            case "inline" if cell == "[]" and how[1] == "json":
                return []  # Neo4j does not know the type of its items, so JSON has it
            case "inline" | "blob" | "model":
                self.left_out += 1
                return None
            case _:
                return cell


_MISSING = ("none", "unset")
_APART = ("inline", "blob", "model")
_PLAIN = ("bool", "int", "float", "str", "bytes", "timedelta")
_MICROSECOND = timedelta(microseconds=1)


def _as_values(kind: str | None, cells: Cells) -> Cells:
    """Return cells, of which whole chunks are still as they are stored, as values."""
    return [_duration(cell) for cell in cells] if kind == "timedelta" else cells


def _duration(cell: Any) -> Any:
    return cell * _MICROSECOND if type(cell) is int else cell


def _time(cell: Any) -> Any:
    """Return a time from its text or the driver's type; anything else stays as it is."""
    try:
        if not isinstance(cell, str):
            value = as_python(cell)
        elif len(cell) == len("2026-05-04"):
            return date.fromisoformat(cell)
        else:
            value = instant(cell)
    except (ValueError, IndexError):
        return cell
    is_aware = isinstance(value, datetime) and value.tzinfo is not None
    return value.astimezone(UTC) if is_aware else value


def _by_type(cells: Cells) -> tuple[str | None, Cells]:
    """Return the common kind of some values, from their types, and the values."""
    values = [as_python(cell) for cell in cells] if _has_times(cells) else cells
    return _common({_kind(value) for value in values} - {None}), values


def _has_times(cells: Cells) -> bool:
    return any(kind.__module__.startswith("neo4j") for kind in set(map(type, cells)))


def _kind(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return "datetime" if value.tzinfo is None else "instant"
    if isinstance(value, list):
        items = cast("list[object]", value)
        return f"list:{_KINDS.get(type(items[0]), _TEXT)}" if items else "list"
    return _KINDS.get(type(value), _TEXT)


def _common(kinds: set[Any]) -> str | None:
    """Return the kind that holds values of several: floats hold ints, and text everything."""
    if len(kinds) <= 1:
        return next(iter(kinds), None)
    if kinds == {"int", "float"}:
        return "float"
    if all(kind.startswith("list") for kind in kinds):
        item = _common({kind.partition(":")[2] for kind in kinds} - {""})
        return _TEXT if item == _TEXT else f"list:{item}"
    return _TEXT


# -- Arrow ----------------------------------------------------------------------------------------


def _array(kind: str | None, cells: Cells) -> tuple[str | None, pa.Array]:
    """Return an array of a kind; of text if a value is not of that kind after all."""
    import pyarrow as pa

    if kind is None:
        return None, pa.nulls(len(cells))
    if kind != _TEXT:
        try:
            return kind, pa.array(cells, _type(kind))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pass
    return _TEXT, pa.array(map(_text, cells), pa.string())


def _cast(arrays: Sequence[pa.Array], kind: str) -> pa.ChunkedArray:
    import pyarrow as pa

    wanted = _type(kind)
    found: list[pa.Array] = [
        pa.nulls(len(array), wanted) if pa.types.is_null(array.type)
        else pa.array(map(_text, array.to_pylist()), wanted) if kind == _TEXT
        else array.cast(wanted)
        for array in arrays
    ]  # fmt: skip
    return pa.chunked_array(found, wanted)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _type(kind: str) -> Any:
    import pyarrow as pa

    if kind.startswith("list"):
        return pa.list_(_type(kind.partition(":")[2]))
    match kind:
        case "bool":
            return pa.bool_()
        case "int":
            return pa.int64()
        case "float":
            return pa.float64()
        case "bytes":
            return pa.binary()
        case "date":
            return pa.date32()
        case "datetime":
            return pa.timestamp("us")
        case "instant":
            return pa.timestamp("us", tz="UTC")
        case "timedelta":
            return pa.duration("us")
        case _:
            return pa.string()
