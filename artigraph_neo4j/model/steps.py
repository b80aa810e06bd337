"""Migration steps, which turn stored data of an older version into an object of today's class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from artigraph_neo4j.errors import MigrationError
from artigraph_neo4j.model.base import ModelBase, model_info
from artigraph_neo4j.model.fields import plan_of
from artigraph_neo4j.model.state import UNSET, construct, restore

__all__ = ["build", "migration", "missing_step", "run_steps"]

M = TypeVar("M", bound=ModelBase)
Data = dict[str, Any]
Step = Callable[[Data], Data]

_MARK = "__artifact_migration__"


def migration(from_version: int, *, to_version: int | None = None) -> Callable[[Any], Any]:
    """Mark a function of a model as one step of its migration.

    The steps of a class form a chain: data of version 1 goes through the step from 1, then the step
    from 2, and so on to the class's version, so each change of a model is written once::

        @dataclass
        class Point(ArtifactModel, version=3):
            easting: float
            northing: float

            @migration(1)
            def rename(data: dict[str, Any]) -> dict[str, Any]:
                return {"easting": data["x"], "northing": data["y"]}

            @migration(2)
            def to_metres(data: dict[str, Any]) -> dict[str, Any]:
                return {name: 1000 * value for name, value in data.items()}

    Args:
        from_version: The version whose data the function takes.
        to_version: The version whose data it returns; the next one by default.

    Returns:
        A decorator. The function becomes a static method; it takes and returns a dict of fields.
    """
    target = from_version + 1 if to_version is None else to_version
    if target <= from_version:
        raise MigrationError(f"a step from version {from_version} must lead to a later one")

    def mark(function: Any) -> Any:
        inner = getattr(function, "__func__", function)
        setattr(inner, _MARK, (from_version, target))
        return staticmethod(inner)

    return mark


_known: WeakKeyDictionary[type[ModelBase], dict[int, tuple[int, Step]]] = WeakKeyDictionary()
"""The steps of classes that were migrated before; to look for them takes longer than a step."""


def _steps(cls: type[ModelBase]) -> dict[int, tuple[int, Step]]:
    known = _known.get(cls)
    if known is not None:
        return known
    found: dict[int, tuple[int, Step]] = {}
    for base in reversed(cls.__mro__):
        for value in vars(base).values():
            mark = getattr(getattr(value, "__func__", None), _MARK, None)
            if mark is not None:
                found[mark[0]] = (mark[1], value.__func__)
    _known[cls] = found
    return found


def run_steps(cls: type[M], version: int, data: Data) -> M:
    """Make an object by the constructor, from the data that the class's steps return.

    Without steps the constructor gets the stored fields as they are. Fields declared
    ``init=False`` are set after the constructor ran; where a step leaves one out,
    ``__post_init__`` has to set it.

    Raises:
        MigrationError: The class has steps, but no chain of them leads to its version.
    """
    steps, current = _steps(cls), version
    target = model_info(cls).version
    while steps and current < target:
        if current not in steps:
            raise MigrationError(
                f"model {cls.__qualname__} has no step from version {current} on the way from "
                f"{version} to {target}; add a function marked @migration({current})"
            )
        current, step = steps[current]
        data = step(dict(data))
    if steps and current != target:
        raise MigrationError(
            f"model {cls.__qualname__}: the steps from version {version} lead to {current}, "
            f"not to {target}"
        )
    return construct(cls, data)


def missing_step(cls: type[ModelBase], version: int) -> str:
    """Return why no chain of steps leads to the class's version; empty if one does, or may.

    A ``migrate`` of the class's own, or a class without steps, may take any older version.
    """
    for base in cls.__mro__:
        if "migrate" in vars(base):
            if vars(base).get("__artifact_model__") is not None:
                return ""
            break
    steps, target = _steps(cls), model_info(cls).version
    current = version
    while steps and current < target:
        if current not in steps:
            return f"no step from version {current}"
        current = steps[current][0]
    return f"the steps lead to version {current}" if steps and current != target else ""


def build(cls: type[ModelBase], version: int, data: Data, artifact: str) -> ModelBase:
    """Build an object of ``cls`` from stored fields, migrated when they are of an older version.

    Fields of the class's own version are restored without running the constructor.

    Args:
        cls: The class.
        version: The stored version of this very artifact; nested ones are judged by their own.
        data: The stored fields by name; nested models are already built.
        artifact: The artifact's id, for messages.

    Raises:
        MigrationError: The data is newer than the class, its migration failed, or it has other
            fields than the class of the same version.
        ModelError: The class's ``__post_read__`` failed.
    """
    info = model_info(cls)
    what = f"artifact {artifact} of model {info.name!r}"
    if version == info.version:
        return restore(cls, _completed(cls, version, data, what), what)
    if version > info.version:
        raise MigrationError(
            f"{what} has version {version}, and {cls.__qualname__} here is version {info.version}: "
            "it was written by newer code; upgrade this program"
        )
    known = {name: value for name, value in data.items() if value is not UNSET}
    try:
        migrated = cls.migrate(version, known)  # type: ignore[attr-defined] # of ArtifactModel
    except Exception as error:
        raise MigrationError(
            f"{what} could not be migrated from version {version} to {info.version}: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(migrated, cls):
        kind = type(cast("object", migrated)).__name__
        raise MigrationError(
            f"{cls.__qualname__}.migrate returned a {kind} for {what}, not a {cls.__qualname__}"
        )
    return migrated


def _completed(cls: type[ModelBase], version: int, data: Data, what: str) -> Data:
    """Return the stored fields, with defaults for fields that were added without a new version."""
    fields = plan_of(cls).fields
    if data.keys() == fields.keys():
        return data
    foreign = [name for name in data if name not in fields]
    missing = [name for name, f in fields.items() if f.required and name not in data]
    if foreign or missing:
        parts = [
            f"its stored fields {foreign} are none of the class's" if foreign else "",
            f"the class's fields {missing} are not stored" if missing else "",
        ]
        raise MigrationError(
            f"{what} has version {version} like {cls.__qualname__}, but "
            f"{' and '.join(filter(None, parts))}; give the class a new version and a migration"
        )
    return {
        name: data[name] if name in data else plan.make_default() for name, plan in fields.items()
    }
