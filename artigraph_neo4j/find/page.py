"""Parts of a query's answer: a page of results, and the statement that was sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = ["Explanation", "Page"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some results of a query.

    Attributes:
        items: The results, in the query's order.
        cursor: The start of the next page, for ``read_page(after=)``; None after the last page.
    """

    items: list[T]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The statement that a query sends to the database.

    Attributes:
        statement: The Cypher text.
        parameters: Its parameters.
    """

    statement: str
    parameters: dict[str, Any]

    def __str__(self) -> str:
        values = "\n".join(f":param {name} => {value!r}" for name, value in self.parameters.items())
        return f"{values}\n{self.statement}" if values else self.statement
