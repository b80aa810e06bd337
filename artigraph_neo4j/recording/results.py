"""``ResultList``: the list that reads return."""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any, Self, SupportsIndex, TypeVar, cast, overload

from artigraph_neo4j.common.colours import ARTIFACT
from artigraph_neo4j.common.markup import Html, details, dot, escaped, facts, faint, joined, table
from artigraph_neo4j.common.wording import cut, number_text, size_text, time_text
from artigraph_neo4j.graph.span import Span, own_facts, span_title
from artigraph_neo4j.model.base import ModelBase, artifact_info
from artigraph_neo4j.model.lazy import Lazy
from artigraph_neo4j.model.unreadable import ArtifactRecord, UnreadableArtifact
from artigraph_neo4j.serializer.note import Html as HtmlNote
from artigraph_neo4j.serializer.note import Markdown
from artigraph_neo4j.serializer.picture import Picture

__all__ = [
    "SHOWN_ROWS",
    "ResultList",
    "artifact_html",
    "list_html",
    "value_text",
]

T = TypeVar("T")


class ResultList(list[T]):
    """A list of spans or artifacts that notebooks show as a table.

    It is an ordinary ``list`` otherwise; a slice of it is shown as a table, too.
    """

    __slots__ = ()

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> T: ...
    @overload
    def __getitem__(self, index: slice, /) -> Self: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> Any:
        found = super().__getitem__(index)
        return type(self)(found) if isinstance(index, slice) else found  # type: ignore[arg-type]

    def _repr_html_(self) -> str:
        return list_html(self)


SHOWN_ROWS = 100
"""Maximum number of rows of a table."""

_NESTED_LEVELS = 3

_TEXT_CHARACTERS = 500

_CELL_CHARACTERS = 80


def value_text(value: object, characters: int = _TEXT_CHARACTERS) -> str:
    """Describe a value shortly: large ones by type and size, lazy ones by location."""
    if isinstance(value, str):
        return cut(value, characters)
    try:
        return cut(_shorter.repr(value), characters)
    except Exception as error:  # a user's __repr__ may raise anything; it must not hide the rest
        return f"{type(value).__name__} (its repr failed: {type(error).__name__})"


class _Shorter(reprlib.Repr):
    """A short ``repr``: it looks into containers, but not into tables, arrays or models."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 10
        self.maxstring = self.maxother = self.maxlong = _TEXT_CHARACTERS

    def repr1(self, x: Any, level: int) -> str:
        if isinstance(x, Lazy):
            return _lazy_text(cast("Lazy[object]", x))
        if isinstance(x, ModelBase):
            return _model_name(x)
        if isinstance(x, (bytes, bytearray)):
            return f"{bytes(x[:20])!r}{'…' if len(x) > 20 else ''} ({size_text(len(x))})"
        shape = getattr(x, "shape", None)
        if isinstance(shape, tuple) and shape:
            sides = cast("tuple[int, ...]", shape)
            return f"{type(x).__name__} {' × '.join(f'{n:,}' for n in sides)}"
        return super().repr1(x, level)


_shorter = _Shorter()


def _lazy_text(lazy: Lazy[Any]) -> str:
    reference = lazy.reference
    if reference is None:
        return f"{type(lazy.held).__name__}, lazy, not stored yet"
    place = reference.place or "in the graph"
    return f"{reference.serializer}, {size_text(reference.size)}, {place}"


def _model_name(artifact: ModelBase) -> str:
    if isinstance(artifact, ArtifactRecord):
        return f"{artifact.model} v{artifact.version}"
    if isinstance(artifact, UnreadableArtifact):
        return f"{artifact.model}, unreadable"
    info = artifact.__artifact_model__
    return type(artifact).__name__ if info is None else f"{info.name} v{info.version}"


def _fields(artifact: ModelBase) -> list[tuple[str, Any]]:
    if isinstance(artifact, ArtifactRecord):
        return list(artifact.fields.items())
    if isinstance(artifact, UnreadableArtifact):
        return [("error", str(artifact.error))]
    if not dataclasses.is_dataclass(artifact):
        return []
    return [
        (field.name, getattr(artifact, field.name, "(not set)"))
        for field in dataclasses.fields(artifact)
    ]


def artifact_html(artifact: ModelBase, level: int = 0) -> Html:
    """See ``ArtifactModel._repr_html_``."""
    rows: list[tuple[object, object]] = []
    for name, value in _fields(artifact):
        if isinstance(value, ModelBase) and level < _NESTED_LEVELS:
            rows.append((name, details(_model_name(value), artifact_html(value, level + 1))))
        else:
            rows.append((name, _shown_html(value)))
    return facts(_artifact_title(artifact), rows)


_SHOWN_BYTES = 2**21
"""Maximum size of a picture or note that a notebook shows, and keeps in its file."""


def _shown_html(value: object) -> object:
    """Return markup for a picture or a page, which runs no script; text for all else."""
    if isinstance(value, Picture) and len(value.data) <= _SHOWN_BYTES:
        return Html(value._repr_html_())
    if isinstance(value, HtmlNote) and len(value.text) <= _SHOWN_BYTES:
        return Html(value._repr_html_())
    if isinstance(value, Markdown):
        return cut(value.text, _SHOWN_BYTES)
    return value_text(value)


def _artifact_title(artifact: ModelBase) -> Html:
    info = artifact_info(artifact)
    label = "" if info is None or info.label is None else joined(" ", cut(info.label, 200))
    known = "not recorded" if info is None else f"{info.node_id} · {time_text(info.recorded_at)}"
    return joined(
        dot(ARTIFACT, "artifact", "■"), Html(f" <b>{escaped(_model_name(artifact))}</b>"),
        label, " ", faint(known),
    )  # fmt: skip


def list_html(items: Sequence[Any]) -> Html:
    """A table of spans or artifacts: one row each, one column for every field that occurs."""
    shown = items[:SHOWN_ROWS]
    rest = len(items) - len(shown)
    note = f"{len(items):,} in all" + (f", {rest:,} of them not shown" if rest else "")
    rows = [_row(item) for item in shown]
    heads = dict.fromkeys(name for row in rows for name in row)
    cells = [[row.get(name, "") for name in heads] for row in rows]
    return table(list(heads), cells, note)


def _row(item: Any) -> dict[str, object]:
    if isinstance(item, Span):
        row: dict[str, object] = {"span": span_title(item), "opened": time_text(item.opened_at)}
        return row | {name: _cell(value) for name, value in _declared(item)}
    if isinstance(item, ModelBase):
        info = artifact_info(item)
        row = {
            "artifact": joined(dot(ARTIFACT, "artifact", "■"), f" {_model_name(item)}"),
            "label": "" if info is None or info.label is None else _cell(info.label),
        }
        return row | {name: _cell(value) for name, value in _fields(item)}
    return {"": _cell(item)}


def _declared(span: Span) -> Iterable[tuple[str, object]]:
    plain = Span.defined_properties(aliases=False, rels=False)
    return ((name, value) for name, value in own_facts(span).items() if name not in plain)


def _cell(value: object) -> str:
    if type(value) is float:
        return number_text(value)
    return value_text(value, _CELL_CHARACTERS)
