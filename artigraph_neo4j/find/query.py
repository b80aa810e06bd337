"""The query of either kind: built from filters, run when something is read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.errors import FilterError, NotFoundError, SeveralFoundError
from artigraph_neo4j.find.columns import Columns, table_of_everything
from artigraph_neo4j.find.everything import EVERYTHING
from artigraph_neo4j.find.filters import And, Filter, Maybe, Order, Ref, separated
from artigraph_neo4j.find.frames import PAGE_ROWS, Frame, as_pandas, as_polars
from artigraph_neo4j.find.order import cursor
from artigraph_neo4j.find.page import Explanation, Page
from artigraph_neo4j.find.plan import Plan
from artigraph_neo4j.find.recorder import as_filter, as_order
from artigraph_neo4j.find.statement import Items, Shape, compile_plan, field_indexes, walks
from artigraph_neo4j.find.table import Table
from artigraph_neo4j.graph.cursor import unchunked
from artigraph_neo4j.graph.search import search_query
from artigraph_neo4j.model.unreadable import UnreadableArtifact
from artigraph_neo4j.recording.field_indexes import usable
from artigraph_neo4j.recording.objects import Leniency
from artigraph_neo4j.recording.results import ResultList
from artigraph_neo4j.upkeep.delete import DeleteReport, Progress, delete_nodes

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["STREAM_ROWS", "Query"]

logger = logging.getLogger("artigraph_neo4j.find")

T = TypeVar("T")

STREAM_ROWS = 1000
"""Number of results that ``async for`` reads at once."""

MAX_ROWS = 2**31 - 1
"""Maximum number of results that can be asked for."""


class Query(Generic[T]):
    """A query: a condition, an order and a maximum number of results.

    ``find_spans`` and ``find_artifacts`` make queries. A query does not change: each method that
    narrows it returns a new one. Everything is checked when the query is made, before the database
    is asked.

    A read sees only what is committed (read committed): writes of others during the read may or may
    not be in it. Pages neither repeat nor skip results that existed all the time.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._statement = compile_plan(plan, "rows")  # raises for any mistake in the query

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._plan.target.cls.__name__}>"

    # -- narrowing the query -------------------------------------------------------------------

    def where(self, *filters: Filter | Callable[[Any], Filter | int]) -> Self:
        """Return a narrower query, for which every one of these filters has to hold too.

        Args:
            *filters: Filters, or functions from a stand-in to one.
        """
        added = as_filter(self._plan.target, filters)
        return self._with(filter=self._plan.filter & added)

    def search(self, text: str, *, syntax: str = "plain") -> Self:
        """Return a query for results with all these words in a label or ``searchable`` field.

        Parts of words are found too: ``resnet50_v2`` by ``v2``, ``train.loss`` by ``loss``,
        ``camelCase`` by ``case``. Without ``order_by``, the query then returns the best matches
        first.

        Everything that was recorded before is found. New words come into the index by and by,
        since that would slow down each recording; so reading asks first if any are missing, which
        is one more round trip, and adds them, which is another one for every 2,000 nodes. A user
        who may only read gets a warning in the log instead.

        Args:
            text: The words; case and accents do not matter.
            syntax: ``"plain"`` for words, or ``"lucene"`` for the query language of the index
                (``"quick~ AND label:fox*"``).

        Raises:
            FilterError: The text has no words, or too many; or the syntax is unknown.
        """
        if syntax not in ("plain", "lucene"):
            raise FilterError(f"syntax is 'plain' or 'lucene', not {syntax!r}")
        if not text.strip():
            raise FilterError("search() needs at least one word")
        return self._with(text=search_query(text) if syntax == "plain" else text)

    def order_by(self, *keys: str | Ref | Order | Callable[[Any], object]) -> Self:
        """Return a query ordered by fields or attributes, then by id; missing values come last.

        Without ``order_by``, results come in order of opening, or of recording.

        Args:
            *keys: ``"field"``, ``F("field").desc()``, or ``lambda m: m.field``.
        """
        return self._with(orders=tuple(as_order(self._plan.target, key) for key in keys))

    def limit(self, count: int) -> Self:
        """Return a query for only the first results.

        Args:
            count: Maximum number of results.

        Raises:
            FilterError: The number is negative or too large.
        """
        if type(count) is not int or not 0 <= count <= MAX_ROWS:
            raise FilterError(f"a limit is an int from 0 to {MAX_ROWS:,}, not {count!r}")
        return self._with(limit=count)

    # -- reading results -----------------------------------------------------------------------

    async def read(self) -> list[T]:
        """Read all results, in order. One round trip, plus values in storages."""
        return ResultList(self._kept([item for item, _ in await self._read(self._plan)]))

    async def read_first(self) -> T | None:
        """Read the first result, or None. One round trip."""
        found = await self._read(self._one(1))
        return found[0][0] if found else None

    async def read_one(self) -> T:
        """Read the only result. One round trip.

        Raises:
            NotFoundError: Nothing matches.
            SeveralFoundError: More than one result matches.
        """
        found = await self.read_one_or_none()
        if found is None:
            raise NotFoundError(f"no {self._plan.target.noun} fits {self!r}")
        return found

    async def read_one_or_none(self) -> T | None:
        """Read the only result, or None where nothing matches. One round trip.

        Raises:
            SeveralFoundError: More than one result matches.
        """
        found = await self._read(self._one(2))
        if len(found) > 1:
            raise SeveralFoundError(
                f"more than one {self._plan.target.noun} fits {self!r}; narrow it with where(), "
                "or take read_first()"
            )
        return found[0][0] if found else None

    async def read_page(self, size: int = 100, *, after: str | None = None) -> Page[T]:
        """Read one page of results. One round trip; each page costs the same.

        Args:
            size: Maximum number of results.
            after: The ``cursor`` of the page before, or None for the first page.

        Raises:
            FilterError: The size is not positive, or the cursor is of another order.
        """
        if type(size) is not int or not 1 <= size <= MAX_ROWS:
            raise FilterError(f"a page has from 1 to {MAX_ROWS:,} results, not {size!r}")
        plan = replace(self._plan, limit=size, after=after)
        found = await self._read(plan)
        more = len(found) == size
        items = ResultList(self._kept([item for item, _ in found]))
        return Page(items, cursor(plan, found[-1][1]) if more else None)

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yield results one by one, in order; one round trip per 1,000."""
        left = self._plan.limit
        after = None
        while left is None or left > 0:
            size = STREAM_ROWS if left is None else min(STREAM_ROWS, left)
            page = await self.read_page(size, after=after)
            for item in page.items:
                yield item
            after = page.cursor
            if after is None:
                return
            left = None if left is None else left - size

    async def stream(self) -> AsyncGenerator[T, None]:
        """Yield results one by one, unordered, as the database finds them.

        Meant for results below a span, which no index has in any order. One statement is sent, and
        its results are fetched about 1,000 at a time as they are consumed; so a million of them
        take little memory, here and in the database, and the first comes at once. The statement
        holds a transaction open until the last result was taken or the loop is left. Queries that
        start elsewhere, or have an order, are read in pages, like ``async for`` over the query.

        Raises:
            ConnectionFailed: The connection broke. Results so far are right; start again.
        """
        if self._plan.orders or not walks(self._plan):
            async for item in self:
                yield item
            return
        left = self._plan.limit
        text, parameters = compile_plan(replace(self._plan, limit=None), "stream")
        shared: set[str] = set()  # an artifact of several spans is found once for each
        async with aclosing(get_engine().stream(text, parameters, items=STREAM_ROWS)) as stream:
            async for rows in stream:
                items = unchunked(rows)
                found = [row for row, key in items if key is None or _is_first(key, shared)]
                for item in self._kept(await self._build(found[:left])):
                    yield item
                left = None if left is None else left - len(found)
                if left is not None and left <= 0:
                    return

    async def read_ids(self) -> list[str]:
        """Read the ids of all results, in order. One round trip."""
        return [node_id for node_id, _ in await self._rows(self._plan, "ids")]

    async def count(self) -> int:
        """Count the results. One round trip.

        ``count_incomparable`` counts those that could not be compared.
        """
        ((number,),) = await self._run(self._plan, "count")
        return int(number)

    async def count_incomparable(self) -> int:
        """Count nodes that are left out because one of their values cannot be compared.

        Such a value has a type that the comparison does not apply to, or was made by a serializer,
        or is in a storage; so neither the filter nor its opposite finds the node. One round trip;
        none where nothing is compared.
        """
        sure, unsure = separated(self._plan.filter)
        if not unsure:
            return 0
        filter_ = And((*sure, Maybe(And(tuple(unsure)))))
        ((number,),) = await self._run(replace(self._plan, filter=filter_, limit=None), "count")
        return int(number)

    async def table(self, *columns: str | Ref | Callable[[Any], object]) -> Table:
        """Read results as a table: one row for each, in order. One round trip.

        ::

            table = await find_spans(Trial).table("params.lr", "metrics.auc", span.duration)
            table.best("metrics.auc")

        Of spans, ``"lr"`` is a property, and ``"params.lr"`` an entry of the dict in a property
        that the class declares. Otherwise it is the field ``lr`` of the artifact that the span has
        under the label ``params``: ``labeled("params").lr``.

        Args:
            *columns: Names, fields or attributes, as for ``order_by``. Without any: of artifacts
                all fields of the model; of spans all that is a bool, a number or a short text, of
                the spans themselves and of their labeled artifacts.

        Returns:
            The table; ``to_pandas()`` and its like convert it.

        Raises:
            FilterError: A name is unknown; or one span has both an entry and an artifact's field
                of a name that does not say which one.
        """
        if not columns and self._plan.target.noun == "span":
            rows = unchunked(await self._run(self._plan, "columns", lambda _: EVERYTHING))
            return table_of_everything(rows)
        wanted = Columns(self._plan.target, columns or self._plan.target.shown())
        rows = unchunked(await self._run(self._plan, "columns", wanted.items))
        return wanted.table(rows)

    async def to_arrow(self) -> pa.Table:
        """Read results as an Arrow table without making an object of any, in order.

        For many results: this takes a fraction of the time of ``read``. One round trip for every
        50,000, and none to a storage. Reading does not count as a use of artifacts.

        Artifacts have the columns ``node_id``, ``label``, ``span_id``, ``model`` and
        ``recorded_at``, spans ``node_id``, ``label``, ``root_id``, ``status``, ``opened_at``,
        ``closed_at`` and ``duration``. Then follows a column for each field of the model, or
        property of the span class, that may be native; a field with one of those names gets a ``_``
        appended. Aware datetimes are in UTC. A column whose values have several types is text.

        Left out are fields that are never native: models, dicts, serialized and lazy values, those
        in a storage, ``Any``; and properties that neomodel converts. Single values of other columns
        that are not native (too large, say) are null, and a warning in the log counts them.

        Raises:
            ModuleNotFoundError: pyarrow is not installed.
        """
        frame = Frame(self._plan.target)
        left, after = self._plan.limit, None
        while left is None or left > 0:
            size = PAGE_ROWS if left is None else min(PAGE_ROWS, left)
            plan = replace(self._plan, limit=size, after=after)
            is_first = left is None and after is None
            rows = await self._run(plan, "frame", frame.items, first=is_first)
            if rows and rows[-1][0][-1] is None:
                continue  # the last one was deleted meanwhile, so no page can begin after it
            if await asyncio.to_thread(frame.add, rows) < size:
                break
            after = cursor(plan, rows[-1][0])
            left = None if left is None else left - size
        return await asyncio.to_thread(frame.table)

    async def to_pandas(self) -> pd.DataFrame:
        """Read results as a DataFrame, whose index are the ids; see ``to_arrow``.

        Columns of ints or bools with nulls are nullable, so that no value changes.

        Raises:
            ModuleNotFoundError: pandas or pyarrow is not installed.
        """
        return as_pandas(await self.to_arrow())

    async def to_polars(self) -> pl.DataFrame:
        """Read results as a DataFrame of polars; see ``to_arrow``.

        Raises:
            ModuleNotFoundError: polars or pyarrow is not installed.
        """
        return as_polars(await self.to_arrow())

    async def exists(self) -> bool:
        """Tell if there is at least one result. One round trip."""
        ((found,),) = await self._run(self._plan, "exists")
        return bool(found)

    async def delete(
        self, *, dry_run: bool = False, progress: Progress | None = None
    ) -> DeleteReport:
        """Delete all results: spans with all below them, artifacts with what is nested in them.

        One round trip to find them, then those of ``delete_spans`` or ``delete_artifacts``. Results
        that someone else deletes in between are skipped.

        Args:
            dry_run: Whether to count only.
            progress: Called with what was deleted so far, after every transaction.

        Returns:
            The counts of what was deleted.

        Raises:
            FilterError: The query also finds artifacts that are part of others.
        """
        if self._plan.nested:
            raise FilterError(
                "what is part of an artifact goes with that; leave with_nested() away"
            )
        ids = await self.read_ids()
        of = {"spans" if self._plan.target.noun == "span" else "artifacts": ids}
        return await delete_nodes(**of, lenient=True, dry_run=dry_run, progress=progress)

    def explain(self) -> Explanation:
        """Return the statement that ``read`` would send, with its parameters; nothing is sent.

        Put ``PROFILE`` before it in Neo4j Browser to see how the database finds the results.
        """
        return Explanation(*self._statement)

    # ------------------------------------------------------------------------------------------

    def _with(self, **changes: Any) -> Self:
        return type(self)(replace(self._plan, **changes))

    def _one(self, count: int) -> Plan:
        """Return the plan for at most ``count`` results, whose errors are raised."""
        limit = count if self._plan.limit is None else min(count, self._plan.limit)
        leniency = replace(self._plan.leniency, on_error="raise")
        return replace(self._plan, limit=limit, leniency=leniency)

    def _kept(self, items: list[T]) -> list[T]:
        if self._plan.leniency.on_error != "skip":
            return items
        return [item for item in items if not isinstance(item, UnreadableArtifact)]

    async def _run(
        self, plan: Plan, shape: Shape, items: Items | None = None, *, first: bool = False
    ) -> list[list[Any]]:
        engine = get_engine()
        if plan.text is not None and (unknown := await engine.index_words()):
            logger.warning(
                "full-text search may not find %d of the nodes recorded last, since the database "
                "did not take the write that adds them from this user; a program with open spans "
                "adds them every 30 s, and 'artigraph doctor' at once",
                unknown,
            )
        wanted = field_indexes(plan)
        missing = wanted - await usable(engine, wanted) if wanted else wanted
        known = plan is self._plan and shape == "rows" and not missing
        text, parameters = (
            self._statement
            if known
            else compile_plan(plan, shape, missing=missing, items=items, first=first)
        )
        return await engine.ask(text, parameters)

    async def _rows(self, plan: Plan, shape: Shape) -> list[list[Any]]:
        return unchunked(await self._run(plan, shape))

    async def _read(self, plan: Plan) -> list[tuple[T, list[Any]]]:
        rows = await self._rows(plan, "rows")
        found = await self._build([row for row, _ in rows], plan.leniency)
        return [(item, keys) for item, (_, keys) in zip(found, rows, strict=True)]

    async def _build(self, rows: list[Any], leniency: Leniency | None = None) -> list[T]:
        """Build the results from the rows of a statement, one for each row."""
        raise NotImplementedError


def _is_first(key: str, seen: set[str]) -> bool:
    """Tell if a key is new, and remember it."""
    known = len(seen)
    seen.add(key)
    return len(seen) > known
