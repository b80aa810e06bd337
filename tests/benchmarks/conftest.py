"""The local stack that tests share, as the benchmarks see one."""

from __future__ import annotations

import pytest

from artigraph_neo4j.local import StackInfo
from tests.services import Services


@pytest.fixture(scope="session")
def stack_info(services: Services) -> StackInfo:
    return services.local()
