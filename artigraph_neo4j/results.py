"""``ResultList``: the list that reads return."""

from __future__ import annotations

from typing import Any, Self, SupportsIndex, TypeVar, overload

from artigraph_neo4j.views import list_html

__all__ = ["ResultList"]

T = TypeVar("T")


class ResultList(list[T]):
    """A list of spans or artifacts, which a notebook shows as a table.

    It is a ``list`` in all else; a slice of it is shown as a table too.
    """

    __slots__ = ()

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> T: ...
    @overload
    def __getitem__(self, index: slice, /) -> Self: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> Any:
        found = super().__getitem__(index)
        return type(self)(found) if isinstance(index, slice) else found  # type: ignore[arg-type]

    def _repr_html_(self) -> str:
        return list_html(self)
