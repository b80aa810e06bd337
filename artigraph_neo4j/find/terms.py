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
    Labeled,
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
    "labeled",
    "logged",
    "not_",
    "one_of",
    "span",
    "tagged",
    "under",
]


MAX_LEVELS = 1_000_000
"""Maximum number of levels for ``under``; without ``levels`` it goes down to the end."""


def F(name: str) -> Field:  # noqa: N802 - as short as possible, and known from Django
    """Return a field of a model, or a property of a span class, by name.

    Args:
        name: The name; ``"inner.x"`` is field ``x`` of the model in field ``inner``.

    Raises:
        FilterError: The text is not a name, or leads through too many models.
    """
    return named_field(name)


class Attributes:
    """The attributes that every span, or every artifact, has; each can be compared."""

    def __init__(self, owner: Literal["span", "artifact"]) -> None:
        self.__owner: Literal["span", "artifact"] = owner

    def __getattr__(self, name: str) -> Attribute:
        if name.startswith("_"):
            raise AttributeError(name)
        return Attribute(self.__owner, name)


span = Attributes("span")
"""The attributes of every span: ``label``, ``status``, ``opened_at``, ``closed_at``,
``duration`` (a timedelta), ``node_id``, ``root_id``, ``depth``, ``exception_type``,
``exception_message`` ..."""


artifact = Attributes("artifact")
"""The attributes of every artifact: ``label``, ``model``, ``model_version``, ``recorded_at``,
``node_id``."""


def labeled(label: str, model: type[ModelBase] | None = None) -> LabeledArtifact:
    """Return the artifact that a span has under a label, to filter, order and show spans by it.

    ``find_spans(labeled("metrics").auc > 0.9).order_by(labeled("metrics").auc.desc())``

    Args:
        label: The label.
        model: The model of the artifact; with it the names of fields are checked.

    Returns:
        A stand-in: its attributes and items are the fields of the artifact.

    Raises:
        FilterError: The label is not a text.
    """
    if not isinstance(label, str):
        raise FilterError(f"labeled() takes the label of an artifact, not {label!r}")
    return LabeledArtifact(label, model)


class LabeledArtifact:
    """The stand-in for an artifact of a span; ``labeled`` makes it."""

    def __init__(self, label: str, model: type[ModelBase] | None) -> None:
        self.__label = label
        self.__model = model

    def __getattr__(self, name: str) -> Labeled:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Labeled:
        return Labeled(self.__label, named_field(name), self.__model)


def logged(metric: str) -> LoggedMetric:
    """Return a metric that spans logged, to filter, order and show spans by it.

    ``find_spans(logged("loss").min < 0.1).order_by(logged("loss").last)``

    Args:
        metric: The name of the metric.

    Returns:
        A stand-in with ``last``, ``min``, ``max``, ``mean`` and ``count``, which can be compared.

    Raises:
        FilterError: The name is not a text.
    """
    if not isinstance(metric, str) or not metric:
        raise FilterError(f"logged() takes the name of a metric, not {metric!r}")
    return LoggedMetric(metric)


class LoggedMetric:
    """The stand-in for a metric that spans logged; ``logged`` makes it."""

    def __init__(self, metric: str) -> None:
        self.last = Field(("log", metric, "last"))
        self.min = Field(("log", metric, "min"))
        self.max = Field(("log", metric, "max"))
        self.mean = Field(("log", metric, "mean"))
        self.count = Field(("log", metric, "count"))


def one_of(value: object, options: Iterable[object]) -> Filter:
    """Return the filter ``value in options``; Python would turn that expression into a bool."""
    return _ref(value, "one_of").one_of(options)


def contains(value: object, part: object) -> Filter:
    """Return the filter ``part in value``: a str has a part, or a list has an item."""
    return _ref(value, "contains").contains(part)


def is_null(value: object) -> Filter:
    """Return a filter for missing values: None, never assigned, or not stored at all."""
    return _ref(value, "is_null").is_null()


def not_(condition: object) -> Filter:
    """Return the opposite, ``~condition``, where type checkers take the condition for a bool."""
    if not isinstance(condition, Filter):
        raise FilterError(f"not_() takes a filter, not {condition!r}")
    return Not(condition)


def _ref(value: object, name: str) -> Ref:
    if not isinstance(value, Ref):
        raise FilterError(f"{name}() takes a field first, such as F('x'), not {value!r}")
    return value


def is_a(cls: type[Span | ModelBase], *, subclasses: bool = True) -> Filter:
    """Return a filter for spans or artifacts of a class.

    Args:
        cls: The class.
        subclasses: Whether its subclasses count too.
    """
    return IsA(cls, subclasses)


def under(where: AnySpan, *, levels: int | None = None) -> Filter:
    """Return a filter for spans below a span, or for artifacts of it and of spans below it.

    Args:
        where: The span, its id, or ``"current"``.
        levels: Maximum number of levels to go down; 1 means its children only, None any depth.

    Raises:
        FilterError: The number of levels is negative or too large.
        SpanError: The span is ``"current"``, and there is no current span.
    """
    if levels is not None and (type(levels) is not int or not 0 <= levels <= MAX_LEVELS):
        raise FilterError(f"levels is an int from 0 to {MAX_LEVELS:,}, not {levels!r}")
    return Under(given.span_id(where, "where"), levels)


def above(where: AnySpan) -> Filter:
    """Return a filter for the ancestors of a span, or for their artifacts.

    Args:
        where: The span, its id, or ``"current"``.
    """
    return Above(given.span_id(where, "where"))


def tagged(name: str) -> Filter:
    """Return a filter for spans or artifacts with a tag.

    Raises:
        FilterError: The name is not a str.
    """
    if not isinstance(name, str):
        raise FilterError(f"tagged() takes the name of a tag, not {name!r}")
    return Tagged(name)


def has_artifact(*filters: Any) -> Filter:
    """Return a filter for spans that themselves have an artifact for which filters hold.

    ``has_artifact(Metrics, lambda m: m.loss < 1)``

    Args:
        *filters: As for ``find_artifacts``.
    """
    model, rest = class_and_filters(filters, ArtifactModel)
    return HasArtifact(model, rest)


def in_span(*filters: Any) -> Filter:
    """Return a filter for artifacts of such spans: ``in_span(TrainSpan, span.status == "OK")``.

    Args:
        *filters: As for ``find_spans``.
    """
    cls, rest = class_and_filters(filters, Span)
    return InSpan(cls, rest)
