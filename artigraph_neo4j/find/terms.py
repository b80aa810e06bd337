"""Terms of filters: fields, attributes, places in the tree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.given import AnySpan
from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.find.filters import (
    Above,
    Attribute,
    Field,
    Filter,
    HasArtifact,
    InSpan,
    IsA,
    Not,
    Ref,
    Tagged,
    Under,
    named_field,
)
from artigraph_neo4j.find.recorder import class_and_filters
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.base import ModelBase
from artigraph_neo4j.recording.artifact_model import ArtifactModel

__all__ = [
    "Attributes",
    "F",
    "above",
    "artifact",
    "contains",
    "has_artifact",
    "in_span",
    "is_a",
    "is_null",
    "not_",
    "one_of",
    "span",
    "tagged",
    "under",
]


MAX_LEVELS = 1_000_000
"""Maximum number of levels that ``under`` goes down, unless it goes down to the end."""


def F(name: str) -> Field:  # noqa: N802 - as short as it gets, and known from elsewhere
    """A field of a model, or a property of a span class, by name.

    Args:
        name: The name; ``"inner.x"`` is field ``x`` of the model in field ``inner``.

    Raises:
        FilterError: It is not a name, or leads through too many models.
    """
    return named_field(name)


class Attributes:
    """What every span, or every artifact, has: each attribute can be compared."""

    def __init__(self, owner: Literal["span", "artifact"]) -> None:
        self.__owner: Literal["span", "artifact"] = owner

    def __getattr__(self, name: str) -> Attribute:
        if name.startswith("_"):
            raise AttributeError(name)
        return Attribute(self.__owner, name)


span = Attributes("span")
"""What every span has: ``label``, ``status``, ``opened_at``, ``closed_at``, ``duration`` (a
timedelta), ``node_id``, ``root_id``, ``depth``, ``exception_type``, ``exception_message`` ..."""


artifact = Attributes("artifact")
"""What every artifact has: ``label``, ``model``, ``model_version``, ``recorded_at``,
``node_id``."""


def one_of(value: object, options: Iterable[object]) -> Filter:
    """Whether a value is one of these: ``value in options``, which Python cannot record."""
    return _ref(value, "one_of").one_of(options)


def contains(value: object, part: object) -> Filter:
    """Whether a str has a part, or a list an item: ``part in value``."""
    return _ref(value, "contains").contains(part)


def is_null(value: object) -> Filter:
    """Whether there is no value: None, never assigned, or not stored at all."""
    return _ref(value, "is_null").is_null()


def not_(condition: object) -> Filter:
    """The opposite: ``~condition``, where a type checker takes the condition for a bool."""
    if not isinstance(condition, Filter):
        raise FilterError(f"not_() takes a filter, not {condition!r}")
    return Not(condition)


def _ref(value: object, name: str) -> Ref:
    if not isinstance(value, Ref):
        raise FilterError(f"{name}() takes a field first, such as F('x'), not {value!r}")
    return value


def is_a(cls: type[Span | ModelBase], *, subclasses: bool = True) -> Filter:
    """Of this span class or model.

    Args:
        cls: The class.
        subclasses: Whether its subclasses count too.
    """
    return IsA(cls, subclasses)


def under(where: AnySpan, *, levels: int | None = None) -> Filter:
    """Below a span: spans below it, or artifacts of it and of those below it.

    Args:
        where: The span, its id, or ``"current"``.
        levels: How far down; 1 is its children. None is any depth.

    Raises:
        FilterError: The number of levels is negative, or beyond any tree.
        SpanError: ``"current"``, and no span is.
    """
    if levels is not None and (type(levels) is not int or not 0 <= levels <= MAX_LEVELS):
        raise FilterError(f"levels is an int from 0 to {MAX_LEVELS:,}, not {levels!r}")
    return Under(given.span_id(where, "where"), levels)


def above(where: AnySpan) -> Filter:
    """Above a span: its ancestors, or their artifacts.

    Args:
        where: The span, its id, or ``"current"``.
    """
    return Above(given.span_id(where, "where"))


def tagged(name: str) -> Filter:
    """Has this tag.

    Raises:
        FilterError: The name is not a str.
    """
    if not isinstance(name, str):
        raise FilterError(f"tagged() takes the name of a tag, not {name!r}")
    return Tagged(name)


def has_artifact(*filters: Any) -> Filter:
    """A span that has an artifact like this itself.

    ``has_artifact(Metrics, lambda m: m.loss < 1)``

    Args:
        *filters: As for ``find_artifacts``.
    """
    model, rest = class_and_filters(filters, ArtifactModel)
    return HasArtifact(model, rest)


def in_span(*filters: Any) -> Filter:
    """An artifact of a span like this: ``in_span(TrainSpan, span.status == "OK")``.

    Args:
        *filters: As for ``find_spans``.
    """
    cls, rest = class_and_filters(filters, Span)
    return InSpan(cls, rest)
