"""Checks of values against the annotations of their fields.

Only the value itself is checked, not the items of a container. An annotation that is not understood
allows any value.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from numbers import Complex, Integral, Number, Real
from typing import Any, Literal, get_args, get_origin

from artigraph_neo4j.common.annotations import alternatives

__all__ = ["Fits", "fits_of"]

Fits = Callable[[object], bool]


def fits_of(hint: Any) -> Fits | None:
    """Return a function that tells whether a value fits an annotation; None where any value does.

    An int fits a float, and a number of numpy fits like the number that it equals. A bool does not
    fit an int, nor a datetime a date: a filter on the field would not find them.
    """
    parts = alternatives(hint)
    tests = [] if parts is None else [_test(part) for part in parts]
    if not tests or None in tests:
        return None
    wanted = [test for test in tests if test is not None]
    return wanted[0] if len(wanted) == 1 else lambda value: any(fits(value) for fits in wanted)


def _test(part: Any) -> Fits | None:
    if get_origin(part) is Literal:
        (option,) = get_args(part)
        return lambda value: type(value) is type(option) and value == option
    cls = get_origin(part) or part
    if not isinstance(cls, type):
        return None
    number = _NUMBERS.get(cls)
    if number is not None:
        return lambda value: type(value) is cls or _is_number(value, *number)
    if cls is bool:
        return lambda value: type(value) is bool or _is_numpy_bool(value)
    if cls is date:
        return lambda value: isinstance(value, date) and not isinstance(value, datetime)
    try:
        isinstance(None, cls)
    except TypeError:  # a protocol, or a TypedDict: isinstance() refuses it
        return None
    name = (cls.__module__, cls.__qualname__)

    def fits(value: object) -> bool:
        # A class that was defined again, as in notebooks, counts as the same class.
        return isinstance(value, cls) or any(
            (base.__module__, base.__qualname__) == name for base in type(value).__mro__
        )

    return fits


_NUMBERS: dict[type[Any], tuple[type[Any], tuple[type[Any], ...]]] = {
    int: (Integral, (int,)),
    float: (Real, (int, float)),
    complex: (Complex, (int, float, complex)),
}
"""The type of numpy's scalars, and the types of Python, that fit a number annotation."""


def _is_number(value: object, abstract: type[Number], own: tuple[type[Any], ...]) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, own) or (_is_numpy(value) and isinstance(value, abstract))


def _is_numpy(value: object) -> bool:
    return type(value).__module__ == "numpy"


def _is_numpy_bool(value: object) -> bool:
    return _is_numpy(value) and type(value).__name__ in ("bool", "bool_")
