"""Queries whose results are waited for: ``find_spans`` and ``find_artifacts`` without ``await``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, overload

from artigraph_neo4j.engine.waiting import run
from artigraph_neo4j.errors import FilterError
from artigraph_neo4j.find import queries as _find
from artigraph_neo4j.find.filters import Filter, Order, Ref
from artigraph_neo4j.find.page import Explanation, Page
from artigraph_neo4j.find.query import STREAM_ROWS, Query
from artigraph_neo4j.find.table import Table
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.unreadable import Missing, OnError
from artigraph_neo4j.recording.artifact_model import ArtifactModel
from artigraph_neo4j.upkeep.delete import DeleteReport, Progress

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["Results", "find_artifacts", "find_spans"]

T = TypeVar("T")
S = TypeVar("S", bound=Span)
M = TypeVar("M", bound=ArtifactModel)


async def _some(stream: AsyncIterator[T]) -> list[T]:
    """Read the next 1,000 items of a query, with one hop to the other thread for all of them."""
    found: list[T] = []
    async for item in stream:
        found.append(item)
        if len(found) == STREAM_ROWS:
            break
    return found


async def _end(stream: AsyncIterator[Any]) -> None:
    if isinstance(stream, AsyncGenerator):
        await stream.aclose()


class Results(Generic[T]):
    """A query whose results are waited for; the methods are those of ``find.Query``.

    ``for item in results`` reads 1,000 at a time.
    """

    def __init__(self, query: Query[T]) -> None:
        self._query = query

    def __repr__(self) -> str:
        return repr(self._query)

    def __iter__(self) -> Iterator[T]:
        return self._each(self._query.__aiter__())

    def stream(self) -> Iterator[T]:
        """See ``Query.stream``."""
        return self._each(self._query.stream())

    def _each(self, stream: AsyncIterator[T]) -> Iterator[T]:
        try:
            while chunk := run(_some(stream)):
                yield from chunk
        finally:
            run(_end(stream))

    def where(self, *filters: Filter | Callable[[Any], Filter | int]) -> Self:
        """See ``Query.where``."""
        return type(self)(self._query.where(*filters))

    def search(self, text: str, *, syntax: str = "plain") -> Self:
        """See ``Query.search``."""
        return type(self)(self._query.search(text, syntax=syntax))

    def order_by(self, *keys: str | Ref | Order | Callable[[Any], object]) -> Self:
        """See ``Query.order_by``."""
        return type(self)(self._query.order_by(*keys))

    def limit(self, count: int) -> Self:
        """See ``Query.limit``."""
        return type(self)(self._query.limit(count))

    def with_history(self) -> Self:
        """See ``ArtifactQuery.with_history``."""
        return type(self)(self._artifacts().with_history())

    def with_nested(self) -> Self:
        """See ``ArtifactQuery.with_nested``."""
        return type(self)(self._artifacts().with_nested())

    def lenient(self, *, on_error: OnError = "keep", missing: Missing = "error") -> Self:
        """See ``ArtifactQuery.lenient``."""
        return type(self)(self._artifacts().lenient(on_error=on_error, missing=missing))

    def _artifacts(self) -> _find.ArtifactQuery[Any]:
        if not isinstance(self._query, _find.ArtifactQuery):
            raise FilterError("only artifacts have versions, and models within them")
        return cast("_find.ArtifactQuery[ArtifactModel]", self._query)

    def read(self) -> list[T]:
        """See ``Query.read``."""
        return run(self._query.read())

    def read_first(self) -> T | None:
        """See ``Query.read_first``."""
        return run(self._query.read_first())

    def read_one(self) -> T:
        """See ``Query.read_one``."""
        return run(self._query.read_one())

    def read_one_or_none(self) -> T | None:
        """See ``Query.read_one_or_none``."""
        return run(self._query.read_one_or_none())

    def read_page(self, size: int = 100, *, after: str | None = None) -> Page[T]:
        """See ``Query.read_page``."""
        return run(self._query.read_page(size, after=after))

    def read_ids(self) -> list[str]:
        """See ``Query.read_ids``."""
        return run(self._query.read_ids())

    def count(self) -> int:
        """See ``Query.count``."""
        return run(self._query.count())

    def count_incomparable(self) -> int:
        """See ``Query.count_incomparable``."""
        return run(self._query.count_incomparable())

    def table(self, *columns: str | Ref | Callable[[Any], object]) -> Table:
        """See ``Query.table``."""
        return run(self._query.table(*columns))

    def to_arrow(self) -> pa.Table:
        """See ``Query.to_arrow``."""
        return run(self._query.to_arrow())

    def to_pandas(self) -> pd.DataFrame:
        """See ``Query.to_pandas``."""
        return run(self._query.to_pandas())

    def to_polars(self) -> pl.DataFrame:
        """See ``Query.to_polars``."""
        return run(self._query.to_polars())

    def exists(self) -> bool:
        """See ``Query.exists``."""
        return run(self._query.exists())

    def delete(self, *, dry_run: bool = False, progress: Progress | None = None) -> DeleteReport:
        """See ``Query.delete``."""
        return run(self._query.delete(dry_run=dry_run, progress=progress))

    def explain(self) -> Explanation:
        """See ``Query.explain``; nothing is sent."""
        return self._query.explain()


@overload
def find_spans(cls: type[S], /, *filters: Filter | Callable[[Any], Filter]) -> Results[S]: ...
@overload
def find_spans(*filters: Filter | Callable[[Any], Filter]) -> Results[Span]: ...
def find_spans(*filters: Any) -> Results[Any]:
    """See ``artigraph_neo4j.find_spans``."""
    return Results(_find.find_spans(*filters))


@overload
def find_artifacts(*filters: Filter) -> Results[ArtifactModel]: ...
@overload
def find_artifacts(
    model: type[M], /, *filters: Filter | Callable[[M], Filter | int]
) -> Results[M]: ...
def find_artifacts(*filters: Any) -> Results[Any]:
    """See ``artigraph_neo4j.find_artifacts``."""
    return Results(_find.find_artifacts(*filters))
