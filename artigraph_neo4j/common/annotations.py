"""Annotations of classes, evaluated one by one, and the types of values that they allow."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, NewType, TypeVar, Union, get_args, get_origin
from weakref import WeakKeyDictionary

__all__ = [
    "UNKNOWN",
    "alternatives",
    "body_annotations",
    "hint_of",
    "is_missing",
    "own_annotations",
    "text_of",
]

UNKNOWN = Any
"""The annotation of an attribute without one, or with one that cannot be evaluated."""

_hints: WeakKeyDictionary[type[Any], dict[str, Any]] = WeakKeyDictionary()


def own_annotations(cls: type[Any]) -> dict[str, Any]:
    """Return the annotations in the body of a class, without those that it inherits."""
    if sys.version_info >= (3, 14):  # names that only type checkers import stay unevaluated
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(cls)


def body_annotations(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the annotations in the body of a class that is about to be made."""
    if sys.version_info >= (3, 14):
        import annotationlib

        annotate = annotationlib.get_annotate_from_class_namespace(namespace)
        if annotate is None:
            return {}
        return annotationlib.call_annotate_function(annotate, annotationlib.Format.FORWARDREF)
    return dict(namespace.get("__annotations__", {}))


def is_missing(default: object) -> bool:
    """Return True for the mark of a dataclass field without a default.

    A class that cloudpickle brought from another process has copies of ``dataclasses.MISSING``.
    """
    return isinstance(default, type(dataclasses.MISSING))


def hint_of(cls: type[Any], name: str) -> Any:
    """Return the evaluated annotation of an attribute, or ``UNKNOWN`` if it cannot be evaluated.

    Each annotation is evaluated by itself, so a name that only type checkers know does not hide the
    others.
    """
    found = _hints.get(cls)
    if found is None:
        found = _hints[cls] = {}
        for base in reversed(cls.__mro__):
            for key, hint in own_annotations(base).items():
                found[key] = _evaluated(base, hint)
    return found.get(name, UNKNOWN)


def _evaluated(owner: Any, hint: Any) -> Any:
    """Evaluate an annotation of a class, or the value of an alias, which may still be text."""
    text = getattr(hint, "__forward_arg__", hint)
    if not isinstance(text, str):
        return hint
    module = sys.modules.get(owner.__module__)
    names: dict[str, Any] = vars(module) if module is not None else {}
    local = dict(vars(owner)) if isinstance(owner, type) else {}
    try:
        return eval(text, names, local)  # noqa: S307 - the program's own source
    except Exception:  # a name in a function, or one for type checkers only
        return UNKNOWN


def alternatives(hint: Any) -> list[Any] | None:
    """Return the types that a value may have: classes, parts of a ``Literal``, ``None``.

    Unions, aliases (``type X = ...`` too), ``Annotated``, ``Final`` and ``NewType`` are resolved. A
    generic type is returned as it is written, ``list[int]``.

    Returns:
        The alternatives, or None where any value is allowed.
    """
    try:
        found = list(_parts(hint, 0))
    except (_AnythingError, RecursionError):
        return None
    return found


def text_of(hint: Any) -> str:
    """Return an annotation as its author wrote it, for messages."""
    if isinstance(hint, type) and get_origin(hint) is None:
        return hint.__name__
    return str(hint).replace("typing.", "")


class _AnythingError(Exception):
    pass


def _is_alias(hint: Any) -> bool:
    """Tell if a hint is an alias made by ``type X = ...`` or by ``typing_extensions``."""
    return type(hint).__name__ == "TypeAliasType"


_LOOKED_THROUGH: tuple[Any, ...] = (Annotated, Final)
_MAX_DEPTH = 50


def _parts(hint: Any, depth: int) -> Iterator[Any]:
    if depth > _MAX_DEPTH:  # an alias of itself
        raise _AnythingError
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in (Any, object, Final) or isinstance(hint, (TypeVar, str, typing.ForwardRef)):
        raise _AnythingError
    if _is_alias(hint):
        yield from _parts(_value(hint), depth + 1)
    elif _is_alias(origin):
        yield from _parts(_applied(_value(origin), arguments), depth + 1)
    elif origin in (Union, types.UnionType):
        for argument in arguments:
            yield from _parts(argument, depth + 1)
    elif origin in _LOOKED_THROUGH:
        yield from _parts(arguments[0], depth + 1)
    elif isinstance(hint, NewType):
        yield from _parts(hint.__supertype__, depth + 1)
    elif origin is Literal:
        yield from (Literal[argument] for argument in arguments)
    else:
        yield type(None) if hint is None else hint


def _value(alias: Any) -> Any:
    try:
        return _evaluated(alias, alias.__value__)  # a type statement is evaluated here
    except Exception as error:
        raise _AnythingError from error


def _applied(value: Any, arguments: tuple[Any, ...]) -> Any:
    try:
        return value[arguments]
    except TypeError:  # the value of the alias does not use its parameters
        return value
