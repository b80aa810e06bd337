"""A password that is changed under a living program."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from artigraph_neo4j import ArtifactModel, engine_context
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import ConnectionFailed
from tests.proxy import Proxy


@dataclass
class Entry(ArtifactModel, version=1):
    n: int


@pytest.fixture
async def user(session: Any, graph_service: Any) -> AsyncIterator[str]:
    """A user of the database who may be locked out."""
    if graph_service.username is None:
        pytest.skip("a server without authentication")
    name = f"u{new_id().replace('-', '')[-10:]}"
    await alter(graph_service, f"CREATE USER {name} SET PASSWORD 'first-word' CHANGE NOT REQUIRED")
    yield name
    await alter(graph_service, f"DROP USER {name}")


async def alter(graph_service: Any, statement: str) -> None:
    from neo4j import AsyncGraphDatabase

    auth = (graph_service.username, graph_service.password)
    async with AsyncGraphDatabase.driver(graph_service.uri, auth=auth) as driver:
        await driver.execute_query(statement, database_="system")


async def test_a_new_password_in_the_environment_is_picked_up(
    graph_service: Any, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy(graph_service.uri)
    with proxy.running() as url:
        monkeypatch.setenv("NEO4J_URI", url)
        monkeypatch.setenv("NEO4J_USERNAME", user)
        monkeypatch.setenv("NEO4J_PASSWORD", "first-word")
        with engine_context(None) as engine:
            first = await Entry(1).create()
            await alter(graph_service, f"ALTER USER {user} SET PASSWORD 'second-word'")
            assert await Entry.read(first) == Entry(1)  # what is open stays in use
            proxy.cut()
            with pytest.raises(ConnectionFailed, match="refused the login") as caught:
                await Entry(2).create()
            assert "word" not in str(caught.value).replace("password", "").replace("PASSWORD", "")
            monkeypatch.setenv("NEO4J_PASSWORD", "second-word")
            second = await Entry(3).create()
            assert await Entry.read(second) == Entry(3)
            assert await asyncio.gather(*(Entry.read(second) for _ in range(5)))
            await engine.aclose()
            assert await Entry.read(second) == Entry(3)
