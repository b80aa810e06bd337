"""An engine on the graph under test. Tests find what they made by id; no clean graph is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from artigraph_neo4j import Engine, engine_context, set_engine
from artigraph_neo4j.graph.attempts import Statement
from artigraph_neo4j.graph.cypher.heartbeat import ANNOUNCE_WRITER
from artigraph_neo4j.graph.cypher.indexing import COUNT_UNINDEXED, INDEX_WORDS


@pytest.fixture(scope="session")
def session_engine(graph_service: Any) -> Iterator[Engine]:
    engine = set_engine(
        graph_service.uri,
        username=graph_service.username,
        password=graph_service.password,
        database=graph_service.database,
        create_schema=True,
    )
    yield engine
    engine.close()


@pytest.fixture(autouse=True)
def engine(session_engine: Engine) -> Iterator[Engine]:
    with engine_context(session_engine):
        yield session_engine


@pytest.fixture
def statements(engine: Engine) -> Iterator[list[Statement]]:
    """Every statement that the engine runs during the test, but for those of its heartbeat.

    That is the announcement, and the indexing of words, which a search asks for after a count.
    """
    seen: list[Statement] = []

    def observe(statement: Statement) -> None:
        searching = any(other.text == COUNT_UNINDEXED for other in seen)
        if statement.text == ANNOUNCE_WRITER or (statement.text == INDEX_WORDS and not searching):
            return
        seen.append(statement)

    engine.observers.append(observe)
    yield seen
    engine.observers.remove(observe)


@pytest.fixture
async def session(graph_service: Any, session_engine: Engine) -> AsyncIterator[Any]:
    """A session of the plain driver, for what the library does not tell: plans."""
    from neo4j import AsyncGraphDatabase

    await session_engine.graph()  # creates the schema
    auth = (graph_service.username, graph_service.password) if graph_service.username else None
    async with AsyncGraphDatabase.driver(
        graph_service.uri, auth=auth, notifications_min_severity="OFF"
    ) as driver:
        async with driver.session(database=graph_service.database) as session:
            yield session


@pytest.fixture
def query(engine: Engine) -> Any:
    """Runs a Cypher query on the graph, as its reader in Neo4j Browser would."""

    async def run(text: str, **parameters: Any) -> list[list[Any]]:
        return await engine.read(text, parameters)

    return run
