"""The class of span classes, and properties that neomodel lacks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TypeVar

from neo4j.time import DateTime
from neomodel import AsyncStructuredNode, StringProperty
from neomodel.async_.node import NodeMeta
from neomodel.properties import (
    AliasProperty,
    Property,
    validator,  # pyright: ignore[reportUnknownVariableType]
)

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.common.times import instant
from artigraph_neo4j.errors import ModelError
from artigraph_neo4j.graph.names import SPAN_PROPERTIES, check_label
from artigraph_neo4j.graph.span_fields import annotated_fields

__all__ = [
    "PROVENANCE_PROPERTIES",
    "ArtigraphNode",
    "InstantProperty",
    "SpanMeta",
    "once_a_class",
]

C = TypeVar("C")
T = TypeVar("T")


PROVENANCE_PROPERTIES = frozenset(
    {
        "cell",
        "git_commit",
        "git_dirty",
        "git_remote",
        "host",
        "library_version",
        "pid",
        "program",
        "python_version",
        "user",
    }
)
"""Properties that name the code that ran a root span. They are common words, so a span class may
declare a property with such a name or use the name otherwise: then its meaning takes precedence."""


class InstantProperty(Property[datetime]):
    """An instant, native in the graph (``ZONED DATETIME``), in UTC in Python and in the graph.

    neomodel's own ``DateTimeProperty`` would turn it into a float, and only UTC may reach the
    driver, which can crash on a ``ZoneInfo``.
    """

    @validator
    def inflate(self, value: Any) -> datetime:
        """Convert a value of the driver, or of a statement of this library, to an instant."""
        if isinstance(value, str):
            return instant(value).astimezone(UTC)
        native: datetime = value.to_native() if isinstance(value, DateTime) else value
        return native.astimezone(UTC)

    @validator
    def deflate(self, value: Any) -> datetime:
        """Convert an instant to UTC."""
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise ValueError("an aware datetime is needed, such as datetime.now(timezone.utc)")
        return value.astimezone(UTC)


class SpanMeta(NodeMeta):
    """A metaclass that sets labels by ``polymorphic_identity``, and refuses names that clash.

    neomodel's metaclass sets the label after ``__init_subclass__``, so it has to be set here.

    Attributes:
        generation: Number of node classes defined so far; caches of classes are keyed by it.
    """

    generation = 0

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any
    ) -> Any:
        """Make the class."""
        SpanMeta.generation += 1
        # Only the class's own attribute: a subclass inherits it, but has its own label.
        identity = namespace.get("polymorphic_identity")
        if any(
            isinstance(base, SpanMeta) and base.__name__ == "Span" for base in _ancestors(bases)
        ):
            namespace = {**namespace, **annotated_fields(name, namespace)}
            label = check_label(identity or namespace.get("__label__") or name, "span class", name)
            namespace = {**namespace, "__label__": label}
            _refuse_hidden_names(name, bases, namespace)
            _note_taken_names(bases, namespace)
        return super().__new__(mcs, name, bases, namespace, **kwargs)


def _ancestors(bases: tuple[type, ...]) -> list[type]:
    return [ancestor for base in bases for ancestor in base.__mro__]


def _note_taken_names(bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
    """Note the names of provenance that the class uses for something other than a property."""
    taken = {name for base in bases for name in getattr(base, "_taken_names", ())}
    for key in PROVENANCE_PROPERTIES & namespace.keys():
        (taken.discard if isinstance(namespace[key], Property) else taken.add)(key)
    namespace["_taken_names"] = frozenset(taken)


def _refuse_hidden_names(name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
    """Refuse names that would read or write a property of this library, in any spelling.

    All classes of the user are checked: the class, and the span classes and mixins it inherits.

    Raises:
        ModelError: A name, a ``db_property`` or an alias leads to such a property, or two
            properties have the same name in the graph.
    """
    ancestors = _ancestors(bases)
    span = next(b for b in ancestors if isinstance(b, SpanMeta) and b.__name__ == "Span")
    ours = {key for b in span.__mro__ for key, v in vars(b).items() if isinstance(v, Property)}
    ours -= PROVENANCE_PROPERTIES
    spaces = [namespace, *(vars(b) for b in ancestors if b not in span.__mro__)]
    stored_by: dict[str, str] = {}
    for key in dict.fromkeys(key for space in spaces for key in space):
        value = next(space[key] for space in spaces if key in space)
        if key in ours or (isinstance(value, Property) and _is_taken(key, span)):
            raise ModelError(
                f"span class {name}: {key!r} is a name of Span; give the property another name"
            )
        if not isinstance(value, Property):
            continue
        if not isinstance(value, AliasProperty) and value.unique_index:
            raise ModelError(
                f"span class {name}: {key!r} is declared unique, which this library does not keep; "
                "leave unique_index out, and name a run that may exist once by "
                "span_context(..., key=...)"
            )
        if key.startswith("_"):
            raise ModelError(f"span class {name}: a property must not begin with '_': {key!r}")
        if isinstance(value, AliasProperty):
            if value.aliased_to() in ours:
                raise ModelError(
                    f"span class {name}: {key!r} is an alias of {value.aliased_to()!r}, which this "
                    "library keeps; read that"
                )
            continue
        stored = value.get_db_property_name(key)
        foreign = stored in PROVENANCE_PROPERTIES and stored != key
        if stored in ours or stored in SPAN_PROPERTIES or foreign:
            raise ModelError(
                f"span class {name}: {key!r} would be stored as {stored!r}, which this library "
                "keeps; give it another db_property"
            )
        if stored_by.setdefault(stored, key) != key:
            raise ModelError(
                f"span class {name}: {key!r} and {stored_by[stored]!r} would both be stored as "
                f"{stored!r}; give one another db_property"
            )


def _is_taken(key: str, span: type) -> bool:
    """True if a property with this name would hide an attribute of ``Span``."""
    return key not in PROVENANCE_PROPERTIES and any(key in vars(b) for b in span.__mro__)


class ArtigraphNode(AsyncStructuredNode, metaclass=SpanMeta):
    """The base of all nodes of this library; its label carries the unique ``node_id``."""

    node_id = StringProperty(unique_index=True, default=new_id)


def once_a_class(function: Callable[[type[C]], T]) -> Callable[[type[C]], T]:
    """Cache a function's result per class, as an attribute of the class.

    The properties of a class refer to it, so a table elsewhere would keep the class alive.
    """
    name = f"_once_{function.__name__}"

    @wraps(function)
    def found(cls: type[C]) -> T:
        kept: T | None = vars(cls).get(name)  # not inherited: a base class has its own
        if kept is None:
            kept = function(cls)
            setattr(cls, name, kept)
        return kept

    return found
