"""Fixtures that give tests real servers. None is bound to an event loop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings
from neo4j import AsyncGraphDatabase

from artigraph_neo4j.local import LocalStack
from tests import statements
from tests.interruption import heed_interrupts
from tests.services import (
    GraphService,
    S3Service,
    Services,
    discard,
    empty,
    hurry_servers,
    new_stack,
)

_terminated = False


def _end_run(*_: object) -> None:
    global _terminated
    _terminated = True
    signal.raise_signal(signal.SIGINT)


def pytest_configure(config: pytest.Config) -> None:
    """SIGTERM, as ``timeout`` and CI send it, ends a run as Ctrl-C does: with all its clean-up."""
    heed_interrupts()
    signal.signal(signal.SIGTERM, _end_run)
    os.environ.pop("ARTIGRAPH_STORAGE", None)
    hurry_servers()
    statements.configure(config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test may take the interruption for its own failure; the run ends after it all the same."""
    outcome = yield
    if _terminated:
        item.session.shouldstop = "terminated"
    return outcome


@pytest.fixture(autouse=True)
def signals_are_kept() -> Iterator[None]:
    """A test that takes the handler of SIGTERM for itself leaves a run that cannot be ended."""
    yield
    handler = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, _end_run)
    assert handler is _end_run


# How long an example takes says nothing on a machine that does other work too.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    found = Services()
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="session")
def graph_service(services: Services) -> GraphService:
    """Neo4j: ``NEO4J_URI`` when set, else a container, else the local stack."""
    return services.graph()


@pytest.fixture(scope="session")
def s3_service(services: Services) -> S3Service:
    """S3: ``ARTIGRAPH_TEST_S3_ENDPOINT`` when set, else the local stack's."""
    return services.s3()


@pytest.fixture(scope="session")
def spare_stack() -> Iterator[LocalStack]:
    """A Neo4j beside the shared one, on a disk; whoever needs it starts it."""
    stack = new_stack("spare", s3=False, on_disk=True)
    try:
        yield stack
    finally:
        discard(stack)


@pytest.fixture
async def killable_stack(spare_stack: LocalStack) -> LocalStack:
    """The spare Neo4j, running, with nothing in its database; the test may kill it."""
    info = await asyncio.to_thread(spare_stack.up, timeout=180)
    async with (
        AsyncGraphDatabase.driver(
            info.bolt_url,
            auth=(info.username, info.password),
            notifications_min_severity="OFF",
        ) as driver,
        driver.session() as session,
    ):
        await empty(session)
    return spare_stack


@pytest.fixture(autouse=True)
def _no_foreign_settings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see no graph, stack or account of the user who runs them, except through fixtures."""
    monkeypatch.setenv(
        "ARTIGRAPH_HOME", os.path.join(str(request.config.rootpath), ".artigraph-none")
    )
    for name in [*os.environ]:
        if name.startswith(("NEO4J_", "AWS_", "ARTIGRAPH_STORAGE", "ARTIGRAPH_PARENT")):
            monkeypatch.delenv(name)
