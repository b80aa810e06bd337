"""State of an object: taken from its fields when it is recorded, put back when it is read.

Reading does not run the constructor: ``__post_init__`` would change a second time what it changed
when the object was made. A class with more state than its fields rebuilds it in ``__post_read__``.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import FunctionType, MemberDescriptorType
from typing import Any, TypeVar

from artigraph_neo4j.errors import MigrationError, ModelError, SerializationError
from artigraph_neo4j.model.base import ModelBase
from artigraph_neo4j.model.fields import FieldPlan, ModelPlan, plan_of
from artigraph_neo4j.serializer.base import shown

__all__ = ["UNSET", "check_extras", "construct", "field_value", "restore"]

M = TypeVar("M", bound=ModelBase)


class _Unset:
    def __repr__(self) -> str:
        return "(not set)"


UNSET: Any = _Unset()
"""Stands for the value of a field that was never assigned."""

_HOOK = "__post_read__"


def field_value(artifact: ModelBase, plan: FieldPlan) -> Any:
    """Return the value of a field, or ``UNSET`` for an ``init=False`` field never assigned.

    Raises:
        SerializationError: A field that the constructor sets does not have a value any more.
    """
    value = getattr(artifact, plan.name, UNSET)
    if value is UNSET and (plan.init or not plan.required):
        raise SerializationError(
            f"{type(artifact).__qualname__}.{plan.name} has no value: it was deleted from the "
            "object; assign one, or None, before it is recorded"
        )
    return value


def check_extras(artifact: ModelBase, plan: ModelPlan) -> None:
    """Refuse an object with attributes that reading could not bring back as they are.

    ``functools.cached_property`` computes its value again, and names like ``__orig_class__`` are
    Python's own. A class with ``__post_read__`` answers for its other attributes itself.

    Raises:
        SerializationError: An attribute is not a field, or a field changes when its value is put
            back, as by a descriptor that scales it; the message names it.
    """
    held: Mapping[str, Any] = getattr(artifact, "__dict__", {})
    if held.keys() <= plan.fields.keys() and not plan.slots and not plan.computed:
        return
    extra = held.keys() - plan.fields.keys()
    extra |= {name for name in plan.slots if hasattr(artifact, name)}
    extra = {n for n in extra - plan.cached if not (n.startswith("__") and n.endswith("__"))}
    if not (extra or plan.computed) or hasattr(type(artifact), _HOOK):
        return
    values = {name: field_value(artifact, field) for name, field in plan.fields.items()}
    twin = _with_fields(type(artifact), values)  # descriptors keep values under names of their own
    lost = sorted(name for name in extra if not _comes_back(twin, name, plan))
    if lost:
        raise SerializationError(
            f"{type(artifact).__qualname__} has the attribute {lost[0]!r}, which is not a field "
            "and would not come back: declare it as a field, delete it before recording, or give "
            f"the class a method {_HOOK}(self) that makes it again after reading"
        )
    for name in sorted(plan.computed):
        back = getattr(twin, name, UNSET)
        if not _same(values[name], back):
            raise SerializationError(
                f"{type(artifact).__qualname__}.{name} would come back as {shown(back)}, not as "
                f"{shown(values[name])}: its descriptor, or the class, changes what is put into "
                f"it; change values in __post_init__, or give the class a method {_HOOK}(self)"
            )


def _comes_back(twin: ModelBase, name: str, plan: ModelPlan) -> bool:
    """Return whether an object with the same fields has an attribute, or computes it when asked."""
    if name in getattr(twin, "__dict__", {}) or (name in plan.slots and hasattr(twin, name)):
        return True
    there: object = inspect.getattr_static(type(twin), name, None)
    return hasattr(type(there), "__get__") and not isinstance(there, _NOT_COMPUTED)


_NOT_COMPUTED = (FunctionType, classmethod, staticmethod, MemberDescriptorType)


def _same(value: Any, back: Any) -> bool:
    """Return whether two values are the same as far as their ``==``, or their text, can tell."""
    if back is value:
        return True
    try:
        return type(back) is type(value) and bool(
            back == value or (value != value and back != back)
        )
    except ValueError:  # arrays and tables compare each item
        return repr(back) == repr(value)


def restore(cls: type[M], values: Mapping[str, Any], what: str) -> M:
    """Return an object of a class with these values in its fields; no constructor runs.

    Args:
        cls: The class.
        values: A value, or ``UNSET``, for every field.
        what: The artifact's name, for messages.

    Raises:
        ModelError: The class's ``__post_read__`` failed.
    """
    made = _with_fields(cls, values)
    hook = getattr(made, _HOOK, None)
    if hook is not None:
        try:
            hook()
        except Exception as error:
            raise ModelError(
                f"{what}: {cls.__qualname__}.{_HOOK} failed: {type(error).__name__}: {error}"
            ) from error
    return made


def _with_fields(cls: type[M], values: Mapping[str, Any]) -> M:
    made = object.__new__(cls)
    for name, value in values.items():
        if value is not UNSET:
            object.__setattr__(made, name, value)  # frozen classes too
    return made


def construct(cls: type[M], data: Mapping[str, Any]) -> M:
    """Make an object by its constructor; ``init=False`` fields in ``data`` are set afterwards.

    Args:
        cls: The class.
        data: Fields, and values of ``InitVar``, by name.

    Raises:
        MigrationError: A name in ``data`` is neither a field nor an ``InitVar``.
    """
    fields = plan_of(cls).fields
    unknown = [name for name in data if name not in fields and name not in plan_of(cls).init_vars]
    if unknown:
        raise MigrationError(
            f"{cls.__qualname__} has no field {unknown[0]!r}; it has {', '.join(fields)}"
        )
    later = {name for name in data if name in fields and not fields[name].init}
    made = cls(**{name: value for name, value in data.items() if name not in later})
    for name in later:
        object.__setattr__(made, name, data[name])
    return made
