"""Values beside the annotations of their fields: a field holds what it says it holds.

Looked at is the value itself, not the items of a container. An annotation that is not understood
allows anything.
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
    """A function that tells whether a value fits an annotation; None where anything does.

    An int fits a float, and a number of numpy fits as the number that it equals. A bool is not an
    int, and a datetime not a date: neither would be found by a filter on that field.
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
    except TypeError:  # a protocol, or a TypedDict: nothing can be asked of it
        return None
    name = (cls.__module__, cls.__qualname__)

    def fits(value: object) -> bool:
        # A class that was defined again, as notebooks do, is the same class.
        return isinstance(value, cls) or any(
            (base.__module__, base.__qualname__) == name for base in type(value).__mro__
        )

    return fits


_NUMBERS: dict[type[Any], tuple[type[Any], tuple[type[Any], ...]]] = {
    int: (Integral, (int,)),
    float: (Real, (int, float)),
    complex: (Complex, (int, float, complex)),
}
"""The number type of numpy's scalars, and Python's own types, that fit an annotation."""


def _is_number(value: object, abstract: type[Number], own: tuple[type[Any], ...]) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, own) or (_is_numpy(value) and isinstance(value, abstract))


def _is_numpy(value: object) -> bool:
    return type(value).__module__ == "numpy"


def _is_numpy_bool(value: object) -> bool:
    return _is_numpy(value) and type(value).__name__ in ("bool", "bool_")
