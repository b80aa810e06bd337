"""A stack with the demo's graph, and a page to look at it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from artigraph_neo4j.local import StackInfo
from artigraph_neo4j.local.kit import Kit, write_kit
from tests.browser.apps import chromium, page_of
from tests.browser.fill import fill
from tests.services import discard, new_stack


@pytest.fixture(scope="session")
def filled() -> Iterator[StackInfo]:
    """A stack of these tests' own: Neo4j Browser paints by the order in which labels came."""
    if chromium() is None:
        pytest.skip("there is no Chromium here; apt-get install chromium")
    stack = new_stack("browser")
    try:
        info = stack.up(timeout=180)
        asyncio.run(fill(info))
        yield info
    finally:
        discard(stack)


@pytest.fixture
def page(filled: StackInfo) -> Iterator[Page]:
    program = chromium()
    assert program is not None
    with page_of(program) as found:
        yield found


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return write_kit(tmp_path)
