"""Columns of a table of results: what a statement returns for each, and its value in Python.

A result is one list of cells. A column takes its value from some of them: a property, or a property
with the codec of its node, which alone says how a property of an artifact is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from artigraph_neo4j.common.times import instant
from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.find.comparisons import path_to
from artigraph_neo4j.find.everything import everything
from artigraph_neo4j.find.filters import Attribute, Field, Labeled, Ref
from artigraph_neo4j.find.kinds import ANY
from artigraph_neo4j.find.parameters import Parameters
from artigraph_neo4j.find.recorder import as_order
from artigraph_neo4j.find.table import Row, Table
from artigraph_neo4j.find.targets import Resolved, SpanTarget, Target
from artigraph_neo4j.graph.names import entry_property, quoted
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.graph.span_rows import declared_properties
from artigraph_neo4j.model.native import as_python
from artigraph_neo4j.model.stored import NO_VALUE, value_of

__all__ = ["Column", "Columns", "table_of_everything"]

Cells = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        name: Its name.
        value: Returns its value from the cells of a result; ``NO_VALUE`` for a value that the
            graph does not keep as one of its own.
    """

    name: str
    value: Callable[[Cells], Any]


@dataclass(slots=True)
class Columns:
    """The columns that are asked for, and the part of the statement that returns their cells.

    Args:
        target: What the query is about.
        names: Names, fields or attributes, as for ``order_by``.

    Raises:
        FilterError: A name is unknown, or asked for twice.
    """

    target: Target
    names: Sequence[object]
    columns: list[Column] = field(default_factory=list[Column])
    _cells: list[str] = field(default_factory=list[str])
    _parts: list[str] = field(default_factory=list[str])
    _artifacts: dict[str, str] = field(default_factory=dict[str, str])

    def items(self, parameters: Parameters) -> str:
        """Return the part of the statement that collects the cells of each result."""
        self.columns, self._cells, self._parts, self._artifacts = [], [], [], {}
        is_span = self.target.noun == "span"
        for text in ("n.node_id", f"n.{'label' if is_span else 'artifact_label'}"):
            self._cell(text)
        for name in self.names:
            order = as_order(self.target, name)
            column = self._column(order.ref, parameters)
            if any(column.name == known.name for known in self.columns):
                raise FilterError(f"the column {column.name} is asked for twice")
            self.columns.append(column)
        return "".join(self._parts) + f"WITH collect([{', '.join(self._cells)}]) AS found"

    def table(self, rows: list[Any]) -> Table:
        """Return the table of the cells that the statement returned."""
        found: list[Row] = []
        for cells in rows:
            values = {column.name: column.value(cells) for column in self.columns}
            left_out = [name for name, value in values.items() if value is NO_VALUE]
            found.append(Row(cells[0], cells[1], values | dict.fromkeys(left_out), left_out))
        return Table([column.name for column in self.columns], found)

    def _cell(self, expression: str) -> int:
        """Add a cell to each result, and return its place."""
        if expression not in self._cells:
            self._cells.append(expression)
        return self._cells.index(expression)

    def _column(self, ref: Ref, parameters: Parameters) -> Column:
        name = str(ref)
        if isinstance(ref, Attribute) and ref.owner == "span":
            name = ref.name
        resolved = self.target.resolve(ref)
        if resolved.label is not None:
            return Column(name, self._labeled(ref, resolved, parameters))
        if isinstance(self.target, SpanTarget):
            own = self._of_span(ref, resolved)
            other = self._also(ref, resolved, parameters)
            return Column(name, own if other is None else _one_of(name, own, other))
        return Column(name, self._of_node("n", resolved, parameters))

    # -- properties of spans ---------------------------------------------------------------------

    def _of_span(self, ref: Ref, resolved: Resolved) -> Callable[[Cells], Any]:
        property_ = f"n.{quoted(resolved.property)}"
        if resolved.property in ("opened_at", "closed_at"):
            return _converted(self._cell(f"toStringOrNull({property_})"), instant)
        at = self._cell(property_)
        if resolved.property == "duration_":
            return _converted(at, lambda seconds: timedelta(seconds=seconds))
        if resolved.entry is not None:
            others, path = resolved.entry
            return _entry(at, self._cell(f"n.{quoted(others)}"), path)
        assert isinstance(self.target, SpanTarget)  # noqa: S101 - the caller looked
        declared = declared_properties(self.target.cls).get(str(ref))
        if declared is None:
            return _converted(at, as_python)
        some = self.target.cls.__new__(self.target.cls)
        return _converted(at, lambda raw: declared.inflate(raw, some))  # pyright: ignore[reportArgumentType] # the abstract one takes no node

    def _also(
        self, ref: Ref, resolved: Resolved, parameters: Parameters
    ) -> Callable[[Cells], Any] | None:
        """Return the artifact's field that the same name stands for, if it does."""
        if resolved.entry is None or not isinstance(ref, Field):
            return None
        other = Labeled(ref.path[0], Field(ref.path[1:]))
        return self._labeled(other, self.target.resolve(other), parameters)

    # -- fields of artifacts ---------------------------------------------------------------------

    def _labeled(
        self, ref: Ref, resolved: Resolved, parameters: Parameters
    ) -> Callable[[Cells], Any]:
        assert resolved.label is not None  # noqa: S101 - the caller looked
        variable = self._artifact(resolved.label, parameters)
        value = self._of_node(variable, resolved, parameters)
        known = isinstance(ref, Labeled) and ref.model is not None
        if known or not isinstance(self.target, SpanTarget):
            return value
        path = (*resolved.nested, resolved.field or "")
        own = None
        if self.target.cls is Span and isinstance(
            ref, Field
        ):  # it may be an entry of a class that this program lacks
            mine = quoted(entry_property(resolved.label, path))
            own = _converted(self._cell(f"n.{mine}"), as_python)
        if len(path) > 1:  # of a model that is not known: an entry of a dict, or a model in it
            entry = self._cell(f"{variable}.{quoted(entry_property(path[0], path[1:]))}")
            value = _first(_converted(entry, as_python), value)
        return value if own is None else _one_of(str(ref), own, value)

    def _artifact(self, label: str, parameters: Parameters) -> str:
        """Return the variable of the artifact that a span has under a label."""
        if label not in self._artifacts:
            resolved = Resolved("", ANY, label=label)
            path, inner, more = path_to(resolved, "n", parameters)
            self._parts.append(
                f"CALL (n) {{\n  OPTIONAL MATCH {path} WHERE {' AND '.join(more)}\n"
                f"  RETURN {inner} LIMIT 1\n}}\n"
            )
            self._artifacts[label] = inner
        return self._artifacts[label]

    def _of_node(
        self, variable: str, resolved: Resolved, parameters: Parameters
    ) -> Callable[[Cells], Any]:
        if resolved.entry is not None:
            others, path = resolved.entry
            at = self._within(variable, resolved, f"{{}}.{quoted(resolved.property)}", parameters)
            rest = self._within(variable, resolved, f"{{}}.{quoted(others)}", parameters)
            return _entry(at, rest, path)
        text = quoted(resolved.property)
        if resolved.field is None:  # an attribute of artifacts
            if resolved.property == "recorded_at":
                return _converted(self._cell(f"toStringOrNull({variable}.{text})"), instant)
            return _converted(self._cell(f"{variable}.{text}"), as_python)
        codec = self._within(variable, resolved, "{}.codec", parameters)
        at = self._within(variable, resolved, f"{{}}.{text}", parameters)
        return _decoded(codec, at, resolved.field)

    def _within(
        self, variable: str, resolved: Resolved, expression: str, parameters: Parameters
    ) -> int:
        """Add a cell of the model that a field leads to."""
        if not resolved.nested:
            return self._cell(expression.format(variable))
        nested = Resolved("", ANY, nested=resolved.nested)
        path, inner, _ = path_to(nested, variable, parameters)
        return self._cell(
            f"head(COLLECT {{ MATCH {path} RETURN {expression.format(inner)} LIMIT 1 }})"
        )


def _converted(at: int, convert: Callable[[Any], Any]) -> Callable[[Cells], Any]:
    def value(cells: Cells) -> Any:
        return None if cells[at] is None else convert(cells[at])

    return value


def _entry(at: int, others: int, path: str) -> Callable[[Cells], Any]:
    def value(cells: Cells) -> Any:
        if cells[at] is None and cells[others] and {"*", path} & set(cells[others]):
            return NO_VALUE
        return as_python(cells[at])

    return value


def _decoded(codec: int, at: int, name: str) -> Callable[[Cells], Any]:
    def value(cells: Cells) -> Any:
        return None if cells[codec] is None else value_of(cells[codec], name, cells[at])

    return value


def _first(one: Callable[[Cells], Any], other: Callable[[Cells], Any]) -> Callable[[Cells], Any]:
    def value(cells: Cells) -> Any:
        found = one(cells)
        return other(cells) if found is None else found

    return value


def _one_of(
    name: str, own: Callable[[Cells], Any], other: Callable[[Cells], Any]
) -> Callable[[Cells], Any]:
    """Return the value of the one of two places that has one.

    The function raises ``FilterError`` for a result that has a value in both.
    """
    label, _, rest = name.partition(".")

    def value(cells: Cells) -> Any:
        mine, its = own(cells), other(cells)
        if mine is not None and its is not None:
            raise FilterError(
                f"{name} of span {cells[0]} may be two things: the entry {rest!r} of its own field "
                f"{label!r}, which is {mine!r}, and the field {rest!r} of its artifact labeled "
                f"{label!r}, which is {its!r}; write labeled({label!r})[{rest!r}] for the artifact"
            )
        return its if mine is None else mine

    return value


def table_of_everything(rows: list[Any]) -> Table:
    """Return the table of the cells that ``EVERYTHING`` returned."""
    values = [everything(cells) for cells in rows]
    names = list(dict.fromkeys(name for row in values for name in row))
    found = [
        Row(cells[0], cells[1], {name: row.get(name) for name in names})
        for cells, row in zip(rows, values, strict=True)
    ]
    return Table(names, found)
