"""Access to the engine's graph for neomodel's own queries (``Span.nodes``)."""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType
from typing import Any, Self

from neo4j import AsyncDriver, AsyncGraphDatabase
from neomodel import adb

from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.errors import EngineError

__all__ = ["bind_neomodel"]


class bind_neomodel:  # noqa: N801 - used like a function
    """Bind neomodel's process-wide connection to the graph of the current engine.

    Nothing else in this library touches neomodel's connection, which belongs to the whole process.
    neomodel runs on the caller's event loop, so it gets a separate driver there::

        async with bind_neomodel():
            spans = await CustomSpan.nodes.filter(label="training")

    ``binding = await bind_neomodel()`` binds it until ``await binding.aclose()``. One round trip.

    Raises:
        EngineError: neomodel is already bound to another driver.
    """

    def __init__(self) -> None:
        self._driver: AsyncDriver | None = None
        self._database: str | None = None

    async def _bind(self) -> bind_neomodel:
        if adb.driver is not None:
            raise EngineError(
                "neomodel has a connection already; close it with 'await adb.close_connection()' "
                "or use that one"
            )
        settings = await get_engine().settings()
        self._driver = AsyncGraphDatabase.driver(  # pyright: ignore[reportUnknownMemberType] # neo4j leaves the settings untyped
            settings.uri, auth=settings.auth, notifications_min_severity="OFF"
        )
        try:
            await adb.set_connection(driver=self._driver)
        except BaseException:
            await self.aclose()
            raise
        self._database = adb._database_name  # noqa: SLF001 - neomodel offers no public way
        if settings.database:
            adb._database_name = settings.database  # noqa: SLF001
        return self

    async def aclose(self) -> None:
        """Unbind neomodel's connection and close it."""
        if self._driver is None:
            return
        adb._database_name = self._database  # noqa: SLF001
        if adb.driver is self._driver:
            await adb.close_connection()
        else:
            await self._driver.close()
        self._driver = None

    def __await__(self) -> Generator[Any, Any, bind_neomodel]:
        return self._bind().__await__()

    async def __aenter__(self) -> Self:
        await self._bind()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
