"""The rows of one statement, read as they are wanted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from neo4j import AsyncResult
from neo4j.exceptions import DriverError, Neo4jError

from artigraph_neo4j.graph.attempts import ALLOWANCE, Attempts, Row, Statement
from artigraph_neo4j.graph.failures import our_error
from artigraph_neo4j.graph.parameters import with_one_map

__all__ = ["Cursor", "unchunked"]

logger = logging.getLogger("artigraph_neo4j.cypher")

STREAM_FETCH = 20
"""Number of rows, of up to 1,000 items each, that the driver requests at once in a stream."""


class Cursor:
    """The rows of one statement, read on demand; the server does not work further ahead.

    The transaction is open until all rows are read or the cursor is closed.
    """

    def __init__(self, attempts: Attempts, text: str, attempt: int) -> None:
        self._attempts = attempts
        self._text = text
        self._attempt = attempt
        self._session = attempts.session("read", fetch_size=STREAM_FETCH)
        self._result: AsyncResult | None = None
        self._rows = 0
        self._begin = time.perf_counter()

    async def start(self, parameters: Mapping[str, Any]) -> None:
        """Send the statement."""
        text, given = with_one_map(self._text, parameters)
        self._result = await self._session.run(
            text,  # pyright: ignore[reportArgumentType] - not literal, but never a user's
            dict(given),
        )
        await self._result.peek()  # an error in the statement is raised here

    async def fetch(self, items: int) -> list[Row]:
        """Fetch rows until the lists they begin with have ``items`` items in total; [] at the end.

        Raises:
            ConnectionFailed: The connection broke, or nothing arrived for as long as a statement
                may take. The rows read before are valid.
        """
        rows: list[Row] = []
        try:
            await self._attempts.within(None, "read", lambda end: self._fetch(rows, items, end))
        except (DriverError, Neo4jError) as error:
            raise our_error(error, 1) from error
        self._rows += len(rows)
        return rows

    async def _fetch(self, rows: list[Row], items: int, end: float) -> None:
        assert self._result is not None  # noqa: S101 - it was started
        with self._attempts.watched("read", end):
            async for record in self._result:
                rows.append(record.values())
                items -= len(rows[-1][0])
                if items <= 0:
                    break

    async def close(self) -> None:
        """Close the cursor; the server stops its work."""
        try:
            async with asyncio.timeout(ALLOWANCE):
                await self._session.close()
        except (DriverError, Neo4jError, TimeoutError) as error:
            logger.info("a stream did not end well: %s", error)
        self._attempts.tell(
            Statement(
                self._text, "read", self._attempt, self._rows, time.perf_counter() - self._begin
            )
        )


def unchunked(rows: Iterable[Row]) -> list[Any]:
    """Collect the items of rows that each hold a chunk of items."""
    return [item for (chunk,) in rows for item in chunk]
