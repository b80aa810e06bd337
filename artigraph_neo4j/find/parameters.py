"""Parameters of a statement in the making, names for its variables, and small parts of text."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.find.filters import Filter
from artigraph_neo4j.find.operands import sending_problem
from artigraph_neo4j.graph.names import quoted

__all__ = ["MAX_STEPS", "Parameters", "exists", "has_label", "sign"]

MAX_STEPS = 100
"""Maximum size of a filter: comparisons, names that lead into models, ``&`` and ``|``. The planner
of the database takes seconds beyond this, minutes for twice as much, and cannot be stopped."""


@dataclass(slots=True)
class Parameters:
    """The parameters of a statement, named in order of their use, and names for its variables."""

    values: dict[str, Any] = field(default_factory=dict)
    _numbers: Any = field(default_factory=itertools.count)
    _steps: int = 0

    def step(self, filter_: Filter, count: int = 1) -> None:
        """Count the steps of a filter.

        Raises:
            FilterError: The filter has too many steps for the database.
        """
        self._steps += count
        if self._steps > MAX_STEPS:
            raise FilterError(
                f"the filter is too large at {type(filter_).__name__}: the database plans "
                f"{MAX_STEPS} comparisons, names and brackets at the most; use one_of() for "
                "many values of one field, or narrow the results in Python"
            )

    def add(self, value: Any) -> str:
        """Add a value and return the text that stands for it in the statement.

        Raises:
            FilterError: The value cannot be sent to the database.
        """
        if problem := sending_problem(value):
            raise FilterError(problem)
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    def variable(self) -> str:
        """Return a variable that no other part of the statement uses."""
        return f"x{next(self._numbers)}"


def has_label(variable: str, labels: tuple[str, ...], parameters: Parameters) -> str:
    """Return the condition that a node has one of the labels."""
    if any("\\" in label for label in labels):
        return f"any(l IN labels({variable}) WHERE l IN {parameters.add(list(labels))})"
    return f"{variable}:{'|'.join(map(quoted, labels))}"


def sign(text: str, *, holds: bool) -> str:
    """Return a condition that is never null, or its opposite."""
    return text if holds else f"NOT {text}"


def exists(
    path: str, test: Callable[[bool], str], more: list[str] | None = None, *, holds: bool
) -> str:
    """Return the condition that some end of a path passes a test, or that certainly none does.

    Args:
        path: The pattern.
        test: Returns the condition that the test holds, or that it is known not to hold.
        more: Further conditions on the path's end, never null.
        holds: True for the first condition, False for the second.
    """
    inner = test(True) if holds else f"NOT coalesce({test(False)}, false)"
    where = " AND ".join([inner, *(more or [])])
    return sign(f"EXISTS {{ MATCH {path} WHERE {where} }}", holds=holds)
