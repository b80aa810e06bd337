"""The pytest plug-in: the fixture ``artigraph``, an engine on a graph that is empty in each test.

pytest imports this module in every session where the library is installed, so it imports nothing
else of the library before a test asks for the fixture.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from artigraph_neo4j import Engine
    from artigraph_neo4j.engine.options import EngineOptions

__all__ = ["artigraph", "artigraph_graph", "pytest_addoption"]

_URL = "artigraph_url"
_ATTEMPTS = 5
"""Number of times to connect; each has a deadline of its own."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--artigraph-url``, and the setting ``artigraph_url``."""
    about = "URL of a Neo4j that only tests use: every test empties it. By default a local one."
    group = parser.getgroup("artigraph")
    group.addoption("--artigraph-url", dest=_URL, default=None, metavar="URL", help=about)
    parser.addini(_URL, about)


@pytest.fixture(scope="session")
def artigraph_graph(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """An engine on the graph of this session, which is started when the first test needs it.

    The graph is that of ``--artigraph-url``, else a local Neo4j of its own on free ports, deleted
    at the end. Values of more than 64 KiB go to files in a temporary directory.

    Raises:
        pytest.UsageError: ``--artigraph-url`` is ``local``, or one graph for several workers of
            pytest-xdist.
    """
    from artigraph_neo4j.engine.configure import make_engine
    from artigraph_neo4j.storage.file import FileSystemStorage

    folder = tmp_path_factory.mktemp("artigraph")
    url: Any = request.config.getoption(_URL) or request.config.getini(_URL)
    if url:
        _check(url, is_worker=hasattr(request.config, "workerinput"))
    stack = None if url else _stack(folder / "stack")
    try:
        options: EngineOptions = {"storage": FileSystemStorage(folder / "values")}
        if stack is not None:
            info = stack.up(timeout=300)
            url = info.bolt_url
            options["username"], options["password"] = info.username, info.password
        engine = make_engine(url, {**options, "create_schema": True})
        try:
            _open(engine)
            yield engine
        finally:
            engine.close()
    finally:
        if stack is not None:
            stack.down()
            shutil.rmtree(folder / "stack", ignore_errors=True)


def _check(url: str, *, is_worker: bool) -> None:
    """Refuse a graph that other tests use at the same time, or that is not for tests only."""
    if url == "local":
        raise pytest.UsageError(
            "--artigraph-url local would empty your own local stack; leave it out: a session then "
            "starts a Neo4j of its own"
        )
    if is_worker:
        raise pytest.UsageError(
            "--artigraph-url is one graph, which each worker of pytest-xdist would empty under the "
            "others; leave it out: each worker then starts its own, or use -n 0"
        )


def _open(engine: Engine) -> None:
    """Connect and create the schema; a server that was just started is slow at first."""
    from artigraph_neo4j.engine.waiting import run
    from artigraph_neo4j.errors import ConnectionFailed

    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            run(engine.ready())
        except ConnectionFailed:
            if not attempts_left:
                raise
        else:
            return


def _stack(folder: Path) -> Any:
    from artigraph_neo4j.local import LocalStack
    from artigraph_neo4j.local.record import Record

    folder.mkdir(mode=0o700)
    Record(ports={"bolt": 0, "http": 0}).write(folder)  # any that are free
    return LocalStack(folder, s3=False, heap="512m")


async def _empty(engine: Engine) -> None:
    """Empty the graph. One round trip, and one for each 10,000 nodes."""
    from artigraph_neo4j.graph.cypher.empty import EMPTY, EMPTY_AT_ONCE

    deleted = EMPTY_AT_ONCE
    while deleted == EMPTY_AT_ONCE:
        ((deleted,),) = await engine.write(EMPTY, {"limit": EMPTY_AT_ONCE})


@pytest.fixture
def artigraph(artigraph_graph: Engine) -> Iterator[Engine]:
    """The engine of a graph that is empty, and the current one in this test.

    Code under test finds it as it finds any other: ``set_engine`` need not be called.
    """
    from artigraph_neo4j.engine.configure import engine_context
    from artigraph_neo4j.engine.waiting import run

    run(_empty(artigraph_graph))
    with engine_context(artigraph_graph):
        yield artigraph_graph
