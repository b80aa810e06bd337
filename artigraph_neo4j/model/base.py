"""What makes a class a model: its name, version and aliases, noted when it is defined."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

from artigraph_neo4j.errors import ModelError, NotFoundError
from artigraph_neo4j.graph.names import check_label

__all__ = [
    "ArtifactInfo",
    "ModelBase",
    "ModelInfo",
    "artifact_info",
    "model_info",
    "note_artifact",
]

_SLOT_NAME = "__artifact_info__"
_serial = itertools.count()


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """How a model is known in the graph.

    Attributes:
        name: The stored name and the node's label; the class's name unless ``name=`` says another.
        version: The version this class writes.
        aliases: Former names under which stored artifacts are this model's too.
        serial: Grows with every definition, so that of two the later is known.
        strict: Whether values that do not fit the annotations of their fields are refused.
    """

    name: str
    version: int
    aliases: tuple[str, ...]
    serial: int
    strict: bool = True


@dataclass(frozen=True, slots=True)
class ArtifactInfo:
    """What the graph knows about one recorded artifact.

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
        """The same as ``span_id``: the id goes wherever a span goes."""
        return self.span_id


class _NotRecordedError(NotFoundError, AttributeError):
    """An attribute that only recorded artifacts have; ``hasattr`` says that it is missing."""


class _NodeId:
    """The id of a recorded artifact, as an attribute of the object.

    A descriptor that the class itself does not show: a model may have a field of this name, and a
    dataclass would take what the class shows for the field's default.
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

    # Slots, so that a model may be a dataclass with slots itself, and what is known about one
    # recorded object hides no field of its user's and takes no part in comparison.
    __slots__ = ("__artifact_info__", "__weakref__")

    __artifact_model__: ClassVar[ModelInfo | None] = None

    if TYPE_CHECKING:
        node_id: str  # read-only; declared so that a model may have a field of this name
    else:
        node_id = _NodeId()

    if not TYPE_CHECKING:  # type checkers say so themselves

        def __init__(self, *args, **kwargs):
            """Refuse values for a class that nobody made a dataclass: it takes none."""
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
        cls.__artifact_model__ = ModelInfo(
            label,
            version,
            (aliases,) if isinstance(aliases, str) else tuple(aliases),
            next(_serial),
            _strictness(cls) if strict is None else strict,
        )

    def __getstate__(self) -> object:
        """A copy, or what comes out of a pickle, is an object of its own: nothing is known of it.

        It would fail for frozen classes besides, which let nobody set a slot.
        """
        state = super().__getstate__()
        if isinstance(state, tuple):
            values, slots = cast("tuple[Any, dict[str, Any]]", state)
            slots = {name: value for name, value in slots.items() if name != _SLOT_NAME}
            return (values, slots) if slots else values
        return state


def _strictness(cls: type[ModelBase]) -> bool:
    """Whether the model that a class inherits from is strict; one of its own is."""
    infos = [getattr(base, "__artifact_model__", None) for base in cls.__mro__[1:]]
    return next((info.strict for info in infos if info is not None), True)


def _bases(cls: type) -> str:
    return ", ".join(base.__name__ for base in cls.__bases__ if base is not object)


def model_info(cls: type[ModelBase]) -> ModelInfo:
    """The name and version of a model class.

    Raises:
        ModelError: It is ``ArtifactModel`` itself.
    """
    info = cls.__artifact_model__
    if info is None:
        raise ModelError(f"{cls.__name__} itself is not a model; subclass it with a version")
    return info


_SLOT: Any = vars(ModelBase)[_SLOT_NAME]


def note_artifact(artifact: ModelBase, info: ArtifactInfo) -> None:
    """Remember, on the object, what the graph knows of it (frozen classes too)."""
    _SLOT.__set__(artifact, info)


def artifact_info(artifact: ModelBase) -> ArtifactInfo | None:
    """What the graph knows of an artifact that was read or created; None for a new one.

    No round trip. An object created twice is known as the later artifact.
    """
    try:
        info: ArtifactInfo = _SLOT.__get__(artifact)
    except AttributeError:
        return None
    return info
