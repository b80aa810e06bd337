"""The spare Neo4j: a database holds one graph, and that of these tests is of another layout."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from neo4j import AsyncDriver, AsyncGraphDatabase

from artigraph_neo4j.local import LocalStack, StackInfo
from tests.layout import models
from tests.layout.load import load, storage_of


@pytest.fixture
def server(spare_stack: LocalStack) -> StackInfo:
    return spare_stack.up(timeout=180)


@pytest.fixture
async def driver(server: StackInfo) -> AsyncIterator[AsyncDriver]:
    async with AsyncGraphDatabase.driver(
        server.bolt_url,
        auth=(server.username, server.password),
        notifications_min_severity="OFF",
    ) as found:
        yield found


@pytest.fixture
async def version_3(
    server: StackInfo, driver: AsyncDriver, monkeypatch: pytest.MonkeyPatch
) -> StackInfo:
    """The server with the graph of version 3 in it, and nothing else; ``set_engine()`` finds it."""
    return await _loaded(3, server, driver, monkeypatch)


async def _loaded(
    version: int, server: StackInfo, driver: AsyncDriver, monkeypatch: pytest.MonkeyPatch
) -> StackInfo:
    await load(driver, server.database, version)
    monkeypatch.setattr(models.STORAGE, "directory", storage_of(version))
    monkeypatch.setenv("NEO4J_URI", server.bolt_url)
    monkeypatch.setenv("NEO4J_USERNAME", server.username)
    monkeypatch.setenv("NEO4J_PASSWORD", server.password)
    return server
