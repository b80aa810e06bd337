"""Classes of this program that stored artifacts are read as."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from artigraph_neo4j.errors import ArtifactTypeError, UnknownModelError
from artigraph_neo4j.model.base import ModelBase, ModelInfo, definition_order

__all__ = ["Resolver", "known_models", "model_names"]


class Resolver:
    """Finds classes for stored models during one read.

    The rule: live classes of the stored name (or with it as an alias) are candidates. For each
    module and qualified name only the latest definition counts, so redefining a class changes
    nothing. A single candidate is used. Among several, the class that was asked for decides, then
    the stored module and qualified name; ``__main__`` matches any module, since scripts and
    notebooks run as ``__main__``.

    Args:
        wanted: The class that ``read`` was called on or that ``model=`` named, or None.
        fallback: The class to use for a model that has no class in this program, or None.
    """

    def __init__(
        self, wanted: type[ModelBase] | None = None, *, fallback: type[ModelBase] | None = None
    ) -> None:
        self._fallback = fallback
        is_any = wanted is None or vars(wanted).get("__artifact_model__") is None
        self._wanted = None if is_any else wanted
        self._found: dict[tuple[str, str, bool], type[ModelBase]] = {}

    def find(self, name: str, origin: str, artifact: str, *, root: bool) -> type[ModelBase]:
        """Return the class for one stored artifact.

        Args:
            name: The stored model name.
            origin: The stored ``module:qualname``.
            artifact: The artifact's id, for messages.
            root: Whether the artifact itself was asked for, rather than one that it is nested in.

        Raises:
            ArtifactTypeError: The artifact is of another model than the one asked for.
            UnknownModelError: No class fits, or several do.
        """
        key = (name, origin, root)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._find(name, origin, artifact, root)
        return found

    def _find(self, name: str, origin: str, artifact: str, root: bool) -> type[ModelBase]:
        candidates = known_models(name)
        wanted = self._wanted if root else None
        if wanted is not None:
            info: Any = wanted.__artifact_model__
            if _answers_to(info, name):
                return wanted
            candidates = [c for c in candidates if issubclass(c, wanted)]
            if not candidates:
                raise ArtifactTypeError(
                    f"artifact {artifact} is of model {name!r} ({origin}), not of {info.name!r} "
                    f"({_origin(wanted)}); read it through its own class or through ArtifactModel"
                )
        if len(candidates) > 1:
            candidates = _closest(candidates, origin) or candidates
        if len(candidates) == 1:
            return candidates[0]
        if not candidates and self._fallback is not None:
            return self._fallback
        if not candidates:
            raise UnknownModelError(
                f"artifact {artifact} is of model {name!r}, for which this program has no class; "
                f"it was written by {origin}: import that module, or give today's class "
                f"name={name!r} or aliases=({name!r},)"
            )
        raise UnknownModelError(
            f"artifact {artifact} is of model {name!r}, and several classes are: "
            f"{', '.join(sorted(map(_origin, candidates)))}; read it through one of them, or tell "
            "them apart with name="
        )


def known_models(name: str | None = None) -> list[type[ModelBase]]:
    """Return the live model classes of a name, or all; the latest of each definition."""
    latest: dict[str, type[ModelBase]] = {}
    for cls in _subclasses(ModelBase):
        info = cls.__artifact_model__
        if info is None or not (name is None or _answers_to(info, name)):
            continue
        other = latest.get(_origin(cls))
        if other is None or definition_order(cls) > definition_order(other):
            latest[_origin(cls)] = cls
    return list(latest.values())


def model_names() -> set[str]:
    """Return the names and aliases of all live model classes."""
    infos = [cls.__artifact_model__ for cls in _subclasses(ModelBase)]
    return {name for info in infos if info is not None for name in (info.name, *info.aliases)}


def _answers_to(info: ModelInfo, name: str) -> bool:
    return name == info.name or name in info.aliases


def _closest(candidates: list[type[ModelBase]], origin: str) -> list[type[ModelBase]]:
    """Return candidates of the stored module and name, else of its module or ``__main__``."""
    module = origin.split(":")[0]
    exact = [c for c in candidates if _origin(c) == origin]
    return exact or [c for c in candidates if c.__module__ in (module, "__main__")]


def _origin(cls: type[ModelBase]) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _subclasses(cls: type[ModelBase]) -> Iterator[type[ModelBase]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)
