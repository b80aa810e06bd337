"""The servers of the tests, as schedules take them; the database is never killed here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.nursery import Nursery
from tests.faults.program import Place
from tests.faults.runner import Runner


@pytest.fixture(scope="session")
def place(graph_service: Any, s3_service: Any) -> Place:
    """The servers, without faults."""
    return Place(
        *(graph_service.uri, graph_service.username, graph_service.password),
        *(graph_service.database, s3_service.endpoint, s3_service.bucket),
        *(s3_service.access_key, s3_service.secret_key, s3_service.region),
    )


@pytest.fixture
def runner(place: Place, tmp_path: Path) -> Iterator[Runner]:
    """Runs schedules on these servers."""
    with Nursery() as nursery:
        yield Runner(place, None, tmp_path, nursery, timed=False)
