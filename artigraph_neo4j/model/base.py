"""The base of models: a class's name, version and aliases, noted when the class is defined."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass
from datetime import datetime
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar, cast
from weakref import WeakKeyDictionary

from artigraph_neo4j.errors import ModelError, NotFoundError
from artigraph_neo4j.graph.names import check_label

__all__ = [
    "ArtifactInfo",
    "ModelBase",
    "ModelInfo",
    "artifact_info",
    "definition_order",
    "model_info",
    "note_artifact",
]

_SLOT_NAME = "__artifact_info__"
_serials: list[int] = [0]
_arrivals: WeakKeyDictionary[type[ModelBase], int] = WeakKeyDictionary()
"""The last serial here when cloudpickle brought a class; an attribute would travel with it."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The name and version under which the graph knows a model.

    Attributes:
        name: The stored name and the node's label; the class's name unless ``name=`` says another.
        version: The version that this class writes.
        aliases: Former names of the model; artifacts stored under them are read as this model too.
        serial: Number that grows with every definition in the process that defines it.
        strict: Whether values that do not fit the annotations of their fields are refused.
    """

    name: str
    version: int
    aliases: tuple[str, ...]
    serial: int
    strict: bool = True


@dataclass(frozen=True, slots=True)
class ArtifactInfo:
    """The facts that the graph holds about one recorded artifact.

    Attributes:
        node_id: The artifact's id.
        label: Its label, or None.
        span_id: The id of the span that has it, or None.
        recorded_at: When it was recorded (aware, UTC, by the clock of the writer).
        model: The stored name of its model.
        model_version: The stored version; older than the class's when it was migrated on reading.
    """

    node_id: str
    label: str | None
    span_id: str | None
    recorded_at: datetime
    model: str
    model_version: int

    @property
    def span(self) -> str | None:
        """The same as ``span_id``; functions that take a span take this id too."""
        return self.span_id


class _NotRecordedError(NotFoundError, AttributeError):
    """An attribute that only recorded artifacts have; ``hasattr`` says that it is missing."""


class _NodeId:
    """The id of a recorded artifact, as an attribute of the object.

    This descriptor is hidden on the class itself: a model may have a field of this name, and a
    dataclass would take an attribute of the class for the field's default.
    """

    def __get__(self, artifact: ModelBase | None, owner: type[ModelBase]) -> str:
        if artifact is None:
            raise AttributeError(f"only an object has node_id, not the class {owner.__name__}")
        info = artifact_info(artifact)
        if info is None:
            raise _NotRecordedError(
                f"this {owner.__name__} has no node_id: it was neither read nor recorded"
            )
        return info.node_id


class ModelBase:
    """The part of ``ArtifactModel`` that needs no database."""

    # Slots, so that a model may itself be a dataclass with slots, and so that the facts about a
    # recorded object neither hide a field of the user's nor take part in comparisons.
    __slots__ = ("__artifact_info__", "__weakref__")

    __artifact_model__: ClassVar[ModelInfo | None] = None

    if TYPE_CHECKING:
        node_id: str  # read-only; declared so that a model may have a field of this name
    else:
        node_id = _NodeId()

    if not TYPE_CHECKING:  # type checkers say so themselves

        def __init__(self, *args, **kwargs):
            """Refuse arguments where the class was not made a dataclass: it does not take any."""
            cls = type(self)
            if (args or kwargs) and not is_dataclass(cls):
                raise ModelError(
                    f"{cls.__name__} is not a dataclass, so it takes no values; write @dataclass "
                    f"above class {cls.__name__}"
                )
            super().__init__(*args, **kwargs)

    def __init_subclass__(
        cls,
        *,
        version: int | None = None,
        name: str | None = None,
        aliases: Sequence[str] = (),
        strict: bool | None = None,
    ) -> None:
        super().__init_subclass__()
        if vars(cls).get("__artifact_model__", ...) is None:
            return  # a base class that says it is not a model itself
        own: ModelInfo | None = vars(cls).get("__artifact_model__")
        if version is None and own is not None:
            # dataclass(slots=True) builds the class a second time, without the keywords.
            version, name, aliases, strict = own.version, own.name, own.aliases, own.strict
        if version is None and _is_brought():
            cls.__artifact_model__ = None  # until cloudpickle sets the attributes
            _arrivals[cls] = _serials[0]
            return
        if version is None:
            raise ModelError(
                f"model {cls.__qualname__} has no version; "
                f"write: class {cls.__name__}({_bases(cls)}, version=1)"
            )
        if type(version) is not int or version < 1:
            raise ModelError(
                f"model {cls.__qualname__}: the version must be an int of 1 or more, "
                f"not {version!r}"
            )
        label = check_label(name or cls.__name__, "model", cls.__qualname__)
        _serials[0] += 1
        cls.__artifact_model__ = ModelInfo(
            label,
            version,
            (aliases,) if isinstance(aliases, str) else tuple(aliases),
            _serials[0],
            _strictness(cls) if strict is None else strict,
        )

    def __getstate__(self) -> object:
        """Return the state without the facts of the graph: a copy is an object of its own.

        Copying the slot would also fail for frozen classes, whose slots cannot be set.
        """
        state = super().__getstate__()
        if isinstance(state, tuple):
            values, slots = cast("tuple[Any, dict[str, Any]]", state)
            slots = {name: value for name, value in slots.items() if name != _SLOT_NAME}
            return (values, slots) if slots else values
        return state

    def __setstate__(self, state: Any) -> None:
        """Restore the state, also of a class with slots to one without, and the reverse.

        cloudpickle makes a class with slots again without them.
        """
        pair = cast("tuple[Any, Any]", state) if isinstance(state, tuple) else (state, None)
        values: dict[str, Any] = pair[0] or {}
        slots: dict[str, Any] = pair[1] or {}
        held: dict[str, Any] | None = getattr(self, "__dict__", None)
        if held is not None:
            held.update(values)
            values = {}
        for name, value in {**values, **slots}.items():
            object.__setattr__(self, name, value)


def _strictness(cls: type[ModelBase]) -> bool:
    """Return the strictness that a class inherits; a model without a parent model is strict."""
    infos = [getattr(base, "__artifact_model__", None) for base in cls.__mro__[1:]]
    return next((info.strict for info in infos if info is not None), True)


def _is_brought() -> bool:
    """Return True if cloudpickle is making a class again that another process defined.

    It makes the class without keywords and body, and sets its attributes afterwards. joblib, Ray
    and Spark have copies of cloudpickle under other names.
    """
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - there is no other way
    for _ in range(_FRAMES):
        if frame is None:
            break
        if frame.f_code.co_name == "_make_skeleton_class":
            return True
        frame = frame.f_back
    return False


_FRAMES = 20
"""Number of callers to look at: ``types.new_class``, and methods of classes and metaclasses."""


def _bases(cls: type) -> str:
    return ", ".join(base.__name__ for base in cls.__bases__ if base is not object)


def definition_order(cls: type[ModelBase]) -> tuple[int, int]:
    """Return what sorts models by when they were defined here, or brought by cloudpickle.

    Classes brought together keep the order of the process that defined them. A class that comes
    back to that process is the one it was.
    """
    info = cls.__artifact_model__
    serial = 0 if info is None else info.serial
    arrival = _arrivals.get(cls)
    return (serial, 0) if arrival is None else (arrival, serial)


def model_info(cls: type[ModelBase]) -> ModelInfo:
    """Return the name and version of a model class.

    Raises:
        ModelError: The class is ``ArtifactModel`` itself.
    """
    info = cls.__artifact_model__
    if info is None:
        raise ModelError(f"{cls.__name__} itself is not a model; subclass it with a version")
    return info


_SLOT: Any = vars(ModelBase)[_SLOT_NAME]


def note_artifact(artifact: ModelBase, info: ArtifactInfo) -> None:
    """Keep the facts that the graph holds on the object itself (frozen classes too)."""
    _SLOT.__set__(artifact, info)


def artifact_info(artifact: ModelBase) -> ArtifactInfo | None:
    """Return the facts that the graph holds of an artifact; None for one that is not recorded.

    No round trip. An object created twice is known as the later artifact.
    """
    try:
        info: ArtifactInfo = _SLOT.__get__(artifact)
    except AttributeError:
        return None
    return info
