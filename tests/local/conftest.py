"""A running stack for the tests that only look at it, or leave it as they found it: up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from neo4j import GraphDatabase

from artigraph_neo4j.local import LocalStack, StackInfo
from tests.services import discard, new_stack

Run = Callable[..., list[Any]]


@pytest.fixture(scope="package")
def stack() -> Iterator[LocalStack]:
    made = new_stack("local")
    try:
        yield made
    finally:
        discard(made)


@pytest.fixture
def info(stack: LocalStack) -> StackInfo:
    return stack.up()


@pytest.fixture
def run() -> Run:
    """Runs a Cypher query on a stack."""

    def run(info: StackInfo, query: str, **parameters: Any) -> list[Any]:
        with GraphDatabase.driver(info.bolt_url, auth=(info.username, info.password)) as driver:
            return [list(record) for record in driver.execute_query(query, parameters).records]

    return run
