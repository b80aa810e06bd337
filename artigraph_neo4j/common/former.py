"""Former names, above all those of Artigraph 0.0.x, with the names to write instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import wraps
from typing import ParamSpec, TypeVar

from artigraph_neo4j.errors import ArgumentError

__all__ = ["FormerModules", "renamed", "unknown_name"]

P = ParamSpec("P")
R = TypeVar("R")

_FORMER = {
    "ArtifactModelConfig": "artifact_field(storage=...) for a field, or set_engine(storage=...)",
    "SpanContext": "span_context(label=...)",
    "create_span": "span_context(label=...), which opens and closes one",
    "current_session": "get_engine().read(cypher, parameters)",
    "read_span_ancestors": "read_ancestor_spans(span)",
    "read_span_children": "read_child_spans(span)",
    "read_span_descendants": "read_descendant_spans(span)",
    "read_span_parent": "read_parent_span(span)",
    "session_context": "get_engine().read(cypher, parameters)",
}
_FORMER_MODULES = {
    "artigraph_neo4j.api": "from artigraph_neo4j import read_child_spans",
    "artigraph_neo4j.db": "from artigraph_neo4j import set_engine",
    "artigraph_neo4j.orm": "from artigraph_neo4j import get_engine",
    "artigraph_neo4j.serializer.pyarrow": "from artigraph_neo4j.serializer import arrow",
}
_NOT_THE_ROOTS = {
    "ArtifactMapping": "artigraph_neo4j.upstream",
    "ArtifactSequence": "artigraph_neo4j.upstream",
    "above": "artigraph_neo4j.find",
    "artifact": "artigraph_neo4j.find",
    "tagged": "artigraph_neo4j.find",
    "under": "artigraph_neo4j.find",
    "S3Storage": "artigraph_neo4j.storage.aws",
    "FileSystemStorage": "artigraph_neo4j.storage.file",
    "MemoryStorage": "artigraph_neo4j.storage.memory",
    "LocalStack": "artigraph_neo4j.local",
}


class FormerModules:
    """Import hook that names the replacement for a module of Artigraph 0.0.x."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """See ``importlib.abc.MetaPathFinder``.

        Raises:
            ModuleNotFoundError: The name is that of such a module.
        """
        del path, target
        if name in _FORMER_MODULES:
            raise ModuleNotFoundError(
                f"No module named {name!r}; write: {_FORMER_MODULES[name]}", name=name
            )


def renamed(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Refuse former names of a function's arguments, with the names to write instead.

    Args:
        **names: The present name of each argument, by its former name.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for former in names.keys() & kwargs.keys():
                raise ArgumentError(
                    f"{function.__name__}() has no argument {former!r}; write: {names[former]}=..."
                )
            return function(*args, **kwargs)

        return call

    return decorate


def unknown_name(name: str, known: Iterable[str]) -> Exception:
    """Return the error for a name that the package does not have.

    An ``ImportError`` where there is advice: ``from artigraph_neo4j import ...`` would replace the
    text of an ``AttributeError`` by its own.

    Args:
        name: The name that was asked for.
        known: The public names.
    """
    said = f"module 'artigraph_neo4j' has no attribute {name!r}"
    if name in _FORMER:
        return ImportError(f"{said}; write: {_FORMER[name]}", name="artigraph_neo4j")
    if name in _NOT_THE_ROOTS:
        return ImportError(f"{said}; write: from {_NOT_THE_ROOTS[name]} import {name}")
    near = get_close_matches(name, known, n=3, cutoff=0.75)
    more = f"; is it {' or '.join(near)}?" if near else ""
    return AttributeError(f"{said}{more}", name=name)
