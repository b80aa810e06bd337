"""The storage in memory."""

import pytest

from artigraph_neo4j.storage.memory import MemoryStorage
from artigraph_neo4j.testing import StorageTests


class TestMemoryStorage(StorageTests):
    @pytest.fixture
    def storage(self) -> MemoryStorage:
        return MemoryStorage("test")
