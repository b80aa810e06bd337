"""Names, values and steps of metrics, checked where they are logged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from artigraph_neo4j.errors import ArgumentError, SpanError
from artigraph_neo4j.serializer.base import shown

__all__ = ["check_extra", "check_names", "checked", "whole_step"]

NAME_CHARACTERS = 200
"""Maximum characters of the name of a metric."""


def check_names(names: Iterable[object]) -> None:
    """Refuse what cannot be the name of a metric.

    Raises:
        ArgumentError: A name is not a text, empty, too long, or has characters that a name in the
            graph cannot have.
    """
    for name in names:
        if name in ("step", "time"):
            raise ArgumentError(f"{name!r} is not a metric: every row has one already")
        if (
            not isinstance(name, str)
            or not 0 < len(name) <= NAME_CHARACTERS
            or any(c in "\0\\" or "\ud800" <= c <= "\udfff" for c in name)
        ):
            raise ArgumentError(
                f"{name!r} is not a name of a metric: that is a text of 1 to {NAME_CHARACTERS} "
                "characters, without null and backslash"
            )


def checked(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the values as floats.

    Raises:
        ArgumentError: One of them is not a number, or a float does not hold it exactly.
    """
    return {
        name: value if type(value) is float else _number(name, value)
        for name, value in metrics.items()
    }


def _number(name: str, value: Any) -> float:
    plain = value
    if not isinstance(value, (bool, int, float)):
        item: Callable[[], Any] | None = getattr(value, "item", None)  # of numpy, torch and so on
        try:
            plain = item() if callable(item) else None
        except (TypeError, ValueError, RuntimeError):
            plain = None
    if not isinstance(plain, (bool, int, float)):
        raise ArgumentError(
            f"metric {name!r} is a {type(value).__name__}, not one number; keep other values as an "
            "artifact"
        )
    try:
        found = float(plain)
    except OverflowError:
        found = 0.0
    if found != plain and found == found:
        raise ArgumentError(f"metric {name!r}: {plain!r} is not exactly a float")
    return found


def whole_step(step: Any) -> int:
    """Return a step as an int.

    Raises:
        ArgumentError: It is not a whole number of 64 bits.
    """
    plain = step
    if type(step) is not int and callable(getattr(step, "item", None)):
        with suppress(TypeError, ValueError, RuntimeError):  # an array, a tensor without values
            plain = step.item()
    if type(plain) is float and plain.is_integer():
        plain = int(plain)
    if type(plain) is not int or not -(2**63) <= plain < 2**63:
        raise ArgumentError(f"a step is an int of 64 bits, not {shown(step)}")
    return plain


def check_extra() -> None:
    """Refuse to log where the rows could not be written.

    Raises:
        SpanError: pyarrow is not installed.
    """
    if find_spec("pyarrow") is None:
        raise SpanError('logging needs pyarrow: pip install "artigraph-neo4j[arrow]"')
