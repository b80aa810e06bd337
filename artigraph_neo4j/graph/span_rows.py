"""Conversion of spans to parameters, and of rows to spans of the most specific known class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

from neomodel.properties import Property

from artigraph_neo4j.common.pausing import collector_paused
from artigraph_neo4j.common.times import instant
from artigraph_neo4j.errors import SpanError
from artigraph_neo4j.graph.entries import entries_of
from artigraph_neo4j.graph.logged import taken_from
from artigraph_neo4j.graph.names import (
    FAILED_LABEL,
    INDEX_PROPERTIES,
    LABEL_CHARACTERS,
    LOGGED,
    OPEN_LABEL,
    SEARCH_LABELS,
    SPAN_PROPERTIES,
    as_label,
)
from artigraph_neo4j.graph.properties import check_storable
from artigraph_neo4j.graph.search import search_text
from artigraph_neo4j.graph.span import Span, own_properties
from artigraph_neo4j.graph.span_fields import FieldProperty, is_storable, plain_scalar
from artigraph_neo4j.graph.span_meta import PROVENANCE_PROPERTIES, SpanMeta, once_a_class

__all__ = [
    "changed_properties",
    "declared_properties",
    "mark_changed",
    "mark_closed",
    "mark_lost",
    "mark_opened",
    "new_properties",
    "seconds_of",
    "span_from_row",
    "spans_from_rows",
    "subclasses_of_span",
]


S = TypeVar("S", bound=Span)


_TIMES = ("opened_at", "closed_at")


@once_a_class
def declared_properties(cls: type[Span]) -> dict[str, Property[Any]]:
    """The properties a class has beyond those of ``Span``, by attribute name."""
    own = own_properties(cls)
    defined = cls.defined_properties(aliases=False, rels=False)
    return {name: property_ for name, property_ in defined.items() if name not in own}


def _deflated(span: Span) -> tuple[dict[str, Any], list[SpanError]]:
    """Deflate the declared properties; return them, and an error for each that cannot be stored."""
    values = vars(span)
    out: dict[str, Any] = {}
    problems: list[SpanError] = []
    declared = declared_properties(type(span))
    if not (declared or span.extra or span._stored_extra):  # noqa: SLF001 - as most spans
        return out, problems
    for name, property_ in declared.items():
        value = values.get(name)
        if value is None and property_.required:
            cls = type(span).__name__
            problems.append(
                SpanError(f"{cls}.{name} is required, and has no value; give it: {cls}({name}=...)")
            )
            continue
        try:
            raw = None if value is None else property_.deflate(value, span)  # pyright: ignore[reportArgumentType] # the abstract one takes no node
            check_storable(raw)
        except Exception as cause:
            annotated = isinstance(property_, FieldProperty)
            by = "" if annotated else f" by {type(property_).__name__}"
            error = SpanError(
                f"{type(span).__name__}.{name}: a {type(value).__name__} cannot be stored{by}: "
                f"{cause}"
            )
            error.__cause__ = cause
            problems.append(error)
        else:
            key = property_.get_db_property_name(name)
            out[key] = raw
            if isinstance(property_, FieldProperty) and type(value) is dict:
                entries = cast("dict[object, object]", value)
                out |= entries_of(key, entries, plain_scalar)
    extras, more = _extras(span, out)
    return out | extras, problems + more


def _extras(span: Span, declared: Mapping[str, Any]) -> tuple[dict[str, Any], list[SpanError]]:
    """The properties in ``extra``, with None for stored ones that were removed; and errors."""
    stored = span._stored_extra  # noqa: SLF001 - filled in this module
    found: dict[str, Any] = dict.fromkeys(stored)
    problems: list[SpanError] = []
    for name, value in span.extra.items():
        if name in stored and value == stored[name]:
            found[name] = value
            continue
        if isinstance(value, datetime) and value.tzinfo is not None:
            value = value.astimezone(UTC)
        problem = _problem(type(span).__name__, name, value, declared)
        if problem is not None:
            problems.append(problem)
        else:
            found[name] = list(cast("list[object]", value)) if isinstance(value, list) else value
    return found, problems


def _problem(cls: str, name: Any, value: Any, declared: Mapping[str, Any]) -> SpanError | None:
    """The reason why a property in ``extra`` cannot be stored."""
    ours = name in _KEPT or (type(name) is str and name.startswith(LOGGED))
    if name in declared or ours:
        owner = cls if name in declared else "this library"
        return SpanError(f"{cls}.extra[{name!r}]: it is a property of {owner}; use another name")
    if not (type(name) is str and name and "\0" not in name and is_storable(name)):
        return SpanError(f"{cls}.extra: {name!r} is not the name of a property")
    if value is not None and not is_storable(value):
        return SpanError(
            f"{cls}.extra[{name!r}]: a {type(value).__name__} like this is not a property of "
            "Neo4j; declare a field in the span class, which may keep it as JSON"
        )
    return None


_KEPT = frozenset(Span.defined_properties(aliases=False, rels=False)) | SPAN_PROPERTIES


def new_properties(
    span: Span, writer_id: str, provenance: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The properties that create a span: its id, label and the user's properties.

    If the user declared a property with a name of provenance, the user's value is stored.

    Raises:
        SpanError: A property cannot be stored.
    """
    declared, problems = _deflated(span)
    if problems:
        raise problems[0]
    properties: dict[str, Any] = {
        **(provenance or {}),
        **declared,
        "node_id": span.node_id,
        "status": span.status,
        "writer_id": writer_id,
    }
    label = span.label
    if label is not None:
        label = as_label(label, "a span's label")
        properties |= {
            "label": label,
            "label_": label[:LABEL_CHARACTERS],
            "search_": search_text(label),
        }
    return {key: value for key, value in properties.items() if value is not None}


def changed_properties(span: Span) -> tuple[dict[str, Any], list[SpanError]]:
    """The user's properties that changed since the span was stored; None for removed ones.

    Returns:
        The properties, and an error for each that cannot be stored.
    """
    declared, problems = _deflated(span)
    if not declared:
        return declared, problems
    stored = {**(span._stored or {}), **span._stored_extra}  # noqa: SLF001 - filled here
    entries = (key for key in stored if "." in key) if not problems else ()
    gone = {key: None for key in entries if key not in declared}
    return {
        key: value for key, value in (declared | gone).items() if value != stored.get(key)
    }, problems


def mark_opened(span: Span, opened_at: datetime, properties: Mapping[str, Any]) -> None:
    """Note on the object the properties that the graph has, or will have, after its opening."""
    own = own_properties(type(span))
    span.__dict__.update(
        {k: v for k, v in properties.items() if k in PROVENANCE_PROPERTIES and k in own},
        opened_at=opened_at,
        root_id=properties["root_id"],
        depth=properties["depth"],
        writer_id=properties["writer_id"],
        _node_labels=(*type(span).inherited_labels(), OPEN_LABEL),
        _stored={k: v for k, v in properties.items() if k not in own or k == "label"},
        _stored_extra=_copied(span.extra),
    )


def _copied(extra: Mapping[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, list) else v for k, v in extra.items()}  # pyright: ignore[reportUnknownArgumentType]


def mark_lost(span: Span) -> None:
    """Note on the object that the graph does not have it after all."""
    span.__dict__.update(element_id_property=None, _stored=None, _node_labels=())


def mark_changed(span: Span, changed: Mapping[str, Any]) -> None:
    """Note on the object the properties that are written after its opening; none if it was lost."""
    stored = span._stored  # noqa: SLF001
    if stored is not None:
        span.__dict__.update(_stored={**stored, **changed}, _stored_extra=_copied(span.extra))


def mark_closed(span: Span, changed: Mapping[str, Any]) -> None:
    """Note on the object the properties that are written when it is closed.

    A span that was lost stays lost: its end is not written either.
    """
    if not span.is_recorded:
        return
    if changed or span.extra:
        mark_changed(span, changed)
    labels = [label for label in span.node_labels if label not in (OPEN_LABEL, FAILED_LABEL)]
    failed = [FAILED_LABEL] if span.status == "ERROR" else []
    span.__dict__["_node_labels"] = (*labels, *failed)


def span_from_row(row: list[Any], cls: type[Span] | None = None) -> Span:
    """Make a span from a row of ``SPAN_MAP``.

    Its class, unless given, is the most specific one of this program whose labels the node has,
    otherwise ``Span``; properties that the class does not declare are in ``extra``.
    """
    element_id, labels, properties = row
    labels = tuple(label for label in labels if label not in SEARCH_LABELS)
    cls = cls or _class_of(frozenset(labels))
    span = cls.__new__(cls)
    for name in INDEX_PROPERTIES:
        properties.pop(name, None)
    values: dict[str, Any] = {}
    stored: dict[str, Any] = {}
    for name, property_ in declared_properties(cls).items():
        key = property_.get_db_property_name(name)
        raw = properties.pop(key, None)
        stored[key] = raw
        if isinstance(property_, FieldProperty) and not property_.is_native and raw is not None:
            entries = [entry for entry in properties if entry.startswith(f"{key}.")]
            stored |= {entry: properties.pop(entry) for entry in entries}
        values[name] = None if raw is None else property_.inflate(raw, span)  # pyright: ignore[reportArgumentType] # the abstract one takes no node
    values |= {name: properties.pop(name, None) for name in own_properties(cls)}
    logged = taken_from(properties)
    for name in _TIMES:
        values[name] = _time(values[name])
    if values["label"] is not None:
        values["label"] = str(values["label"])  # anybody may have set another type
    stored["label"] = values["label"]
    for name, relation in cls.__all_relationships__:
        values[name] = relation.build_manager(span, name)
    span.__dict__.update(
        values,
        element_id_property=element_id,
        _extra=properties,
        _stored_extra=_copied(properties),
        _node_labels=labels,
        _stored=stored,
        _logged=logged,
    )
    return span


def _time(text: str | None) -> datetime | None:
    """Return a time, or None for what is not one: it may not hide the other spans of a list."""
    if text is None:
        return None
    try:
        at = instant(text)
    except (ValueError, IndexError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def spans_from_rows(rows: Iterable[list[Any]]) -> list[Span]:
    """Make a span from each row."""
    with collector_paused():
        return [span_from_row(row) for row in rows]


def seconds_of(span: Span) -> float | None:
    """Duration of a span in seconds; None while it is open."""
    duration = span.duration
    return None if duration is None else duration.total_seconds()


def _class_of(labels: frozenset[str]) -> type[Span]:
    """The known class with the most labels, all of them on the node; the newest of equals."""
    if (found := _classes.get((labels, SpanMeta.generation))) is not None:
        return found
    best: type[Span] = Span
    size = len(Span.inherited_labels())
    for cls in subclasses_of_span():
        own = cls.inherited_labels()
        if len(own) >= size and labels.issuperset(own):
            best, size = cls, len(own)
    if len(_classes) > 1000:
        _classes.clear()
    _classes[labels, SpanMeta.generation] = best
    return best


_classes: WeakValueDictionary[tuple[frozenset[str], int], type[Span]] = WeakValueDictionary()


def subclasses_of_span(cls: type[Span] = Span) -> Iterator[type[Span]]:
    """All classes below a span class."""
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses_of_span(sub)
