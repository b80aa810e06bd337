"""Targets of queries: the names, types and indexes of a span class or a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, NoReturn, Protocol

from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.find.filters import Attribute, Field, Labeled, Ref
from artigraph_neo4j.find.kinds import ANY, Kinds, field_kinds, property_kinds
from artigraph_neo4j.find.operands import Value
from artigraph_neo4j.graph.logged import STATISTICS, logged_property
from artigraph_neo4j.graph.names import LOGGED, entry_property, others_property, property_name
from artigraph_neo4j.graph.schema import index_on
from artigraph_neo4j.graph.span import Span, own_properties
from artigraph_neo4j.graph.span_rows import declared_properties, subclasses_of_span
from artigraph_neo4j.model.base import ModelBase, model_info
from artigraph_neo4j.model.fields import FieldPlan, plan_of

__all__ = ["ArtifactTarget", "Resolved", "SpanTarget", "Target", "check_kind", "unknown"]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The place of a field or an attribute in the graph.

    Attributes:
        property: The property of the node.
        kinds: The kinds of values that it may hold.
        field: The field's name where the codec holds the type of its value, else None.
        nested: The fields of models that lead to the node, outermost first.
        index: The label and property of an index to seek by, or None.
        convert: Turns a value into the form that the property holds.
        entry: For an entry of a dict: the property that lists entries without a property of their
            own, and the entry's path.
        label: For a field of an artifact of a span: the artifact's label in the span.
    """

    property: str
    kinds: Kinds
    field: str | None = None
    nested: tuple[str, ...] = ()
    index: tuple[str, str] | None = None
    convert: Callable[[Any], Any] | None = None
    entry: tuple[str, str] | None = None
    label: str | None = None


class Target(Protocol):
    """A span class or model that a query is about."""

    @property
    def cls(self) -> type[Any]:
        """The class asked for."""
        ...

    @property
    def noun(self) -> str:
        """``"span"`` or ``"artifact"``."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of which each node has at least one; empty for any span or artifact."""
        ...

    def resolve(self, ref: Ref) -> Resolved:
        """Return the place of a field or an attribute.

        Raises:
            FilterError: The name is unknown; near matches are named.
        """
        ...

    def shown(self) -> list[str]:
        """Return the names of the fields or properties that a table shows by itself."""
        ...


def unknown(what: str, name: str, known: Iterable[str]) -> NoReturn:
    """Refuse a name; the message suggests similar ones.

    Raises:
        FilterError: Always.
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=3) or names[:12]
    raise FilterError(f"{what} has no {name!r}; did you mean {', '.join(near)}?")


def _path(ref: Ref) -> tuple[str, ...]:
    if not isinstance(ref, Field):
        raise FilterError(f"{ref!r} is not a field")
    return ref.path


_SPAN_INDEXES = {
    "label": index_on("Span", "label_"),
    "status": index_on("Span", "status"),
    "opened_at": index_on("Span", "opened_at"),
    "duration": index_on("Span", "duration_"),
    "root_id": index_on("Span", "root_id"),
    "node_id": index_on("ArtigraphNode", "node_id"),
}


@dataclass(frozen=True, slots=True)
class SpanTarget:
    """The target of queries for spans of a class."""

    cls: type[Span]
    noun: str = "span"

    @property
    def labels(self) -> tuple[str, ...]:
        """The label of the class; empty where any span will do."""
        return () if self.cls is Span else (self.cls.__label__,)

    def resolve(self, ref: Ref) -> Resolved:
        """Return the place; for ``Span`` itself, ``F`` may name properties of any class.

        A path such as ``params.lr`` is an entry of a dict that the class declares; if the class
        does not declare ``params``, it is a field of the artifact with that label.
        """
        if isinstance(ref, Attribute):
            return self._attribute(ref)
        if isinstance(ref, Labeled):
            return _of_artifact(ref)
        (name, *rest) = path = _path(ref)
        if f"{name}." == LOGGED and rest:
            return _logged(rest, ref)
        if name in own_properties(self.cls) or name == "duration":
            if rest:
                unknown(self.cls.__name__, str(ref), self.names())
            return self._attribute(Attribute("span", name))
        property_ = declared_properties(self.cls).get(name)
        if property_ is None:
            if rest:
                return _of_artifact(Labeled(name, Field(tuple(rest))))
            if self.cls is Span:  # of a class that this program may not know
                return Resolved(name, ANY)
            unknown(self.cls.__name__, str(ref), self.names())
        kinds = property_kinds(property_)
        if rest:
            return _entry_of(kinds, path)
        return Resolved(
            property_.get_db_property_name(name),
            kinds,
            convert=property_.deflate if kinds.native is None else None,
        )

    def _attribute(self, ref: Attribute) -> Resolved:
        if ref.owner != "span":
            raise FilterError(f"{ref} is asked of spans; it is an attribute of artifacts")
        if ref.name == "duration":
            return Resolved(
                "duration_",
                Kinds(frozenset({"timedelta"}), None, "timedelta"),
                index=_SPAN_INDEXES["duration"],
                convert=lambda value: value.total_seconds(),
            )
        property_ = Span.defined_properties(aliases=False, rels=False).get(ref.name)
        if property_ is None:
            unknown("a span", ref.name, {*own_properties(Span), "duration"})
        return Resolved(ref.name, property_kinds(property_), index=_SPAN_INDEXES.get(ref.name))

    def names(self) -> set[str]:
        """Return all names of the class; for ``Span`` also those of its subclasses."""
        classes = [self.cls, *subclasses_of_span()] if self.cls is Span else [self.cls]
        declared = {name for cls in classes for name in declared_properties(cls)}
        return {*own_properties(self.cls), "duration", *declared}

    def shown(self) -> list[str]:
        """Return the properties of the class."""
        return [*declared_properties(self.cls)]


def _entry_of(kinds: Kinds, path: tuple[str, ...]) -> Resolved:
    """Return the place of an entry of a dict that a span class declares."""
    name, rest = path[0], ".".join(path[1:])
    if kinds.entries is None:
        raise FilterError(
            f"{name}.{rest}: {name!r} is a {kinds.text}, not a dict with entries; "
            f"labeled({name!r})[{rest!r}] is a field of an artifact"
        )
    return _entry(kinds.entries, path, 0)


def _logged(path: list[str], ref: Ref) -> Resolved:
    """Return the place of a statistic of a metric that spans logged."""
    metric, statistic = ".".join(path[:-1]), path[-1]
    if not metric or statistic not in STATISTICS:
        raise FilterError(
            f"{ref}: name a metric and one of {', '.join(STATISTICS)}: log.{path[0]}.last"
        )
    return Resolved(logged_property(metric, statistic), _NUMBER)


_NUMBER = Kinds(frozenset({"number"}), None, "float")


def _of_artifact(ref: Labeled) -> Resolved:
    target = ArtifactTarget(ModelBase if ref.model is None else ref.model)
    return replace(target.resolve(ref.field), index=None, label=ref.label)


_STR = Kinds(frozenset({"str"}), None, "str")
_ARTIFACT_ATTRIBUTES = {
    "node_id": Resolved("node_id", _STR, index=index_on("ArtigraphNode", "node_id")),
    "label": Resolved("artifact_label", _STR, index=index_on("Artifact", "label_")),
    "model": Resolved("model", _STR, index=index_on("Artifact", "model")),
    "model_version": Resolved("model_version", Kinds(frozenset({"number"}), None, "int")),
    "recorded_at": Resolved(
        "recorded_at",
        Kinds(frozenset({"instant"}), None, "datetime"),
        index=index_on("Artifact", "recorded_at"),
    ),
}


@dataclass(frozen=True, slots=True)
class ArtifactTarget:
    """The target of queries for artifacts of a model."""

    cls: type[ModelBase]
    noun: str = "artifact"

    @property
    def is_any(self) -> bool:
        """True where the class is ``ArtifactModel`` itself."""
        return vars(self.cls).get("__artifact_model__") is None

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's name and former names; empty where any artifact will do."""
        if self.is_any:
            return ()
        info = model_info(self.cls)
        return (info.name, *info.aliases)

    def resolve(self, ref: Ref) -> Resolved:
        """Return the place; for ``ArtifactModel`` itself, ``F`` may name fields of any model."""
        if isinstance(ref, Attribute):
            if ref.owner != "artifact":
                raise FilterError(f"{ref} is asked of artifacts; it is an attribute of spans")
            found = _ARTIFACT_ATTRIBUTES.get(ref.name)
            return found or unknown("an artifact", ref.name, _ARTIFACT_ATTRIBUTES)
        path = _path(ref)
        model: type[ModelBase] | None = None if self.is_any else self.cls
        for i, name in enumerate(path[:-1]):
            kinds = ANY if model is None else field_kinds(model, _plan(model, name, ref).name)
            if kinds.entries is not None and kinds.model is None:
                return _entry(kinds.entries, path, i)
            if kinds.native is not None and kinds.model is None:
                raise FilterError(f"{ref}: {name!r} is a {kinds.text}, not a model with fields")
            model = kinds.model
        *nested, name = path
        if model is None:
            return Resolved(property_name(name), ANY, field=name, nested=tuple(nested))
        plan = _plan(model, name, ref)
        # A node stored under a former name does not have the label of the index.
        infos = [getattr(c, "__artifact_model__", None) for c in model.__mro__]
        renamed = any(info is not None and info.aliases for info in infos)
        return Resolved(
            plan.property,
            Kinds(frozenset(), None, f"value of serializer {plan.serializer.name!r}")
            if plan.serializer is not None
            else field_kinds(model, name),
            field=name,
            nested=tuple(nested),
            index=None if nested or renamed else plan.index,
        )

    def shown(self) -> list[str]:
        """Return the fields of the model."""
        if self.is_any:
            raise FilterError("name the columns, or the model: find_artifacts(Metrics).table()")
        return [*plan_of(self.cls).fields]


def _entry(kinds: Kinds, path: tuple[str, ...], at: int) -> Resolved:
    """Return the property for an entry of a dict; deeper entries may have any kind."""
    keys = path[at + 1 :]
    return Resolved(
        entry_property(path[at], keys),
        kinds if len(keys) == 1 and kinds.native else ANY,
        nested=path[:at],
        entry=(others_property(path[at]), ".".join(keys)),
    )


def _plan(model: type[ModelBase], name: str, ref: Ref) -> FieldPlan:
    fields = plan_of(model).fields
    return fields.get(name) or unknown(model.__qualname__, name, fields)


def check_kind(ref: Ref, resolved: Resolved, value: Value, *, contains: bool = False) -> None:
    """Refuse a comparison of values that can never be equal.

    Raises:
        FilterError: The field is never of the value's type, or never native.
    """
    native = resolved.kinds.native
    if native is None or value.kind in native or (contains and "list" in native):
        return
    if not native:
        raise FilterError(
            f"{ref} holds {resolved.kinds.text}, which the graph does not keep as a value of its "
            "own; only is_null() can be asked of it"
        )
    raise FilterError(f"{ref} holds {resolved.kinds.text}, and {value.value!r} is of another type")
