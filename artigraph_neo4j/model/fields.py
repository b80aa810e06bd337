"""Fields of models: ``artifact_field`` and the plan of a class, worked out once."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from functools import cached_property
from typing import Any, TypedDict, TypeVar, Unpack, cast, overload
from weakref import WeakKeyDictionary

from artigraph_neo4j.common.annotations import hint_of, is_missing, own_annotations, text_of
from artigraph_neo4j.common.fitting import Fits, fits_of
from artigraph_neo4j.errors import ModelError
from artigraph_neo4j.graph.names import property_name
from artigraph_neo4j.model.base import ModelBase, ModelInfo, model_info
from artigraph_neo4j.serializer.base import Serializer
from artigraph_neo4j.storage.base import Storage

__all__ = ["FieldOptions", "FieldPlan", "ModelPlan", "artifact_field", "make_field", "plan_of"]

T = TypeVar("T")

_KEY = "artigraph_neo4j.field"


@dataclass(frozen=True, slots=True)
class _Config:
    serializer: Serializer[Any] | None = None
    storage: Storage | None = None
    lazy: bool = False
    indexed: bool = False
    searchable: bool = False


class FieldOptions(TypedDict, total=False):
    """The arguments of ``dataclasses.field`` besides a default."""

    init: bool
    repr: bool
    hash: bool | None
    compare: bool
    kw_only: bool
    metadata: Mapping[Any, Any] | None


@overload
def artifact_field(
    *,
    serializer: Serializer[T],
    storage: Storage | None = None,
    indexed: bool = False,
    searchable: bool = False,
    default: T,
    **options: Unpack[FieldOptions],
) -> T: ...
@overload
def artifact_field(
    *,
    serializer: Serializer[T],
    storage: Storage | None = None,
    indexed: bool = False,
    searchable: bool = False,
    default_factory: Callable[[], T],
    **options: Unpack[FieldOptions],
) -> T: ...
@overload
def artifact_field(
    *,
    serializer: Serializer[T],
    storage: Storage | None = None,
    indexed: bool = False,
    searchable: bool = False,
    **options: Unpack[FieldOptions],
) -> T: ...
@overload
def artifact_field(
    *,
    serializer: None = None,
    storage: Storage | None = None,
    indexed: bool = False,
    searchable: bool = False,
    default: T,
    **options: Unpack[FieldOptions],
) -> T: ...
@overload
def artifact_field(
    *,
    serializer: None = None,
    storage: Storage | None = None,
    indexed: bool = False,
    searchable: bool = False,
    default_factory: Callable[[], T],
    **options: Unpack[FieldOptions],
) -> T: ...
@overload
def artifact_field(
    *,
    serializer: None = None,
    storage: Storage | None = None,
    indexed: bool = False,
    searchable: bool = False,
    **options: Unpack[FieldOptions],
) -> Any: ...
def artifact_field(
    *,
    serializer: Serializer[Any] | None = None,
    storage: Storage | None = None,
    indexed: bool = False,
    searchable: bool = False,
    **options: Any,
) -> Any:
    """Return a dataclass field that says how and where its value is stored.

    Args:
        serializer: Turns the value into bytes; by default it is inferred from the value's type.
        storage: The storage of the bytes; by default the graph, or the engine's storage when they
            are many.
        indexed: Keep an index on it, so that filters on it seek instead of looking at every
            artifact of the model. A value may then take 8,000 bytes at most.
        searchable: Let full-text search find its words; for a ``str`` or a list of them.
        **options: Everything else that ``dataclasses.field`` takes: ``default``,
            ``default_factory``, ``init``, ``repr``, ``hash``, ``compare``, ``kw_only``,
            ``metadata``.

    Returns:
        A ``dataclasses.Field``, typed as the field's value.

    Raises:
        ModelError: ``serializer`` is not a serializer, ``storage`` is not a storage, or one of
            them is combined with ``indexed``.
    """
    return make_field(
        serializer, storage, lazy=False, indexed=indexed, searchable=searchable, **options
    )


def make_field(
    serializer: Serializer[Any] | None,
    storage: Storage | None,
    *,
    lazy: bool,
    indexed: bool = False,
    searchable: bool = False,
    metadata: Mapping[Any, Any] | None = None,
    **options: Any,
) -> Any:
    """Return a dataclass field that carries how its value is stored; see ``artifact_field``.

    Raises:
        ModelError: ``serializer`` is not a serializer, or ``storage`` is not a storage.
    """
    if serializer is not None and not isinstance(serializer, Serializer):
        raise ModelError(f"serializer= takes an instance of Serializer, not {serializer!r}")
    if storage is not None and not isinstance(storage, Storage):
        raise ModelError(f"storage= takes an instance of Storage, not {storage!r}")
    if indexed and (serializer is not None or storage is not None):
        raise ModelError("indexed= is for native values: it takes no serializer= and no storage=")
    config = {_KEY: _Config(serializer, storage, lazy, indexed, searchable)}
    return dataclasses.field(metadata={**(metadata or {}), **config}, **options)


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """The plan by which one field is stored and read.

    Attributes:
        name: The field.
        property: The property of the node that holds it.
        serializer: The serializer given to ``artifact_field``, or None.
        storage: The storage given to ``artifact_field``, or None.
        lazy: Whether it is a ``lazy_field``.
        required: Whether it has no default.
        index: The label and property of its index, or None. The label is that of the outermost
            model that declares the field indexed, so one index serves all that inherit from it.
        searchable: Whether full-text search finds its words.
        init: Whether the constructor takes it.
        default: Its default, or ``dataclasses.MISSING``.
        factory: The function that makes its default, or None.
        fits: Tells whether a value fits the annotation; None where it is not checked.
        takes: The annotation as text, for messages.
    """

    name: str
    property: str
    serializer: Serializer[Any] | None
    storage: Storage | None
    lazy: bool
    required: bool
    index: tuple[str, str] | None = None
    searchable: bool = False
    init: bool = True
    default: Any = dataclasses.field(default_factory=lambda: MISSING)  # not: no default
    factory: Callable[[], Any] | None = None
    fits: Fits | None = None
    takes: str = "anything"

    def make_default(self) -> Any:
        """Return a value for a field that is not stored; only where it is not ``required``."""
        return self.default if self.factory is None else self.factory()


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """The plan by which objects of one class are stored; made once for each class.

    Attributes:
        info: The model's name and version.
        fields: Its stored fields by name, in order of definition.
        labels: The labels of its nodes: the base label, ``Artifact``, and the name of every model
            it inherits from.
        origin: ``module:qualname``, stored as a hint for reading.
        indexes: The label and property of every index that its fields ask for.
        lazy: Whether any field is lazy.
        init_vars: The names of its ``InitVar`` pseudo-fields, which only the constructor takes.
        cached: The names of its cached properties, which are computed again after reading.
        slots: The names of slots that are not fields.
        computed: The names of fields that code of the class reads or sets: by a descriptor such as
            a property, or its ``__getattribute__``.
    """

    info: ModelInfo
    fields: dict[str, FieldPlan]
    labels: list[str]
    origin: str
    indexes: frozenset[tuple[str, str]] = frozenset()
    lazy: bool = False
    init_vars: frozenset[str] = frozenset()
    cached: frozenset[str] = frozenset()
    slots: frozenset[str] = frozenset()
    computed: frozenset[str] = frozenset()


_plans: WeakKeyDictionary[type[ModelBase], ModelPlan] = WeakKeyDictionary()
_PUBLIC = frozenset({"create", "read", "migrate"})


def plan_of(cls: type[ModelBase]) -> ModelPlan:
    """Return the plan of a model class.

    Raises:
        ModelError: The class is not a dataclass, a field hides a method or cannot be restored, or
            its ``__post_read__`` is async.
    """
    plan = _plans.get(cls)
    if plan is None:
        plan = _plans[cls] = _make_plan(cls)
    return plan


def _make_plan(cls: type[ModelBase]) -> ModelPlan:
    info = model_info(cls)
    if "__dataclass_fields__" not in vars(cls) and _declares_fields(cls):
        raise ModelError(f"model {cls.__qualname__} is not a dataclass; put @dataclass above it")
    if inspect.iscoroutinefunction(getattr(cls, "__post_read__", None)):
        raise ModelError(
            f"{cls.__qualname__}.__post_read__ is async, and reading would not await it; make it a "
            "plain method"
        )
    fields: dict[str, FieldPlan] = {}
    init_vars: set[str] = set()
    for field in _all_fields(cls):
        if field.name in _PUBLIC:
            raise ModelError(
                f"{cls.__qualname__}.{field.name}: the field would hide a method of every model; "
                "give it another name"
            )
        if getattr(field, "_field_type", None) is getattr(dataclasses, "_FIELD_INITVAR", ...):
            init_vars.add(field.name)
        else:
            fields[field.name] = _field_plan(cls, info, field)
    return ModelPlan(
        info,
        fields,
        _labels(cls),
        f"{cls.__module__}:{cls.__qualname__}",
        frozenset(plan.index for plan in fields.values() if plan.index is not None),
        any(plan.lazy for plan in fields.values()),
        frozenset(init_vars),
        frozenset(_names_of(cls, cached_property)),
        _slots(cls) - fields.keys(),
        frozenset(name for name in fields if _is_computed(cls, name)),
    )


def _is_computed(cls: type[Any], name: str) -> bool:
    held: object = inspect.getattr_static(cls, name, None)
    described = hasattr(type(held), "__set__") and not inspect.ismemberdescriptor(held)  # a slot
    return described or any("__getattribute__" in vars(base) for base in cls.__mro__[:-1])


def _field_plan(cls: type[ModelBase], info: ModelInfo, field: dataclasses.Field[Any]) -> FieldPlan:
    config, hint = _config(field), hint_of(cls, field.name)
    made: Any = field.default_factory
    factory: Callable[[], Any] | None = None if is_missing(made) else made
    return FieldPlan(
        field.name,
        property_name(field.name),
        config.serializer,
        config.storage,
        config.lazy,
        is_missing(field.default) and factory is None,
        _index(cls, field.name),
        config.searchable,
        field.init,
        field.default,
        factory,
        fits_of(hint) if info.strict and not config.lazy else None,
        text_of(hint),
    )


def _names_of(cls: type[Any], kind: type[Any]) -> set[str]:
    return {name for c in cls.__mro__ for name, value in vars(c).items() if isinstance(value, kind)}


def _slots(cls: type[Any]) -> frozenset[str]:
    found: set[str] = set()
    for base in cls.__mro__:
        slots = cast("str | tuple[str, ...]", vars(base).get("__slots__", ()))
        private = f"_{base.__name__.lstrip('_')}"
        for name in (slots,) if isinstance(slots, str) else slots:
            if not name.startswith("__"):
                found.add(name)
            elif not name.endswith("__"):
                found.add(f"{private}{name}")
    return frozenset(found)


def _config(field: dataclasses.Field[Any]) -> _Config:
    return field.metadata.get(_KEY) or _Config()


def _index(cls: type[ModelBase], name: str) -> tuple[str, str] | None:
    for ancestor in reversed(cls.__mro__):
        info: ModelInfo | None = getattr(ancestor, "__artifact_model__", None)
        field = getattr(ancestor, "__dataclass_fields__", {}).get(name)
        if info is not None and field is not None and _config(field).indexed:
            return (info.name, property_name(name))
    return None


def _all_fields(cls: type[ModelBase]) -> list[dataclasses.Field[Any]]:
    # dataclasses.fields() leaves out InitVars, which must be refused.
    table: dict[str, dataclasses.Field[Any]] = getattr(cls, "__dataclass_fields__", {})
    class_variable = getattr(dataclasses, "_FIELD_CLASSVAR", ...)
    return [f for f in table.values() if getattr(f, "_field_type", None) is not class_variable]


def _declares_fields(cls: type[ModelBase]) -> bool:
    return bool(own_annotations(cls)) or not hasattr(cls, "__dataclass_fields__")


def _labels(cls: type[ModelBase]) -> list[str]:
    names = [
        c.__artifact_model__.name
        for c in cls.__mro__
        if issubclass(c, ModelBase) and c.__artifact_model__ is not None
    ]
    return ["ArtigraphNode", "Artifact", *dict.fromkeys(names)]
